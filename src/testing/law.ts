import type { Arbitrary, Parameters as Settings } from 'fast-check';
import type { Millis } from '../time.ts';
import type { Limit } from './answers.ts';
import { type Drawing, drawing, type FastCheck } from './drawing.ts';
import type { RatePlan } from './key.ts';
import type { Oracle } from './oracle.ts';

/** One algorithm, as the laws need to know it. No plan has a quota of 0. */
export interface Subject {
  readonly fc: FastCheck;
  readonly plans: Arbitrary<RatePlan>;
  /** Plans that may follow on this one over the same cells: other quotas, the same window. */
  readonly siblings: (plan: RatePlan) => Arbitrary<RatePlan>;
  /** Plans of the same quota and capacity with other windows, or other options of their own. */
  readonly strangers: (plan: RatePlan) => Arbitrary<RatePlan>;
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

/** What a law needs to know of a subject beyond its plans. */
export type Knowledge = 'siblings' | 'strangers' | 'oracle' | 'most' | 'least';

/** Throws if the subject breaks it. */
export interface Law {
  /** Without this it cannot be stated. */
  readonly needs: readonly Knowledge[];
  readonly holds: (subject: Subject, runs: Runs) => void;
}

/** How often a law is tried. */
export type Runs = Pick<Settings<unknown>, 'numRuns' | 'endOnFailure'>;

/**
 * A law that can be stated of a subject that these things are known of: `holds` is tried on random plans, an instant to
 * begin `from`, and whatever else is `drawn`.
 */
export function law<T>(
  needs: readonly Knowledge[],
  drawn: (draw: Drawing, limit: Limit, subject: Subject) => { [K in keyof T]: Arbitrary<T[K]> },
  holds: (limit: Limit, drawn: T & { readonly from: Millis }, subject: Subject) => void,
): Law {
  const tryAll: Law['holds'] = (subject, runs) => {
    const { fc, plans } = subject;
    const draw = drawing(fc);
    const cases = plans.chain((plan) => {
      const limit = limitOf(subject, printable(fc, plan));
      return fc.tuple(fc.constant(limit), draw.starts, fc.record<T>(drawn(draw, limit, subject)));
    });
    const isSo = fc.property(cases, ([limit, from, values]) =>
      holds(limit, { ...(values as T), from }, subject),
    );
    fc.assert(isSo, runs);
  };
  return { needs, holds: tryAll };
}

export function limitOf(subject: Subject, plan: RatePlan): Limit {
  return { plan, window: plan.window, capacity: subject.capacity(plan), drain: subject.drain(plan) };
}

/** `plan` as it is when `other` belongs to the same limit: usage is sound if it is sound for either. */
export function beside(plan: RatePlan, other: RatePlan): RatePlan {
  return { ...plan, horizon: Math.max(plan.horizon ?? 0, other.horizon ?? 0) };
}

export function strangers(subject: Subject, plan: RatePlan): Arbitrary<RatePlan> {
  return subject.strangers(plan).map((other) => printable(subject.fc, other));
}

export function siblings(subject: Subject, plan: RatePlan): Arbitrary<RatePlan> {
  return subject.siblings(plan).map((other) => printable(subject.fc, other));
}

/** The plan, shown by its numbers in a counterexample. */
function printable(fc: FastCheck, plan: RatePlan): RatePlan {
  const burst = plan.burst === undefined ? '' : `, burst ${plan.burst}`;
  return Object.assign(
    { ...plan },
    { [fc.toStringMethod]: () => `${plan.quota} per ${plan.window} ms${burst}` },
  );
}
