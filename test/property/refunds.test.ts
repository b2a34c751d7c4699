/** What refunds leave: the requests that were kept, weighed against what the limit grants without any refund. */

import * as fc from 'fast-check';
import { createLimiter, type Decision, fixedWindow, slidingWindow, tokenBucket } from 'headgate';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/algorithms/algorithm.ts';

/** A request that was allowed; `refundedAt` is the step of its refund. */
interface Charge {
  readonly decision: Decision;
  readonly at: number;
  readonly cost: number;
  readonly step: number;
  refundedAt: number | undefined;
}

type Step = readonly [wait: number, cost: number, refund: number | undefined];

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.oneof(fc.constantFrom(0, 0, 1), fc.nat(400)),
    fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })),
    fc.option(fc.nat(8), { nil: undefined }),
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/**
 * Everything that was allowed.
 *
 * @param isAlone - refunds only charges since which nothing else was refunded
 */
function play(plan: Plan, history: readonly Step[], isAlone: boolean): Charge[] {
  const limiter = createLimiter(plan, { maxKeys: 1 });
  const charges: Charge[] = [];
  let now = 1_000_000;
  let last = -1;
  for (const [step, [wait, cost, refund]] of history.entries()) {
    now += wait;
    const decision = limiter.check('key', { cost, now });
    if (decision.allowed) charges.push({ decision, at: now, cost, step, refundedAt: undefined });
    const charge = refund === undefined ? undefined : charges.at(-1 - refund);
    if (charge === undefined || charge.refundedAt !== undefined || (isAlone && last >= charge.step)) continue;
    limiter.refund(charge.decision, { now });
    charge.refundedAt = now;
    last = step;
  }
  return charges;
}

const kept = (charges: readonly Charge[]): Charge[] =>
  charges.filter(({ refundedAt }) => refundedAt === undefined);
const units = (charges: readonly Charge[]): number => charges.reduce((sum, { cost }) => sum + cost, 0);

/** How many of the requests are denied when they come again, without those that were refunded. */
function denied(plan: Plan, charges: readonly Charge[]): number {
  const limiter = createLimiter(plan, { maxKeys: 1 });
  return charges.filter(({ at, cost }) => !limiter.check('key', { cost, now: at }).allowed).length;
}

const buckets = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom(7, 100, 1000 / 4, 1000),
    fc.integer({ min: 1, max: 20 }),
  )
  .map(([quota, window, burst]) => tokenBucket({ quota, window, burst }));
const windows = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom(7, 100, 1000));

describe('requests that were kept', () => {
  it.each<[string, fc.Arbitrary<Plan>, isAlone: boolean]>([
    ['a token bucket, if nothing else was refunded since a charge that is', buckets, true],
    [
      'a fixed window by the epoch',
      windows.map(([quota, window]) => fixedWindow({ quota, window, anchor: 'epoch' })),
      false,
    ],
    ['a sliding window', windows.map(([quota, window]) => slidingWindow({ quota, window })), false],
  ])('should all be allowed by %s as if the others had never come', (_title, plans, isAlone) => {
    let refunded = 0;
    fc.assert(
      fc.property(plans, steps, (plan, history) => {
        const charges = play(plan, history, isAlone);
        refunded += charges.length - kept(charges).length;
        expect(denied(plan, kept(charges))).toBe(0);
      }),
      { numRuns: 500 },
    );
    expect(refunded).toBeGreaterThan(500);
  });

  it('should be no more than a token bucket grants, but for charges from before the interval that are refunded in it', () => {
    fc.assert(
      fc.property(buckets, steps, (plan, history) => {
        const charges = play(plan, history, false);
        for (const { at: from } of charges) {
          for (const { at: to } of charges.filter(({ at }) => at >= from)) {
            const within = units(kept(charges).filter(({ at }) => at >= from && at <= to));
            const most = plan.burst + Math.floor((plan.quota * (to - from)) / plan.window);
            const earlier = charges.filter(
              ({ at, refundedAt }) =>
                at < from && refundedAt !== undefined && refundedAt >= from && refundedAt <= to,
            );
            expect(within).toBeLessThanOrEqual(most + units(earlier));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('should be at most two quotas in the length of a window from first use', () => {
    fc.assert(
      fc.property(windows, steps, ([quota, window], history) => {
        const charges = kept(play(fixedWindow({ quota, window }), history, false));
        for (const { at: from } of charges) {
          const within = charges.filter(({ at }) => at >= from && at < from + window);
          expect(units(within)).toBeLessThanOrEqual(2 * quota);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('should be up to a refund more than a burst, where the refund of an earlier charge had let it drip back before', () => {
    const limiter = createLimiter(tokenBucket({ quota: 10, window: 1000, burst: 20 }));
    const ask = (now: number, cost: number): Decision => limiter.check('key', { now, cost });
    const [first, second] = [ask(0, 10), ask(0, 10)];
    limiter.refund(first, { now: 0 });
    // What the second has taken has dripped back by now, and is given back once more.
    expect(ask(1000, 20)).toMatchObject({ allowed: true, remaining: 0 });
    limiter.refund(second, { now: 1000 });
    expect(ask(1000, 1)).toMatchObject({ allowed: true, remaining: 9 });
  });
});
