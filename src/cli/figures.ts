import type { Comparison } from '../lab/compare.ts';
import type { Figures } from '../lab/figures.ts';
import { length, percent, times } from '../lab/report/words.ts';
import { oneLine, whole } from './io.ts';
import { table } from './layout.ts';

/** Longer names of contenders are cut. */
const LONGEST_NAME = 20;

/** A comparison for people, at most 100 columns wide. */
export function textFigures(comparison: Comparison): string {
  const { workload, oracle, contenders } = comparison;
  const measured =
    oracle === undefined ? '' : `, measured by ${whole(oracle.quota)} per ${length(oracle.window)}`;
  const isTimed = contenders.some(({ nsPerDecision }) => nsPerDecision !== undefined);
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
    each.bytesPerKey === undefined ? '-' : whole(each.bytesPerKey),
    ...(isTimed ? [each.nsPerDecision === undefined ? '-' : whole(Math.round(each.nsPerDecision))] : []),
  ]);
  return [
    `${oneLine(workload.name)}: ${oneLine(workload.description)}\n${whole(workload.arrivals)} arrivals${measured}\n`,
    table([['', 'admitted', 'denied', 'wrong yes', 'wrong no', 'window', 'burst', 'unused'], ...decided]),
    table([
      ['', 'fairness', 'retries', 'gave up', 'wait p50', 'p90', 'p99', 'bytes', ...(isTimed ? ['ns'] : [])],
      ...waited,
    ]),
    LEGEND,
  ].join('\n');
}

/** What the columns hold. */
const LEGEND = `wrong yes/no   against an exact log of what the contender granted
window, burst  most granted within one window, and within 1/60 of it, by the quota
unused         share of the quota that was free when somebody was denied
fairness       Jain's index of what keys got by what they asked for
bytes          state of one key, without the table around it
`;

/** The same as one line of JSON, with every figure. Its fields are those of `Comparison` in `headgate/lab`. */
export function jsonFigures(comparison: Comparison): string {
  return `${JSON.stringify(comparison)}\n`;
}

function nameOf({ name }: Figures): string {
  const text = oneLine(name);
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME - 1)}…`;
}
