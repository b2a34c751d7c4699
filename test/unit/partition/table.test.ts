import fc from 'fast-check';
import { fixedWindow, type Plan, slidingWindow, tokenBucket } from 'headgate';
import { describe, expect, it } from 'vitest';
import { PartitionTable, type TableStats } from '../../../src/partition/table.ts';

const seed = [1, 2] as const;
const WINDOW = 100;
const PLANS: readonly (readonly [name: string, plan: Plan])[] = [
  ['a fixed window', fixedWindow({ quota: 10, window: WINDOW })],
  ['an aligned fixed window', fixedWindow({ quota: 10, window: WINDOW, anchor: 'epoch' })],
  ['a sliding window', slidingWindow({ quota: 10, window: WINDOW })],
  ['a token bucket', tokenBucket({ quota: 10, window: WINDOW })],
];
const [, FIXED] = PLANS[0] ?? [];
const [, BUCKET] = PLANS[3] ?? [];

/** A table whose limits have these plans, and what a limiter does with it. */
class Limits {
  readonly table: PartitionTable;
  readonly plans: readonly Plan[];

  constructor(plans: readonly (Plan | undefined)[], maxKeys: number) {
    this.plans = plans.filter((plan) => plan !== undefined);
    this.table = new PartitionTable(this.plans, { maxKeys, maxBlocks: 1, seed });
  }

  /** Takes units of each limit, in the order of the plans. */
  spend(key: string, now: number, ...units: number[]): void {
    let at = this.claim(key, now);
    this.plans.forEach((plan, i) => {
      plan.algorithm.charge(plan, this.table.cells, at, now, units[i] ?? 0);
      at += plan.algorithm.cells;
    });
  }

  /** Makes the key's row. */
  claim(key: string, now: number): number {
    return this.table.claim(key, this.table.locate(key), now);
  }

  /** Units left of each limit. */
  left(key: string, now: number): number[] {
    let at = this.table.locate(key);
    return this.plans.map((plan) => {
      const left = plan.algorithm.remaining(plan, this.table.cells, at, now);
      at += plan.algorithm.cells;
      return left;
    });
  }

  stats(): Partial<TableStats> {
    const { keys, evicted, joined, inherited } = this.table.stats();
    return { keys, evicted, joined, inherited };
  }
}

