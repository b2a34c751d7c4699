import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Timeline } from '../../../../src/lab/measure/timeline.ts';

const events = fc.array(fc.tuple(fc.oneof(fc.nat(300), fc.nat(1_000_000)), fc.nat(100)), { minLength: 1 });

it.each(['sum', 'max'] as const)('should put into each bin the %s of what happened in it', (fold) => {
  fc.assert(
    fc.property(events, (happened) => {
      const timeline = new Timeline(1000, fold);
      for (const [after, value] of happened) timeline.add(1000 + after, value);
      const bins = timeline.bins();
      expect(bins.length).toBeLessThanOrEqual(240);
      bins.forEach((told, i) => {
        const values = happened
          .filter(([after]) => Math.floor(after / timeline.width) === i)
          .map(([, value]) => value);
        const sum = values.reduce((all, value) => all + value, 0);
        expect(told).toBe(fold === 'sum' ? sum : Math.max(0, ...values));
      });
    }),
  );
});
