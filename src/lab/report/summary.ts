/** The tables of a report. */

import type { Figures } from '../figures.ts';
import { table } from './markup.ts';
import { length, number, percent, times } from './words.ts';

/** A column: its name, and what stands in it. */
type Column = readonly [name: string, cell: (figures: Figures) => string];

const ANSWERS: readonly Column[] = [
  ['admitted', (each) => number(each.admitted)],
  ['denied', (each) => number(each.denied)],
  ['wrong yes', (each) => number(each.wronglyAdmitted)],
  ['wrong no', (each) => number(each.wronglyDenied)],
  ['window', (each) => times(each.window?.ratio)],
  ['burst', (each) => times(each.burst?.ratio)],
  ['unused', (each) => percent(each.unused.mean)],
  ['fairness', (each) => each.fairness.toFixed(3)],
];

const CLIENTS: readonly Column[] = [
  ['retries', (each) => number(each.retries)],
  ['gave up', (each) => number(each.gaveUp)],
  ['waited', (each) => number(each.waits.count)],
  ['p50 wait', (each) => length(each.waits.p50)],
  ['p90 wait', (each) => length(each.waits.p90)],
  ['p99 wait', (each) => length(each.waits.p99)],
  ['state', (each) => rounded(each.stateBytes)],
  ['heap', (each) => rounded(each.bytesPerKey)],
  ['ns', (each) => rounded(each.nsPerDecision)],
];

/** The figures of each contender, and what those who were denied lacked. */
export function summary(contenders: readonly Figures[]): string {
  return [
    tableOf('Answers', ANSWERS, contenders),
    tableOf('Clients, and what a key costs', CLIENTS, contenders),
    ...reasons(contenders),
    ...permits(contenders),
  ].join('\n');
}

/** Columns in which nobody has anything are left out. */
function tableOf(caption: string, all: readonly Column[], contenders: readonly Figures[]): string {
  const columns = all.filter(([, cell]) => contenders.some((each) => cell(each) !== '-'));
  const rows = contenders.map((each) => [each.name, ...columns.map(([, cell]) => cell(each))]);
  return table(caption, ['', ...columns.map(([name]) => name)], rows);
}

/** Why answers said no, where there is more than one way to. */
function reasons(contenders: readonly Figures[]): string[] {
  const named = [...new Set(contenders.flatMap((each) => Object.keys(each.reasons)))].sort();
  if (named.every((reason) => reason === 'quota')) return [];
  const columns = named.map((reason): Column => [reason, (each) => number(each.reasons[reason] ?? 0)]);
  return [tableOf('Denied for', columns, contenders)];
}

function permits(contenders: readonly Figures[]): string[] {
  const rows = contenders.flatMap(({ name, permits }) =>
    permits.map(({ limit, most, quota, lost, key }) => [
      contenders.length === 1 ? limit : `${name}: ${limit}`,
      number(most),
      number(quota),
      number(lost),
      key === '' ? '(shared)' : key,
    ]),
  );
  if (rows.length === 0) return [];
  return [table('Permits', ['', 'most at once', 'quota', 'lost', 'whose'], rows)];
}

function rounded(value: number | undefined): string {
  return value === undefined ? '-' : number(Math.round(value));
}
