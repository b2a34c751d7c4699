/** Import and first decision in a fresh process: plain Node on the built package, less what an empty module takes. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CaseResult } from '../case.ts';
import type { Played, RunOptions } from './rounds.ts';

const ROUNDS = 40;
const EMPTY = 'empty';
/** Columns and the programs behind them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'one limit': 'limiter',
  engine: 'engine',
  'rate-limiter-flexible': 'rate-limiter-flexible',
  'express-rate-limit': 'express-rate-limit',
  limiter: 'limiter-package',
};
export const FRESH_ID = 'fresh-process/import';

export function playFresh({ rounds, log }: RunOptions, isQuick: boolean): Played {
  const last = isQuick ? 10 : Math.max(rounds ?? ROUNDS, 10);
  log(`fresh processes: ${last} rounds`);
  const names = [EMPTY, ...new Set(Object.values(PROGRAMS))];
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  const wrong = new Set(names.filter((name) => start(name).status !== 0));
  for (let round = 0; round < last; round++) {
    const from = round % names.length;
    for (const name of [...names.slice(from), ...names.slice(0, from)]) times.get(name)?.push(start(name).ms);
  }
  const empty = times.get(EMPTY) ?? [];
  const columns = Object.entries(PROGRAMS);
  const shared = {
    table: 'Import and first decision in a fresh process, less an empty one',
    unit: 'ms',
    // A ratio of two differences says little when one of them is near zero.
    reference: '',
    date: new Date().toISOString(),
    faults: Object.fromEntries(
      columns.filter(([, name]) => wrong.has(name)).map(([column]) => [column, 'its program failed']),
    ),
  };
  const above = (combine: (series: readonly number[]) => number[]): CaseResult['values'] =>
    Object.fromEntries(columns.map(([column, name]) => [column, combine(times.get(name) ?? [])]));
  const cases: CaseResult[] = [
    {
      ...shared,
      id: FRESH_ID,
      row: 'the median of all rounds',
      values: above((series) => series.map((ms, round) => ms - (empty[round] ?? 0))),
    },
    // Where the machine is shared, the quickest start of many says more than the usual one.
    {
      ...shared,
      id: `${FRESH_ID}-least`,
      row: 'the least of all, less the least of an empty one',
      values: above((series) => [Math.min(...series) - Math.min(...empty)]),
    },
  ];
  return { cases, checksum: last, isSound: wrong.size === 0 };
}

function start(name: string): { ms: number; status: number | null } {
  const file = fileURLToPath(new URL(`../fresh/${name}.js`, import.meta.url));
  const begin = performance.now();
  const { status } = spawnSync(process.execPath, [file], { stdio: 'ignore' });
  return { ms: performance.now() - begin, status };
}