describe('a partition table', () => {
  it('should make rows by claims only', () => {
    const limits = new Limits([FIXED], 4);
    const { table } = limits;
    const before = table.cells.length;
    expect(limits.left('a', 0)).toEqual([10]);
    expect(table.forget('a', 0)).toBe(false);
    expect(table.remembers('a', table.era)).toBe(false);
    expect([limits.stats(), table.cells.length]).toEqual([
      { keys: 0, evicted: 0, joined: 0, inherited: 0 },
      before,
    ]);
    limits.spend('a', 0, 3);
    expect(limits.stats()).toMatchObject({ keys: 1 });
    limits.spend('a', 0, 3);
    expect(limits.stats()).toMatchObject({ keys: 1 });
    expect([limits.left('a', 0), limits.left('b', 0)]).toEqual([[4], [10]]);
  });

  it('should grow with its keys, and keep what they hold', () => {
    const limits = new Limits([FIXED, BUCKET], 1000);
    const keys = Array.from({ length: 1000 }, (_, i) => `key_${i}`);
    for (const [i, key] of keys.entries()) limits.spend(key, 0, i % 10, (i + 5) % 10);
    expect(keys.map((key) => limits.left(key, 0))).toEqual(
      keys.map((_, i) => [10 - (i % 10), 10 - ((i + 5) % 10)]),
    );
    expect(limits.stats()).toEqual({ keys: 1000, evicted: 0, joined: 0, inherited: 0 });
    expect(limits.table.cells.length).toBe(1001 * 4);
  });

  it.each(PLANS)('should give up a row of %s that has run out, and keep nothing of it', (_name, plan) => {
    const limits = new Limits([plan], 2);
    limits.spend('a', 0, 10);
    limits.spend('b', 0, 10);
    const runOut = 2 * WINDOW;
    limits.spend('c', runOut, 1);
    expect(limits.stats()).toEqual({ keys: 2, evicted: 1, joined: 0, inherited: 0 });
    expect([limits.left('a', runOut), limits.left('d', runOut)]).toEqual([[10], [10]]);
    expect(limits.table.cells.length).toBe(3 * plan.algorithm.cells);
  });

  it.each(PLANS)('should join a row of %s that still matters into the remnant', (_name, plan) => {
    const limits = new Limits([plan], 1);
    limits.spend('a', 0, 10);
    limits.spend('b', 1, 1);
    expect(limits.stats()).toEqual({ keys: 1, evicted: 1, joined: 1, inherited: 0 });
    // One key, so one row of remnant: whoever has no row inherits it.
    expect([limits.left('b', 1), limits.left('a', 1), limits.left('c', 1)]).toEqual([[9], [0], [0]]);
    expect(limits.table.cells.length).toBe(3 * plan.algorithm.cells);
    limits.spend('a', 1, 0);
    expect([limits.left('a', 1), limits.stats()]).toEqual([
      [0],
      { keys: 1, evicted: 2, joined: 2, inherited: 1 },
    ]);
  });

  it.each([
    [1, 1],
    [3, 4],
    [5, 8],
    [8, 8],
  ])('should allocate the remnant with the first row that matters, for %i keys %i rows', (maxKeys, rows) => {
    const limits = new Limits([FIXED], maxKeys);
    for (let i = 0; i < maxKeys; i++) limits.spend(`key_${i}`, 0, 1);
    const fullTable = (maxKeys + 1) * 2;
    expect(limits.table.cells.length).toBeLessThanOrEqual(fullTable);
    limits.spend('one more', 0, 1);
    expect(limits.table.cells.length).toBe(fullTable + rows * 2);
    for (let i = 0; i < 10 * maxKeys; i++) limits.spend(`other_${i}`, 0, 1);
    expect(limits.table.cells.length).toBe(fullTable + rows * 2);
  });

  it('should evict the key that was asked about least recently', () => {
    const limits = new Limits([FIXED], 3);
    for (const key of ['a', 'b', 'c']) limits.spend(key, 0, 1);
    limits.left('a', 0);
    limits.spend('b', 0, 1);
    limits.spend('d', 0, 1);
    expect(['a', 'b', 'c', 'd'].map((key) => limits.table.remembers(key, 0))).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it('should join each limit of a row into its own cells', () => {
    const plans = PLANS.map(([, plan]) => plan);
    const limits = new Limits(plans, 1);
    limits.spend('a', 0, 1, 2, 3, 4);
    limits.spend('b', 0, 4, 3, 2, 1);
    expect(limits.left('c', 0)).toEqual([9, 8, 7, 6]);
    limits.spend('c', 0, 0, 0, 0, 0);
    expect(limits.left('c', 0)).toEqual([9, 8, 7, 6]);
    expect(limits.left('d', 0)).toEqual([6, 7, 7, 6]);
  });

  it('should join only those limits of a row that still matter', () => {
    const short = fixedWindow({ quota: 10, window: 10 });
    const limits = new Limits([short, FIXED], 1);
    limits.spend('a', 0, 10, 10);
    limits.spend('b', 50, 1, 1);
    expect(limits.left('a', 50)).toEqual([10, 0]);
    expect(limits.left('a', 5)).toEqual([10, 0]);
  });

  it('should clear what has run out in the remnant before it joins more', () => {
    const limits = new Limits([FIXED], 1);
    limits.spend('a', 0, 10);
    limits.spend('b', 50, 2);
    limits.spend('c', 100, 1);
    expect(limits.stats()).toEqual({ keys: 1, evicted: 2, joined: 2, inherited: 0 });
    // Of `b` only: the window of `a` was over when `b` was joined, so its ten units no longer count.
    expect(limits.left('d', 100)).toEqual([8]);
  });

  it('should not count a newcomer as an heir when the remnant has run out', () => {
    const limits = new Limits([FIXED], 1);
    limits.spend('a', 0, 10);
    limits.spend('b', 1, 1);
    limits.spend('c', 500, 1);
    expect(limits.stats()).toEqual({ keys: 1, evicted: 2, joined: 1, inherited: 0 });
    expect(limits.left('c', 500)).toEqual([9]);
  });

  describe('that forgets a key', () => {
    it('should say whether there was anything to forget', () => {
      const limits = new Limits([FIXED], 1);
      expect(limits.table.forget('a', 0)).toBe(false);
      limits.spend('a', 0, 10);
      expect([limits.table.forget('a', 0), limits.table.forget('a', 0)]).toEqual([true, false]);
      expect([limits.left('a', 0), limits.stats()]).toEqual([
        [10],
        { keys: 0, evicted: 0, joined: 0, inherited: 0 },
      ]);
    });

    it('should use its row again', () => {
      const limits = new Limits([FIXED], 100);
      for (let i = 0; i < 500; i++) {
        limits.spend('a', 0, 1);
        limits.table.forget('a', 0);
      }
      limits.spend('b', 0, 4);
      expect(limits.left('b', 0)).toEqual([6]);
      expect(limits.table.cells.length).toBeLessThan(100);
    });

    it.each(PLANS)('should make it fresh though the remnant holds usage of %s', (_name, plan) => {
      const limits = new Limits([plan], 1);
      limits.spend('a', 0, 10);
      limits.spend('b', 1, 10);
      expect(limits.left('a', 1)).toEqual([0]);
      expect(limits.table.forget('a', 1)).toBe(true);
      expect(limits.left('a', 1)).toEqual([10]);
      // Not at the cost of others: those still inherit.
      expect([limits.left('b', 1), limits.left('c', 1)]).toEqual([[0], [0]]);
      limits.spend('a', 1, 4);
      expect([limits.left('a', 1), limits.stats().keys]).toEqual([[6], 1]);
    });

    it('should take no row for a key that the remnant holds nothing against', () => {
      const limits = new Limits([FIXED], 1);
      limits.spend('a', 0, 10);
      limits.spend('b', 1, 1);
      expect(limits.table.forget('c', 500)).toBe(false);
      expect([limits.stats().keys, limits.left('b', 1)]).toEqual([1, [9]]);
    });

    it('should not remember charges from before', () => {
      const limits = new Limits([FIXED], 2);
      const { table } = limits;
      limits.claim('a', 0);
      const era = table.era;
      expect(table.remembers('a', era)).toBe(true);
      table.forget('b', 0);
      expect(table.remembers('a', era)).toBe(true);
      table.forget('a', 0);
      expect(table.remembers('a', era)).toBe(false);
      limits.claim('a', 0);
      expect([table.remembers('a', era), table.remembers('a', table.era)]).toEqual([false, true]);
    });
  });

  it('should say how many keys are blocked', () => {
    const { table } = new Limits([FIXED], 2);
    table.blocks.add('a', { until: 10, reason: undefined }, 0);
    expect(table.stats()).toEqual({ keys: 0, maxKeys: 2, evicted: 0, joined: 0, inherited: 0, blocks: 1 });
  });
});

describe('save and load', () => {
  it('should leave the line of eviction as it was', () => {
    const plan = fixedWindow({ quota: 9, window: 1000 });
    const options = { maxKeys: 48, maxBlocks: 1, seed: [1, 2] } as const;
    const moves = fc.array(fc.tuple(fc.nat({ max: 70 }), fc.boolean()), {
      minLength: 60,
      maxLength: 200,
      size: 'max',
    });
    const play = (table: PartitionTable, [key, charges]: readonly [number, boolean]): void => {
      const at = table.locate(`k${key}`);
      if (!charges) return;
      const row = table.claim(`k${key}`, at, 5);
      plan.algorithm.charge(plan, table.cells, row, 5, 1);
    };
    fc.assert(
      fc.property(moves, moves, (past, future) => {
        const table = new PartitionTable([plan], options);
        for (const move of past) play(table, move);
        const loaded = new PartitionTable([plan], options);
        expect(loaded.load(table.save(), 5)).toBe(0);
        const evicted: string[][] = [table, loaded].map((each) => {
          const keys: string[] = [];
          each.onEvicted = (key, isJoined) => keys.push(`${key} ${isJoined}`);
          for (const move of future) play(each, move);
          return keys;
        });
        expect(evicted[1]).toEqual(evicted[0]);
        expect(loaded.save()).toEqual(table.save());
      }),
      { numRuns: 100 },
    );
  });
});
