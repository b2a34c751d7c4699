import type { PartitionTable } from '../partition/table.ts';
import type { Millis } from '../time.ts';
import type { LimitDecision, Reason } from './decision.ts';

/** `charge` asks and takes; `peek` asks and writes nothing at all. */
export type Mode = 'charge' | 'peek';

/** What one limit is called, and whose requests are blocked from it. */
export interface Slot {
  readonly name: string;
  /** The algorithm's name, or `concurrency`. */
  readonly kind: string;
  readonly unit: string;
  readonly table: PartitionTable;
}

/**
 * One limit being asked about one request. Made once for each place a limit is used and filled in anew for every
 * request, so that deciding allocates nothing.
 */
export abstract class Question {
  readonly slot: Slot;
  /** Whose budget; `undefined` if the request does not say and the limit denies that. */
  key: string | undefined = undefined;
  /** Units, or permits, that are asked for. */
  cost = 1;

  /** The answer: `ok`, or why not. */
  reason: Reason = 'ok';
  /** Denied: the first instant at which this limit would agree; `undefined`: nobody knows. */
  retryAt: Millis | undefined = undefined;
  /** What the block on the key says, if one is in force. */
  blockReason: string | undefined = undefined;

  constructor(slot: Slot) {
    this.slot = slot;
  }

  /** What the limit grants to this request. */
  abstract get quota(): number;
  abstract get window(): Millis | undefined;
  abstract get burst(): number | undefined;
  /** Writes {@link Question.reason} and {@link Question.retryAt} for a key that is there. */
  protected abstract inquire(key: string, now: Millis, mode: Mode): void;
  /** Takes what was asked for. */
  abstract charge(now: Millis): void;
  /** Units or permits in use when the question was answered; asked of a key that is there. */
  abstract used(now: Millis): number;
  abstract remaining(now: Millis): number;
  abstract resetAt(now: Millis): Millis | undefined;
  /** The answer, for good. */
  abstract answer(now: Millis): LimitAnswer;

  ask(now: Millis, mode: Mode): void {
    const { key, slot } = this;
    this.blockReason = undefined;
    this.retryAt = undefined;
    if (key === undefined) {
      this.reason = 'missing';
      this.retryAt = Number.POSITIVE_INFINITY;
      return;
    }
    this.reason = 'ok';
    this.inquire(key, now, mode);
    if (slot.table.blocks.size > 0) this.#applyBlock(key, now);
  }

  #applyBlock(key: string, now: Millis): void {
    const block = this.slot.table.blocks.find(key, now);
    if (block === undefined) return;
    this.blockReason = block.reason;
    if (this.reason === 'never') return;
    this.reason = 'blocked';
    this.retryAt = Math.max(this.retryAt ?? now, block.until);
  }
}

/**
 * Asks every limit, then charges all of them or none.
 *
 * @param questions - filled in with whose budget, which quota and what cost
 * @returns whether all agree
 */
export function decide(questions: readonly Question[], now: Millis, mode: Mode): boolean {
  let isAllowed = true;
  for (const question of questions) {
    question.ask(now, mode);
    if (question.reason !== 'ok') isAllowed = false;
  }
  if (isAllowed && mode === 'charge') for (const question of questions) question.charge(now);
  return isAllowed;
}

/** One limit's answer. */
export class LimitAnswer implements LimitDecision {
  readonly name: string;
  readonly kind: string;
  readonly unit: string;
  readonly key: string | undefined;
  readonly allowed: boolean;
  readonly cost: number;
  readonly quota: number;
  declare readonly window?: Millis;
  declare readonly burst?: number;
  readonly remaining: number;
  readonly resetAt: Millis | undefined;
  readonly retryAt: Millis | undefined;
  readonly reason: Reason;
  readonly mode = 'enforce';

  constructor(question: Question, now: Millis) {
    const { slot, reason, window, burst } = question;
    this.name = slot.name;
    this.kind = slot.kind;
    this.unit = slot.unit;
    this.key = question.key;
    this.allowed = reason === 'ok';
    this.cost = question.cost;
    this.quota = question.quota;
    if (window !== undefined) this.window = window;
    if (burst !== undefined) this.burst = burst;
    this.remaining = reason === 'missing' || reason === 'blocked' ? 0 : question.remaining(now);
    this.resetAt = reason === 'missing' ? now : question.resetAt(now);
    this.retryAt = this.allowed ? undefined : question.retryAt;
    this.reason = reason;
  }

  /** Gives back what is still outstanding of this limit's charge; permits are given back with their lease. */
  refund(_now: Millis): void {}

  /** Corrects this limit's charge to what the request turned out to cost. */
  settle(_cost: number, _now: Millis): void {}
}
