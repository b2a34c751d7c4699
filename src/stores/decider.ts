import { isHeadgateError } from '../errors.ts';
import type { Mode } from '../limiter/question.ts';
import { type Millis, toInstant } from '../time.ts';
import { type Desk, DistributedAdmissionAnswer } from './admission.ts';
import { DistributedAnswer, type DistributedDecision } from './answer.ts';
import { type Call, disagreement, modeOf, type Stand } from './call.ts';
import { type Denials, requestId } from './denials.ts';
import type { Inquest } from './inquest.ts';
import { giveBack } from './late.ts';
import type { Store, StoreLine, StoreReply } from './store.ts';
import type { AnyAdmission, Attempt } from './turn.ts';

/** Has requests that were read decided: by the store, by what is known of it here, or by what the policy says for when it fails. */
export class Decider {
  readonly #desk: Desk;
  readonly denials: Denials | undefined;

  /** @param denials - where denials are kept, if they are */
  constructor(desk: Desk, denials: Denials | undefined) {
    this.#desk = desk;
    this.denials = denials;
  }

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
    const denials = asked === 'charge' && now === undefined ? this.denials : undefined;
    const request = denials && requestId(inquiry.group, inquest.rows);
    const denial = request === undefined ? undefined : denials?.find(request);
    if (denial !== undefined)
      return inquest.decide(
        denial.reply,
        denial.now,
        'peek',
        () => new DistributedAnswer(inquiry, 'local', false),
      );
    const since = this.#desk.clock.now();
    const reply = await this.#orNone(
      this.#desk.store.decide({ id, mode: asked, now, rows: inquest.rows }, this.#onLate(call, inquest, now)),
    );
    if (reply === undefined) return this.#tell(call, this.#decideAlone(call, inquest, now, mode));
    return inquest.decide(reply, reply.now, mode, (isAgreed) => {
      if (asked === 'charge' && isAgreed !== reply.agreed) throw disagreement(reply);
      const { retryAt } = inquiry;
      if (request !== undefined && !isAgreed && retryAt !== undefined && Number.isFinite(retryAt))
        denials?.keep(request, { reply, since, retryAt });
      return new DistributedAnswer(inquiry, 'store', isAgreed);
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
    const since = this.#desk.clock.now();
    const { rows } = inquest;
    const asked = modeOf(inquest, 'charge');
    const lease = { id: leaseId };
    const line = this.#line(call, priority, ticket, keep);
    const holds = rows.some(({ permits }) => permits.some(({ cost }) => cost > 0));
    const asking = { id, mode: asked, now, rows, line, ...(holds && { lease }) };
    const reply = await this.#orNone(this.#desk.store.decide(asking, this.#onLate(call, inquest, now)));
    if (reply === undefined) {
      const admission = this.#decideAlone(call, inquest, now, 'charge');
      // Who waits already goes on waiting; the place is kept for a while.
      if (ticket === undefined || admission.allowed) this.#tell(call, admission);
      return { admission, ticket };
    }
    if (reply.agreed && call.unclaimed !== undefined) call.unclaimed = undefined;
    const { mustWait, isHeld, fence, expiresAt } = reply;
    const admission = inquest.decide(reply, reply.now, mustWait ? 'peek' : 'charge', (isAgreed) => {
      if (asked === 'charge' && !isHeld && (isAgreed && !mustWait) !== reply.agreed)
        throw disagreement(reply);
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

  /** What to do with a reply that comes too late. */
  #onLate(call: Call, inquest: Inquest, now: Millis | undefined): (reply: StoreReply, store: Store) => void {
    return (reply, store) => {
      this.denials?.clear();
      if (call.told === undefined) call.unclaimed = reply;
      else giveBack({ call, inquest, reply, now }, store);
    };
  }

  #tell<T extends AnyAdmission>(call: Call, admission: T): T {
    call.told = admission.allowed ? 'admitted' : 'denied';
    return admission;
  }

  /** @returns `undefined` if the store has failed */
  async #orNone(deciding: Promise<StoreReply>): Promise<StoreReply | undefined> {
    try {
      return await deciding;
    } catch (error) {
      if (isHeadgateError(error, 'StoreError')) return undefined;
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

  /** Gives a place up, and what the store has granted without the caller's having heard of it. */
  async leave(call: Call, ticket: string): Promise<void> {
    const { inquest, unclaimed: reply } = call;
    const [first] = inquest?.rows ?? [];
    const line = this.#line(call, 0, ticket, 0);
    call.told = 'denied';
    if (inquest !== undefined && reply !== undefined)
      giveBack({ call, inquest, reply, now: undefined }, this.#desk.store);
    if (first !== undefined && line !== undefined) await this.#desk.store.leave(line, first);
  }
}
