/**
 * Whole requests. All servers of a framework are up at once and idle but for the one that is under load; load goes from
 * one to the next in short slices, round after round, so that ratios are between neighbours in time.
 */
import type { CaseResult } from '../case.ts';
import { throughput } from '../http/load.ts';
import type { Guard } from '../http/site.ts';
import { KEY_FIELD } from '../http/site.ts';
import type { Played, RunOptions } from './rounds.ts';
import { type Server, startServer } from './servers.ts';

const NEVER_REACHED = 1_000_000;
const ROUNDS = 10;
const SLICE_MS = 800;
const WARM_MS = 2000;

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

export async function playRequests(cases: readonly RequestCase[], options: RunOptions): Promise<Played> {
  const results: CaseResult[] = [];
  let checksum = 0;
  let isSound = true;
  for (const each of cases) {
    const { values, busy, faults, answered } = await playCase(each, options);
    checksum += answered;
    if (faults.headgate !== undefined) isSound = false;
    const shared = { row: each.framework, reference: 'headgate', date: new Date().toISOString(), faults };
    const table = 'Whole requests through a middleware';
    results.push(
      { ...shared, id: each.id, table: `${table}, throughput`, unit: 'requests/s', values },
      // Steadier than throughput where the machine is shared: the server's own work, whoever else runs.
      {
        ...shared,
        id: `${each.id}/busy`,
        table: `${table}, processor time of the server per request`,
        unit: 'µs',
        values: busy,
      },
    );
  }
  return { cases: results, checksum, isSound };
}

async function playCase({ framework, guards }: RequestCase, { rounds, log }: RunOptions) {
  const faults: Record<string, string> = {};
  for (const [name, guard] of Object.entries(guards)) {
    const fault = await check(framework, guard);
    if (fault !== undefined) faults[name] = fault;
    log(`${framework}, ${name}: ${fault ?? 'answers rightly'}`);
  }
  const sound = Object.entries(guards).filter(([name]) => faults[name] === undefined);
  const servers: { name: string; server: Server }[] = [];
  for (const [name, guard] of sound) {
    servers.push({ name, server: await startServer(framework, guard, NEVER_REACHED) });
  }
  const empty = (): Record<string, number[]> => Object.fromEntries(sound.map(([name]) => [name, []]));
  const values = empty();
  const busy = empty();
  let answered = 0;
  for (const { server } of servers) answered += (await throughput(server.port, WARM_MS)).answered;
  const last = rounds ?? ROUNDS;
  for (let round = 0; round < last; round++) {
    const from = round % servers.length;
    for (const { name, server } of [...servers.slice(from), ...servers.slice(0, from)]) {
      const before = await server.busy();
      const slice = await throughput(server.port, SLICE_MS);
      values[name]?.push(slice.perSecond);
      busy[name]?.push(((await server.busy()) - before) / slice.answered);
      answered += slice.answered;
    }
  }
  for (const { server } of servers) server.stop();
  return { values, busy, faults, answered };
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
