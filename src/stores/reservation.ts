/**
 * One request on its way through several slots. Each is decided by itself: they are reserved one after the other, and
 * given back if one of them does not agree.
 *
 * @module
 */

import type { Millis } from '../time.ts';
import type { Guarded } from './guard.ts';
import { attemptAll } from './late.ts';
import {
  blankReply,
  chargesOf,
  isBlocked,
  isNever,
  joinRows,
  type Part,
  takesAny,
  wouldAgree,
} from './parts.ts';
import type { Store, StoreCorrection, StoreReply, StoreRequest } from './store.ts';

/** What came of all slots together. */
interface Outcome {
  readonly agreed: boolean;
  readonly now: Millis;
  readonly isHeld?: boolean;
  readonly mustWait?: boolean;
}

/** Decides on one request, once. */
export class Reservation {
  readonly #store: Guarded;
  readonly #request: StoreRequest;
  readonly #parts: readonly Part[];
  /** Where the line is. A lease whose id others may ask for begins there last: who holds it there holds all of it. */
  readonly #home: Part;
  readonly #isShared: boolean;
  readonly #replies = new Map<Part, StoreReply>();
  /** Slots that were asked to charge; without a reply, nobody knows whether they did. */
  readonly #charged = new Map<Part, StoreReply | undefined>();
  #ticket: string | undefined;
  #isBlocked = false;

  readonly #onGivenBack: () => void;

  /**
   * @param parts - the slots of the request, at least one
   * @param onGivenBack - hears of it when charges have been given back
   */
  constructor(
    store: Guarded,
    request: StoreRequest,
    parts: readonly [Part, ...Part[]],
    onGivenBack: () => void,
  ) {
    const { id, lease, line } = request;
    this.#store = store;
    this.#request = request;
    this.#parts = parts;
    this.#home = parts[0];
    this.#onGivenBack = onGivenBack;
    this.#isShared = lease !== undefined && lease.id !== id;
    this.#ticket = line?.ticket;
  }

  /** @throws StoreError if a slot that may deny does not answer */
  async decide(): Promise<StoreReply> {
    const { line } = this.#request;
    const mode = this.#mode;
    try {
      if (mode === 'charge') return await this.#reserve();
      await Promise.all(this.#parts.map((part) => this.#look(part, mode)));
      return this.#join({ agreed: false, now: this.#now });
    } catch (error) {
      // Nobody waits for that: whatever failed may be slow.
      void this.#giveBack();
      if (line?.ticket === undefined) void this.#leave();
      throw error;
    }
  }

  async #reserve(): Promise<StoreReply> {
    const isProbed = this.#isShared || this.#request.line !== undefined;
    const early = isProbed ? await this.#probe() : undefined;
    if (early !== undefined) return early;
    const parts = this.#order(isProbed);
    for (const part of parts.slice(0, -1)) {
      const { agreed, isHeld, now } = await this.#ask(part, 'charge');
      // Held but not at home: another call for this lease is under way, or has died on it.
      const isTaken = isHeld && this.#isShared;
      if (!agreed || isTaken) return this.#refuse(now, isTaken);
    }
    return this.#finish(parts.at(-1) ?? this.#home, parts);
  }

  /** What everybody shares is asked late, so that who is denied before leaves no trace there; then home, if it matters. */
  #order(isHomeLast: boolean): readonly Part[] {
    const rank = (part: Part): number => (isHomeLast && part === this.#home ? 2 : Number(part.isForAll));
    return this.#parts.filter((part) => !this.#mayFail(part)).sort((a, b) => rank(a) - rank(b));
  }

