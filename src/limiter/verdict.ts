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

  /** The same for the reader. */
  toDecision(): LimitDecision {
    const { key, cost, terms, reason, remaining, resetAt, retryAt } = this;
    const { slot } = this.question;
    const { window, burst } = terms;
    return {
      name: slot.name,
      kind: slot.kind,
      unit: slot.unit,
      key,
      allowed: reason === 'ok',
      cost,
      quota: terms.quota,
      ...(window !== undefined && { window }),
      ...(burst !== undefined && { burst }),
      remaining,
      resetAt,
      retryAt,
      reason,
      mode: 'enforce',
    };
  }
}
