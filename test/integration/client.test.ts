import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createEngine, type HeaderDialect } from 'headgate';
import { createLimitedFetch, type Fetch, type RetryEvent, type WaitEvent } from 'headgate/client';
import { headgate as fetchAdapter } from 'headgate/fetch';
import { headgate as nodeAdapter } from 'headgate/node';
import { afterEach, describe, expect, it } from 'vitest';
import { type ManualClock, manualClock } from '../../src/time.ts';
import { seeded } from '../fixtures/seeded.ts';
import { inVirtualTime, watch } from '../fixtures/virtual-time.ts';

const START = Date.UTC(2026, 10, 22, 4);
const MINUTE = 60_000;

/** One request as the server saw it. */
interface Served {
  readonly worker: string;
  readonly at: number;
  readonly status: number;
  /** What a denial said, in milliseconds. */
  readonly retryAfter: number;
}

const ALGORITHMS = {
  'fixed window, from first use': { algorithm: 'fixed-window' },
  'fixed window, by the clock': { algorithm: 'fixed-window', anchor: 'epoch' },
  'sliding window': { algorithm: 'sliding-window' },
  'token bucket': { algorithm: 'token-bucket', burst: 10 },
} as const;

const makeEngine = (clock: ManualClock, headers: readonly HeaderDialect[], algorithm: AlgorithmName) =>
  createEngine(
    {
      version: 1,
      limits: { calls: { quota: 60, window: '1m', ...ALGORITHMS[algorithm] } },
      groups: { all: { match: ['* /**'], limits: ['calls'] } },
      unmatched: 'deny',
      headers,
    },
    { clock },
  );

/** Five workers, each with calls to make one after the other, until the time is over. */
async function work(limitedFetch: Fetch, url: string, clock: ManualClock, until: number): Promise<void> {
  const worker = async (name: number): Promise<void> => {
    while (clock.now() < until) {
      const signal = new AbortController();
      const cancel = clock.wakeAt(until, () => signal.abort('over'));
      try {
        const response = await limitedFetch(url, {
          headers: { 'x-worker': String(name) },
          signal: signal.signal,
        });
        await response.text();
      } catch (error) {
        if (error !== 'over') throw error;
      } finally {
        cancel();
      }
    }
  };
  await Promise.all([1, 2, 3, 4, 5].map(worker));
}

/** 429 of any worker in any minute, and how early the earliest retry was. */
function judge(served: readonly Served[]): { through: number; most429: number; earliest: number } {
  const refusals = new Map<string, number>();
  const notBefore = new Map<string, number>();
  let earliest = Number.POSITIVE_INFINITY;
  for (const { worker, at, status, retryAfter } of served) {
    earliest = Math.min(earliest, at - (notBefore.get(worker) ?? 0));
    notBefore.set(worker, status === 429 ? at + retryAfter : 0);
    const window = `${worker} ${Math.floor((at - START) / MINUTE)}`;
    if (status === 429) refusals.set(window, (refusals.get(window) ?? 0) + 1);
  }
  const through = served.filter(({ status, at }) => status === 200 && at < START + 3 * MINUTE).length;
  return { through, most429: Math.max(0, ...refusals.values()), earliest };
}

type AlgorithmName = keyof typeof ALGORITHMS;
const isWindow = (algorithm: AlgorithmName): boolean => algorithm.startsWith('fixed');

/**
 * What is to get through. A bucket's fields are rounded up to seconds, of which ten requests wait one in eleven at worst;
 * those of a sliding window tell when it is empty again, which is two windows away.
 */
function least(algorithm: AlgorithmName, headers: readonly HeaderDialect[]): number {
  if (isWindow(algorithm)) return 180;
  if (algorithm === 'token bucket') return 160;
  return headers.length > 1 ? 120 : 170;
}

const DIALECTS: readonly (readonly HeaderDialect[])[] = [
  ['x-ratelimit', 'retry-after'],
  ['x-ratelimit-delta', 'retry-after'],
  ['draft-11', 'retry-after'],
  ['x-ratelimit', 'draft-11', 'retry-after'],
  ['retry-after'],
];

describe('five workers on a limit of 60 a minute, for three minutes', () => {
  const rows = DIALECTS.flatMap((headers) =>
    (Object.keys(ALGORITHMS) as AlgorithmName[]).map((algorithm) => ({ headers, algorithm })),
  );

  it.each(rows)(
    'should get all through that there is, politely: $headers, $algorithm',
    async ({ headers, algorithm }) => {
      const clock = manualClock(START);
      const engine = makeEngine(clock, headers, algorithm);
      const random = seeded(7);
      const served: Served[] = [];
      const handler = fetchAdapter(engine, { identify: () => ({}) }, () => new Response('ok'));
      /** Requests and responses take a while each, some longer than others. */
      const overNetwork: Fetch = async (input, init) => {
        const request = new Request(input, init);
        await clock.sleep(1 + Math.floor(random() * 40));
        const at = clock.now();
        const response = await handler(request);
        const retryAfter = Number(response.headers.get('retry-after')) * 1000;
        served.push({
          worker: request.headers.get('x-worker') ?? '',
          at,
          status: response.status,
          retryAfter,
        });
        await clock.sleep(1 + Math.floor(random() * 40));
        return response;
      };
      const limitedFetch = createLimitedFetch(overNetwork, { clock, random });
      await inVirtualTime(clock, work(limitedFetch, 'https://api.example/', clock, START + 3 * MINUTE));
      const { through, most429, earliest } = judge(served);
      expect(earliest).toBeGreaterThanOrEqual(0);
      expect(through).toBeGreaterThanOrEqual(least(algorithm, headers));
      // Without fields, nobody can know that a limit which fills up drop by drop has one drop only.
      if (isWindow(algorithm) || headers.length > 1) expect(most429).toBeLessThanOrEqual(1);
    },
  );
});