  /** Whether a part cannot deny, beside others that can. */
  #mayFail({ isShadow }: Part): boolean {
    return isShadow && this.#parts.some((other) => !other.isShadow);
  }

  /**
   * Asks where the line is, or where the lease would be held, before anything is reserved elsewhere.
   *
   * @returns `undefined` if it is worth going on
   */
  async #probe(): Promise<StoreReply | undefined> {
    const reply = await this.#ask(this.#home, this.#request.line === undefined ? 'deny' : 'wait');
    if (reply.isHeld) return this.#repeat(reply.now);
    if (reply.mustWait || !wouldAgree(this.#home, reply)) return this.#refuse(reply.now);
    return undefined;
  }

  /** Somebody asks again for a lease that is held. */
  async #repeat(now: Millis): Promise<StoreReply> {
    await Promise.all(this.#unasked.map((part) => this.#look(part, 'deny')));
    const holders = this.#parts.filter(({ holds }) => holds);
    const isHeld = holders.every((part) => this.#replies.get(part)?.isHeld === true);
    return this.#join({ agreed: isHeld, now, isHeld, mustWait: !isHeld });
  }

  /** All the others are reserved: this slot decides. Shadows are asked at the same time. */
  async #finish(late: Part, parts: readonly Part[]): Promise<StoreReply> {
    const shadows = this.#parts.filter((part) => !parts.includes(part));
    const asking = Promise.all(shadows.map((part) => this.#look(part, 'charge')));
    const reply = await this.#ask(late, 'charge').finally(() => asking);
    if (!reply.agreed) return this.#refuse(reply.now);
    // Another call for this lease was faster, and is charged for it.
    if (reply.isHeld && this.#isShared) await this.#giveBack(false);
    const isHeld = [...this.#replies.values()].some((each) => each.isHeld);
    return this.#join({ agreed: true, now: reply.now, isHeld });
  }

  /** Gives back what is reserved, and asks the others where they stand: what does not answer changes nothing any more. */
  async #refuse(now: Millis, mustWait = false): Promise<StoreReply> {
    await Promise.all([
      this.#giveBack(),
      ...this.#unasked.map((part) => this.#ask(part, 'deny').catch(() => undefined)),
    ]);
    this.#isBlocked = [...this.#replies.values()].some(isBlocked);
    if (this.#isBlocked) await this.#leave();
    return this.#join({ agreed: false, now, mustWait });
  }

  /** Gives back what was charged, as far as is known; permits also where it is not. What fails is not tried again. */
  async #giveBack(alsoPermits = true): Promise<void> {
    const { id, lease, now } = this.#request;
    const charged = [...this.#charged];
    this.#charged.clear();
    const giving = charged.flatMap(([part, reply]) => {
      const own = `${id}.${part.index}.back`;
      const isTaken = reply?.agreed === true && !reply.isHeld;
      const rows = isTaken ? correctionsOf(part, reply) : [];
      const isHolding = part.rows.some(({ permits }) => takesAny(permits));
      // Of a lease that others may ask for, only what is known to be taken by this call.
      const mayRelease = isTaken || (!this.#isShared && (reply === undefined || reply.isHeld));
      return [
        ...(rows.length > 0 ? [this.#store.correct(own, 'refund', rows, now)] : []),
        ...(lease !== undefined && alsoPermits && isHolding && mayRelease
          ? [this.#store.release(`${own}.lease`, lease, part.rows, now)]
          : []),
      ];
    });
    await Promise.allSettled(giving);
    if (giving.length > 0) this.#onGivenBack();
  }

  /** The request has been refused by then, and whoever asked for it has gone on. What was held before, somebody holds. */
  #giveBackLate(part: Part, reply: StoreReply, store: Store): void {
    const { id, lease, line, now } = this.#request;
    const [row] = part.rows;
    const ticket = reply.ticket === 'full' ? undefined : reply.ticket;
    // Whoever waits has another place, or none.
    if (line !== undefined && row !== undefined && ticket !== undefined && ticket !== line.ticket)
      void attemptAll([() => store.leave({ ...line, ticket }, row)]);
    if (!reply.agreed || reply.isHeld) return;
    const own = `${id}.${part.index}.late`;
    const rows = correctionsOf(part, reply);
    void attemptAll([
      ...(rows.length > 0 ? [() => store.correct(own, 'refund', rows, now)] : []),
      ...(lease !== undefined && reply.fence > 0
        ? [() => store.release(`${own}.lease`, lease, part.rows, now)]
        : []),
    ]).then(this.#onGivenBack);
  }

  /** Gives up the place in line, if there is one. */
  async #leave(): Promise<void> {
    const { line } = this.#request;
    const [row] = this.#home.rows;
    const ticket = this.#ticket;
    this.#ticket = undefined;
    if (line === undefined || row === undefined || ticket === undefined) return;
    await this.#store.leave({ ...line, ticket }, row).catch(() => undefined);
  }

  /** Asks one slot; one that cannot deny need not answer. */
  async #look(part: Part, mode: StoreRequest['mode']): Promise<void> {
    const asking = this.#ask(part, mode);
    await (this.#mayFail(part) ? asking.catch(() => undefined) : asking);
  }

  async #ask(part: Part, mode: StoreRequest['mode']): Promise<StoreReply> {
    const { id, now, lease, line } = this.#request;
    const isHome = part === this.#home;
    if (mode === 'charge') this.#charged.set(part, undefined);
    const request = {
      ...{ id: `${id}.${part.index}`, mode, now, rows: part.rows, lease },
      line: isHome && line !== undefined ? { ...line, ticket: this.#ticket } : undefined,
    };
    const reply = await this.#store.decide(request, (late, store) => this.#giveBackLate(part, late, store));
    if (mode === 'charge') this.#charged.set(part, reply);
    this.#replies.set(part, reply);
    if (isHome && reply.ticket !== 'full') this.#ticket = reply.ticket ?? this.#ticket;
    return reply;
  }

  /** Nothing is reserved for what one of the limits never grants; unless the lease may be held already. */
  get #mode(): StoreRequest['mode'] {
    const { mode } = this.#request;
    return mode === 'charge' && !this.#isShared && this.#parts.some(isNever) ? 'deny' : mode;
  }

  get #unasked(): Part[] {
    return this.#parts.filter((part) => !this.#replies.has(part));
  }

  get #now(): Millis {
    const [first] = this.#parts.filter((part) => this.#replies.has(part));
    return (first && this.#replies.get(first)?.now) ?? 0;
  }

  #join({ agreed, now, isHeld = false, mustWait = false }: Outcome): StoreReply {
    const replies = new Map(
      this.#parts.map((part) => [part, this.#replies.get(part) ?? blankReply(part, now)]),
    );
    const holders = this.#parts.filter(({ holds }) => holds).map((part) => replies.get(part));
    const home = this.#replies.get(this.#home);
    return {
      ...{ agreed, now, isHeld },
      rows: joinRows(replies, now),
      resets: [...replies.values()].reduce((sum, { resets }) => sum + resets, 0),
      fence: agreed ? (holders[0]?.fence ?? 0) : 0,
      expiresAt:
        agreed && holders.length > 0 ? Math.min(...holders.map((reply) => reply?.expiresAt ?? 0)) : 0,
      mustWait: mustWait || home?.mustWait === true,
      ticket: agreed || this.#isBlocked ? undefined : home?.ticket,
    };
  }
}

/** What a slot has charged, to be given back. */
function correctionsOf({ rows }: Part, { rows: stored, now }: StoreReply): StoreCorrection[] {
  return rows.flatMap((row, i) => {
    const read = stored[i];
    const limits = read === undefined ? [] : chargesOf(row, read, now).filter(({ cost }) => cost > 0);
    if (read === undefined || limits.length === 0) return [];
    return [{ partition: row.partition, values: row.values, limits, born: read.born }];
  });
}
