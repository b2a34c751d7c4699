/** The bars, as data: which cases each needs and how its value is computed from them, once for each round. */
import type { Algorithm } from './case.ts';
import { pairwise, ratios } from './statistics.ts';

/** Values of one entry of a case, one for each round. */
export type Read = (id: string, entry: string) => readonly (number | null)[];

export interface Bar {
  readonly id: string;
  readonly title: string;
  /** Cases without which there is no value. */
  readonly needs: readonly string[];
  readonly value: (read: Read) => number[];
  /** What it is measured by: a value of at most, or at least, so much. */
  readonly sense: 'at most' | 'at least';
  readonly bar: number | ((read: Read) => number[]);
  readonly beyond?: number;
  readonly unit: string;
}

const ALGORITHMS: readonly Algorithm[] = ['fixed-window', 'sliding-window', 'token-bucket'];
const OURS = 'headgate';

function overFloor(id: string, keys: number, bar: number, beyond: number): Bar[] {
  return ALGORITHMS.map((algorithm) => {
    const needed = `limit/${algorithm}/${keys}/uniform/allowed/given`;
    return {
      id,
      title: `${algorithm}, \`now\` given, ${keys.toLocaleString('en')} keys, over a bare Map`,
      needs: [needed],
      value: (read) => ratios(read(needed, OURS), read(needed, 'map')),
      sense: 'at most',
      bar,
      beyond,
      unit: 'x',
    };
  });
}

function faster(id: string, algorithm: Algorithm, peer: string, bar: number, beyond: number): Bar {
  const needed = `limit/${algorithm}/1000/uniform/allowed/own`;
  return {
    id,
    title: `${algorithm}, own clock, 1,000 keys: times faster than ${peer}`,
    needs: [needed],
    value: (read) => ratios(read(needed, peer), read(needed, OURS)),
    sense: 'at least',
    bar,
    beyond,
    unit: 'x',
  };
}

const denied: Bar[] = ALGORITHMS.map((algorithm) => {
  const [no, yes] = ['denied', 'allowed'].map((answer) => `limit/${algorithm}/1000/uniform/${answer}/given`);
  return {
    id: 'P7',
    title: `${algorithm}, \`now\` given, 1,000 keys: denied over allowed`,
    needs: [no ?? '', yes ?? ''],
    value: (read) => ratios(read(no ?? '', OURS), read(yes ?? '', OURS)),
    sense: 'at most',
    bar: 1.1,
    unit: 'x',
  };
});

const FURTHER = 'further/one/decision';
const further: Bar[] = [2, 4, 16].map((limits) => ({
  id: 'P8',
  title: `each further limit on one partition, ${limits} over 1 (bar: 25 ns or 10 % of one limit)`,
  needs: [FURTHER],
  value: (read) =>
    pairwise(
      read(FURTHER, `${limits} limits`),
      read(FURTHER, '1 limit'),
      (many, one) => (many - one) / (limits - 1),
    ),
  sense: 'at most',
  bar: (read) => read(FURTHER, '1 limit').flatMap((one) => (one === null ? [] : [Math.max(25, one / 10)])),
  unit: 'ns',
}));

const match: Bar[] = [1000, 100_000].map((paths) => {
  const needed = `match/${paths}`;
  return {
    id: 'P9',
    title: `match cost, 1,000 over 10 patterns, ${paths.toLocaleString('en')} paths`,
    needs: [needed],
    value: (read) => {
      const given = read(needed, 'group given');
      const cost = (patterns: string) => pairwise(read(needed, patterns), given, (all, rest) => all - rest);
      return ratios(cost('1,000 patterns'), cost('10 patterns'));
    },
    sense: 'at most',
    bar: 1.3,
    unit: 'x',
  };
});

const memory: Bar[] = [100_000, 1_000_000].flatMap((keys) =>
  ['fixed-window', 'token-bucket'].map((algorithm) => ({
    id: 'P10',
    title: `bytes per key, ${algorithm} (two cells), ${keys.toLocaleString('en')} keys`,
    needs: [`memory/${keys}`],
    value: (read: Read) => read(`memory/${keys}`, algorithm).filter((value) => value !== null),
    sense: 'at most' as const,
    bar: 90,
    beyond: 75,
    unit: 'B',
  })),
);

const churn: Bar[] = [
  {
    id: 'P11',
    title: 'churn at the bound over steady state',
    needs: ['churn/time'],
    value: (read) => ratios(read('churn/time', OURS), read('churn/time', 'headgate, steady state')),
    sense: 'at most',
    bar: 4,
    unit: 'x',
  },
  {
    id: 'P11',
    title: 'memory after ten times as many keys as the bound, over twice as many',
    needs: ['churn/memory-2', 'churn/memory-10'],
    value: (read) => ratios(read('churn/memory-10', OURS), read('churn/memory-2', OURS)),
    sense: 'at most',
    bar: 1.05,
    unit: 'x',
  },
];

const PEER_MIDDLEWARES: Readonly<Record<string, readonly string[]>> = {
  express: ['express-rate-limit', 'rate-limiter-flexible'],
  fastify: ['@fastify/rate-limit'],
  hono: ['hono-rate-limiter'],
};
const requests: Bar[] = Object.entries(PEER_MIDDLEWARES).flatMap(([framework, peers]) => {
  const id = `request/${framework}`;
  const kept = (title: string, other: string, bar: number): Bar => ({
    id: 'P12',
    title: `${framework}: throughput over ${title}`,
    needs: [id],
    value: (read) => ratios(read(id, OURS), read(id, other)),
    sense: 'at least',
    bar,
    unit: 'x',
  });
  return [kept('constant fields', 'constant fields', 0.97), ...peers.map((peer) => kept(peer, peer, 1))];
});

