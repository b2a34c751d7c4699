import { DescriptorError, show } from '../errors.ts';
import type { Millis } from '../time.ts';
import type { Decision, LimitDecision, Reason } from './decision.ts';
import type { LimitAnswer, Mode, Question } from './question.ts';

/** The answer to one request, which also knows whose it is and what it took. */
export class Answer implements Decision {
  readonly allowed: boolean;
  readonly at: Millis;
  readonly group: string;
  readonly limit: string | undefined;
  readonly quota: number;
  readonly remaining: number;
  readonly resetAt: Millis | undefined;
  readonly retryAt: Millis | undefined;
  readonly reason: Reason;
  readonly limits: readonly LimitDecision[];
  readonly #owner: object;
  #charges: readonly LimitAnswer[];

  constructor({ outcome, limits }: AnswerParts) {
    const { now, decisive } = outcome;
    this.allowed = outcome.allowed;
    this.at = now;
    this.group = outcome.group;
    this.limit = decisive?.name;
    this.quota = decisive?.quota ?? Number.POSITIVE_INFINITY;
    this.remaining = decisive?.remaining ?? Number.POSITIVE_INFINITY;
    this.resetAt = decisive === undefined ? now : decisive.resetAt;
    this.retryAt = outcome.retryAt;
    this.reason = outcome.reason;
    this.limits = limits;
    this.#owner = outcome.owner;
    this.#charges = outcome.charged ? limits : [];
  }

  /** The charges of this decision, which are taken from it: a second call finds none. */
  takeCharges(): readonly LimitAnswer[] {
    const charges = this.#charges;
    this.#charges = [];
    return charges;
  }

  /** `decision` as an answer of `owner`. */
  static of(decision: Decision, owner: object): Answer {
    if (!(typeof decision === 'object' && decision !== null && #owner in decision)) {
      const message = `${show(decision)} is no decision; give the very one that check returned, not a copy`;
      throw new DescriptorError({ code: 'no-decision', path: 'decision', value: decision, message });
    }
    if (decision.#owner === owner) return decision;
    const message = 'the decision was made by another limiter or engine; refund it there';
    throw new DescriptorError({ code: 'foreign-decision', path: 'decision', value: decision, message });
  }
}

/** What an {@link Answer} is made of. */
export interface AnswerParts {
  readonly outcome: Outcome;
  readonly limits: readonly LimitAnswer[];
}

interface Outcome {
  readonly owner: object;
  readonly group: string;
  readonly now: Millis;
  readonly allowed: boolean;
  readonly charged: boolean;
  readonly decisive: LimitDecision | undefined;
  readonly retryAt: Millis | undefined;
  readonly reason: Reason;
}

/** Who decided what for which group. */
export interface Asked {
  /** The limiter or engine that decides; only it takes the decision back for a refund. */
  readonly owner: object;
  readonly group: string;
  readonly now: Millis;
  readonly mode: Mode;
}

/** The decision over questions that {@link decide} has answered. */
export function answer(questions: readonly Question[], allowed: boolean, asked: Asked): Decision {
  return new Answer(answerParts(questions, allowed, asked));
}

/**
 * What the decision says.
 *
 * @param instead - reason of a denial that no limit is the cause of
 */
export function answerParts(
  questions: readonly Question[],
  allowed: boolean,
  asked: Asked,
  instead?: Reason,
): AnswerParts {
  const limits = questions.map((question) => question.answer(asked.now));
  const decisive = allowed ? nearestToEmpty(limits) : (blocking(limits) ?? limits[0]);
  const { owner, group, now } = asked;
  const charged = allowed && asked.mode === 'charge';
  const retryAt = allowed
    ? undefined
    : instead === 'unmatched'
      ? Number.POSITIVE_INFINITY
      : latestRetry(limits);
  const reason = instead ?? decisive?.reason ?? 'ok';
  return { outcome: { owner, group, now, allowed, charged, decisive, retryAt, reason }, limits };
}

/** When all limits agree: never if one never does, and at an unknown time if that is so for one. */
function latestRetry(limits: readonly LimitDecision[]): Millis | undefined {
  let latest = Number.NEGATIVE_INFINITY;
  let isUnknown = false;
  for (const { allowed, retryAt } of limits) {
    if (allowed) continue;
    if (retryAt === undefined) isUnknown = true;
    else latest = Math.max(latest, retryAt);
  }
  const isKnown = latest === Number.POSITIVE_INFINITY || (!isUnknown && latest !== Number.NEGATIVE_INFINITY);
  return isKnown ? latest : undefined;
}

/** The decision about a request that no pattern of the policy matches, where the policy denies that. */
export function answerUnmatched(asked: Asked): Decision {
  const { owner, group, now } = asked;
  const never = { retryAt: Number.POSITIVE_INFINITY, reason: 'unmatched' } as const;
  const outcome = { owner, group, now, allowed: false, charged: false, decisive: undefined, ...never };
  return new Answer({ outcome, limits: [] });
}

/**
 * Gives the charges of a decision back, once; nothing if it was denied or refunded before.
 *
 * @throws DescriptorError: `no-decision` (a copy, say) or `foreign-decision`
 */
export function refund(decision: Decision, owner: object, now: Millis): void {
  for (const charge of Answer.of(decision, owner).takeCharges()) charge.refund(now);
}

function nearestToEmpty(limits: readonly LimitDecision[]): LimitDecision | undefined {
  let nearest: LimitDecision | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const limit of limits) {
    const share = limit.remaining / (limit.burst ?? limit.quota);
    if (nearest === undefined || share < least) {
      nearest = limit;
      least = share;
    }
  }
  return nearest;
}

/** Reasons in the order in which they block, the others coming last. */
const RANK: { readonly [R in Reason]?: number } = { never: 0, missing: 0, blocked: 1, concurrency: 2 };

function blocking(limits: readonly LimitDecision[]): LimitDecision | undefined {
  let first: LimitDecision | undefined;
  for (const limit of limits) {
    if (!limit.allowed && (first === undefined || blocksBefore(limit, first))) first = limit;
  }
  return first;
}

function blocksBefore(a: LimitDecision, b: LimitDecision): boolean {
  const [rankA, rankB] = [RANK[a.reason] ?? 3, RANK[b.reason] ?? 3];
  return rankA < rankB || (rankA === rankB && (a.retryAt ?? 0) > (b.retryAt ?? 0));
}
