import { createLimiter, fixedWindow, manualClock } from 'headgate';
import { describe, expect, it } from 'vitest';
import { type BlockOptions, BlockTable, blockFrom } from '../../../src/partition/blocks.ts';
import { MAX_INSTANT } from '../../../src/time.ts';

const until = (instant: number) => ({ until: instant, reason: undefined });
const tooMany = expect.objectContaining({
  name: 'DescriptorError',
  code: 'too-many-blocks',
  path: 'partition',
});

describe('a block', () => {
  it.each<[string, BlockOptions, number]>([
    ['a length in milliseconds', { for: 1 }, 1001],
    ['a length in words', { for: '10m' }, 601_000],
    ['an instant', { until: 5000 }, 5000],
    ['an instant with a fraction, which is dropped', { until: 5000.9 }, 5000],
    ['an instant in the past', { until: 0 }, 0],
    ['the last instant', { until: MAX_INSTANT }, MAX_INSTANT],
  ])('should be taken for %s', (_what, options, end) => {
    expect(blockFrom({ ...options, reason: 'abuse' }, 1000)).toEqual({ until: end, reason: 'abuse' });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'for'],
    ['null', null, 'for'],
    ['neither', {}, 'for'],
    ['both', { for: '1m', until: 5000 }, 'for'],
    ['no time at all', { for: 0 }, 'for'],
    ['a negative length', { for: -1 }, 'for'],
    ['a fraction', { for: 1.5 }, 'for'],
    ['an unknown unit', { for: '1 fortnight' }, 'for'],
    ['an instant in words', { until: '2030-01-01' }, 'until'],
    ['a date', { until: new Date(5000) }, 'until'],
    ['NaN', { until: Number.NaN }, 'until'],
    ['never', { until: Number.POSITIVE_INFINITY }, 'until'],
    ['before time began', { until: -1 }, 'until'],
  ])('should be refused by name for %s', (_what, options, path) => {
    expect(() => blockFrom(options as BlockOptions, 1000)).toThrow(
      expect.objectContaining({ name: 'DescriptorError', path }),
    );
  });
});

describe('a table of blocks', () => {
  it('should hold a block up to its end, and not at it', () => {
    const blocks = new BlockTable(10);
    blocks.add('a', until(100), 0);
    expect([0, 99, 100, 101].map((now) => blocks.find('a', now))).toEqual([
      until(100),
      until(100),
      undefined,
      undefined,
    ]);
    expect(blocks.find('b', 0)).toBeUndefined();
  });

  it('should replace a block, be it by a longer or a shorter one, also when it is full', () => {
    const blocks = new BlockTable(1);
    blocks.add('a', until(100), 0);
    blocks.add('a', until(200), 0);
    expect(blocks.find('a', 150)).toEqual(until(200));
    blocks.add('a', { until: 10, reason: 'second thoughts' }, 0);
    expect(blocks.find('a', 9)).toEqual({ until: 10, reason: 'second thoughts' });
    expect(blocks.find('a', 150)).toBeUndefined();
    expect(blocks.size).toBe(1);
  });

  it('should refuse one block too many, and keep all the others', () => {
    const blocks = new BlockTable(3);
    for (const key of ['a', 'b', 'c']) blocks.add(key, until(100), 0);
    expect(() => blocks.add('d', until(100), 99)).toThrow(tooMany);
    expect(['a', 'b', 'c', 'd'].map((key) => blocks.find(key, 99) !== undefined)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(blocks.size).toBe(3);
  });

  it('should make room by dropping blocks that have ended, and only those', () => {
    const blocks = new BlockTable(3);
    blocks.add('a', until(100), 0);
    blocks.add('b', until(101), 0);
    blocks.add('c', until(50), 0);
    blocks.add('d', until(1000), 100);
    expect(blocks.size).toBe(2);
    expect(['a', 'b', 'c', 'd'].map((key) => blocks.find(key, 100) !== undefined)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('should say whether a lifted block was in force, also if it was still kept', () => {
    const blocks = new BlockTable(3);
    blocks.add('a', until(100), 0);
    blocks.add('b', until(100), 0);
    expect(blocks.remove('a', 99)).toBe(true);
    expect(blocks.remove('a', 99)).toBe(false);
    expect(blocks.remove('b', 100)).toBe(false);
    expect(blocks.size).toBe(0);
  });

  it.each(['__proto__', 'constructor', '*'])('should take %s for a key like any other', (key) => {
    const blocks = new BlockTable(3);
    expect(blocks.find(key, 0)).toBeUndefined();
    blocks.add(key, until(100), 0);
    expect([blocks.find(key, 0), blocks.find('a', 0)]).toEqual([until(100), undefined]);
  });

  it('should keep every block, however many other keys come and go', () => {
    const clock = manualClock();
    const limiter = createLimiter(fixedWindow({ quota: 1, window: 10 }), { maxKeys: 4, maxBlocks: 8, clock });
    const blocked = Array.from({ length: 8 }, (_, i) => `blocked_${i}`);
    for (const key of blocked) limiter.block(key, { until: 1000 });
    for (let i = 0; i < 400; i++) {
      clock.set(Math.floor((i * 999) / 400));
      limiter.check(`key_${i}`);
      if (i % 50 === 0) limiter.forget(blocked[i % 8] ?? '');
    }
    expect(() => limiter.block('one_more', { for: '1m' })).toThrow(tooMany);
    clock.set(999);
    expect(blocked.map((key) => limiter.check(key).reason)).toEqual(blocked.map(() => 'blocked'));
    expect(limiter.stats().blocks).toBe(8);
    clock.set(1000);
    limiter.block('one_more', { for: '1m' });
    expect(limiter.stats().blocks).toBe(1);
  });
});
