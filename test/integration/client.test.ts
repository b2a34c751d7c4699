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

describe('five workers and a server of Node', () => {
  it('should come to the same over real sockets', async () => {
    const clock = manualClock(START);
    const engine = makeEngine(clock, ['x-ratelimit', 'retry-after'], 'fixed window, from first use');
    const served: Served[] = [];
    const listener = nodeAdapter(engine, { identify: () => ({}) }, (_request, response) =>
      response.end('ok'),
    );
    const url = await listen((request, response) => {
      // Its clock is the manual one, which the field would contradict.
      response.sendDate = false;
      response.on('finish', () => {
        const retryAfter = Number(response.getHeader('retry-after') ?? 0) * 1000;
        const worker = String(request.headers['x-worker']);
        served.push({ worker, at: clock.now(), status: response.statusCode, retryAfter });
      });
      listener(request, response);
    });
    let underWay = 0;
    const overNetwork: Fetch = async (input, init) => {
      underWay++;
      try {
        const response = await fetch(input, init);
        return new Response(await response.text(), response);
      } finally {
        underWay--;
      }
    };
    const limitedFetch = createLimitedFetch(overNetwork, { clock });
    const over = watch(work(limitedFetch, url, clock, START + 3 * MINUTE));
    while (over.outcome.state === 'pending') {
      await setImmediate();
      if (underWay > 0) continue;
      await setImmediate();
      const { nextWake } = clock;
      if (underWay === 0 && nextWake !== undefined) clock.set(nextWake);
    }
    expect(over.outcome.state).toBe('fulfilled');
    const { through, most429, earliest } = judge(served);
    expect([through, most429 <= 1, earliest >= 0]).toEqual([180, true, true]);
  });
});

type Row = [dialect: string, fields: Record<string, string>, wait: number, body?: string];
const date = (offset: number): string => new Date(START + offset).toUTCString();

/** What a server says when nothing is left, and how long it asks to wait by that. */
const EMPTY: Row[] = [
  [
    'Unix seconds',
    { 'X-RateLimit-Limit': '60', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': `${START / 1000 + 30}` },
    30_000,
  ],
  [
    'Unix seconds and a clock that is an hour ahead',
    { Date: date(3_600_000), 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': `${START / 1000 + 3630}` },
    30_000,
  ],
  [
    'Unix seconds and a clock that is a day behind',
    {
      Date: date(-86_400_000),
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': `${START / 1000 - 86_370}`,
    },
    30_000,
  ],
  ['seconds from now', { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '30' }, 30_000],
  ['milliseconds from now', { 'X-Rate-Limit-Remaining': '0', 'X-Rate-Limit-Reset': '1500' }, 1_500],
  ['ISO 8601', { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '2026-11-22T04:01Z' }, 60_000],
  [
    'RFC 3339, of two limits',
    {
      'anthropic-ratelimit-requests-remaining': '9',
      'anthropic-ratelimit-requests-reset': '2026-11-22T04:00:01Z',
      'anthropic-ratelimit-tokens-remaining': '0',
      'anthropic-ratelimit-tokens-reset': '2026-11-22T04:00:20Z',
    },
    20_000,
  ],
  [
    'durations, of two limits',
    {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '1m0s',
    },
    60_000,
  ],
  ['draft -06', { 'RateLimit-Limit': '60', 'RateLimit-Remaining': '0', 'RateLimit-Reset': '30' }, 30_000],
  ['draft -07', { RateLimit: 'limit=60, remaining=0, reset=30' }, 30_000],
  [
    'drafts -08 to -11',
    {
      RateLimit: '"burst";r=9;t=90, "daily";r=0;t=30',
      'RateLimit-Policy': '"burst";q=10;w=90, "daily";q=60;w=60',
    },
    30_000,
  ],
];

const REFUSED: Row[] = [
  ...EMPTY,
  ['Retry-After in seconds', { 'Retry-After': '7' }, 7_000],
  ['Retry-After as a date', { 'Retry-After': date(7_000), Date: date(0) }, 7_000],
  ['Retry-After and a reset further away', { 'Retry-After': '7', RateLimit: '"a";r=0;t=60' }, 7_000],
  ['retry-after-ms', { 'retry-after-ms': '250' }, 250],
  [
    'retry_after in a body',
    { 'Content-Type': 'application/json' },
    12_000,
    '{"error":{"details":{"retry_after":12}}}',
  ],
  [
    'retry_after in a body, with a reset further away',
    { 'Content-Type': 'application/json', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '30' },
    12_000,
    '{"error":{"details":{"retry_after":12}}}',
  ],
  ['nothing at all', {}, 250],
];

describe('a server of every dialect', () => {
  /** Serves one response like that, and ordinary ones from then on; whoever waits has the clock moved for him. */
  async function setUp(status: number, fields: Record<string, string>, body = 'x'.repeat(100_000)) {
    const clock = manualClock(START);
    const arrivals: number[] = [];
    const events: (WaitEvent | RetryEvent)[] = [];
    const url = await listen((_request, response) => {
      arrivals.push(clock.now() - START);
      response.sendDate = false;
      if (arrivals.length === 1) response.writeHead(status, fields).end(body);
      else response.end('ok');
    });
    const limitedFetch = createLimitedFetch(fetch, {
      clock,
      random: () => 0.5,
      onWait: (event) => {
        events.push(event);
        globalThis.setImmediate(() => clock.set(event.until ?? Number.NaN));
      },
      onRetry: (event) => events.push(event),
    });
    return { url, arrivals, events, limitedFetch };
  }

  it.each(EMPTY)('should be heard before it has to refuse: %s', async (_dialect, fields, wait) => {
    const { url, arrivals, events, limitedFetch } = await setUp(200, fields);
    await (await limitedFetch(url)).arrayBuffer();
    const response = await limitedFetch(url);
    expect([await response.text(), arrivals]).toEqual(['ok', [0, wait]]);
    expect(events).toMatchObject([{ reason: 'empty', attempt: 1, until: START + wait }]);
  });

  it.each(REFUSED)('should be obeyed when it refuses: %s', async (_dialect, fields, wait, body) => {
    const { url, arrivals, events, limitedFetch } = await setUp(429, fields, body);
    const response = await limitedFetch(url, { method: 'POST', body: 'a=1' });
    expect([await response.text(), arrivals]).toEqual(['ok', [0, wait]]);
    expect(events).toMatchObject([
      { attempt: 2, until: START + wait },
      { attempt: 2, waitedMs: wait, response: { status: 429 } },
    ]);
  });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listen(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
