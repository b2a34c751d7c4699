/**
 * The contract between a distributed engine and what keeps its state. A store keeps rows of numbers and charges them all
 * or none, atomically and by its own clock; what the numbers mean to a caller is worked out by the engine.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import type { Millis } from '../time.ts';

/** Limits that share a `per`, and so a row for each key. */
export interface StorePartition {
  /** Fields of its keys, sorted. */
  readonly fields: readonly string[];
  /**
   * Where {@link Store.isPartitioned}, some of these fields: rows that are asked about together have the same values there,
   * so a store may keep them in one place; none: everything in one place. Elsewhere, all fields.
   */
  readonly slot: readonly string[];
  /** Whether it is that of shadow limits: they never deny, and each is charged only if it agrees. It has rows of its own. */
  readonly isShadow: boolean;
}

/** What one limit is asked, or what it was charged. */
export interface StoreLimit {
  /** What its cells are called: the name of the limit, and what their meaning depends on, such as `reads.f60000`. */
  readonly name: string;
  /** What it grants to this request, by one of {@link Store.algorithms}. */
  readonly plan: Plan;
  /** Units: a whole number from 0. */
  readonly cost: number;
}

/** Permits of one concurrency limit. */
export interface StorePermit {
  /** Name of the limit in the policy. */
  readonly name: string;
  /** Permits taken: a whole number from 0. */
  readonly cost: number;
  /** The most that may be held with these: the quota, but for what is left to other groups; below 0: none ever. */
  readonly most: number;
  /** How long they are held unless they are renewed. */
  readonly length: Millis;
}

/** A row by its key. */
export interface StoreKey {
  /** The partition it is of. */
  readonly partition: StorePartition;
  /** The values of the partition's fields, in their order. */
  readonly values: readonly string[];
}

/** A row that is asked, by some of its limits. */
export interface StoreRow extends StoreKey {
  /** Rate limits that are asked. */
  readonly limits: readonly StoreLimit[];
  /** Concurrency limits that are asked. */
  readonly permits: readonly StorePermit[];
}

/** Permits of several limits that are held together. */
export interface StoreLease {
  /** Made up by whoever holds it: who asks again for a lease that is held gets it again. */
  readonly id: string;
}

/** Where requests wait that are not admitted at once. */
export interface StoreLine {
  /** The group whose requests wait here. */
  readonly group: string;
  /** The keys of its limits, as one text. */
  readonly key: string;
  /** Waiters it takes. */
  readonly size: number;
  /** Who goes first among equal priorities. */
  readonly order: 'oldest-first' | 'newest-first';
  /** Higher goes first: an integer from -100 to 100. */
  readonly priority: number;
  /** The place that was taken by an earlier call. */
  readonly ticket: string | undefined;
  /** For how long to keep a place for a request that is not admitted; 0: it does not wait. */
  readonly patience: Millis;
}

/** Something to be decided. */
export interface StoreRequest {
  /**
   * Made up for this operation. When it is sent again after it has failed, what was agreed to is done once, and answered
   * the same; what was denied may be asked for again, and in another way, under the same id.
   */
  readonly id: string;
  /**
   * `charge`: charge all limits if all agree, else none. `deny`: the same, but it is known already that one does not.
   * `wait`: the same as `deny`, but that may change, so a place in the line is kept. `peek`: write nothing.
   */
  readonly mode: 'charge' | 'deny' | 'wait' | 'peek';
  /** Decides at this instant instead of by the store's clock. For tests and simulations: all callers have to agree on it. */
  readonly now?: Millis | undefined;
  /** The rows that are asked. */
  readonly rows: readonly StoreRow[];
  /** By which the permits are held. */
  readonly lease?: StoreLease | undefined;
  /** Where others may wait, whom this request must not pass. */
  readonly line?: StoreLine | undefined;
}

