import type { Explanation } from '../engine/explain.ts';
import type { DecisionSource, DistributedDecision } from './answer.ts';

/** The whole story of one decision, and who would make it. */
export interface DistributedExplanation extends Explanation {
  /** The decision that `check` would make now. */
  readonly decision: DistributedDecision;
  /** Who would decide. While the store fails, what is `used` there is not known: it says 0, or what this process has used. */
  readonly source: DecisionSource;
}
