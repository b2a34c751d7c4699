import { describe, expect, it } from 'vitest';
import { fixedWindow } from '../../../src/algorithms/fixed-window.ts';
import { slidingWindow } from '../../../src/algorithms/sliding-window.ts';
import { tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { Key, type RatePlan } from '../../../src/testing/key.ts';
import type { Millis } from '../../../src/time.ts';

const QUOTA = 10;
const epoch = (window: Millis) => fixedWindow({ quota: QUOTA, window, anchor: 'epoch' });
const firstUse = (window: Millis) => fixedWindow({ quota: QUOTA, window });
const sliding = (window: Millis) => slidingWindow({ quota: QUOTA, window });
const bucket = (window: Millis) => tokenBucket({ quota: QUOTA, window });

/** Charges as instant and units, then what is left and until when after each change at one instant. */
type Row = [
  title: string,
  charges: readonly (readonly [Millis, number])[],
  now: Millis,
  plans: readonly [RatePlan, ...RatePlan[]],
  left: number,
  resetAt: Millis,
];

it.each<Row>([
  [
    'a window from first use that gets longer, from where it began',
    [[500, 4]],
    900,
    [firstUse(1000), firstUse(3000)],
    6,
    3500,
  ],
  [
    'a window from first use that gets shorter, from now',
    [[500, 4]],
    900,
    [firstUse(1000), firstUse(100)],
    6,
    1000,
  ],
  [
    'one that got shorter and then what it was',
    [[500, 4]],
    900,
    [firstUse(1000), firstUse(100), firstUse(1000)],
    6,
    1900,
  ],
  ['a window that is over', [[500, 4]], 1500, [firstUse(1000), firstUse(3000)], 10, 1500],
  [
    'a window from first use that is aligned, to the one in which it would have ended',
    [[500, 4]],
    900,
    [firstUse(1000), epoch(1000)],
    6,
    2000,
  ],
  [
    'an aligned window that begins with first use, from where it began',
    [[500, 4]],
    900,
    [epoch(1000), firstUse(1000)],
    6,
    1000,
  ],
  [
    'one that was aligned for an instant',
    [[500, 4]],
    900,
    [firstUse(1000), epoch(1000), firstUse(1000)],
    6,
    1900,
  ],
  [
    'an aligned window that gets shorter, to the one a whole window hence',
    [[500, 4]],
    520,
    [epoch(1000), epoch(100)],
    6,
    700,
  ],
  [
    'an aligned window that gets shorter, to the one in which it would have ended',
    [[500, 4]],
    990,
    [epoch(1000), epoch(100)],
    6,
    1000,
  ],
  [
    'an aligned window that gets longer, until nothing can have been cut short',
    [[500, 4]],
    900,
    [epoch(1000), epoch(3000)],
    6,
    6000,
  ],
  [
    'one that was shorter for an instant, and aligned',
    [[226, 4]],
    250,
    [firstUse(333), firstUse(10), epoch(333), firstUse(333)],
    6,
    583,
  ],
  [
    'a sliding window, all of it in the present one',
    [
      [900, 5],
      [1100, 1],
    ],
    1499,
    [sliding(1000), sliding(100)],
    6,
    1599,
  ],
  [
    'a sliding window that slid for an instant only',
    [
      [900, 5],
      [1100, 1],
    ],
    1499,
    [sliding(1000), sliding(100), sliding(1000)],
    6,
    2999,
  ],
  ['a sliding window of which nothing is left', [[900, 5]], 1999, [sliding(1000), sliding(100)], 10, 1999],
  ['a bucket, whose units take longer to drain', [[500, 4]], 700, [bucket(1000), bucket(3000)], 8, 1300],
  ['a bucket, whose units drain faster', [[500, 4]], 700, [bucket(1000), bucket(500)], 8, 800],
  [
    'a bucket that was slower for an instant',
    [[500, 4]],
    700,
    [bucket(1000), bucket(3000), bucket(1000)],
    8,
    900,
  ],
  [
    'a bucket that was far faster for an instant, at whole milliseconds',
    [[500, 4]],
    700,
    [bucket(1000), bucket(10), bucket(1000)],
    8,
    900,
  ],
  ['a bucket that is empty', [[500, 4]], 900, [bucket(1000), bucket(3000)], 10, 900],
])('should convert %s', (_title, charges, now, plans, left, resetAt) => {
  let key = new Key(plans[0]);
  for (const [at, units] of charges) key.charge(at, units);
  plans.slice(1).forEach((plan, i) => {
    key = key.copy(plan).convert(now, plans[i] as RatePlan);
  });
  expect([key.remaining(now), key.resetAt(now)]).toEqual([left, resetAt]);
});

describe.each<[string, (window: Millis) => RatePlan]>([
  ['a window from first use', firstUse],
  ['an aligned window', epoch],
  ['a sliding window', sliding],
  ['a bucket', bucket],
])('%s', (_title, planFor) => {
  it('should leave a fresh key fresh, and forget what is over', () => {
    const fresh = new Key(planFor(1000));
    expect(fresh.copy(planFor(50)).convert(0, fresh.plan).cells).toEqual(fresh.cells);
    const used = new Key(planFor(1000));
    used.charge(500, 3);
    expect(used.copy(planFor(50)).convert(9000, used.plan).forgettableAt()).toBe(0);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 2 ** 53, 0.5])(
    'should convert cells that mean nothing, and lock nobody out: %d',
    (cell) => {
      const wrong = new Key(planFor(1000), new Array(planFor(1000).algorithm.cells).fill(cell));
      const key = wrong.copy(planFor(300)).convert(5000, wrong.plan);
      if (!key.admits(5000, 1)) key.repair(5000);
      expect(key.availableAt(5000, 1)).toBeLessThanOrEqual(5600);
    },
  );
});
