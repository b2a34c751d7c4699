/** What is measured, as data. */
import type { Algorithm, Case, Entry, ProgramName, Setting } from './case.ts';

/** Rounds of cases that a bar is about, of all others, and of those that take long. */
const MANY = 5;
const FEW = 3;
const FEWER = 2;
const OURS = 'headgate';
const ALGORITHMS: readonly Algorithm[] = ['fixed-window', 'sliding-window', 'token-bucket'];

/** Who else offers one limit of each algorithm. */
const PEERS: Readonly<Record<Algorithm, readonly string[]>> = {
  'fixed-window': [
    'rate-limiter-flexible',
    'express-rate-limit',
    '@fastify/rate-limit',
    'hono-rate-limiter',
    '@tanstack/pacer',
  ],
  'sliding-window': ['@tanstack/pacer'],
  'token-bucket': ['limiter'],
};

/** A pacer keeps every execution in its window and takes longer with each, so it is only asked where that ends. */
const MOST_KEYS: Readonly<Record<string, number>> = { '@tanstack/pacer': 1000 };

const SHAPES: readonly Pick<Setting, 'keys' | 'draw'>[] = [
  { keys: 1, draw: 'uniform' },
  ...([1000, 100_000, 1_000_000] as const).flatMap((keys) => [
    { keys, draw: 'uniform' as const },
    { keys, draw: 'zipf' as const },
  ]),
];

function entry(
  contender: string,
  program: ProgramName,
  setting: Partial<Setting>,
  name: string = contender,
): Entry {
  return { name, contender, program, setting };
}

function count(keys: number): string {
  return keys === 1 ? '1 key' : `${keys.toLocaleString('en')} keys`;
}

const limits: Case[] = ALGORITHMS.flatMap((algorithm) =>
  (['given', 'own'] as const).flatMap((clock) =>
    SHAPES.flatMap(({ keys, draw }) =>
      (['allowed', 'denied'] as const).map((answer): Case => {
        const quota = answer === 'allowed' ? 1_000_000_000 : 1;
        const setting = { algorithm, clock, keys, draw, quota, maxKeys: keys };
        // The floor has no window: it is the same map, whatever it stands beside and whoever is denied.
        const floor = answer === 'allowed' ? ['map'] : [];
        const others = clock === 'given' ? floor : PEERS[algorithm];
        const isBar =
          draw === 'uniform' && keys > 1 && answer === 'allowed' && (clock === 'given' || keys === 1000);
        const isDeniedBar = keys === 1000 && draw === 'uniform' && clock === 'given';
        return {
          id: `limit/${algorithm}/${keys}/${draw}/${answer}/${clock}`,
          table: `One limit, ${algorithm}, ${answer}, ${clock === 'given' ? '`now` given' : 'own clock'}`,
          row: `${count(keys)}${keys === 1 ? '' : `, ${draw}`}`,
          unit: 'ns',
          reference: OURS,
          rounds: isBar || isDeniedBar ? MANY : keys === 1_000_000 ? FEWER : FEW,
          entries: [OURS, ...others]
            .filter((contender) => keys <= (MOST_KEYS[contender] ?? Number.POSITIVE_INFINITY))
            .map((contender) => entry(contender, 'decide', setting)),
        };
      }),
    ),
  ),
);

const fresh: Case = {
  id: 'fresh/1000',
  table: 'One limit, fixed-window, 1,000 keys, each request bringing a new string',
  row: 'own clock',
  unit: 'ns',
  reference: OURS,
  rounds: FEW,
  entries: [OURS, 'map', ...PEERS['fixed-window'].filter((peer) => !(peer in MOST_KEYS))].map((contender) =>
    entry(contender, 'decide', { strings: 'fresh' }),
  ),
};

const policy: Case[] = [
  {
    id: 'policy/one-consume',
    table: 'A policy decision (match, tier, two limits on one key) over one bare `consume`',
    row: '1,000 keys, own clock',
    unit: 'ns',
    reference: 'policy',
    rounds: MANY,
    entries: [
      entry('tiered', 'decide', {}, 'policy'),
      entry('rate-limiter-flexible', 'decide', {}, 'rate-limiter-flexible'),
    ],
  },
  {
    id: 'policy/events',
    table: 'A policy decision while somebody listens to other events',
    row: '1,000 keys, own clock, nothing is denied',
    unit: 'ns',
    reference: 'somebody listens',
    rounds: MANY,
    entries: [
      entry('tiered-heard', 'decide', {}, 'somebody listens'),
      entry('tiered', 'decide', {}, 'nobody listens'),
    ],
  },
  {
    id: 'headers/policy',
    table: 'A policy decision and its response fields',
    row: '1,000 keys, own clock',
    unit: 'ns',
    reference: 'with fields',
    rounds: FEW,
    entries: [
      entry('tiered-headers', 'decide', {}, 'with fields'),
      entry('tiered', 'decide', {}, 'decision alone'),
    ],
  },
];

const LIMIT_COUNTS = [1, 2, 4, 16];
const further: Case[] = (['one', 'each'] as const).flatMap((partitions) =>
  (['decision', 'limits'] as const).map((reads) => ({
    id: `further/${partitions}/${reads}`,
    table: 'Limits in one policy, `now` given, the group named by the caller, 1,000 keys',
    row: `${partitions === 'one' ? 'on one partition' : 'on partitions of their own'}, caller reads ${
      reads === 'decision' ? 'the decision' : "each limit's result"
    }`,
    unit: 'ns',
    reference: '1 limit',
    rounds: partitions === 'one' ? MANY : FEW,
    entries: LIMIT_COUNTS.map((limits) => {
      const name = limits === 1 ? '1 limit' : `${limits} limits`;
      return entry('limits', 'decide', { limits, partitions, reads, clock: 'given' }, name);
    }),
  })),
);

