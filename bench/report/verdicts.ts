/** Holds the bars against what was measured. */
import type { Bar, Read } from '../bars.ts';
import type { CaseResult } from '../case.ts';
import { figure, median, spread } from '../statistics.ts';

export interface Verdict {
  readonly id: string;
  readonly title: string;
  readonly value: string;
  readonly bar: string;
  readonly beyond: string;
  readonly verdict: 'beyond' | 'pass' | 'FAIL' | 'no value';
}

/** Verdicts on all bars whose cases are there. */
export function judge(bars: readonly Bar[], cases: readonly CaseResult[]): Verdict[] {
  const byId = new Map(cases.map((each) => [each.id, each]));
  const read: Read = (id, entry) => byId.get(id)?.values[entry] ?? [];
  return bars.filter(({ needs }) => needs.every((id) => byId.has(id))).map((bar) => verdict(bar, read));
}

function verdict({ id, title, value, sense, bar, beyond, unit }: Bar, read: Read): Verdict {
  const values = value(read);
  const least = typeof bar === 'number' ? bar : median(bar(read));
  const got = median(values);
  const holds = (limit: number): boolean => (sense === 'at most' ? got <= limit : got >= limit);
  const sign = sense === 'at most' ? '<=' : '>=';
  const show = (limit: number): string => `${sign} ${figure(limit)} ${unit}`;
  let outcome: Verdict['verdict'] = holds(least) ? 'pass' : 'FAIL';
  if (beyond !== undefined && holds(beyond)) outcome = 'beyond';
  if (Number.isNaN(got) || Number.isNaN(least)) outcome = 'no value';
  return {
    id,
    title,
    value: `${spread(values)} ${unit}`,
    bar: show(least),
    beyond: beyond === undefined ? '' : show(beyond),
    verdict: outcome,
  };
}
