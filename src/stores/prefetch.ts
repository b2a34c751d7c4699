import { LRUCache } from 'lru-cache';
import type { Inquiry } from '../limiter/inquiry.ts';
import { type Millis, wakeByTimer } from '../time.ts';
import type { Desk } from './admission.ts';
import type { DecisionSource } from './answer.ts';
import { type Call, disagreement } from './call.ts';
import { type Charge, corrections } from './corrections.ts';
import type { OnLate } from './guard.ts';
import type { LocalGroup } from './local-group.ts';
import { type Counts, LIFE, type PrefetchCounts, Stock, type Taking } from './stock.ts';
import type { Store, StoreReply, StoreRow } from './store.ts';

/** Makes an answer while the inquiry is about the request. */
export type Draw<A> = (inquiry: Inquiry, isAllowed: boolean, source: DecisionSource) => A;

/** Requests with the same keys and terms that are heard of lately, and what was taken ahead for them. */
interface Demand {
  readonly local: LocalGroup;
  stock: Stock | undefined;
  /** When the store was last asked, by the steady clock. */
  askedAt: Millis;
  /** Until when nothing is taken ahead: a moment ago there was nothing to be had. */
  notBefore: Millis;
  /** Requests that waited for units and found none. */
  missed: number;
  /** Settles when the call that takes units ahead is over. */
  pending: Promise<void> | undefined;
}

/** A call of the store for more than the request needs. */
interface Errand {
  readonly call: Call;
  readonly local: LocalGroup;
  readonly demand: Demand;
  /** By limit. */
  readonly ahead: readonly number[];
  /** What to do about the request itself when the reply comes too late. */
  readonly onLate: OnLate;
}

/** Requests of which is known how often they are asked. */
const MOST_DEMANDS = 10_000;

/** For how long nothing is taken ahead where the store had no more than was needed. */
const PAUSE: Millis = 100;

/** A token bucket's units are taken for no less than this time of draining. */
const DRAIN: Millis = 20;

/** Requests that have to be expected before a token bucket's units have drained. */
const WORTH = 4;

/** Takes units ahead for keys that are asked for often, answers by them, and gives back what is not used. */
export class Prefetch {
  readonly #desk: Pick<Desk, 'store' | 'clock' | 'now' | 'nextId'>;
  readonly #now: () => Millis;
  readonly #demands: LRUCache<string, Demand>;
  readonly #counts = new Map<string, Counts>();
  readonly #live = new Set<Stock>();
  readonly #returning = new Set<Promise<void>>();
  #disarm: (() => void) | undefined;
  /** How often units were revoked: what was asked for before is not kept after. */
  #era = 0;

