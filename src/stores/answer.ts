import { Answer } from '../limiter/answer.ts';
import type { Decision, Reason } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';

/**
 * Who decided: the `store`; this process alone (`local`), where no limit applies or a share of the quota is kept for when
 * the store fails; or what the policy says for that case (`fallback`).
 */
export type DecisionSource = 'store' | 'local' | 'fallback';

/** The answer to one request, and who gave it. */
export interface DistributedDecision extends Decision {
  /** Who decided. */
  readonly source: DecisionSource;
}

/** An answer that was drawn from what a store has read. */
export class DistributedAnswer extends Answer implements DistributedDecision {
  readonly source: DecisionSource;

  /** @param instead - reason of a denial that no limit is the cause of */
  constructor(inquiry: Inquiry, source: DecisionSource, allowed: boolean, instead?: Reason) {
    super(inquiry, allowed, instead);
    this.source = source;
  }
}
