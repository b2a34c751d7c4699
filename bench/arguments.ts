/** What was asked for on the command line. */
import { parseArgs } from 'node:util';
import type { Bar } from './bars.ts';

export interface Wanted {
  readonly isWanted: (id: string) => boolean;
  readonly isPartial: boolean;
  readonly rounds: number | undefined;
  readonly quick: boolean;
  readonly write: boolean;
}

/**
 * `--only limit/fixed,P8` picks the cases whose id contains `limit/fixed`, and those that the bars P8 need. `*` stands for
 * anything. `--quick` is three short rounds; `--rounds` overrides that. Such partial runs print their tables; with `--write`
 * their cases replace those of the last published run.
 */
export function readArguments(args: readonly string[], bars: readonly Bar[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { only = [], quick, write } = values;
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds ${values.rounds}: give a positive integer`);
  }
  const patterns = only.flatMap((each) => each.split(',')).filter((each) => each !== '');
  const needed = new Set(bars.filter(({ id }) => patterns.includes(id)).flatMap(({ needs }) => needs));
  const fragments = patterns.filter((pattern) => !bars.some(({ id }) => id === pattern)).map(toExpression);
  return {
    isWanted: (id) => patterns.length === 0 || needed.has(id) || fragments.some((each) => each.test(id)),
    isPartial: patterns.length > 0 || quick || rounds !== undefined,
    rounds: rounds ?? (quick ? 3 : undefined),
    quick,
    write,
  };
}

function toExpression(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*'));
}
