import * as fc from 'fast-check';
import type { Millis } from '../../../src/time.ts';
import type { RatePlan } from '../../fixtures/algorithm-key.ts';
import type { Limit } from '../../fixtures/answers.ts';
import type { Oracle } from '../../fixtures/oracles.ts';

/** One algorithm, as the laws need to know it. No plan has a quota of 0. */
export interface Subject {
  readonly plans: fc.Arbitrary<RatePlan>;
  /** Plans that may follow on this one over the same cells: other quotas, the same window. */
  readonly siblings: (plan: RatePlan) => fc.Arbitrary<RatePlan>;
  /** Plans of the same quota and capacity with other windows, or other options of their own. */
  readonly strangers: (plan: RatePlan) => fc.Arbitrary<RatePlan>;
  /** Units that such a change may cost, for want of smaller steps than a millisecond. */
  readonly loss: (from: RatePlan, to: RatePlan) => number;
  /** A fresh key; `scale` is a multiple of every quota it will meet. */
  readonly oracle: (scale: number) => Oracle;
  /** How far, in milliseconds, a change of quota may move the state. */
  readonly slack: Millis;
  /** Units a fresh key grants at once. */
  readonly capacity: (plan: RatePlan) => number;
  /** How long usage of one capacity takes to vanish. */
  readonly drain: (plan: RatePlan) => Millis;
  /** How long after the instant it counts from a charge can be given back. */
  readonly refundable: (plan: RatePlan, cost: number) => Millis;
  /** The bound: most units from one instant to another `span` later, both included. */
  readonly most: (plan: RatePlan, span: Millis) => number;
  /** The promise: fewest units in that time if somebody always asks, beginning with a fresh key. */
  readonly least: (plan: RatePlan, span: Millis) => number;
}

/** Throws if the subject breaks it. */
export type Law = (subject: Subject, runs: Runs) => void;
export type Runs = Pick<fc.Parameters<unknown>, 'numRuns' | 'endOnFailure'>;

/** Checks `holds` on random plans, and whatever `drawn` asks for. */
export function forLimits<T>(
  subject: Subject,
  runs: Runs,
  drawn: (limit: Limit, plan: RatePlan) => { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (limit: Limit, drawn: T) => void,
): void {
  const cases = subject.plans.chain((plan) => {
    const limit = limitOf(subject, printable(plan));
    return fc.tuple(fc.constant(limit), fc.record<T>(drawn(limit, plan)));
  });
  fc.assert(
    fc.property(cases, ([limit, values]) => holds(limit, values as T)),
    runs,
  );
}

export function limitOf(subject: Subject, plan: RatePlan): Limit {
  return { plan, window: plan.window, capacity: subject.capacity(plan), drain: subject.drain(plan) };
}

/** `plan` as it is when `other` belongs to the same limit: usage is sound if it is sound for either. */
export function beside(plan: RatePlan, other: RatePlan): RatePlan {
  return { ...plan, horizon: Math.max(plan.horizon ?? 0, other.horizon ?? 0) };
}

export function strangers(subject: Subject, plan: RatePlan): fc.Arbitrary<RatePlan> {
  return subject.strangers(plan).map(printable);
}

export function siblings(subject: Subject, plan: RatePlan): fc.Arbitrary<RatePlan> {
  return subject.siblings(plan).map(printable);
}

/** The plan, shown by its numbers in a counterexample. */
function printable(plan: RatePlan): RatePlan {
  const burst = plan.burst === undefined ? '' : `, burst ${plan.burst}`;
  return Object.assign(
    { ...plan },
    { [fc.toStringMethod]: () => `${plan.quota} per ${plan.window} ms${burst}` },
  );
}
