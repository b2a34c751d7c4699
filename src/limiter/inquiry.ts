import type { Row } from '../partition/row.ts';
import type { Millis } from '../time.ts';
import type { Reason } from './decision.ts';
import type { Agreement, Mode, Question } from './question.ts';
import { Verdict } from './verdict.ts';

/** What the inquiries of a policy have in common. */
export interface Origin {
  readonly document: object;
  /** All that it counts. */
  readonly units: ReadonlySet<string>;
}

/**
 * The questions to all limits that apply to a request, asked together. Made once for a limiter or a group of a policy,
 * and filled in anew for every request.
 */
export class Inquiry {
  /** The limiter or engine that decides; only it takes the decision back for a refund. */
  readonly owner: object;
  readonly group: string;
  /** The limits that decide. */
  readonly questions: readonly Question[];
  readonly rows: readonly Row[];
  /** Limits that are asked and reported, and never deny. */
  readonly shadows: readonly Question[];
  readonly #shadowRows: readonly Row[];
  /** All of them, in the order they are reported. */
  readonly all: readonly Question[];
  /** What may be counted. */
  readonly units: ReadonlySet<string>;
  /** The policy by which it decides. */
  readonly document: object | undefined;
  /** The question, if there is just one. */
  readonly only: Question | undefined;
  /** What was decided last, at which instant and how. */
  now: Millis = 0;
  mode: Mode = 'peek';
  isAgreed = false;
  /** The limit that the decision is about: denied, the one that blocks; allowed, the one nearest to empty. */
  decisive: Question | undefined = undefined;

  /** @param origin - the policy it is of; without one, these limits are all there is */
  constructor(owner: object, group: string, all: readonly Question[], origin?: Origin) {
    this.owner = owner;
    this.group = group;
    this.all = all;
    this.document = origin?.document;
    this.units = origin?.units ?? new Set(all.map(({ slot }) => slot.unit));
    this.questions = all.filter(({ slot }) => slot.mode !== 'shadow');
    this.shadows = all.filter(({ slot }) => slot.mode === 'shadow');
    this.only = all.length === 1 ? this.questions[0] : undefined;
    this.rows = rowsOf(this.questions);
    this.#shadowRows = rowsOf(this.shadows);
  }

  /**
   * Asks every limit, then charges all of them or none.
   *
   * @returns whether all agree
   */
  decide(now: Millis, mode: Mode): boolean {
    this.now = now;
    this.mode = mode;
    this.isAgreed = this.only === undefined ? this.#askAll(now, mode) : askOne(this.only, now, mode);
    if (this.shadows.length > 0) this.#askShadows(now, mode);
    return this.isAgreed;
  }

  /** Each shadow charges its own state, if the request is admitted and it agrees. */
  #askShadows(now: Millis, mode: Mode): void {
    for (const row of this.#shadowRows) row.locate();
    for (const shadow of this.shadows)
      if (shadow.ask(now, mode) && this.isAgreed && mode === 'charge') shadow.charge(now);
  }

  #askAll(now: Millis, mode: Mode): boolean {
    const { rows, questions } = this;
    let isAgreed = true;
    for (let i = 0; i < rows.length; i++) at(rows, i).locate();
    for (let i = 0; i < questions.length; i++) if (!at(questions, i).ask(now, mode)) isAgreed = false;
    if (isAgreed && mode === 'charge')
      for (let i = 0; i < questions.length; i++) at(questions, i).charge(now);
    return isAgreed;
  }

  /**
   * Counts what would have come of it with each shadow enforced.
   *
   * @param isAllowed - what came of it; if all limits agree and it was denied, others waited
   */
  compareShadows(isAllowed: boolean): void {
    for (const shadow of this.shadows) {
      const { agreement } = shadow.slot;
      if (agreement !== undefined) agreement[this.comparison(shadow, isAllowed)]++;
    }
  }

  /** What would have come of it with this shadow enforced; a candidate, in place of its limit. */
  comparison({ slot, reason }: Question, isAllowed: boolean): keyof Agreement {
    const mustWait = this.isAgreed && !isAllowed;
    const would =
      !mustWait &&
      reason === 'ok' &&
      this.questions.every((other) => other.reason === 'ok' || isReplaced(other, slot.rival));
    if (would === isAllowed) return 'agreed';
    return isAllowed ? 'wouldDeny' : 'wouldAllow';
  }

  /** Has every limit say where it stands after that. */
  report(isAllowed: boolean): void {
    const { questions, now, only } = this;
    for (const shadow of this.shadows) shadow.report(now);
    if (only !== undefined) {
      only.report(now);
      this.decisive = only;
      return;
    }
    let nearest = questions[0];
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < questions.length; i++) {
      const question = at(questions, i);
      question.report(now);
      const { terms, remaining } = question;
      const share = remaining / (terms.burst ?? terms.quota);
      if (share < least) {
        nearest = question;
        least = share;
      }
    }
    this.decisive = isAllowed ? nearest : (this.blocking ?? questions[0]);
  }

  /** What every limit has said, to be kept. */
  verdicts(): Verdict[] {
    return this.all.map((question) => new Verdict(question, question));
  }

  /** Which limit says no; `undefined` if none does. */
  get blocking(): Question | undefined {
    let first: Question | undefined;
    for (const question of this.questions) {
      if (question.reason !== 'ok' && (first === undefined || blocksBefore(question, first)))
        first = question;
    }
    return first;
  }

  /** When all limits agree: never if one never does, and at an unknown time if that is so for one. */
  get retryAt(): Millis | undefined {
    if (this.only !== undefined) return this.only.retryAt;
    let latest = Number.NEGATIVE_INFINITY;
    let isUnknown = false;
    for (const { reason, retryAt } of this.questions) {
      if (reason === 'ok') continue;
      if (retryAt === undefined) isUnknown = true;
      else latest = Math.max(latest, retryAt);
    }
    const isKnown =
      latest === Number.POSITIVE_INFINITY || (!isUnknown && latest !== Number.NEGATIVE_INFINITY);
    return isKnown ? latest : undefined;
  }
}

/** Whether the refusal is one that a candidate would give in its place. A block is on the key, whatever the limit. */
function isReplaced({ slot, reason }: Question, rival: string | undefined): boolean {
  return slot.name === rival && reason !== 'blocked';
}

function rowsOf(questions: readonly Question[]): Row[] {
  return [...new Set(questions.map(({ row }) => row))];
}

/** A limiter's only question, without the loops: they take a fifth of its decision. */
function askOne(question: Question, now: Millis, mode: Mode): boolean {
  question.row.locate();
  const isAgreed = question.ask(now, mode);
  if (isAgreed && mode === 'charge') question.charge(now);
  return isAgreed;
}

/** Loops on the hot path count: those with an iterator are too large for V8 to inline, at 15 % of a decision. */
function at<T>(list: readonly T[], i: number): T {
  return list[i] as T;
}

/** Reasons in the order in which they block, the others coming last. */
const RANK: { readonly [R in Reason]?: number } = { never: 0, missing: 0, blocked: 1, concurrency: 2 };

function blocksBefore(a: Question, b: Question): boolean {
  const [rankA, rankB] = [RANK[a.reason] ?? 3, RANK[b.reason] ?? 3];
  return rankA < rankB || (rankA === rankB && (a.retryAt ?? 0) > (b.retryAt ?? 0));
}
