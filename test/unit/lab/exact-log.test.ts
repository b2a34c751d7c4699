import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExactLog } from '../../../src/lab/exact-log.ts';

const SPANS = [1, 7, 60, 120];

it('should know what was granted within each span, and when there is room, as a plain list does', () => {
  const steps = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 }), fc.boolean()), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, fc.nat(SPANS.length - 1), fc.integer({ min: 1, max: 40 }), (taken, span, quota) => {
      const log = new ExactLog(SPANS);
      const list: { at: number; units: number }[] = [];
      const within = (length: number, now: number) =>
        list.filter(({ at }) => at > now - length).reduce((sum, { units }) => sum + units, 0);
      let now = 0;
      for (const [wait, units, isGranted] of taken) {
        now += wait;
        const length = SPANS[span] as number;
        expect(log.settle(span, now)).toBe(within(length, now));
        let room = now;
        while (units <= quota && within(length, room) + units > quota) room += 1;
        expect(log.roomAt(span, now, units, quota)).toBe(units <= quota ? room : Number.POSITIVE_INFINITY);
        if (!isGranted) continue;
        log.record(now, units);
        list.push({ at: now, units });
        expect(SPANS.map((_, i) => log.sum(i))).toEqual(SPANS.map((each) => within(each, now)));
      }
    }),
  );
});

it('should keep what lies within the longest span, and not much more', () => {
  const log = new ExactLog([10, 100]);
  for (let now = 0; now < 100_000; now++) log.record(now, 1);
  expect([log.sum(0), log.sum(1)]).toEqual([10, 100]);
  expect(log.size).toBeLessThan(3000);
  log.record(200_000, 5);
  expect([...log.entries()]).toEqual([[200_000, 5]]);
  expect(log.last).toBe(200_000);
});
