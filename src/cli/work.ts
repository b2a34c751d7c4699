/**
 * What became of permits and queues, for people.
 *
 * @module
 */

import type { Figures } from '../lab/figures.ts';
import { length } from '../lab/report/words.ts';
import { oneLine, whole } from './io.ts';
import { table } from './layout.ts';
import type { WorkFigures } from './replayer.ts';

/** Longer names of contenders are cut. */
const LONGEST_NAME = 20;

/** Why answers said no, where there is more than one way to. */
export function reasonTable(contenders: readonly Pick<Figures, 'name' | 'reasons'>[]): string[] {
  const reasons = [...new Set(contenders.flatMap((each) => Object.keys(each.reasons)))].sort();
  if (reasons.every((reason) => reason === 'quota')) return [];
  const rows = contenders.map((each) => [
    nameOf(each),
    ...reasons.map((reason) => whole(each.reasons[reason] ?? 0)),
  ]);
  return [table([['denied for', ...reasons], ...rows])];
}

/** What was held, by limit, where something was. */
export function permitTable(contenders: readonly Pick<Figures, 'name' | 'permits'>[]): string[] {
  const rows = contenders.flatMap((each) =>
    each.permits.map(({ limit, most, quota, lost }) => [
      `${nameOf(each)}: ${oneLine(limit)}`,
      whole(most),
      whole(quota),
      whole(lost),
    ]),
  );
  return rows.length === 0 ? [] : [table([['permits', 'most at once', 'quota', 'lost'], ...rows])];
}

/** All of it, of a replay with `--hold`. */
export function workTables(policies: Readonly<Record<string, WorkFigures>>): string[] {
  const named = Object.entries(policies).map(([name, work]) => ({ name, ...work }));
  const waits = named.map(({ name, waits: { count, p50, p90, p99, longest } }) => [
    name,
    whole(count),
    ...[p50, p90, p99, longest].map(length),
  ]);
  const hasWaited = named.some(({ waits: { count } }) => count > 0);
  return [
    ...reasonTable(named),
    ...permitTable(named),
    ...(hasWaited ? [table([['waits', 'waited', 'p50', 'p90', 'p99', 'longest'], ...waits])] : []),
  ];
}

/** The name of a contender, cut to fit a table. */
export function nameOf({ name }: Pick<Figures, 'name'>): string {
  const text = oneLine(name);
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME - 1)}…`;
}
