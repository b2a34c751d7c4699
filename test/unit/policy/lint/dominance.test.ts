import { describe, expect, it } from 'vitest';
import type { LimitDocument } from '../../../../src/policy/document.ts';
import { bindsFirst, rateOf } from '../../../../src/policy/lint/dominance.ts';

const ms = (quota: number, window: number): { quota: number; window: number } => ({ quota, window });
const epoch = (quota: number, window: number): LimitDocument => ({
  algorithm: 'fixed-window',
  ...ms(quota, window),
  anchor: 'epoch',
});
const first = (quota: number, window: number): LimitDocument => ({
  algorithm: 'fixed-window',
  ...ms(quota, window),
});
const sliding = (quota: number, window: number): LimitDocument => ({
  algorithm: 'sliding-window',
  ...ms(quota, window),
});
const bucket = (quota: number, window: number, burst?: number): LimitDocument => ({
  algorithm: 'token-bucket',
  ...ms(quota, window),
  ...(burst === undefined ? {} : { burst }),
});

function isProven(strong: LimitDocument, weak: LimitDocument, isSame = false): boolean {
  const [most, least] = [strong, weak].map((limit, i) =>
    rateOf(limit, [{ quota: Number(limit.quota) }], i === 0 ? 'most' : 'least'),
  );
  if (most === undefined || least === undefined) throw new Error('no rate');
  return bindsFirst(most, least, { isSame });
}

/** The stronger limit, and the weaker one with the least quota (or burst) that is proven and the next one below. */
type Row = [title: string, strong: LimitDocument, proven: LimitDocument, not: LimitDocument];

describe('bindsFirst', () => {
  it.each<Row>([
    ['60 aligned minutes of 100 in an aligned hour', epoch(100, 60), epoch(6000, 3600), epoch(5999, 3600)],
    ['an aligned hour over its minutes', epoch(100, 3600), epoch(100, 60), epoch(99, 60)],
    ['aligned windows of lengths that do not divide', epoch(10, 4), epoch(30, 6), epoch(29, 6)],
    ['61 minutes of 100 touch an hour', first(100, 60), epoch(6100, 3600), epoch(6099, 3600)],
    ['an hour from first use', epoch(100, 60), first(6100, 3600), first(6099, 3600)],
    ['windows of one millisecond', first(3, 1), first(30, 10), first(29, 10)],
    ['two windows touch one of their length', first(10, 60), first(20, 60), first(19, 60)],
    ['a sliding window has aligned ones', sliding(100, 60), epoch(6000, 3600), epoch(5999, 3600)],
    ['a bucket in a window', bucket(10, 60, 5), first(5 + 599, 3600), first(5 + 598, 3600)],
    ['a bucket of its quota', bucket(10, 60), epoch(10 + 9, 60), epoch(10 + 8, 60)],
    ['sliding windows of one length', sliding(10, 60), sliding(10, 60), sliding(9, 60)],
    ['a sliding window over aligned ones', epoch(10, 60), sliding(20, 60), sliding(19, 60)],
    ['a sliding window over two lengths', first(10, 60), sliding(30, 60), sliding(29, 60)],
    ['a sliding window over a bucket', bucket(10, 60, 5), sliding(5 + 19, 60), sliding(5 + 18, 60)],
    ['a slower bucket by burst', bucket(10, 60, 5), bucket(20, 60, 5), bucket(20, 60, 4)],
    ['a slower bucket by rate', bucket(10, 60, 5), bucket(20, 120, 5), bucket(19, 120, 5)],
    ['a bucket over windows', first(10, 60), bucket(10, 60, 20), bucket(10, 60, 19)],
    ['a bucket that drains slower than windows come', sliding(10, 60), bucket(10, 60, 20), bucket(9, 60, 99)],
  ])('should prove just as much as is certain: %s', (_title, strong, proven, not) => {
    expect(isProven(strong, proven)).toBe(true);
    expect(isProven(strong, not)).toBe(false);
  });

  it('should take windows from first use for the same only where the charges are the same', () => {
    expect(isProven(first(10, 60), first(10, 60), true)).toBe(true);
    expect(isProven(first(10, 60), first(9, 60), true)).toBe(false);
    expect(isProven(first(10, 60), first(10, 60))).toBe(false);
    expect(isProven(first(10, 60), epoch(10, 60), true)).toBe(false);
  });

  it('should know what grants nothing', () => {
    expect(isProven(bucket(0, 60, 5), first(1, 60))).toBe(true);
    expect(isProven(first(0, 60), first(0, 60))).toBe(true);
    expect(isProven(first(1, 60), bucket(0, 60, 5))).toBe(false);
    expect(isProven(first(1, 60), sliding(0, 60))).toBe(false);
  });

  it('should reckon with the largest numbers there are', () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect(isProven(epoch(most, 1), epoch(most, 2 ** 51))).toBe(false);
    expect(isProven(epoch(most, 2 ** 51), epoch(most, 2 ** 51))).toBe(true);
    expect(isProven(bucket(3, 2 ** 50, 1), bucket(most, 2 ** 51, 1))).toBe(true);
  });
});

describe('rateOf', () => {
  it('should take the most or the least of each number', () => {
    const limit = bucket(7, 60, 5);
    const grants = [{ quota: 7 }, { quota: 3, burst: 9 }];
    expect(rateOf(limit, grants, 'most')).toMatchObject({ quota: 7n, burst: 9n });
    expect(rateOf(limit, grants, 'least')).toMatchObject({ quota: 3n, burst: 5n });
    expect(rateOf(bucket(7, 60), [{ quota: 3 }], 'least')).toMatchObject({ quota: 3n, burst: 3n });
  });

  it('should know no numbers of concurrency, of custom algorithms, and of no grant', () => {
    expect(rateOf({ algorithm: 'concurrency' }, [{ quota: 1 }], 'most')).toBeUndefined();
    expect(rateOf({ algorithm: 'leaky', window: 60, options: {} }, [{ quota: 1 }], 'most')).toBeUndefined();
    expect(rateOf(bucket(7, 60), [], 'most')).toBeUndefined();
  });
});
