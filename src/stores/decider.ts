import { isHeadgateError } from '../errors.ts';
import type { Mode } from '../limiter/question.ts';
import { type Millis, toInstant } from '../time.ts';
import { type Desk, DistributedAdmissionAnswer } from './admission.ts';
import { DistributedAnswer, type DistributedDecision } from './answer.ts';
import { type Call, disagreement, modeOf, type Stand } from './call.ts';
import type { Inquest } from './inquest.ts';
import { Local } from './local.ts';
import type { Draw } from './prefetch.ts';
import type { StoreLine } from './store.ts';
import type { AnyAdmission, Attempt } from './turn.ts';

/** Has requests that were read decided: by the store, by what is known of it here, or by what the policy says for when it fails. */
export class Decider {
  readonly #desk: Desk;
  /** What is known here of what the store would answer. */
  readonly local: Local;

  /** @param denials - how many denials are kept; `undefined`: none */
  constructor(desk: Desk, denials: number | undefined) {
    this.#desk = desk;
    this.local = new Local(desk, denials);
  }

  /** Makes the answer to a request that was not to hold anything. */
  readonly answer: Draw<DistributedAnswer> = (inquiry, isAllowed, source) =>
    new DistributedAnswer(inquiry, source, isAllowed);

  /** Makes the answer to a request that may hold permits, where there are none to hold. */
  readonly admission: Draw<DistributedAdmissionAnswer> = (inquiry, isAllowed, source) => {
    const denied = isAllowed ? undefined : (inquiry.blocking?.reason ?? 'quota');
    return new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, denied, source);
  };

  async decide(call: Call, now: Millis | undefined, mode: Mode): Promise<DistributedDecision> {
    const { id, rules, group, inquest } = call;
    if (inquest === undefined || inquest.rows.length === 0) {
      const at = now ?? toInstant(this.#desk.clock.now());
      const { inquiry, denied } = group?.entrance ?? rules.policy.unmatched;
      const isAgreed = inquest?.decide(undefined, at, mode, Boolean) ?? inquiry.decide(at, mode);
      return new DistributedAnswer(inquiry, 'local', isAgreed && denied === undefined, denied);
    }
    const { inquiry } = group?.entrance ?? rules.policy.unmatched;
    const asked = modeOf(inquest, mode);
    const { local } = this;
    const { era } = local;
    const taking = asked === 'charge' && now === undefined ? local.takeAhead(call, this.answer) : undefined;
    const known = taking && (await this.#orNone(taking.then((answer) => ({ answer }))));
    if (taking !== undefined && known === undefined) return this.#decideAlone(call, inquest, now, mode);
    if (known?.answer !== undefined) return known.answer;
    const since = local.now();
    const reply = await this.#orNone(this.#desk.store.decide({ id, mode: asked, now, rows: inquest.rows }));
    if (reply === undefined) return this.#decideAlone(call, inquest, now, mode);
    return inquest.decide(reply, reply.now, mode, (isAgreed) => {
      if (asked === 'charge' && isAgreed !== reply.agreed) throw disagreement(reply);
      if (asked === 'charge' && now === undefined) local.learn(call, reply, { since, era });
      return this.answer(inquiry, isAgreed, 'store');
    });
  }

  async attempt(
    call: Call,
    now: Millis | undefined,
    priority: number,
    { ticket, keep, refusal }: Stand,
  ): Promise<Attempt> {
    const { id, leaseId, rules, group, inquest } = call;
    const { entrance } = group ?? { entrance: rules.policy.unmatched };
    const { inquiry, denied } = entrance;
    if (inquest === undefined || inquest.rows.length === 0) {
      const decided = now ?? toInstant(this.#desk.clock.now());
      const isAgreed =
        inquest?.decide(undefined, decided, 'charge', Boolean) ?? inquiry.decide(decided, 'charge');
      const reason = denied ?? (isAgreed ? undefined : (inquiry.blocking?.reason ?? 'missing'));
      return {
        admission: new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, reason),
        ticket: undefined,
      };
    }
    const { rows } = inquest;
    const asked = modeOf(inquest, 'charge');
    const { local } = this;
    const { era } = local;
    const taking =
      asked === 'charge' && now === undefined ? local.takeAhead(call, this.admission) : undefined;
    const known = taking && (await this.#orNone(taking.then((answer) => ({ answer }))));
    if (taking !== undefined && known === undefined)
      return { admission: this.#decideAlone(call, inquest, now, 'charge'), ticket };
    if (known?.answer !== undefined) return { admission: known.answer, ticket: undefined };
    const since = this.#desk.clock.now();
    const asking = local.now();
    const lease = { id: leaseId };
    const line = this.#line(call, priority, ticket, keep);
    const holds = rows.some(({ permits }) => permits.some(({ cost }) => cost > 0));
    const deciding = this.#desk.store.decide({ id, mode: asked, now, rows, line, ...(holds && { lease }) });
    const reply = await this.#orNone(deciding);
    // Who waits already goes on waiting; the place is kept for a while.
    if (reply === undefined) return { admission: this.#decideAlone(call, inquest, now, 'charge'), ticket };
    const { mustWait, isHeld, fence, expiresAt } = reply;
    const admission = inquest.decide(reply, reply.now, mustWait ? 'peek' : 'charge', (isAgreed) => {
      if (asked === 'charge' && !isHeld && (isAgreed && !mustWait) !== reply.agreed)
        throw disagreement(reply);
      if (asked === 'charge' && now === undefined) local.learn(call, reply, { since: asking, era });
      if (reply.agreed) {
        const held = fence > 0 ? { lease, length: entrance.lease, rows, fence, expiresAt, since } : undefined;
        return new DistributedAdmissionAnswer(inquiry, this.#desk, held);
      }
      const behind = entrance.permits.length > 0 ? 'concurrency' : 'quota';
      const reason = isAgreed ? behind : (inquiry.blocking?.reason ?? behind);
      const isPassing = reason === 'quota' || reason === 'concurrency';
      const instead = reply.ticket === 'full' ? 'queue-full' : isPassing ? (refusal ?? reason) : reason;
      return new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, instead);
    });
    return { admission, ticket: reply.ticket === 'full' ? undefined : reply.ticket };
  }

  /** @returns `undefined` if the store has failed */
  async #orNone<T>(deciding: Promise<T>): Promise<T | undefined> {
    try {
      return await deciding;
    } catch (error) {
      if (isHeadgateError(error, 'StoreError') && error.code !== 'disagreement') return undefined;
      throw error;
    }
  }

  /** What the policy says for when the store fails. */
  #decideAlone(
    { rules, group, local }: Call,
    inquest: Inquest,
    now: Millis | undefined,
    mode: Mode,
  ): AnyAdmission {
    const { inquiry } = group?.entrance ?? rules.policy.unmatched;
    const strategy = group === undefined ? 'deny' : rules.fallback.strategyOf(group.name);
    const decided = local === undefined ? undefined : rules.fallback.decide(local, mode);
    if (decided !== undefined) return decided;
    return inquest.decide(undefined, now ?? toInstant(this.#desk.clock.now()), 'peek', (isAgreed) => {
      const reason = isAgreed ? undefined : inquiry.blocking?.reason;
      const denied = reason ?? (strategy === 'allow' ? undefined : 'store-failure');
      return new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, denied, 'fallback');
    });
  }

  #line(
    { group, lineKey }: Call,
    priority: number,
    ticket: string | undefined,
    patience: Millis,
  ): StoreLine | undefined {
    const { queue } = group?.entrance ?? {};
    if (queue === undefined || group === undefined) return undefined;
    const { size, order } = queue;
    return { group: group.name, key: lineKey, size, order, priority, ticket, patience };
  }

  async leave(call: Call, ticket: string): Promise<void> {
    const [first] = call.inquest?.rows ?? [];
    const line = this.#line(call, 0, ticket, 0);
    if (first !== undefined && line !== undefined) await this.#desk.store.leave(line, first);
  }
}
