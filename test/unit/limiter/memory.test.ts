import { createLimiter, fixedWindow } from 'headgate';
import { expect, it } from 'vitest';

it('should stay under its ceiling whatever comes: 10,000,000 distinct keys', () => {
  const maxKeys = 1000;
  const limiter = createLimiter(fixedWindow({ quota: 2, window: '1h' }), { maxKeys, seed: 1 });
  for (let i = 0; i < 10 * maxKeys; i++) limiter.check(`early ${i}`, { now: 0 });
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 10_000_000; i++) limiter.check(`key ${i}`, { now: i });
  expect(limiter.stats().keys).toBe(maxKeys);
  // Rows and remnant were all there before the flood: two cells of 8 bytes for each of some 2,000 rows.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
});
