/** What is counted, and how exactly. */
import { createEngine } from 'headgate';
import { cite, type Row } from './cell.ts';
import { onAClock, START } from './clock.ts';
import { COUNTERS, type Counter, type OpenCounter } from './counters.ts';

const MINUTE = 60_000;
const QUOTA = 100;

/** The most granted within any minute. */
async function mostInAMinute(
  open: OpenCounter,
  asks: readonly [at: number, times: number][],
): Promise<number> {
  return onAClock(async (set) => {
    const counter = await open(QUOTA, MINUTE);
    const granted: number[] = [];
    let most = 0;
    for (const [at, times] of asks) {
      set(START + at);
      for (let i = 0; i < times; i++) if (await counter.ask('key')) granted.push(at);
      most = Math.max(most, granted.filter((each) => each > at - MINUTE).length);
    }
    return most;
  });
}

const AROUND_THE_EDGE: [number, number][] = [
  [0, 1],
  [MINUTE - 1, 200],
  [MINUTE, 200],
];
const WITHOUT_PAUSE: [number, number][] = [
  [0, 1],
  [MINUTE - 100, 200],
  ...Array.from({ length: 599 }, (_, i): [number, number] => [MINUTE + i * 100, 2]),
];

function most(asks: [number, number][]): (open: OpenCounter) => () => Promise<string> {
  return (open) => async () => `${await mostInAMinute(open, asks)}`;
}

function headgatesMost(asks: [number, number][]): () => Promise<string> {
  return async () => {
    const fixed = await mostInAMinute(COUNTERS.headgate, asks);
    const sliding = await mostInAMinute(COUNTERS['headgate, sliding'], asks);
    const bucket = await mostInAMinute(COUNTERS['headgate, bucket'], asks);
    return `${fixed} fixed, ${sliding} sliding, ${bucket} bucket`;
  };
}

const WEIGHTED = 'a weighted score between two windows';

function everybody(cell: (open: OpenCounter) => () => Promise<string>): Row['cells'] {
  const { headgate, 'headgate, sliding': _, 'headgate, bucket': __, ...peers } = COUNTERS;
  return Object.fromEntries(Object.entries({ headgate, ...peers }).map(([name, open]) => [name, cell(open)]));
}

/** Whether a denied client gets in exactly when he was told, and not a millisecond before. */
function whenTold(open: OpenCounter): () => Promise<string> {
  return () =>
    onAClock(async (set) => {
      const counter = await open(7, 10_000);
      set(START + 1234);
      while (await counter.ask('key'));
      const told = (await counter.until?.('key')) ?? 0;
      set(told - 1);
      const isEarly = await counter.ask('key');
      set(told);
      const isIn = await counter.ask('key');
      if (isEarly) return 'later than need be';
      return isIn ? 'to the millisecond' : 'too early';
    });
}

const FLOOD = 20_000;

function flood(open: OpenCounter): () => Promise<string> {
  return () =>
    onAClock(async () => {
      const counter = await open(5, MINUTE);
      while (await counter.ask('attacker'));
      const keys = Array.from({ length: FLOOD }, (_, i) => `made up ${i}`);
      for (const key of keys) await counter.ask(key);
      const isServed = await counter.ask('attacker');
      const remembered = await counter.remembered(keys);
      const memory = remembered < FLOOD ? `${remembered} keys kept` : 'every key kept';
      return `${memory}; ${isServed ? 'served anew' : 'still denied'}`;
    });
}

/** Takes 3 of 5 units, gives one request back three times, and counts what is left: 3 is right. */
function refund(open: OpenCounter): () => Promise<string> {
  return () =>
    onAClock(async () => {
      const counter = await open(5, MINUTE);
      const { giveBack } = counter;
      if (giveBack === undefined) return 'no';
      for (let i = 0; i < 3; i++) await counter.ask('key');
      for (let i = 0; i < 3; i++) await giveBack('key');
      const left = await countDown(counter);
      return left === 3 ? 'yes, once' : `yes, ${left - 2} times`;
    });
}

async function countDown(counter: Counter): Promise<number> {
  let left = 0;
  while (await counter.ask('key')) left++;
  return left;
}

/** Timers started by making a limiter and asking it about 100 keys. */
function timers(open: OpenCounter): () => Promise<string> {
  return async () => {
    const { setTimeout: timeout, setInterval: interval } = globalThis;
    let started = 0;
    const count =
      <T extends (...args: never[]) => unknown>(start: T) =>
      (...args: Parameters<T>) => {
        started++;
        return start(...args);
      };
    globalThis.setTimeout = count(timeout) as typeof timeout;
    globalThis.setInterval = count(interval) as typeof interval;
    try {
      const counter = await open(5, 1000);
      for (let i = 0; i < 100; i++) await counter.ask(`key ${i}`);
    } finally {
      globalThis.setTimeout = timeout;
      globalThis.setInterval = interval;
    }
    if (started === 0) return 'none';
    return started === 1 ? 'one, repeated' : `${started}`;
  };
}

