import type { Millis } from '../time.ts';

/** The numbers of a plan that an oracle needs. */
export interface Terms {
  /** Units granted per window. */
  readonly quota: number;
  /** The period the quota covers. */
  readonly window: Millis;
  /** Token bucket only. */
  readonly burst?: number;
}

/**
 * What an algorithm should answer about one key, worked out another way: from its definition, slow and plain. Terms come
 * with each call, since a quota may change under a key.
 */
export interface Oracle {
  /** Whether `cost` units may go ahead at `now`. */
  conforms(terms: Terms, now: Millis, cost: number): boolean;
  /** Takes the units, conforming or not; returns the instant that `refund` wants. */
  charge(terms: Terms, now: Millis, cost: number): Millis;
  /** Gives back what is still outstanding of a charge. */
  refund(terms: Terms, now: Millis, cost: number, chargedAt: Millis): void;
}
