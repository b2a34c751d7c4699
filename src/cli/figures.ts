import type { Comparison } from '../lab/compare.ts';
import { length, percent, times } from '../lab/report/words.ts';
import { count, oneLine, whole } from './io.ts';
import { table } from './layout.ts';
import { nameOf, permitTable, reasonTable } from './work.ts';

/** A comparison for people, at most 100 columns wide. */
export function textFigures(comparison: Comparison): string {
  const { workload, oracle, contenders } = comparison;
  const measured =
    oracle === undefined ? '' : `, measured by ${whole(oracle.quota)} per ${length(oracle.window)}`;
  const isTimed = contenders.some(({ nsPerDecision }) => nsPerDecision !== undefined);
  const isWeighed = contenders.some(({ bytesPerKey }) => bytesPerKey !== undefined);
  const decided = contenders.map((each) => [
    nameOf(each),
    whole(each.admitted),
    whole(each.denied),
    whole(each.wronglyAdmitted),
    whole(each.wronglyDenied),
    times(each.window?.ratio),
    times(each.burst?.ratio),
    percent(each.unused.mean),
  ]);
  const waited = contenders.map((each) => [
    nameOf(each),
    each.fairness.toFixed(3),
    whole(each.retries),
    whole(each.gaveUp),
    length(each.waits.p50),
    length(each.waits.p90),
    length(each.waits.p99),
    wholeOf(each.stateBytes),
    ...(isWeighed ? [wholeOf(each.bytesPerKey)] : []),
    ...(isTimed ? [wholeOf(each.nsPerDecision)] : []),
  ]);
  return [
    `${oneLine(workload.name)}: ${oneLine(workload.description)}\n${count(workload.arrivals, 'arrival')}${measured}\n`,
    table([['', 'admitted', 'denied', 'wrong yes', 'wrong no', 'window', 'burst', 'unused'], ...decided]),
    table([
      [
        '',
        'fairness',
        'retries',
        'gave up',
        'wait p50',
        'p90',
        'p99',
        'state',
        ...(isWeighed ? ['heap'] : []),
        ...(isTimed ? ['ns'] : []),
      ],
      ...waited,
    ]),
    ...reasonTable(contenders),
    ...permitTable(contenders),
    LEGEND,
  ].join('\n');
}

/** What the columns hold. */
const LEGEND = `wrong yes/no   against an exact log of what the contender granted
window, burst  most granted within one window, and within 1/60 of it, by the quota
unused         share of the quota that was free when somebody was denied
fairness       Jain's index of what keys got by what they asked for
state, heap    bytes: of the numbers kept for a key, and of all that a key takes (--memory)
`;

function wholeOf(value: number | undefined): string {
  return value === undefined ? '-' : whole(Math.round(value));
}

/** The same as one line of JSON, with every figure. Its fields are those of `Comparison` in `headgate/lab`. */
export function jsonFigures(comparison: Comparison): string {
  return `${JSON.stringify(comparison)}\n`;
}
