import { isHeadgateError } from '../errors.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Mode } from '../limiter/question.ts';
import { type Millis, toInstant } from '../time.ts';
import { type Desk, DistributedAdmissionAnswer, shortestLease } from './admission.ts';
import { DistributedAnswer, type DistributedDecision } from './answer.ts';
import { type Call, disagreement, modeOf, type Stand } from './call.ts';
import type { OnLate } from './guard.ts';
import type { Inquest } from './inquest.ts';
import { attemptAll, giveBack, type LateReply } from './late.ts';
import type { Ledger, Tell } from './ledger.ts';
import { Local } from './local.ts';
import type { Draw } from './prefetch.ts';
import type { Store, StoreLine, StoreReply } from './store.ts';
import type { AnyAdmission, Attempt } from './turn.ts';

/** Has requests that were read decided: by the store, by what is known of it here, or by what the policy says for when it fails. */
export class Decider {
  readonly #desk: Desk;
  readonly #ledger: Ledger;
  /** What is known here of what the store would answer. */
  readonly local: Local;

  /**
   * @param ledger - hears of every attempt that is decided for good
   * @param denials - how many denials are kept; `undefined`: none
   */
  constructor(desk: Desk, ledger: Ledger, denials: number | undefined) {
    this.#desk = desk;
    this.#ledger = ledger;
    this.local = new Local(desk, denials);
  }