  constructor(desk: Pick<Desk, 'store' | 'clock' | 'now' | 'nextId'>) {
    this.#desk = desk;
    this.#now = desk.now;
    this.#demands = new LRUCache({
      max: MOST_DEMANDS,
      dispose: ({ stock }) => {
        if (stock !== undefined) this.#end(stock);
      },
    });
  }

  /** What became of units that were taken ahead, by limit. */
  get counts(): { readonly [limit: string]: PrefetchCounts } {
    return Object.fromEntries([...this.#counts].map(([limit, counts]) => [limit, { ...counts }]));
  }

  /** Answers the request that the questions are filled in with, if units for it are here. */
  answer<A>(id: string, local: LocalGroup, draw: (isAgreed: boolean) => A): A | undefined {
    const demand = this.#demands.get(id);
    if (demand?.stock === undefined || demand.local !== local) return undefined;
    return demand.stock.use(this.#now(), draw);
  }

  /**
   * Asks the store for more than the request needs, if that is worth while.
   *
   * @param call - whose questions are filled in
   * @param deny - hears of a denial, as the store would have given it
   * @param onLate - hears of a reply that comes when the store has failed
   * @returns `undefined` if the store is to be asked as usual
   * @throws StoreError if the store fails
   */
  async takeAhead<A>(
    id: string,
    call: Call,
    local: LocalGroup,
    draw: Draw<A>,
    deny: (reply: StoreReply, since: Millis) => void,
    onLate: OnLate,
  ): Promise<A | undefined> {
    const demand = this.#demandFor(id, local);
    if (demand.pending !== undefined) {
      await demand.pending;
      call.inquest?.refill();
      const answer = this.answer(id, local, () => draw(local.inquiry, true, 'local'));
      if (answer === undefined) demand.missed++;
      return answer;
    }
    const now = this.#now();
    const ahead = this.#aheadFor(demand, now);
    demand.askedAt = now;
    if (ahead === undefined) return undefined;
    let settle: () => void = () => undefined;
    demand.pending = new Promise((resolve) => {
      settle = resolve;
    });
    try {
      return await this.#take({ call, local, demand, ahead, onLate }, draw, deny);
    } finally {
      demand.pending = undefined;
      settle();
    }
  }

  async #take<A>(
    { call, local, demand, ahead, onLate }: Errand,
    draw: Draw<A>,
    deny: (reply: StoreReply, since: Millis) => void,
  ): Promise<A | undefined> {
    const { inquest, id } = call;
    if (inquest === undefined) return undefined;
    const era = this.#era;
    const since = this.#now();
    const counts = local.rates.map(({ slot }) => this.#countsOf(slot.name));
    const rows = raise(inquest.rows, local, ahead);
    let reply: StoreReply;
    const onLater: OnLate = (late, store) => {
      if (late.agreed)
        inquest.decide(late, late.now, 'charge', (isAgreed) => {
          if (isAgreed) this.#giveBackLate(local, { at: late.now, since, ahead, counts }, store);
        });
      onLate(late, store);
    };
    try {
      reply = await this.#desk.store.decide({ id, mode: 'charge', rows }, onLater);
    } catch (error) {
      // They may have been charged.
      counts.forEach((each, i) => {
        each.taken += ahead[i] ?? 0;
        each.lapsed += ahead[i] ?? 0;
      });
      throw error;
    }
    const { agreed, now: at } = reply;
    return inquest.decide(reply, at, agreed ? 'charge' : 'peek', (isAgreed) => {
      if (agreed) {
        if (!isAgreed) throw disagreement(reply);
        local.date(at);
        this.#put(demand, new Stock(local, { at, since, ahead, counts }, demand.stock, this.#now()));
        if (era !== this.#era && demand.stock !== undefined) this.#end(demand.stock);
        return draw(local.inquiry, true, 'store');
      }
      demand.notBefore = this.#now() + PAUSE;
      // With less it would be admitted.
      if (isAgreed) return undefined;
      deny(reply, since);
      return draw(local.inquiry, false, 'store');
    });
  }

  /** Gives back what was counted as lapsed, while the questions hold what the store has said. */
  #giveBackLate(local: LocalGroup, taking: Taking, store: Store): void {
    taking.counts.forEach((each, i) => {
      each.taken -= taking.ahead[i] ?? 0;
      each.lapsed -= taking.ahead[i] ?? 0;
    });
    local.date(taking.at);
    void this.#return(new Stock(local, taking), store);
  }

  #put(demand: Demand, stock: Stock): void {
    if (demand.stock !== undefined) this.#end(demand.stock);
    demand.stock = stock;
    demand.missed = 0;
    this.#live.add(stock);
    this.#arm();
  }

  #demandFor(id: string, local: LocalGroup): Demand {
    const known = this.#demands.get(id);
    if (known?.local === local) return known;
    const never = Number.NEGATIVE_INFINITY;
    const fresh = { stock: undefined, askedAt: never, notBefore: never, missed: 0, pending: undefined };
    const demand: Demand = { local, ...fresh };
    this.#demands.set(id, demand);
    return demand;
  }

  /** By limit, how many units are worth taking: for as many requests as lately used them up, twice, within the share. */
  #aheadFor(demand: Demand, now: Millis): number[] | undefined {
    const { local, stock, notBefore } = demand;
    const { shares, rates } = local;
    if (shares === undefined || now < notBefore) return undefined;
    let times = appetiteOf(demand, now);
    const answered = stock?.answered ?? 0;
    rates.forEach(({ terms, cost, slot }, i) => {
      if (times === 0 || cost === 0) return;
      if (slot.kind === 'token-bucket') {
        const drain = (cost * (terms.window ?? 1)) / terms.quota;
        // Fewer would have drained by the time they are here, and so may these before they are asked for.
        times = Math.max(times, Math.ceil(DRAIN / drain));
        if (answered < WORTH && WORTH * (now - demand.askedAt) >= times * drain) times = 0;
      }
      const most = terms.burst ?? terms.quota;
      const share = Math.max(1, Math.floor(most * (shares[i] ?? 0)));
      const room = Math.min(share - (stock?.leftOf(i, now) ?? 0), most - cost);
      times = Math.min(times, Math.max(0, Math.floor(room / cost)));
    });
    if (times < 1 || rates.every(({ cost }) => cost === 0)) return undefined;
    return rates.map(({ cost }) => cost * times);
  }

  /** Something that was used of these rows is given back. */
  forgetUsed(isRow: (charge: Charge) => boolean): void {
    for (const stock of this.#live) if (stock.holds(isRow)) stock.forgetUsed();
  }

  /** Units of these rows are not used any more, from now on. */
  revoke(isRow: (charge: Charge) => boolean): void {
    this.#era++;
    for (const stock of [...this.#live]) if (stock.holds(isRow)) this.#end(stock);
  }

  /** Gives everything back; resolves when the store has been told. */
  async giveBack(): Promise<void> {
    this.revoke(() => true);
    this.#disarm?.();
    this.#disarm = undefined;
    // What is on its way here is not kept either.
    await Promise.all([...this.#demands.values()].map(({ pending }) => pending));
    await Promise.all(this.#returning);
  }

  #end(stock: Stock): void {
    if (!this.#live.delete(stock)) return;
    const returned = this.#return(stock, this.#desk.store);
    this.#returning.add(returned);
    void returned.then(() => this.#returning.delete(returned));
  }

  async #return(stock: Stock, store: Store): Promise<void> {
    const { changes, settle } = stock.end(this.#now());
    const rows = corrections(changes);
    try {
      if (rows.length > 0) await store.correct(this.#desk.nextId(), 'refund', rows);
      settle(true, this.#now());
    } catch {
      settle(false, this.#now());
    }
  }

  /** Gives back what is too old, as long as there is anything. What is too old is not used before that either. */
  #arm(): void {
    if (this.#disarm !== undefined || this.#live.size === 0) return;
    const { clock } = this.#desk;
    const earliest = Math.min(...[...this.#live].map(({ until }) => until));
    const at = clock.now() + Math.max(1, Math.ceil(earliest - this.#now()));
    const sweep = (): void => {
      this.#disarm = undefined;
      const now = this.#now();
      for (const stock of [...this.#live]) if (now >= stock.until) this.#end(stock);
      this.#arm();
    };
    this.#disarm = clock.wakeAt?.(at, sweep) ?? wakeByTimer(clock, at, sweep);
  }

  #countsOf(limit: string): Counts {
    const known = this.#counts.get(limit);
    if (known !== undefined) return known;
    const counts = { taken: 0, used: 0, returned: 0, lapsed: 0 };
    this.#counts.set(limit, counts);
    return counts;
  }
}

/** For how many requests to take units. One that is asked for now and then has none taken. */
function appetiteOf({ stock, askedAt, missed }: Demand, now: Millis): number {
  if (stock === undefined || now >= stock.until + LIFE) return now - askedAt < LIFE ? 1 + missed : 0;
  return (now < stock.until ? Math.max(1, 2 * stock.answered) : stock.answered) + missed;
}

/** What is asked of the store, and more. */
function raise(rows: readonly StoreRow[], { order }: LocalGroup, ahead: readonly number[]): StoreRow[] {
  return rows.map((row, i) => ({
    ...row,
    limits: row.limits.map((limit, j) => ({
      ...limit,
      cost: limit.cost + (ahead[order[i]?.[j] ?? -1] ?? 0),
    })),
  }));
}