export const RATES: readonly Row[] = [
  {
    name: 'algorithms',
    how: 'As each package says.',
    cells: {
      headgate: cite(
        'fixed and sliding window, token bucket; your own',
        'docs/algorithms.md',
        'Three are built in.',
      ),
      'express-rate-limit': cite(
        'fixed window',
        'readme.md',
        'How long to remember requests for, in milliseconds.',
      ),
      'hono-rate-limiter': cite(
        'fixed window',
        'dist/index.d.ts',
        'How long we should remember the requests.',
      ),
      '@fastify/rate-limit': cite(
        'fixed window; ban, exponential backoff',
        'README.md',
        'Renew user limitation exponentially when user sends a request to the server when still limited.',
      ),
      'rate-limiter-flexible': cite(
        'fixed window; bursts by a second one; evenly spread',
        'README.md',
        'The Flexible Fixed Window algorithm starts counting from the moment a request is received',
      ),
      limiter: cite(
        'token bucket',
        'README.md',
        'combines a continuously refilled token bucket with an interval counter',
      ),
      '@upstash/ratelimit': cite(
        'fixed and sliding window, token bucket',
        'dist/index.d.ts',
        'static tokenBucket(',
      ),
    },
  },
  {
    name: 'granted in two instants around the edge of a window, quota 100',
    how: 'One request at 0:00.000, then as many as are granted at 0:59.999 and at 1:00.000.',
    cells: {
      ...everybody(most(AROUND_THE_EDGE)),
      headgate: headgatesMost(AROUND_THE_EDGE),
      '@upstash/ratelimit': cite('sliding: near 100', 'dist/index.d.ts', WEIGHTED),
    },
  },
  {
    name: 'granted within a minute to whoever never pauses, quota 100 a minute',
    how: 'One request at 0:00.0, 200 at 0:59.9, and then two every 100 ms; the most granted in any minute. An exact log would say 100.',
    cells: {
      ...everybody(most(WITHOUT_PAUSE)),
      headgate: headgatesMost(WITHOUT_PAUSE),
    },
  },
  {
    name: 'when to come back',
    how: 'A denied client asks a millisecond before the instant it was told, and at it; 7 units per 10 s. Of packages for HTTP, the store behind the middleware is asked; their fields are whole seconds.',
    cells: everybody(whenTold),
  },
  {
    name: 'a flood of keys',
    how: 'A client spends its quota, sends 20,000 requests under names it makes up, and asks again under the first; `maxKeys` of headgate is 1,000, other settings are the defaults.',
    cells: {
      ...everybody(flood),
      limiter: cite(
        'no keys: one object is one limit',
        'README.md',
        'Create and reuse a limiter for each resource',
      ),
      '@upstash/ratelimit': cite(
        'in Redis, until it expires',
        'dist/index.mjs',
        'redis.call("PEXPIRE", currentKey, window * 2 + 1000)',
      ),
    },
  },
  {
    name: 'giving units back',
    how: 'Three of five units are taken, one request is given back three times, and what is left is counted. Middlewares do it by the status of the response.',
    cells: {
      ...everybody(refund),
      '@upstash/ratelimit': cite(
        'yes, a negative rate',
        'dist/index.mjs',
        'Only check limit if not refunding (negative rate)',
      ),
    },
  },
  {
    name: 'a cost other than 1',
    how: 'A request of cost 3 is asked of a quota of 5, twice.',
    cells: {
      headgate: async () => {
        const engine = createEngine({
          version: 1,
          limits: { units: { algorithm: 'fixed-window', quota: 5, window: '1m' } },
          groups: { all: { limits: ['units'] } },
          unmatched: 'deny',
        });
        const twice = [1, 2].map(() => engine.check({ group: 'all', cost: 3 }).allowed);
        return twice.join() === 'true,false' ? 'yes, per unit' : 'no';
      },
      'express-rate-limit': cite('no', 'dist/index.d.ts', 'increment: (key: string) =>'),
      'hono-rate-limiter': cite('no', 'dist/index.d.ts', 'increment: (key: string) =>'),
      '@fastify/rate-limit': cite('no', 'types/index.d.ts', 'incr( key: string,'),
      'rate-limiter-flexible': async () => {
        const { RateLimiterMemory } = await import('rate-limiter-flexible');
        const limiter = new RateLimiterMemory({ points: 5, duration: 60 });
        const ask = () =>
          limiter.consume('key', 3).then(
            () => true,
            () => false,
          );
        return (await ask()) && !(await ask()) ? 'yes' : 'no';
      },
      limiter: async () => {
        const { RateLimiter } = await import('limiter');
        const limiter = new RateLimiter({ tokensPerInterval: 5, interval: 'minute' });
        return limiter.tryRemoveTokens(3) && !limiter.tryRemoveTokens(3) ? 'yes, also fractions' : 'no';
      },
      '@upstash/ratelimit': cite('yes', 'dist/index.d.ts', 'rate?: number;'),
    },
  },
  {
    name: 'timers for 100 keys',
    how: 'Calls of `setTimeout` and `setInterval` while a limiter is made and asked about 100 keys.',
    cells: everybody(timers),
  },
];
