import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Waits } from '../../../../src/lab/measure/waits.ts';

it('should know every quantile to within 1/32, never too low', () => {
  const waits = fc.array(fc.oneof(fc.nat(100), fc.nat(10_000_000)), { minLength: 1 });
  fc.assert(
    fc.property(waits, fc.double({ min: 0, max: 1, noNaN: true }), (lengths, share) => {
      const counted = new Waits();
      for (const length of lengths) counted.add(length);
      const sorted = lengths.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number;
      const told = counted.quantile(share) as number;
      expect(told).toBeGreaterThanOrEqual(exact);
      expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 32));
      expect(counted.longest).toBe(sorted.at(-1));
      expect(counted.histogram().reduce((sum, [, count]) => sum + count, 0)).toBe(lengths.length);
    }),
  );
});

it('should know nothing of no waits', () => {
  expect(new Waits().quantile(0.5)).toBeUndefined();
});
