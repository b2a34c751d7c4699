import type { Row } from '../partition/row.ts';
import type { Millis } from '../time.ts';
import type { Reason } from './decision.ts';

/** `charge` asks and takes; `peek` asks and writes nothing at all. */
export type Mode = 'charge' | 'peek';

/** What one limit is called. */
export interface Slot {
  readonly name: string;
  /** The algorithm's name, or `concurrency`. */
  readonly kind: string;
  readonly unit: string;
  /** `shadow`: it is asked and reported, and never denies. Default `enforce`. */
  readonly mode?: 'enforce' | 'shadow';
  /** The limit that a shadow is to replace. */
  readonly rival?: string;
  /** Of a shadow. */
  readonly agreement?: Agreement;
  /** Share of the quota whose use is worth telling. */
  readonly nearLimit?: number;
}

/** What would have been decided otherwise, had a shadow limit been enforced; a candidate, in place of its limit. */
export interface Agreement {
  /** Requests about which nothing would have changed. */
  agreed: number;
  /** Requests that were allowed and would have been denied. */
  wouldDeny: number;
  /** Requests that were denied and would have been allowed. */
  wouldAllow: number;
}

/** What a limit grants to one request. */
export interface Terms {
  readonly quota: number;
  readonly window?: Millis;
  readonly burst?: number;
}

/** What a limit was asked, and what it said: everything of a question that the next request writes over. */
export interface Said {
  readonly terms: Terms;
  readonly key: string | undefined;
  readonly cost: number;
  readonly reason: Reason;
  readonly remaining: number;
  readonly resetAt: Millis | undefined;
  readonly retryAt: Millis | undefined;
  readonly chargedAt: Millis;
  /** What the partition's table had forgotten by then. */
  readonly era: number;
}

/**
 * One limit being asked about one request. Made once for each place a limit is used and filled in anew for every
 * request, so that asking allocates nothing.
 */
export abstract class Question implements Said {
  readonly slot: Slot;
  /** Whose budget, and where it is kept. */
  readonly row: Row;
  /** What the limit grants to this request. */
  abstract terms: Terms;
  /** Units, or permits, that are asked for. */
  cost = 1;

  /** The answer: `ok`, or why not. */
  reason: Reason = 'ok';
  /** Denied: the first instant at which this limit would agree; `undefined`: nobody knows. */
  retryAt: Millis | undefined = undefined;
  /** Blocked: what the block on the key says. */
  blockReason: string | undefined = undefined;
  /** Whether the request does not say what a shadow limit would have to know. */
  isUnanswerable = false;
  /** What {@link Question.refund} needs to know of the charge. */
  chargedAt: Millis = 0;
  /** What is left, and when all of it is back; written by {@link Question.report}. */
  remaining = 0;
  resetAt: Millis | undefined = 0;

  constructor(slot: Slot, row: Row) {
    this.slot = slot;
    this.row = row;
  }

  get key(): string | undefined {
    return this.row.key;
  }

  get era(): number {
    return this.row.table.era;
  }

  /** Writes {@link Question.reason} and {@link Question.retryAt} for a key that is there. */
  protected abstract inquire(key: string, now: Millis, mode: Mode): void;
  /** Takes what was asked for. */
  abstract charge(now: Millis): void;
  /** Units or permits in use; asked of a key that is there. */
  abstract used(now: Millis): number;
  /** Writes {@link Question.remaining} and {@link Question.resetAt}, after the charge if one was made. */
  protected abstract measure(now: Millis): void;
  /** Gives units of a charge back, as far as they are still outstanding; permits come back with their lease. */
  abstract refund(charged: Said, units: number, now: Millis): void;
  /** Charges more, past the quota if need be, to whoever was charged. */
  abstract chargeMore(charged: Said, units: number, now: Millis): void;

  /** Units in use by whoever was charged; 0 of permits, and where nothing goes on from the charge. */
  abstract usedAfter(charged: Said, now: Millis): number;

  /** Whether the limit agrees. */
  ask(now: Millis, mode: Mode): boolean {
    const { key, table } = this.row;
    this.reason = 'ok';
    this.retryAt = undefined;
    this.blockReason = undefined;
    if (key === undefined || this.isUnanswerable) {
      this.reason = 'missing';
      this.retryAt = Number.POSITIVE_INFINITY;
    } else {
      this.inquire(key, now, mode);
      if (table.blocks.size > 0) this.#applyBlock(key, now);
    }
    return this.reason === 'ok';
  }

  report(now: Millis): void {
    if (this.reason === 'missing') {
      this.remaining = 0;
      this.resetAt = now;
      return;
    }
    this.measure(now);
    if (this.reason === 'blocked' || (this.reason === 'never' && this.#isBlocked(now))) this.remaining = 0;
  }

  #isBlocked(now: Millis): boolean {
    const { key, table } = this.row;
    return key !== undefined && table.blocks.find(key, now) !== undefined;
  }

  #applyBlock(key: string, now: Millis): void {
    const block = this.row.table.blocks.find(key, now);
    if (block === undefined) return;
    this.blockReason = block.reason;
    if (this.reason === 'never') return;
    this.reason = 'blocked';
    this.retryAt = Math.max(this.retryAt ?? now, block.until);
  }
}
