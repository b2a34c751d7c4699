import { HeadgateError } from '../errors.ts';
import type { Decision } from './decision.ts';

/** Thrown by `run` when the work was not admitted; {@link DeniedError.decision} says why and until when. */
export class DeniedError extends HeadgateError {
  override readonly name = 'DeniedError';
  /** The denial: why, by which limit, and until when. */
  readonly decision: Decision;

  constructor(decision: Decision) {
    const { reason, limit } = decision;
    const message = `denied (${reason})${limit === undefined ? '' : ` by limit "${limit}"`}`;
    super({ code: reason, path: limit ?? '', value: undefined, message });
    this.decision = decision;
  }
}
