import type { Millis } from '../time.ts';
import type { LimitDecision, Reason } from './decision.ts';
import type { Question, Said, Terms } from './question.ts';

/** What one limit said to one request, for good. */
export class Verdict implements Said {
  readonly question: Question;
  readonly terms: Terms;
  readonly key: string | undefined;
  readonly cost: number;
  readonly reason: Reason;
  readonly remaining: number;
  readonly resetAt: Millis | undefined;
  readonly retryAt: Millis | undefined;
  readonly chargedAt: Millis;
  readonly era: number;

  constructor(question: Question, said: Said) {
    this.question = question;
    this.terms = said.terms;
    this.key = said.key;
    this.cost = said.cost;
    this.reason = said.reason;
    this.remaining = said.remaining;
    this.resetAt = said.resetAt;
    this.retryAt = said.retryAt;
    this.chargedAt = said.chargedAt;
    this.era = said.era;
  }

  /** Gives back what is still outstanding of this limit's charge. */
  refund(now: Millis): void {
    this.question.refund(this, this.cost, now);
  }

  /** Corrects this limit's charge to what the request turned out to cost. */
  settle(cost: number, now: Millis): void {
    if (cost < this.cost) this.question.refund(this, this.cost - cost, now);
    if (cost > this.cost) this.question.chargeMore(this, cost - this.cost, now);
  }

  /** Units of the key in use; 0 where nothing goes on from this charge. */
  used(now: Millis): number {
    return this.question.usedAfter(this, now);
  }

  /** The same for the reader. */
  toDecision(): LimitDecision {
    return new Report(this);
  }
}

/** A verdict as it is read. A class, since literals with fields that may be left out take ten times as long. */
class Report implements LimitDecision {
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
  readonly mode: 'enforce' | 'shadow';

  constructor({ question, terms, key, cost, reason, remaining, resetAt, retryAt }: Verdict) {
    const { slot } = question;
    this.name = slot.name;
    this.kind = slot.kind;
    this.unit = slot.unit;
    this.key = key;
    this.allowed = reason === 'ok';
    this.cost = cost;
    this.quota = terms.quota;
    if (terms.window !== undefined) this.window = terms.window;
    if (terms.burst !== undefined) this.burst = terms.burst;
    this.remaining = remaining;
    this.resetAt = resetAt;
    this.retryAt = retryAt;
    this.reason = reason;
    this.mode = slot.mode ?? 'enforce';
  }
}
