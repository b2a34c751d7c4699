import { describe, expect, it } from 'vitest';
import { tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { Key } from '../../../src/testing/key.ts';
import { expectRows, type Row } from '../../fixtures/rows.ts';

const DAYS = 86_400_000;

describe('token bucket', () => {
  const plan = tokenBucket({ quota: 10, window: 1000, burst: 3 });

  // biome-ignore format: one history per line
  it.each<[string, Row[]]>([
    ['spend a burst at one instant, then block', [[0, 3, true, 0], [0, 1, false, 0], [99, 1, false, 0], [100, 1, true, 0]]],
    ['never bank more than the burst', [[0, 3, true, 0], [60_000, 3, true, 0], [60_000, 1, false, 0]]],
    ['refuse a cost above the burst for ever', [[0, 4, false, 3], [60_000, 4, false, 3]]],
    ['drip unit by unit', [[0, 3, true, 0], [199, 2, false, 1], [200, 2, true, 0], [299, 1, false, 0], [300, 1, true, 0]]],
    ['count the cost itself', [[0, 2, true, 1], [0, 2, false, 1], [0, 1, true, 0]]],
    ['grant a cost of 0 when nothing is left', [[0, 3, true, 0], [0, 0, true, 0]]],
    ['drip nothing when the clock steps back', [[1000, 3, true, 0], [900, 1, false, 0], [1000, 1, false, 0], [1100, 1, true, 0]]],
  ])('should %s', (_title, rows) => expectRows(plan, rows));

  it.each<[number, number, number, number[]]>([
    [3, 1000, 1, [0, 334, 668, 1002]],
    [7, 1000, 1, [0, 143, 286, 429]],
    [1, 1, 1, [0, 1, 2, 3]],
    [1, 1 * DAYS, 1, [0, DAYS, 2 * DAYS, 3 * DAYS]],
    [2, 30 * DAYS, 1, [0, 15 * DAYS, 30 * DAYS, 45 * DAYS]],
    [1, 365 * DAYS, 1, [0, 365 * DAYS, 730 * DAYS, 1095 * DAYS]],
    [10, Math.floor(1000 / 3), 1, [0, 34, 68, 102]],
  ])(
    'should grant %d per %d ms, burst %d, as soon as they have dripped',
    (quota, window, burst, instants) => {
      const key = new Key(tokenBucket({ quota, window, burst }));
      for (const now of instants) {
        expect(key.availableAt(now, 1), 'not before').toBe(now);
        key.charge(now, 1);
      }
    },
  );

  it('should hold its quota if no burst is given', () => {
    expect(tokenBucket({ quota: 600, window: '1m' }).burst).toBe(600);
  });

  it.each([
    ['with a burst of its own', tokenBucket({ quota: 0, window: 1000, burst: 5 })],
    ['without', tokenBucket({ quota: 0, window: 1000 })],
  ])('should grant nothing with a quota of 0, and promise nothing, %s', (_title, none) => {
    const key = new Key(none);
    key.charge(5, 1);
    expect([0, 1].map((cost) => key.availableAt(5, cost))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect([key.remaining(5), key.resetAt(5), key.forgettableAt()]).toEqual([0, 5, 0]);
  });

  it('should let debt grow to a second burst, and block even a cost of 0 meanwhile', () => {
    const key = new Key(plan);
    key.charge(0, 5);
    expect([key.remaining(0), key.availableAt(0, 0), key.availableAt(0, 3)]).toEqual([0, 200, 500]);
    key.charge(0, Number.MAX_SAFE_INTEGER);
    expect([key.availableAt(0, 0), key.resetAt(0)]).toEqual([300, 600]);
  });

  it('should keep the time to drain when quota and burst change', () => {
    const large = tokenBucket({ quota: 100, window: '1m' });
    const small = tokenBucket({ quota: 10, window: '1m' });
    const key = new Key(large);
    key.charge(0, 100);
    const cut = key.copy(small);
    expect([cut.remaining(0), cut.availableAt(0, 1), cut.remaining(6000)]).toEqual([0, 6000, 1]);
    expect([cut.copy(large).remaining(0), cut.copy(large).availableAt(0, 1)]).toEqual([0, 600]);
  });

  it('should round what it cannot represent after a cut by less than a millisecond, and up', () => {
    const key = new Key(tokenBucket({ quota: 7, window: 1000, burst: 7 }));
    key.charge(0, 2);
    // Two units are 285 5/7 ms.
    expect(key.copy(tokenBucket({ quota: 3, window: 1000, burst: 1 })).resetAt(0)).toBe(286);
    expect(key.copy(tokenBucket({ quota: 3, window: 1000, burst: 1 })).availableAt(0, 1)).toBe(286);
  });

  it('should keep the usage of a slower plan of the same limit', () => {
    const fast = tokenBucket({ quota: 100, window: '1m', burst: 10 });
    const slow = tokenBucket({ quota: 10, window: '1m', burst: 10 });
    const key = new Key(slow);
    key.charge(0, 10);
    const beside = key.copy({ ...fast, horizon: Math.max(fast.horizon, slow.horizon) });
    expect([beside.take(0, 1), beside.availableAt(0, 1)]).toEqual([false, 54_600]);
    const alone = key.copy(fast);
    expect([alone.take(0, 1), alone.availableAt(0, 1)]).toEqual([false, 600]);
  });

  it('should give back what has not drained of a charge', () => {
    const key = new Key(plan);
    const [first, second] = [key.charge(0, 2), key.charge(0, 1)];
    expect([first, second]).toEqual([0, 200]);
    key.refund(150, 1, second);
    expect(key.resetAt(150)).toBe(200);
    key.refund(150, 2, first);
    expect(key.resetAt(150)).toBe(150);
  });

  it('should join to the later arrival time, to a fraction of a millisecond', () => {
    const fast = tokenBucket({ quota: 3_000_000, window: 1000, burst: 30_000 });
    const [one, two] = [new Key(fast), new Key(fast)];
    one.charge(0, 1);
    two.charge(0, 2);
    expect([one.copy().join(two).remaining(0), two.copy().join(one).remaining(0)]).toEqual([29_998, 29_998]);
  });

  it.each([Number.NaN, -1, 3, Number.POSITIVE_INFINITY])(
    'should be back after two drains with %d ticks',
    (ticks) => {
      const key = new Key(tokenBucket({ quota: 3, window: 1000, burst: 1 }), [668, ticks]);
      expect(key.take(0, 1)).toBe(false);
      expect(key.availableAt(0, 1)).toBeLessThanOrEqual(668);
    },
  );

  it.each([
    [7, 1000, 9_007_199_254_740],
    [1, 1 * DAYS, 26_062_497],
    [1000, 1000, 2 ** 51],
    [60_000, 60_000, 2 ** 51],
    [Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER],
  ])('should say the largest legal burst of %d per %d ms', (quota, window, most) => {
    const key = new Key(tokenBucket({ quota, window, burst: most }));
    expect(key.take(0, most)).toBe(true);
    expect(key.resetAt(0)).toBe(Math.ceil((most / quota) * window));
    if (most === Number.MAX_SAFE_INTEGER) return;
    expect(() => tokenBucket({ quota, window, burst: most + 1 })).toThrow(
      `the largest legal burst is ${most}`,
    );
  });
});
