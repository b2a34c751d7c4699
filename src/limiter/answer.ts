import type { Plan } from '../algorithms/algorithm.ts';
import { DescriptorError, show } from '../errors.ts';
import type { Millis } from '../time.ts';
import type { Question, Slot } from './decide.ts';
import type { Decision, LimitDecision, Reason } from './decision.ts';

/** One limit's answer, which also knows how to give its charge back. */
class LimitAnswer implements LimitDecision {
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
  readonly #slot: Slot;
  readonly #plan: Plan;
  readonly #chargedAt: Millis;
  readonly #era: number;

  constructor(question: Question, now: Millis) {
    const { slot, plan, cells, at, reason } = question;
    const { algorithm } = plan;
    const isOpen = reason !== 'missing' && reason !== 'blocked';
    this.name = slot.name;
    this.kind = algorithm.kind;
    this.unit = slot.unit;
    this.key = question.key;
    this.allowed = reason === 'ok';
    this.cost = question.cost;
    this.quota = plan.quota;
    if (plan.window !== undefined) this.window = plan.window;
    if (plan.burst !== undefined) this.burst = plan.burst;
    this.remaining = isOpen ? algorithm.remaining(plan, cells, at, now) : 0;
    this.resetAt = reason === 'missing' ? now : algorithm.resetAt(plan, cells, at, now);
    this.retryAt = this.allowed ? undefined : question.availableAt;
    this.reason = reason;
    this.#slot = slot;
    this.#plan = plan;
    this.#chargedAt = question.chargedAt;
    this.#era = slot.table.era;
  }

  /** Gives back what is still outstanding of this limit's charge. */
  refund(now: Millis): void {
    const { table, offset } = this.#slot;
    if (this.key === undefined || this.cost === 0 || !table.remembers(this.key, this.#era)) return;
    const at = table.locate(this.key) + offset;
    this.#plan.algorithm.refund(this.#plan, table.cells, at, now, this.cost, this.#chargedAt);
  }
}

/** The answer to one request, which also knows whose it is and what it took. */
class Answer implements Decision {
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

  constructor(outcome: Outcome, limits: readonly LimitAnswer[]) {
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

  /** The charges of `decision`, which are taken from it, so a second call finds none. */
  static takeCharges(decision: Decision, owner: object): readonly LimitAnswer[] {
    if (!(typeof decision === 'object' && decision !== null && #owner in decision)) {
      const message = `${show(decision)} is no decision; give the very one that check returned, not a copy`;
      throw new DescriptorError({ code: 'no-decision', path: 'decision', value: decision, message });
    }
    if (decision.#owner !== owner) {
      const message = 'the decision was made by another limiter or engine; refund it there';
      throw new DescriptorError({ code: 'foreign-decision', path: 'decision', value: decision, message });
    }
    const charges = decision.#charges;
    decision.#charges = [];
    return charges;
  }
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
  readonly mode: 'charge' | 'peek';
}

/** The decision over questions that {@link decide} has answered. */
export function answer(questions: readonly Question[], allowed: boolean, asked: Asked): Decision {
  const limits = questions.map((question) => new LimitAnswer(question, asked.now));
  const decisive = allowed ? nearestToEmpty(limits) : blocking(limits);
  const { owner, group, now } = asked;
  const charged = allowed && asked.mode === 'charge';
  const retryAt = allowed ? undefined : Math.max(...limits.map((limit) => limit.retryAt ?? now));
  const reason = decisive?.reason ?? 'ok';
  return new Answer({ owner, group, now, allowed, charged, decisive, retryAt, reason }, limits);
}

/** The decision about a request that no pattern of the policy matches, where the policy denies that. */
export function answerUnmatched(asked: Asked): Decision {
  const { owner, group, now } = asked;
  const never = { retryAt: Number.POSITIVE_INFINITY, reason: 'unmatched' } as const;
  return new Answer({ owner, group, now, allowed: false, charged: false, decisive: undefined, ...never }, []);
}

/**
 * Gives the charges of a decision back, once; nothing if it was denied or refunded before.
 *
 * @throws DescriptorError: `no-decision` (a copy, say) or `foreign-decision`
 */
export function refund(decision: Decision, owner: object, now: Millis): void {
  for (const charge of Answer.takeCharges(decision, owner)) charge.refund(now);
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
