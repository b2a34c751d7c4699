/**
 * The contract between an algorithm and everything above it.
 *
 * @module
 */

import { checkFields, collectFaults, PolicyError, show } from '../errors.ts';
import { type Duration, type Millis, parseDuration } from '../time.ts';

/** One validated limit: its numbers, and the algorithm that reads them. Immutable. */
export interface Plan {
  /** Reads the numbers. */
  readonly algorithm: Algorithm;
  /** Units the limit grants per `window`; 0 means nothing is ever granted. */
  readonly quota: number;
  /** The period a quota covers, in milliseconds. */
  readonly window?: Millis;
  /** Units a token bucket can hold. */
  readonly burst?: number;
  /**
   * How far ahead of the clock usage may lie before {@link Algorithm.repair} takes it for wrong, where that depends on
   * quota or burst. A policy sets it to the largest among all plans of a limit.
   */
  readonly horizon?: Millis;
}

/** What every plan builder takes; see {@link fixedWindow}, {@link slidingWindow} and {@link tokenBucket}. */
export interface RateOptions {
  /** Units granted per window: an integer from 0 to 2^53 - 1. */
  readonly quota: number;
  /** The period the quota covers, 1 ms to 2^51 ms. */
  readonly window: Duration;
}

/**
 * A rate limit as pure arithmetic over float64 cells: no clock, no allocation, no I/O.
 *
 * **State.** One key owns `cells` consecutive numbers of a shared array, the first at index `at`. All-zero cells are a
 * key that was never seen. Cells hold *usage* (units used, the theoretical arrival time), never what is left, so a
 * quota can change under them without minting anything.
 *
 * **Time.** `now` is a whole number of milliseconds from 0 to 2^52 and may step back. `cost` is a whole number of
 * units from 0 to 2^53 - 1.
 *
 * **Wrong state.** After a clock step, a foreign snapshot or corruption, cells may hold anything, NaN included. No
 * function may throw or loop on that, and after one {@link Algorithm.repair} no key stays locked out for more than two
 * drains. (A drain is the time full usage takes to vanish.)
 */
export interface Algorithm<P extends Plan = Plan> {
  /** Name of the algorithm, such as `token-bucket`. */
  readonly kind: string;
  /** How many float64 cells one key takes. */
  readonly cells: number;

  /**
   * Earliest instant at which `cost` units conform if nothing else is charged. Reads only.
   *
   * @returns an instant; at or before `now` means "now"; `Infinity` when the cost exceeds what the limit can ever
   * grant, and for every cost when the quota is 0
   */
  availableAt(plan: P, cells: Float64Array, at: number, now: Millis, cost: number): Millis;

  /**
   * Takes `cost` units, whether or not they conform: the caller has asked. What exceeds the quota is debt, which
   * saturates at one further quota (token bucket: burst).
   *
   * @returns the instant this charge counts from, for {@link Algorithm.refund}: the start of its window, or the moment
   * it begins to drain
   */
  charge(plan: P, cells: Float64Array, at: number, now: Millis, cost: number): Millis;

  /**
   * Gives back what is still outstanding of one charge, at most `cost` units; nothing after its window or drain. Counts
   * on nothing else having been given back since: `chargedAt` does not know of that.
   *
   * @param chargedAt - what {@link Algorithm.charge} returned
   */
  refund(plan: P, cells: Float64Array, at: number, now: Millis, cost: number, chargedAt: Millis): void;

  /** How many requests of cost 1 would pass now, one after the other: a whole number, never negative. */
  remaining(plan: P, cells: Float64Array, at: number, now: Millis): number;

  /** When the full quota is back if nothing else is charged; `now` for a key without usage. */
  resetAt(plan: P, cells: Float64Array, at: number, now: Millis): Millis;

  /**
   * From this instant on the cells answer every question as all-zero cells do, whatever the quota. Depends on neither
   * quota nor burst where the cells allow it, so that a row can be dropped without knowing its tier.
   */
  forgettableAt(plan: P, cells: Float64Array, at: number): Millis;

  /**
   * Writes into `into` the least usage that grants no more than either state would. Commutative, associative and
   * idempotent; a fresh state joins to the other one. Uses neither quota nor burst.
   */
  join(plan: P, into: Float64Array, at: number, other: Float64Array, otherAt: number): void;

  /**
   * Called after a denial. Cells that lie more than two drains ahead of `now`, or are no numbers, are rewritten to
   * *full as of now*; all others are left alone.
   */
  repair(plan: P, cells: Float64Array, at: number, now: Millis): void;

  /**
   * Rewrites cells that were written under `from`, a plan with another window or other options of its own, into usage
   * under `plan` that grants no more: what is left in units stays as it was, and a flip to and fro wins nothing.
   * Optional: without it, a limit that is changed in this way begins anew.
   */
  convert?(plan: P, cells: Float64Array, at: number, now: Millis, from: P): void;
}

/**
 * `quota` itself if it is a whole number of units.
 *
 * @throws PolicyError (`bad-quota`)
 */
export function checkUnits(value: number, path: string, least: 0 | 1 = 0): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  const message = `${show(value)} is no number of units; give an integer from ${least} to ${Number.MAX_SAFE_INTEGER}`;
  throw new PolicyError([{ code: 'bad-quota', path, value, message }]);
}

/** Quota and window of a plan, validated; all faults at once. `known` are the fields that its options may have. */
export function checkRate(options: RateOptions, known: readonly string[]): { quota: number; window: Millis } {
  const { quota, window } = collectFaults({
    fields: () => checkFields(options, known),
    quota: () => checkUnits(options?.quota, 'quota'),
    window: () => parseDuration(options?.window, 'window'),
  });
  return { quota, window };
}

/** The number in a cell that is known to exist. */
export function read(cells: Float64Array, at: number): number {
  return cells[at] as number;
}
