/**
 * Whole requests. All servers of a framework are up at once and idle but for the one that is under load; load goes from
 * one to the next in short slices, round after round, so that ratios are between neighbours in time.
 */
import type { CaseResult } from '../case.ts';
import { type Load, openLoad } from '../http/load.ts';
import type { Guard } from '../http/site.ts';
import { KEY_FIELD } from '../http/site.ts';
import type { Played, RunOptions } from './rounds.ts';
import { type Server, startServer } from './servers.ts';

const NEVER_REACHED = 1_000_000;
const ROUNDS = 10;
const SLICE_MS = 800;
const WARM_MS = 2500;

export interface RequestCase {
  readonly id: string;
  readonly framework: string;
  /** Guards, and what the table calls them. */
  readonly guards: Readonly<Record<string, Guard>>;
}

export const REQUEST_CASES: readonly RequestCase[] = [
  {
    id: 'request/express',
    framework: 'express',
    guards: {
      headgate: 'headgate',
      'constant fields': 'constant',
      'no fields': 'bare',
      'express-rate-limit': 'peer',
      'rate-limiter-flexible': 'rate-limiter-flexible',
    },
  },
  {
    id: 'request/fastify',
    framework: 'fastify',
    guards: {
      headgate: 'headgate',
      'constant fields': 'constant',
      'no fields': 'bare',
      '@fastify/rate-limit': 'peer',
    },
  },
  {
    id: 'request/hono',
    framework: 'hono',
    guards: {
      headgate: 'headgate',
      'constant fields': 'constant',
      'no fields': 'bare',
      'hono-rate-limiter': 'peer',
    },
  },
];

export async function playRequests(
  cases: readonly RequestCase[],
  options: RunOptions,
  isQuick: boolean,
): Promise<Played> {
  const results: CaseResult[] = [];
  let checksum = 0;
  let isSound = true;
  for (const each of cases) {
    const { values, faults, answered } = await playCase(each, options, isQuick);
    checksum += answered;
    if (Object.keys(faults).length > 0) isSound = false;
    results.push({
      id: each.id,
      table: 'Whole requests through a middleware, throughput',
      row: each.framework,
      unit: 'requests/s',
      reference: 'headgate',
      date: new Date().toISOString(),
      values,
      faults,
    });
  }
  return { cases: results, checksum, isSound };
}

async function playCase({ framework, guards }: RequestCase, { rounds, log }: RunOptions, isQuick: boolean) {
  const faults: Record<string, string> = {};
  for (const [name, guard] of Object.entries(guards)) {
    const fault = await check(framework, guard);
    if (fault !== undefined) faults[name] = fault;
    log(`${framework}, ${name}: ${fault ?? 'answers rightly'}`);
  }
  const sound = Object.entries(guards).filter(([name]) => faults[name] === undefined);
  const servers: { name: string; server: Server; load: Load }[] = [];
  for (const [name, guard] of sound) {
    const server = await startServer(framework, guard, NEVER_REACHED);
    servers.push({ name, server, load: await openLoad(server.port) });
  }
  const values: Record<string, number[]> = Object.fromEntries(sound.map(([name]) => [name, []]));
  let answered = 0;
  for (const { load } of servers) answered += await load.push(isQuick ? WARM_MS / 2 : WARM_MS);
  const last = rounds ?? ROUNDS;
  for (let round = 0; round < last; round++) {
    const from = round % servers.length;
    for (const { name, load } of [...servers.slice(from), ...servers.slice(0, from)]) {
      const start = performance.now();
      const requests = await load.push(SLICE_MS);
      values[name]?.push((requests * 1000) / (performance.now() - start));
      answered += requests;
    }
  }
  for (const { load, server } of servers) {
    load.close();
    server.stop();
  }
  return { values, faults, answered };
}

/** With a quota of 3: exactly three requests pass, the fourth gets 429; the fields are there. */
async function check(framework: string, guard: Guard): Promise<string | undefined> {
  const server = await startServer(framework, guard, 3);
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await fetch(`http://127.0.0.1:${server.port}/v1/items/1`, {
        headers: { [KEY_FIELD]: 'key_check' },
      });
      statuses.push(status);
      const hasFields = [...headers.keys()].some((name) => /^(x-)?ratelimit-remaining$/.test(name));
      if (guard !== 'bare' && status === 200 && !hasFields) return 'no rate-limit fields';
    }
    const expected = guard === 'bare' || guard === 'constant' ? '200 200 200 200 200' : '200 200 200 429 429';
    return statuses.join(' ') === expected ? undefined : `answered ${statuses.join(' ')}, not ${expected}`;
  } finally {
    server.stop();
  }
}