/** What a row held before the decision. */
export interface StoredRow {
  /** What tells this row from an earlier one with the same key; after the decision. 0: there is none. */
  readonly born: number;
  /** The instant from which it is not blocked; 0 if it is not. */
  readonly blockedUntil: Millis;
  /** Cells of its limits, one after the other in the order they were asked; all zero: never charged. */
  readonly cells: readonly number[];
  /** Permits held of each concurrency limit, without those of this very lease. */
  readonly held: readonly number[];
  /** How much later than {@link StoreReply.now} the row was decided, by its own server's clock; default 0. */
  readonly lag?: Millis;
}

/** A decision that has been made. */
export interface StoreReply {
  /** Whether all limits agreed, by what the store made of it. */
  readonly agreed: boolean;
  /** The instant it was decided. */
  readonly now: Millis;
  /** Each row that was asked. */
  readonly rows: readonly StoredRow[];
  /** Rows that held something else than a row and have been begun anew. */
  readonly resets: number;
  /** Whether the lease was held before: nothing was charged then. */
  readonly isHeld: boolean;
  /** Greater than that of every lease granted before; 0 where none was granted. */
  readonly fence: number;
  /** When the lease expires; 0 where none was granted. */
  readonly expiresAt: Millis;
  /** Whether it would have passed somebody who waits. */
  readonly mustWait: boolean;
  /** The place that was taken, or kept; `full`: there was none. */
  readonly ticket: string | undefined;
}

/** A charge that was made. */
export interface StoreCharge extends StoreLimit {
  /** The instant it counts from, as the algorithm's `charge` has said. */
  readonly since: Millis;
}

/** A row of charges to be corrected. */
export interface StoreCorrection extends StoreKey {
  /** The charges. */
  readonly limits: readonly StoreCharge[];
  /** {@link StoredRow.born} of the decision; nothing is given back to a later row. */
  readonly born: number;
}

/** For how long a row is blocked: either `until` or `for` is there. */
export interface StoreBlock {
  /** Why, for whoever looks. */
  readonly reason?: string | undefined;
  /** The first instant at which it is over. */
  readonly until?: Millis | undefined;
  /** How long it lasts from the store's present on. */
  readonly for?: Millis | undefined;
}

/** What keeps the state of a distributed engine. All that it rejects with is a `StoreError`. */
export interface Store {
  /** Algorithms it can do, by the names policies use. */
  readonly algorithms: readonly string[];
  /**
   * Whether rows that are asked about together have to be in one place; see {@link StorePartition.slot}. It is then never
   * asked for rows of several places at once: what a policy may have in several is put together by the engine.
   */
  readonly isPartitioned: boolean;
  /** Asks every limit, then charges all of them or none. */
  decide(request: StoreRequest): Promise<StoreReply>;
  /** Gives back what is still outstanding of charges, by their cost, or charges that much more; done once for an `id`. */
  correct(
    id: string,
    how: 'refund' | 'charge',
    rows: readonly StoreCorrection[],
    now?: Millis,
  ): Promise<void>;
  /** Gives the permits of a lease back; whether it was held. Done once for an `id`. */
  release(id: string, lease: StoreLease, rows: readonly StoreRow[], now?: Millis): Promise<boolean>;
  /** Starts the time of a lease anew; when it expires, or `undefined` if it was not held any more. */
  renew(lease: StoreLease, rows: readonly StoreRow[], now?: Millis): Promise<Millis | undefined>;
  /** Gives a place in a line up. */
  leave(line: StoreLine, row: StoreKey): Promise<void>;
  /** Blocks a row, from the store's present on. */
  block(key: StoreKey, block: StoreBlock, now?: Millis): Promise<void>;
  /** Lifts a block; whether there was one. */
  unblock(key: StoreKey, now?: Millis): Promise<boolean>;
  /**
   * How it picks what it forgets before it has expired, when memory is short; `undefined` if it forgets nothing. Asked once;
   * a store that cannot tell rejects, or does without.
   */
  evictionPolicy?(): Promise<string | undefined>;
  /** Begins rows that are asked together anew, keeping blocks; whether the first of them held anything. */
  forget(keys: readonly StoreKey[], now?: Millis): Promise<boolean>;
}
