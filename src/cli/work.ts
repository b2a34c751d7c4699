/**
 * What became of permits and queues, for people.
 *
 * @module
 */

import type { Figures } from '../lab/figures.ts';
import { length } from '../lab/report/words.ts';
import { oneLine, whole } from './io.ts';
import { clip, table } from './layout.ts';
import type { WorkFigures } from './replayer.ts';

/** Longer names of contenders are cut. */
const LONGEST_NAME = 20;

/** Longer reasons are cut, and where there are more of them than this, the least frequent are summed up. */
const LONGEST_REASON = 13;
const MOST_REASONS = 6;

/** Why answers said no, where there is more than one way to. */
export function reasonTable(contenders: readonly Pick<Figures, 'name' | 'reasons'>[]): string[] {
  const all = [...new Set(contenders.flatMap((each) => Object.keys(each.reasons)))].sort();
  if (all.every((reason) => reason === 'quota')) return [];
  const times = (reason: string): number =>
    contenders.reduce((sum, { reasons }) => sum + (reasons[reason] ?? 0), 0);
  const told = all.toSorted((a, b) => times(b) - times(a)).slice(0, MOST_REASONS);
  const shown = all.length > MOST_REASONS ? all.filter((reason) => told.includes(reason)) : all;
  const others = all.filter((reason) => !shown.includes(reason));
  const rows = contenders.map((each) => [
    nameOf(each),
    ...shown.map((reason) => whole(each.reasons[reason] ?? 0)),
    ...(others.length === 0
      ? []
      : [whole(others.reduce((sum, reason) => sum + (each.reasons[reason] ?? 0), 0))]),
  ]);
  const names = shown.map((reason) => clip(oneLine(reason), LONGEST_REASON));
  return [table([['denied for', ...names, ...(others.length === 0 ? [] : ['other'])], ...rows])];
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
  return clip(oneLine(name), LONGEST_NAME);
}
