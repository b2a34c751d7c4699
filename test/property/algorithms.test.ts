import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { algorithmLaws } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { type Anchor, fixedWindow } from '../../src/algorithms/fixed-window.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { assertAgrees, takeAll } from '../../src/testing/answers.ts';
import { drawing, type Scale } from '../../src/testing/drawing.ts';
import { Key, type RatePlan } from '../../src/testing/key.ts';
import { MAX_INSTANT, type Millis } from '../../src/time.ts';
import { describeAlgorithm, type Subject } from '../contract/algorithm.ts';
import { exactLog, gcra, windowCounters, windowLog } from '../fixtures/oracles.ts';
import { seeded } from '../fixtures/seeded.ts';

const { costs, starts, waits } = drawing(fc);

const NUM_RUNS = 300;
const DAYS = 86_400_000;

const windows = fc.constantFrom(1, 2, 3, 7, 10, 333, 997, 1000, 60_000, 30 * DAYS, 365 * DAYS);
const quotas = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 200 }));
const bursts = fc.integer({ min: 1, max: 40 });

/** Plans (quota, window, burst) on which an arrival time in floats goes wrong. */
const HARD: readonly (readonly [quota: number, window: Millis, burst: number])[] = [
  [3, 1000, 1],
  [7, 1000, 1],
  [7, 1000, 7],
  [1000, 1000, 10],
  [60_000, 1000, 600],
  [1e6, 1000, 1e4],
  [3e6, 1000, 3e4],
  [1, 1 * DAYS, 1],
  [100, 60_000, 100],
];

/** Plans at the edge of exact arithmetic. */
const EXTREME: typeof HARD = [
  [7, 1000, 9_007_199_254_740],
  [1, 2 ** 51, 1],
  [2 ** 53 - 1, 1, 2 ** 53 - 1],
  [2 ** 53 - 1, 2 ** 51, 3],
];

const ANY = { quota: 1, window: 1 };

const fixed = (anchor: Anchor): Omit<Subject, 'most'> => ({
  algorithm: fixedWindow({ ...ANY, anchor }).algorithm,
  plan: fc.record({ quota: quotas, window: windows }).map((rate) => fixedWindow({ ...rate, anchor })),
  siblings: ({ window }) => quotas.map((quota) => fixedWindow({ quota, window, anchor })),
  strangers: ({ quota }) =>
    fc
      .record({ window: windows, anchor: fc.constantFrom<Anchor>('first-use', 'epoch') })
      .map((other) => fixedWindow({ quota, ...other })),
  loss: () => 0,
  oracle: () => windowLog(anchor),
  slack: 0,
  capacity: ({ quota }) => quota,
  drain: ({ window }) => window,
  refundable: ({ window }) => window,
  least: ({ quota, window }, span) => quota * (Math.floor(span / window) + 1),
});

const FROM_FIRST_USE: Subject = {
  ...fixed('first-use'),
  // An interval begins with the start of a window, or after the charge that opened it.
  most: ({ quota, window }, span) =>
    Math.max(quota * (Math.floor(span / window) + 1), quota * (Math.ceil(span / window) + 1) - 1),
};

const FROM_EPOCH: Subject = {
  ...fixed('epoch'),
  most: ({ quota, window }, span) => quota * (Math.ceil(span / window) + 1),
};

const SLIDING: Subject = {
  algorithm: slidingWindow(ANY).algorithm,
  plan: fc.record({ quota: quotas, window: windows }).map(slidingWindow),
  siblings: ({ window }) => quotas.map((quota) => slidingWindow({ quota, window })),
  strangers: ({ quota }) => windows.map((window) => slidingWindow({ quota, window })),
  loss: () => 0,
  oracle: windowCounters,
  slack: 0,
  capacity: ({ quota }) => quota,
  drain: ({ window }) => 2 * window,
  refundable: ({ window }) => 2 * window,
  most: ({ quota, window }, span) => quota + Math.floor((quota * (span + 1)) / window),
  least: ({ quota, window }, span) => Math.max(quota, Math.floor((quota * span) / window)),
};

const burstOf = ({ quota, burst = quota }: RatePlan) => burst;
const drainOf = ({ quota, window }: RatePlan, units: number) => Math.ceil((units * window) / quota);
const drips = ({ quota, window }: RatePlan, span: Millis) => Math.floor((quota * span) / window);