  /** Makes the answer to a request that was not to hold anything. */
  readonly answer: Draw<DistributedAnswer> = (inquiry, isAllowed, source) =>
    told(new DistributedAnswer(inquiry, source, isAllowed), inquiry, this.#ledger.onDecided);

  /** Makes the answer to a request that may hold permits, where there are none to hold. */
  readonly admission: Draw<DistributedAdmissionAnswer> = (inquiry, isAllowed, source) => {
    const denied = isAllowed ? undefined : (inquiry.blocking?.reason ?? 'quota');
    const admission = new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, denied, source);
    return told(admission, inquiry, this.#ledger.onDecided);
  };

  /** @param tell - hears of it while the inquiry holds what each limit said */
  async decide(
    call: Call,
    now: Millis | undefined,
    mode: Mode,
    tell: Tell = () => undefined,
  ): Promise<DistributedDecision> {
    const { id, rules, group, inquest } = call;
    if (inquest === undefined || inquest.rows.length === 0) {
      const at = now ?? toInstant(this.#desk.clock.now());
      const { inquiry, denied } = group?.entrance ?? rules.policy.unmatched;
      const isAgreed = inquest?.decide(undefined, at, mode, Boolean) ?? inquiry.decide(at, mode);
      return told(
        new DistributedAnswer(inquiry, 'local', isAgreed && denied === undefined, denied),
        inquiry,
        tell,
      );
    }
    const { inquiry } = group?.entrance ?? rules.policy.unmatched;
    const asked = modeOf(inquest, mode);
    const { local } = this;
    const { era } = local;
    const isLive = asked === 'charge' && now === undefined;
    const onLate = this.#onLate(call, inquest, now);
    const taking = isLive ? local.takeAhead(call, this.answer, onLate) : undefined;
    const known = taking && (await this.#orNone(taking.then((answer) => ({ answer }))));
    if (known?.answer !== undefined) return known.answer;
    if (taking !== undefined && known === undefined)
      return this.#tellAlone(call, this.#decideAlone(call, inquest, now, mode, tell));
    const since = local.now();
    const reply = await this.#orNone(
      this.#desk.store.decide({ id, mode: asked, now, rows: inquest.rows }, onLate),
    );
    if (reply === undefined) return this.#tellAlone(call, this.#decideAlone(call, inquest, now, mode, tell));
    return inquest.decide(reply, reply.now, mode, (isAgreed) => {
      if (asked === 'charge' && isAgreed !== reply.agreed) throw disagreement(reply);
      if (isLive) local.learn(call, reply, { since, era });
      return told(new DistributedAnswer(inquiry, 'store', isAgreed), inquiry, tell);
    });
  }

  /** @returns an answer; one with a place in line is no decision yet, unless it allows */
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
      const admission = new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, reason);
      return { admission: told(admission, inquiry, this.#ledger.onDecided), ticket: undefined };
    }
    const { rows } = inquest;
    const asked = modeOf(inquest, 'charge');
    const { local } = this;
    const { era } = local;
    const isLive = asked === 'charge' && now === undefined;
    const onLate = this.#onLate(call, inquest, now, ticket);
    const taking = isLive ? local.takeAhead(call, this.admission, onLate) : undefined;
    const known = taking && (await this.#orNone(taking.then((answer) => ({ answer }))));
    if (known?.answer !== undefined) return { admission: known.answer, ticket: undefined };
    if (taking !== undefined && known === undefined) {
      const alone = this.#decideAlone(call, inquest, now, 'charge', this.#ledger.onDecided);
      return { admission: this.#tellAlone(call, alone), ticket: undefined };
    }
    const since = local.now();
    const lease = { id: leaseId };
    const line = this.#line(call, priority, ticket, keep);
    const holds = rows.some(({ permits }) => permits.some(({ cost }) => cost > 0));
    const asking = { id, mode: asked, now, rows, line, ...(holds && { lease }) };
    const reply = await this.#orNone(this.#desk.store.decide(asking, onLate));
    if (reply === undefined) {
      // Who waits already goes on waiting; the place is kept for a while.
      const isLast = ticket === undefined || keep === 0;
      const tell: Tell = (decision, asked) => {
        if (decision.allowed || isLast) this.#ledger.onDecided(decision, asked);
      };
      const admission = this.#decideAlone(call, inquest, now, 'charge', tell);
      if (admission.allowed || isLast) this.#tellAlone(call, admission);
      return { admission, ticket };
    }
    if (reply.agreed) this.#claim(call, reply, now);
    const taken = reply.ticket === 'full' ? undefined : reply.ticket;
    const { mustWait, isHeld, fence, expiresAt } = reply;
    const admission = inquest.decide(reply, reply.now, mustWait ? 'peek' : 'charge', (isAgreed) => {
      if (asked === 'charge' && !isHeld && (isAgreed && !mustWait) !== reply.agreed)
        throw disagreement(reply);
      if (isLive) local.learn(call, reply, { since, era });
      if (reply.agreed) {
        const length = (): Millis => (fence > 0 ? entrance.lease : shortestLease(rows));
        const held = holds ? { lease, length: length(), rows, fence, expiresAt, since } : undefined;
        return told(
          new DistributedAdmissionAnswer(inquiry, this.#desk, held),
          inquiry,
          this.#ledger.onDecided,
        );
      }
      const behind = entrance.permits.length > 0 ? 'concurrency' : 'quota';
      const reason = isAgreed ? behind : (inquiry.blocking?.reason ?? behind);
      const isPassing = reason === 'quota' || reason === 'concurrency';
      const instead = reply.ticket === 'full' ? 'queue-full' : isPassing ? (refusal ?? reason) : reason;
      const refused = new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, instead);
      const isLast = taken === undefined || keep === 0;
      return isLast ? told(refused, inquiry, this.#ledger.onDecided) : refused;
    });
    if (!reply.agreed && taken === undefined) this.abandon(call);
    return { admission, ticket: taken };
  }

  /**
   * What to do with a reply that comes too late.
   *
   * @param place - in line, by which the caller asked
   */
  #onLate(call: Call, inquest: Inquest, now: Millis | undefined, place?: string): OnLate {
    return (reply, store) => {
      if (call.told === undefined && call.granted === undefined) {
        if (reply.agreed) call.unclaimed = [...(call.unclaimed ?? []), reply];
      } else if (isSurplus(call, reply)) this.#giveBack({ call, inquest, reply, now }, store);
      const [first] = inquest.rows;
      const ticket = reply.ticket === 'full' ? undefined : reply.ticket;
      const line = this.#line(call, 0, ticket, 0);
      // Whoever goes on waiting asks by the place that is known, not by one that was taken since that was lost.
      const isLost = call.told !== undefined || ticket !== place;
      if (isLost && ticket !== undefined && line !== undefined && first !== undefined)
        void attemptAll([() => store.leave(line, first)]);
    };
  }

  /** A reply is what the caller gets; what came too late before it is surplus. */
  #claim(call: Call, { fence }: StoreReply, now: Millis | undefined): void {
    call.granted = fence;
    this.#clear(call, now);
  }

  /** Gives back what came too late and is surplus, now that it is known what the caller has. */
  #clear(call: Call, now: Millis | undefined): void {
    const { inquest, unclaimed = [] } = call;
    call.unclaimed = [];
    for (const reply of unclaimed)
      if (inquest !== undefined && isSurplus(call, reply))
        this.#giveBack({ call, inquest, reply, now }, this.#desk.store);
  }

  #giveBack(late: Omit<LateReply, 'id' | 'date'>, store: Store): void {
    // Who was denied in the meantime, for want of it, is not to be denied any longer.
    const { call, reply } = late;
    const date = (): void => this.local.date(call, reply.now);
    void giveBack({ ...late, id: this.#desk.nextId(), date }, store).then(() => this.local.forgetDenials());
  }

  #tellAlone<T extends AnyAdmission>(call: Call, admission: T): T {
    call.told = admission.allowed ? 'admitted' : 'denied';
    this.#clear(call, undefined);
    return admission;
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
    tell: Tell,
  ): AnyAdmission {
    const { inquiry } = group?.entrance ?? rules.policy.unmatched;
    const strategy = group === undefined ? 'deny' : rules.fallback.strategyOf(group.name);
    const decided = local === undefined ? undefined : rules.fallback.decide(local, mode);
    if (decided !== undefined) return told(decided, undefined, tell);
    return inquest.decide(undefined, now ?? toInstant(this.#desk.clock.now()), 'peek', (isAgreed) => {
      const reason = isAgreed ? undefined : inquiry.blocking?.reason;
      const denied = reason ?? (strategy === 'allow' ? undefined : 'store-failure');
      const answer = new DistributedAdmissionAnswer(inquiry, this.#desk, undefined, denied, 'fallback');
      return told(answer, inquiry, tell);
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
    const [first] = call.inquest?.rows ?? [];
    const line = this.#line(call, 0, ticket, 0);
    this.abandon(call);
    if (first !== undefined && line !== undefined) await this.#desk.store.leave(line, first);
  }

  /** Asks no more for this request: what was granted too late, or will be, is given back. */
  abandon(call: Call): void {
    call.told = 'denied';
    this.#clear(call, undefined);
  }
}

/**
 * Whether a reply has granted what its caller does not have. A lease that is held is granted again, and charged once; so a
 * reply with a later fence is of a time when the lease had ended.
 */
function isSurplus({ granted }: Call, { isHeld, fence }: StoreReply): boolean {
  return granted === undefined || (!isHeld && (fence === 0 || fence > granted));
}

function told<T extends DistributedDecision>(decision: T, inquiry: Inquiry | undefined, tell: Tell): T {
  tell(decision, inquiry);
  return decision;
}