const PATTERNS = [10, 100, 1000];
const match: Case[] = [1000, 100_000].map((paths) => ({
  id: `match/${paths}`,
  table: 'Matching, one limit, `now` given, 1,000 keys',
  row: `${paths.toLocaleString('en')} different paths`,
  unit: 'ns',
  reference: 'group given',
  rounds: MANY,
  entries: [
    entry('match', 'decide', { patterns: 10, paths: 0, clock: 'given' }, 'group given'),
    ...PATTERNS.map((patterns) =>
      entry(
        'match',
        'decide',
        { patterns, paths, clock: 'given' },
        `${patterns.toLocaleString('en')} patterns`,
      ),
    ),
  ],
}));

/** Everyone who keeps keys. */
const KEEPERS = ['map', ...PEERS['fixed-window'], 'limiter'].filter((contender) => !(contender in MOST_KEYS));

const memory: Case[] = [100_000, 1_000_000].map((keys) => ({
  id: `memory/${keys}`,
  table: 'Bytes per key (heap and external, after collection; key strings not counted)',
  row: count(keys),
  unit: 'bytes',
  reference: 'fixed-window',
  rounds: FEW,
  entries: [
    ...ALGORITHMS.map((algorithm) =>
      entry(OURS, 'memory', { algorithm, keys, maxKeys: keys, clock: 'given' }, algorithm),
    ),
    ...KEEPERS.map((contender) => entry(contender, 'memory', { keys, maxKeys: keys })),
  ],
}));

const collections: Case[] = (
  [
    ['pause', 'longest pause while they are made and asked about'],
    ['full-collection', 'collecting everything at once'],
  ] as const
).map(([program, row]) => ({
  id: `${program}/1000000`,
  table: 'Garbage collection with 1,000,000 live keys',
  row,
  unit: 'ms',
  reference: OURS,
  rounds: FEW,
  entries: [OURS, ...KEEPERS].map((contender) =>
    entry(contender, program, { keys: 1_000_000, maxKeys: 1_000_000 }),
  ),
}));

const garbage: Case = {
  id: 'garbage/1000',
  table: 'Bytes allocated per decision',
  row: '1,000 keys, own clock',
  unit: 'bytes',
  reference: OURS,
  rounds: FEW,
  entries: [
    entry(OURS, 'garbage', {}),
    entry(OURS, 'garbage', { clock: 'given' }, 'headgate, `now` given'),
    entry('tiered', 'garbage', {}, 'headgate, policy'),
    ...KEEPERS.map((contender) => entry(contender, 'garbage', {})),
  ],
};

const BOUND = 100_000;
const clockOf = (contender: string): Setting['clock'] => (contender === OURS ? 'given' : 'own');
const churn: Case[] = [
  {
    id: 'churn/time',
    table: 'Churn: every key new, ten times as many as may be kept (100,000)',
    row: 'time per decision',
    unit: 'ns',
    reference: OURS,
    rounds: MANY,
    entries: [
      entry(OURS, 'decide', { keys: BOUND, maxKeys: BOUND, clock: 'given' }, 'headgate, steady state'),
      ...[OURS, ...KEEPERS].map((contender) =>
        entry(contender, 'churn', { keys: 10 * BOUND, maxKeys: BOUND, clock: clockOf(contender) }),
      ),
    ],
  },
  ...[2, 10].map((times) => ({
    id: `churn/memory-${times}`,
    table: 'Churn: bytes held after so many new keys, 100,000 of which may be kept',
    row: count(times * BOUND),
    unit: 'bytes',
    reference: OURS,
    rounds: FEW,
    entries: [OURS, ...KEEPERS].map((contender) =>
      entry(contender, 'churn-memory', { keys: times * BOUND, maxKeys: BOUND, clock: clockOf(contender) }),
    ),
  })),
];

const SEMAPHORES = [OURS, 'async-sema', 'p-limit', 'p-queue', 'cockatiel', 'bottleneck'];
const WAITERS = [10_000, 100_000, 300_000];
const semaphores: Case[] = (
  [
    ['uncontended', 'acquire and release, nobody else', 0],
    ['uncontended-sync', 'the same without a promise', 0],
    ...WAITERS.map((many) => [
      'waiters',
      `${many.toLocaleString('en')} waiters through 10 permits, per job`,
      many,
    ]),
    ['leave', 'leaving from the middle of 100,000 waiters', 100_000],
  ] as [ProgramName, string, number][]
).map(([program, row, waiters]) => ({
  id: program === 'waiters' ? `semaphore/waiters-${waiters}` : `semaphore/${program}`,
  table: 'Semaphores',
  row,
  unit: 'ns',
  reference: OURS,
  rounds: FEW,
  entries: SEMAPHORES.map((contender) => entry(contender, program, { waiters })),
}));

export const CASES: readonly Case[] = [
  ...limits,
  fresh,
  ...policy,
  ...further,
  ...match,
  ...memory,
  ...collections,
  garbage,
  ...churn,
  ...semaphores,
];