const TOKEN_BUCKET: Subject = {
  algorithm: tokenBucket(ANY).algorithm,
  plan: fc.oneof(
    fc.record({ quota: quotas, window: windows, burst: bursts }).map(tokenBucket),
    fc.constantFrom(...HARD.filter(([, , burst]) => burst <= 100)).map(toTokenBucket),
  ),
  siblings: ({ window }) =>
    fc.record({ quota: quotas, window: fc.constant(window), burst: bursts }).map(tokenBucket),
  strangers: ({ quota, burst = quota }) => windows.map((window) => tokenBucket({ quota, window, burst })),
  // A started millisecond counts, before and after.
  loss: (from, to) => Math.ceil(from.quota / from.window) + Math.ceil(to.quota / to.window) + 1,
  oracle: gcra,
  slack: 1,
  capacity: burstOf,
  drain: (plan) => drainOf(plan, burstOf(plan)),
  refundable: drainOf,
  most: (plan, span) => burstOf(plan) + drips(plan, span),
  least: (plan, span) =>
    wastesNothing(plan)
      ? burstOf(plan) + drips(plan, span)
      : burstOf(plan) * (Math.floor(span / drainOf(plan, burstOf(plan))) + 1),
};

function toTokenBucket([quota, window, burst]: (typeof HARD)[number]): RatePlan {
  return tokenBucket({ quota, window, burst });
}

/** Whether the bucket has room for what drips in a millisecond while somebody always asks. */
function wastesNothing(plan: RatePlan): boolean {
  return (burstOf(plan) - 1) * plan.window >= plan.quota - 1;
}

describeAlgorithm('fixed window, from first use', FROM_FIRST_USE, NUM_RUNS);
describeAlgorithm('fixed window, from the epoch', FROM_EPOCH, NUM_RUNS);
describeAlgorithm('sliding window', SLIDING, NUM_RUNS);
describeAlgorithm('token bucket', TOKEN_BUCKET, NUM_RUNS);

describe('laws of which nothing is declared but the plans', () => {
  it.each([
    ['fixed window', FROM_FIRST_USE],
    ['token bucket', TOKEN_BUCKET],
  ])('should hold: %s', (_title, { algorithm, plan }) => {
    const laws = algorithmLaws(algorithm, { fc, plan, numRuns: 100 });
    expect(laws).toHaveLength(12);
    for (const { check } of laws) check();
  });
});

describe('windows', () => {
  type Window = (key: Key, now: Millis) => Millis;
  const aligned: Window = (key, now) => Math.floor(now / key.plan.window);
  const own: Window = (key, now) => key.resetAt(now);

  it.each<[string, Subject, Window]>([
    ['its own window, from first use', FROM_FIRST_USE, own],
    ['an aligned window, from the epoch', FROM_EPOCH, aligned],
    ['an aligned window, sliding', SLIDING, aligned],
  ])('should grant at most the quota in %s, and sometimes all of it', (_title, subject, windowOf) => {
    forRequests(subject, (key, requests) => {
      const granted = new Map<Millis, number>();
      for (const [now, cost] of requests) {
        if (!key.take(now, cost)) continue;
        const window = windowOf(key, now);
        granted.set(window, (granted.get(window) ?? 0) + cost);
      }
      assert.ok(Math.max(...granted.values()) <= key.plan.quota);
      assert.equal(granted.values().next().value, key.plan.quota);
    });
  });

  it.each([
    ['first use', FROM_FIRST_USE],
    ['the epoch', FROM_EPOCH],
  ])(
    'should keep the reset of a fixed window from %s where it is, whatever is charged',
    (_title, subject) => {
      forRequests(subject, (key, requests) => {
        let reset = 0;
        for (const [now, cost] of requests) {
          const isOver = now >= reset;
          if (isOver) key.charge(now, 1);
          key.charge(now, cost);
          if (isOver) reset = key.resetAt(now);
          assert.equal(key.resetAt(now), reset);
        }
      });
    },
  );

  /** Requests that begin with one for the whole quota. */
  function forRequests(
    subject: Subject,
    holds: (key: Key, requests: readonly (readonly [now: Millis, cost: number])[]) => void,
  ): void {
    const cases = subject.plan.chain((plan) => {
      const scale: Scale = { window: plan.window, capacity: plan.quota, drain: subject.drain(plan) };
      const steps = fc.array(fc.tuple(waits(scale), costs(scale)), { maxLength: 60 });
      return fc.record({ plan: fc.constant(plan), from: starts, steps });
    });
    fc.assert(
      fc.property(cases, ({ plan, from, steps }) => {
        const instants = runningSum(
          from,
          steps.map(([wait]) => wait),
        );
        const requests = steps.map(([, cost], i) => [instants[i] ?? from, cost] as const);
        holds(new Key(plan), [[from, plan.quota], ...requests]);
      }),
      { numRuns: NUM_RUNS },
    );
  }
});

