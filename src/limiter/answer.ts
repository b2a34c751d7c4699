import { DescriptorError, show } from '../errors.ts';
import type { Millis } from '../time.ts';
import type { Decision, LimitDecision, Reason } from './decision.ts';
import type { Inquiry } from './inquiry.ts';
import type { Said, Terms } from './question.ts';
import { Verdict } from './verdict.ts';

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
  readonly #inquiry: Inquiry;
  readonly #terms: Terms;
  readonly #key: string | undefined;
  readonly #cost: number;
  readonly #chargedAt: Millis;
  readonly #era: number;
  #isCharged: boolean;
  #verdicts: readonly Verdict[] | undefined;
  #limits: readonly LimitDecision[] | undefined;

  /**
   * @param inquiry - that has decided
   * @param allowed - what comes of it
   * @param instead - reason of a denial that no limit is the cause of
   */
  constructor(inquiry: Inquiry, allowed: boolean = inquiry.isAgreed, instead?: Reason) {
    inquiry.report(allowed);
    const said = inquiry.decisive ?? unlimited(inquiry.now);
    this.allowed = allowed;
    this.at = inquiry.now;
    this.group = inquiry.group;
    this.limit = inquiry.decisive?.slot.name;
    this.quota = said.terms.quota;
    this.remaining = said.remaining;
    this.resetAt = said.resetAt;
    this.retryAt = allowed ? undefined : retryAtOf(inquiry, instead);
    this.reason = instead ?? said.reason;
    this.#inquiry = inquiry;
    this.#terms = said.terms;
    this.#key = said.key;
    this.#cost = said.cost;
    this.#chargedAt = said.chargedAt;
    this.#era = said.era;
    this.#isCharged = allowed && inquiry.mode === 'charge';
    const isKept = inquiry.only !== undefined && instead === undefined;
    this.#verdicts = isKept ? undefined : inquiry.verdicts();
    this.#limits = undefined;
  }

  get limits(): readonly LimitDecision[] {
    this.#limits ??= this.verdicts.map((verdict) => verdict.toDecision());
    return this.#limits;
  }

  /** What each limit said. A decision by a single limit makes it only when somebody asks. */
  protected get verdicts(): readonly Verdict[] {
    this.#verdicts ??= this.#onlyVerdict();
    return this.#verdicts;
  }

  #onlyVerdict(): Verdict[] {
    const { only } = this.#inquiry;
    const { reason, remaining, resetAt, retryAt } = this;
    const said: Said = {
      terms: this.#terms,
      key: this.#key,
      cost: this.#cost,
      reason,
      remaining,
      resetAt,
      retryAt,
      chargedAt: this.#chargedAt,
      era: this.#era,
    };
    return only === undefined ? [] : [new Verdict(only, said)];
  }

  /** The charges of this decision, which are taken from it: a second call finds none. */
  takeCharges(): readonly Verdict[] {
    const charges = this.#isCharged ? this.verdicts.filter(({ reason }) => reason === 'ok') : [];
    this.#isCharged = false;
    return charges;
  }

  /** The policy by which it was decided. */
  get document(): object | undefined {
    return this.#inquiry.document;
  }

  /** Everything, `limits` too, for `JSON.stringify`. */
  toJSON(): Decision {
    return { ...this, limits: this.limits };
  }

  /** `decision` as an answer of `owner`. */
  static of(decision: Decision, owner: object): Answer {
    if (!(typeof decision === 'object' && decision !== null && #inquiry in decision)) {
      const message = `${show(decision)} is no decision; give the very one that check returned, not a copy`;
      throw new DescriptorError({ code: 'no-decision', path: 'decision', value: decision, message });
    }
    if (decision.#inquiry.owner === owner) return decision;
    const message = 'the decision was made by another limiter or engine; refund it there';
    throw new DescriptorError({ code: 'foreign-decision', path: 'decision', value: decision, message });
  }
}

/** When a denied request is worth repeating. */
function retryAtOf(inquiry: Inquiry, instead: Reason | undefined): Millis | undefined {
  if (instead === 'unmatched') return Number.POSITIVE_INFINITY;
  return instead === 'store-failure' ? inquiry.now + STORE_PAUSE : inquiry.retryAt;
}

/** For how long a store that keeps failing is left alone; earlier nothing will have changed. */
const STORE_PAUSE: Millis = 1000;

/** What is said where there is no limit to say it. */
function unlimited(now: Millis): Said {
  const all = Number.POSITIVE_INFINITY;
  const asked = { terms: { quota: all }, key: undefined, cost: 0 };
  return { ...asked, reason: 'ok', remaining: all, resetAt: now, retryAt: undefined, chargedAt: 0, era: 0 };
}

/**
 * Gives the charges of a decision back, once; nothing if it was denied or refunded before.
 *
 * @throws DescriptorError: `no-decision` (a copy, say) or `foreign-decision`
 */
export function refund(decision: Decision, owner: object, now: Millis): void {
  for (const charge of Answer.of(decision, owner).takeCharges()) charge.refund(now);
}