const fresh: Bar[] = ['one limit', 'engine'].map((what) => ({
  id: 'P13',
  title: `import and first decision in a fresh process, ${what}`,
  needs: ['fresh-process/import'],
  value: (read) => read('fresh-process/import', what).filter((value) => value !== null),
  sense: 'at most',
  bar: 15,
  beyond: 8,
  unit: 'ms',
}));

const size = (id: string, title: string, bar: number, beyond: number): Bar => ({
  id: 'P14',
  title: `min and gzip, ${title}`,
  needs: [id],
  value: (read) => read(id, 'min + gzip').flatMap((bytes) => (bytes === null ? [] : [bytes / 1000])),
  sense: 'at most',
  bar,
  beyond,
  unit: 'kB',
});

const semaphore = (name: string, entry: string) => (read: Read) => read(`semaphore/${name}`, entry);
const RIVAL = 'async-sema';
const growth = (entry: string) => (read: Read) =>
  ratios(semaphore('waiters-300000', entry)(read), semaphore('waiters-10000', entry)(read));
const semaphores: Bar[] = [
  ...['uncontended', 'waiters-100000'].map((name) => ({
    id: 'S',
    title: `${name === 'uncontended' ? 'acquire and release' : '100,000 waiters, per job'}, over ${RIVAL}`,
    needs: [`semaphore/${name}`],
    value: (read: Read) => ratios(semaphore(name, OURS)(read), semaphore(name, RIVAL)(read)),
    sense: 'at most' as const,
    bar: 1,
    unit: 'x',
  })),
  {
    id: 'S',
    title: `cost per job, 300,000 over 10,000 waiters (bar: what it is for ${RIVAL})`,
    needs: ['semaphore/waiters-10000', 'semaphore/waiters-300000'],
    value: growth(OURS),
    sense: 'at most',
    bar: growth(RIVAL),
    unit: 'x',
  },
  {
    id: 'S',
    title: 'leaving from the middle of 100,000 waiters',
    needs: ['semaphore/leave'],
    value: (read) => semaphore('leave', OURS)(read).flatMap((ns) => (ns === null ? [] : [ns / 1000])),
    sense: 'at most',
    bar: 5,
    unit: 'µs',
  },
];

const remote = (id: string, title: string, needed: string, bar: number, [slow, fast]: string[]): Bar => ({
  id,
  title,
  needs: [needed],
  value: (read) => ratios(read(needed, slow ?? ''), read(needed, fast ?? '')),
  sense: 'at least',
  bar,
  unit: 'x',
});
const FLEXIBLE = 'rate-limiter-flexible';
const redis: Bar[] = [
  ...[1, 64].map((n) =>
    remote('D1', `Redis, one limit, ${n} in flight: times faster than ${FLEXIBLE}`, `redis/one/${n}`, 1, [
      FLEXIBLE,
      OURS,
    ]),
  ),
  ...[1, 64].map((n) =>
    remote(
      'D2',
      `Redis, three limits at once, ${n} in flight: times faster than three consumes of ${FLEXIBLE}`,
      `redis/three/${n}`,
      n === 1 ? 2.5 : 1.8,
      [FLEXIBLE, OURS],
    ),
  ),
  remote('D3', 'Redis, a denied key: times faster with denialCache', 'redis/denied', 20, [
    OURS,
    'headgate, denialCache',
  ]),
  remote('D4', 'Redis, a hot key: times faster with prefetch', 'redis/prefetch', 20, [
    OURS,
    'headgate, prefetch',
  ]),
];

export const BARS: readonly Bar[] = [
  ...overFloor('P1', 1000, 1.9, 1.5),
  ...overFloor('P2', 100_000, 2.2, 1.7),
  ...overFloor('P2', 1_000_000, 2.2, 1.7),
  faster('P3', 'fixed-window', 'rate-limiter-flexible', 3, 4),
  faster('P4', 'fixed-window', 'express-rate-limit', 1.2, 1.5),
  faster('P4', 'token-bucket', 'limiter', 1.2, 1.5),
  faster('P4', 'fixed-window', '@fastify/rate-limit', 1.2, 1.5),
  {
    id: 'P5',
    title: "fixed-window, own clock, 1,000 keys, over hono-rate-limiter's bare counter",
    needs: ['limit/fixed-window/1000/uniform/allowed/own'],
    value: (read) => {
      const id = 'limit/fixed-window/1000/uniform/allowed/own';
      return ratios(read(id, OURS), read(id, 'hono-rate-limiter'));
    },
    sense: 'at most',
    bar: 1.3,
    beyond: 1.1,
    unit: 'x',
  },
  {
    id: 'P6',
    title: 'policy decision over one bare consume of rate-limiter-flexible',
    needs: ['policy/one-consume'],
    value: (read) =>
      ratios(read('policy/one-consume', 'policy'), read('policy/one-consume', 'rate-limiter-flexible')),
    sense: 'at most',
    bar: 1,
    beyond: 0.6,
    unit: 'x',
  },
  ...denied,
  ...further,
  ...match,
  ...memory,
  ...churn,
  ...requests,
  ...fresh,
  {
    id: 'E',
    title: 'policy decision while somebody listens to other events, over nobody listening',
    needs: ['policy/events'],
    value: (read) =>
      ratios(read('policy/events', 'somebody listens'), read('policy/events', 'nobody listens')),
    sense: 'at most',
    bar: 1.03,
    unit: 'x',
  },
  size('size/limiter', 'one limiter, lru-cache apart', 4, 3),
  size('size/engine', 'the engine with everything it imports', 20, 18),
  ...semaphores,
  ...redis,
];