describe('token bucket, plan by plan', () => {
  it.each(HARD)('should grant %d per %d ms, burst %d, while somebody always asks', (...row) => {
    const plan = toTokenBucket(row);
    const key = new Key(plan);
    const limit = { plan, window: plan.window, capacity: burstOf(plan), drain: drainOf(plan, burstOf(plan)) };
    let [now, units] = [0, takeAll(limit, key, 0)];
    for (let round = 0; round < 500; round++) {
      now = key.availableAt(now, 1);
      assert.equal(units, TOKEN_BUCKET.least(plan, now - 1), `by ${now - 1}`);
      units += takeAll(limit, key, now);
      assert.equal(units, TOKEN_BUCKET.least(plan, now), `by ${now}`);
    }
  });

  it.each([
    ...HARD.map((numbers) => [...numbers, 'with debts and clock steps'] as const),
    ...EXTREME.map((numbers) => [...numbers, 'at the edge'] as const),
  ])('should agree with an exact model for 100,000 steps: %d per %d ms, burst %d, %s', (...row) => {
    const [quota, window, burst, how] = row;
    walk(toTokenBucket([quota, window, burst]), how === 'at the edge' ? 0 : 0.05);
  });

  /** Asks, charges, refunds, and some debts and steps back, so timed that the bucket is nearly always nearly full. */
  function walk(plan: RatePlan, oddities: number): void {
    const random = seeded(plan.quota);
    const burst = burstOf(plan);
    const scale = { window: plan.window, capacity: burst, drain: drainOf(plan, burst) };
    const seen = { granted: 0, denied: 0 };
    let [key, oracle] = [new Key(plan), gcra(plan.quota)];
    let now = 0;
    let last = { cost: 0, mark: 0 };
    for (let step = 0; step < 100_000; step++) {
      const cost = random() < 0.5 ? Math.min(1, burst) : Math.floor(random() ** 3 * (burst + 2));
      const pace = (2 * random() * Math.max(1, last.cost) * plan.window) / plan.quota;
      now = Math.max(0, now + Math.floor(random() < oddities ? -random() * scale.drain : pace));
      if (now > MAX_INSTANT) {
        [key, oracle, now, last] = [new Key(plan), gcra(plan.quota), 0, { cost: 0, mark: 0 }];
      }
      seen[oracle.conforms(plan, now, cost) ? 'granted' : 'denied']++;
      assertAgrees(scale, key, oracle, now, cost);
      if (random() < 0.1) {
        key.refund(now, last.cost, last.mark);
        oracle.refund(plan, now, last.cost, last.mark);
      } else if (random() < oddities || oracle.conforms(plan, now, cost)) {
        last = { cost, mark: key.charge(now, cost) };
        assert.equal(oracle.charge(plan, now, cost), last.mark);
      }
    }
    assert.ok(Math.min(seen.granted, seen.denied) > 5000, `${seen.granted} granted, ${seen.denied} denied`);
  }
});

describe('sliding window beside an exact log', () => {
  const QUOTA = 100;
  const WINDOW = 60_000;
  const random = seeded(1);
  const burstAt = (at: Millis) => Array.from({ length: QUOTA }, () => at);
  const evenly = (from: Millis) =>
    Array.from({ length: 3 * QUOTA }, (_, i) => from + (i * WINDOW) / (3 * QUOTA));

  const gaps = (gap: () => Millis) => runningSum(0, Array.from({ length: 30_000 }, gap));

  it.each<[string, readonly Millis[]]>([
    ['uniform', gaps(() => random() * 1200)],
    ['bursty', gaps(() => (random() < 0.95 ? random() * 20 : random() * 24_000))],
    [
      'adversarial',
      // A quota at the very end of a window looks as if it had been spread, and so does one at its very beginning.
      Array.from({ length: 50 }, (_, i) => i * 6 * WINDOW).flatMap((from) => [
        ...burstAt(from + WINDOW - 1),
        ...evenly(from + WINDOW),
        ...burstAt(from + 4 * WINDOW),
        ...evenly(from + 5 * WINDOW),
      ]),
    ],
  ])('should stay within its bound for %s arrivals', (title, arrivals) => {
    const plan = slidingWindow({ quota: QUOTA, window: WINDOW });
    const [key, log] = [new Key(plan), exactLog(plan)];
    const count = { granted: 0, lax: 0, strict: 0, most: 0 };
    for (const arrival of arrivals) {
      const now = Math.floor(arrival);
      const hasRoom = log.units(now) < QUOTA;
      const isGranted = key.take(now, 1);
      if (isGranted) log.record(now, 1);
      count.granted += Number(isGranted);
      count.lax += Number(isGranted && !hasRoom);
      count.strict += Number(!isGranted && hasRoom);
      count.most = Math.max(count.most, log.units(now));
    }
    const share = (part: number) => `${((100 * part) / arrivals.length).toFixed(1)} %`;
    console.log(
      `sliding window and exact log, ${title}: ${arrivals.length} arrivals, ${share(count.granted)} granted, ` +
        `${share(count.lax)} that the log denies; ${share(count.strict)} denied that the log grants; ` +
        `at most ${count.most} units in a window, of ${QUOTA}`,
    );
    expect(count.lax + count.strict).toBeGreaterThan(0);
    expect(count.most).toBeGreaterThanOrEqual(QUOTA);
    expect(count.most).toBeLessThanOrEqual(2 * QUOTA);
  });
});

function runningSum(start: number, terms: readonly number[]): readonly number[] {
  let sum = start;
  return terms.map((term) => {
    sum += term;
    return sum;
  });
}
