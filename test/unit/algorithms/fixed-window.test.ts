import { describe, expect, it } from 'vitest';
import { fixedWindow } from '../../../src/algorithms/fixed-window.ts';
import { Key } from '../../../src/testing/key.ts';
import { expectRows, type Row } from '../../fixtures/rows.ts';

const DAYS = 86_400_000;

describe('fixed window, from first use', () => {
  const plan = fixedWindow({ quota: 10, window: 1000 });

  // biome-ignore format: one history per line
  it.each<[string, Row[]]>([
    ['spend a quota, then block until the window ends', [[0, 10, true, 0], [0, 1, false, 0], [999, 1, false, 0], [1000, 1, true, 9]]],
    ['begin a window with the first charge', [[700, 10, true, 0], [1000, 1, false, 0], [1699, 1, false, 0], [1700, 1, true, 9]]],
    ['begin no window with a cost of 0', [[0, 0, true, 10], [700, 10, true, 0], [1699, 1, false, 0], [1700, 1, true, 9]]],
    ['grant a cost of 0 when nothing is left', [[0, 10, true, 0], [0, 0, true, 0]]],
    ['let a smaller request pass where a larger one does not', [[0, 8, true, 2], [0, 3, false, 2], [0, 2, true, 0]]],
    ['refuse a cost above the quota for ever', [[0, 11, false, 10], [60_000, 11, false, 10]]],
    ['forget the last hour after an idle hour', [[0, 10, true, 0], [3_600_000, 10, true, 0]]],
    ['bank nothing of the windows before', [[0, 1, true, 9], [5000, 10, true, 0], [5000, 1, false, 0]]],
    ['stay in its window when the clock steps back', [[1000, 10, true, 0], [500, 1, false, 0], [1999, 1, false, 0], [2000, 1, true, 9]]],
    ['grant 2 * quota - 1 in one length (999 to 1998) at worst', [[0, 1, true, 9], [999, 9, true, 0], [1000, 10, true, 0], [1998, 1, false, 0]]],
  ])('should %s', (_title, rows) => expectRows(plan, rows));
});

describe('fixed window, from the epoch', () => {
  const plan = fixedWindow({ quota: 10, window: 1000, anchor: 'epoch' });

  // biome-ignore format: one history per line
  it.each<[string, Row[]]>([
    ['end with the multiple of its length', [[700, 10, true, 0], [999, 1, false, 0], [1000, 1, true, 9]]],
    ['grant 2 * quota in one length (999 to 1998) at worst', [[999, 10, true, 0], [1000, 10, true, 0], [1998, 1, false, 0]]],
    ['stay in its window when the clock steps back', [[1000, 10, true, 0], [999, 1, false, 0], [1999, 1, false, 0], [2000, 1, true, 9]]],
  ])('should %s', (_title, rows) => expectRows(plan, rows));

  it('should win nothing by a clock that steps to and fro over its edge', () => {
    const key = new Key(plan);
    const edges = Array.from({ length: 20 }, (_, i) => 100_000 - 2000 * i);
    const granted = edges.map((edge) => [edge - 1, edge].filter((now) => key.take(now, 10)).length);
    expect(granted).toEqual([2, ...edges.slice(1).map(() => 0)]);
  });
});

describe('fixed window', () => {
  it.each([
    ['30d', 30 * DAYS],
    ['365d', 365 * DAYS],
  ] as const)('should be exact over %s', (window, length) => {
    const start = 1_760_000_000_123;
    expectRows(fixedWindow({ quota: 2, window }), [
      [start, 2, true, 0],
      [start + length - 1, 1, false, 0],
      [start + length, 2, true, 0],
    ]);
  });

  it('should grant nothing with a quota of 0, and promise nothing', () => {
    const key = new Key(fixedWindow({ quota: 0, window: 1000 }));
    expect([0, 1].map((cost) => key.availableAt(5, cost))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect([key.remaining(5), key.resetAt(5)]).toEqual([0, 5]);
  });

  it('should let debt grow to a second quota, and block even a cost of 0 meanwhile', () => {
    const plan = fixedWindow({ quota: 10, window: 1000 });
    const key = new Key(plan);
    key.charge(0, 15);
    expect([key.remaining(0), key.availableAt(0, 0), key.availableAt(0, 10)]).toEqual([0, 1000, 1000]);
    key.charge(0, Number.MAX_SAFE_INTEGER);
    expect(key.copy(fixedWindow({ quota: 25, window: 1000 })).remaining(0)).toBe(5);
  });

  it('should keep used units when the quota changes', () => {
    const large = fixedWindow({ quota: 100, window: '1m' });
    const small = fixedWindow({ quota: 10, window: '1m' });
    const key = new Key(large);
    key.charge(0, 30);
    const cut = key.copy(small);
    expect([cut.remaining(59_999), cut.availableAt(0, 1), cut.remaining(60_000)]).toEqual([0, 60_000, 10]);
    cut.charge(0, 5);
    expect(cut.copy(large).remaining(0)).toBe(70);
  });

  it('should give a charge back while its window lasts', () => {
    const key = new Key(fixedWindow({ quota: 10, window: 1000 }));
    const first = key.charge(0, 4);
    const second = key.charge(500, 3);
    expect([first, second]).toEqual([0, 0]);
    key.refund(999, 4, first);
    expect(key.remaining(999)).toBe(7);
    key.charge(1000, 5);
    key.refund(1000, 3, second);
    expect(key.remaining(1000)).toBe(5);
  });
});
