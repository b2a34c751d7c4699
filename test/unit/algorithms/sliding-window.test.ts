import { describe, expect, it } from 'vitest';
import { slidingWindow } from '../../../src/algorithms/sliding-window.ts';
import { Key } from '../../../src/testing/key.ts';
import { expectRows, type Row } from '../../fixtures/rows.ts';

const DAYS = 86_400_000;

describe('sliding window', () => {
  const plan = slidingWindow({ quota: 10, window: 1000 });

  // biome-ignore format: one history per line
  it.each<[string, Row[]]>([
    ['let the window before fade, unit by unit', [[0, 10, true, 0], [1098, 1, false, 0], [1099, 1, true, 0], [1198, 1, false, 0], [1199, 1, true, 0]]],
    ['have forgotten the window before in its last millisecond', [[0, 10, true, 0], [1998, 10, false, 9], [1999, 10, true, 0]]],
    ['count the cost itself', [[0, 8, true, 2], [0, 3, false, 2], [0, 2, true, 0]]],
    ['grant a cost of 0 when nothing is left', [[0, 10, true, 0], [0, 0, true, 0], [1000, 0, true, 0]]],
    ['refuse a cost above the quota for ever', [[0, 11, false, 10], [60_000, 11, false, 10]]],
    ['forget the last hour after an idle hour', [[0, 10, true, 0], [3_600_000, 10, true, 0]]],
    ['stay in its window when the clock steps back', [[1500, 10, true, 0], [999, 1, false, 0], [2099, 1, true, 0]]],
    ['grant nearly 2 * quota in one length (999 to 1998) at worst', [[999, 10, true, 0], [1098, 1, false, 0], [1099, 1, true, 0], [1998, 8, true, 0], [1999, 1, true, 0]]],
  ])('should %s', (_title, rows) => expectRows(plan, rows));

  it('should grant one unit per window with a quota of 1', () => {
    const key = new Key(slidingWindow({ quota: 1, window: 1000 }));
    const granted = Array.from({ length: 5000 }, (_, now) => now).filter((now) => key.take(now, 1));
    expect(granted).toEqual([0, 1999, 2999, 3999, 4999]);
  });

  it.each([
    ['30d', 30 * DAYS],
    ['365d', 365 * DAYS],
  ] as const)('should be exact over %s', (window, length) => {
    expectRows(slidingWindow({ quota: 2, window }), [
      [length, 2, true, 0],
      [2 * length + length / 2 - 2, 1, false, 0],
      [2 * length + length / 2 - 1, 1, true, 0],
      [3 * length - 1, 1, true, 0],
    ]);
  });

  it('should grant nothing with a quota of 0, and promise nothing', () => {
    const key = new Key(slidingWindow({ quota: 0, window: 1000 }));
    expect([0, 1].map((cost) => key.availableAt(5, cost))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect([key.remaining(5), key.resetAt(5)]).toEqual([0, 5]);
  });

  it('should let debt grow to a second quota, and block even a cost of 0 meanwhile', () => {
    const key = new Key(plan);
    key.charge(0, 15);
    // 15 units fade to 10 after a third of the next window.
    expect([key.remaining(0), key.availableAt(0, 0)]).toEqual([0, 1333]);
    key.charge(0, Number.MAX_SAFE_INTEGER);
    expect([key.availableAt(0, 0), key.availableAt(0, 10)]).toEqual([1499, 1999]);
  });

  it('should keep used units when the quota changes', () => {
    const large = slidingWindow({ quota: 100, window: '1m' });
    const small = slidingWindow({ quota: 10, window: '1m' });
    const key = new Key(large);
    key.charge(0, 30);
    const cut = key.copy(small);
    expect([cut.remaining(0), cut.availableAt(0, 0)]).toEqual([0, 99_999]);
    cut.charge(0, 5);
    expect(cut.copy(large).remaining(0)).toBe(70);
  });

  it('should give a charge back in its window and in the next', () => {
    const key = new Key(plan);
    const marks = [100, 900].map((now) => key.charge(now, 4));
    expect(marks).toEqual([0, 0]);
    key.refund(950, 4, 0);
    expect(key.remaining(950)).toBe(6);
    expect(key.charge(1000, 3)).toBe(1000);
    key.refund(1000, 4, 0);
    expect(key.remaining(1000)).toBe(7);
    key.charge(2000, 5);
    key.refund(2000, 4, 0);
    expect(key.remaining(2000)).toBe(2);
  });

  it('should be fresh without usage, wherever its window was', () => {
    const key = new Key(plan);
    key.refund(5000, 1, key.charge(5000, 1));
    expect(key.forgettableAt()).toBe(0);
    key.charge(3500, 10);
    expect(key.availableAt(3500, 1)).toBe(4099);
  });

  it.each([
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.POSITIVE_INFINITY, 0],
    [Number.NaN, 0],
  ])('should repair counters %s and %s, which nobody can have used', (previous, current) => {
    const { algorithm } = plan;
    const cells = Float64Array.of(2000, previous, current);
    algorithm.repair(plan, cells, 0, 2500);
    expect([...cells]).toEqual([2000, 0, 10]);
  });

  it('should say the largest quota that can be exact', () => {
    const most = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
    expect(slidingWindow({ quota: most, window: 1000 }).quota).toBe(most);
    expect(() => slidingWindow({ quota: most + 1, window: 1000 })).toThrow(`is ${most}`);
  });
});
