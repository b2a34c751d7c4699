import type { FixedWindowPlan } from '../algorithms/fixed-window.ts';
import type { TokenBucketPlan } from '../algorithms/token-bucket.ts';
import type { Question } from '../limiter/question.ts';
import type { Millis } from '../time.ts';
import type { Changes, Charge } from './corrections.ts';
import type { LocalGroup } from './local-group.ts';
import { View } from './view.ts';

/** Units of one limit that one process has taken ahead so far. */
export interface PrefetchCounts {
  /** Charged in the store before anybody asked for them. */
  readonly taken: number;
  /** Granted to requests here, without asking the store. */
  readonly used: number;
  /** Given back unused. */
  readonly returned: number;
  /**
   * Neither, and no more to be had: the price. They had drained, their window was over, or a call of the store failed; what
   * it grants too late is returned then.
   */
  readonly lapsed: number;
}

/** The same while it is counted. */
export type Counts = { -readonly [K in keyof PrefetchCounts]: number };

/** How long units are kept at most: what other processes block or forget is noticed as late. */
export const LIFE: Millis = 1000;

/**
 * By how much the store's time may be later than it is known here: both clocks drop fractions, and they run at rates that
 * differ a little.
 */
const MARGIN: Millis = 2;

/** Units of one limit that are there to be used. */
interface Lot {
  readonly charge: Charge;
  readonly counts: Counts;
  /** Of a token bucket. */
  readonly bucket: TokenBucketPlan | undefined;
  /** Units that were charged together, those of the request included. */
  whole: number;
  /** Units that are left. */
  units: number;
}

/** A charge that has been made, of which units are to be kept. */
export interface Taking {
  /** When the store decided, by its clock. */
  readonly at: Millis;
  /** Before when it was asked, by the steady clock of this process. */
  readonly since: Millis;
  /** For each limit. */
  readonly ahead: readonly number[];
  readonly counts: readonly Counts[];
}

/**
 * Units of all limits of one request that were taken ahead, in one call. A unit is used only where using it is no more than
 * it was when it was charged: in the window it was charged in, or as far as it has not drained.
 */
export class Stock {
  readonly #local: LocalGroup;
  readonly #lots: readonly Lot[];
  readonly #at: Millis;
  readonly #since: Millis;
  /** From when nothing of it may be used, by the steady clock. */
  until: Millis;
  /** What the store held when it was asked, but for these units; then what has been used of them, too. */
  readonly #view: View;
  /** Requests like the first that have been answered. */
  answered = 0;

  /**
   * Made while the tables hold what the store has replied and the request has been charged.
   *
   * @param before - what is left of it goes on in this one, as far as it can
   * @param now - by the steady clock
   */
  constructor(local: LocalGroup, { at, since, ahead, counts }: Taking, before?: Stock, now: Millis = since) {
    this.#local = local;
    this.#at = at;
    this.#since = since;
    let until = since + LIFE;
    this.#lots = local.rates.map((question, i): Lot => {
      const { terms, cost, key, chargedAt, era, row, offset } = question;
      const charge: Charge = { question, terms, key, chargedAt, era };
      const more = ahead[i] ?? 0;
      const left = before?.cede(i, charge, now) ?? 0;
      const bucket = question.slot.kind === 'token-bucket' ? (terms as TokenBucketPlan) : undefined;
      if (bucket === undefined)
        until = Math.min(until, since + chargedAt + (terms as FixedWindowPlan).window - at - MARGIN);
      // What is left was charged before: it is no more used than what is taken now.
      if (left > 0)
        terms.algorithm.refund(terms, row.table.cells, row.at + offset, at, left, bucket ? at : chargedAt);
      const lot = counts[i] as Counts;
      lot.taken += more;
      return { charge, counts: lot, bucket, whole: cost + more + left, units: more + left };
    });
    this.until = until;
    this.#view = new View(local.tables);
  }

  /** Answers the request that the questions are filled in with, if it has what is asked. */
  use<A>(now: Millis, draw: (isAgreed: boolean) => A): A | undefined {
    if (now >= this.until) return undefined;
    const lots = this.#lots;
    const { rates, inquiry } = this.#local;
    let sum = 0;
    for (let i = 0; i < lots.length; i++) {
      const { cost } = rates[i] as Question;
      if (this.#left(lots[i] as Lot, now) < cost) return undefined;
      sum += cost;
    }
    // Nothing is known of those who ask without taking.
    if (sum === 0) return undefined;
    const at = this.#at + Math.floor(now - this.#since);
    return this.#view.decide(inquiry, at, 'charge', (isAgreed) => {
      if (!isAgreed) return undefined;
      this.answered++;
      for (let i = 0; i < lots.length; i++) take(lots[i] as Lot, rates[i] as Question);
      return draw(true);
    });
  }

  /** Units that may be used. What has drained of a token bucket is gone: first what was used, then what was not. */
  #left(lot: Lot, now: Millis): number {
    const { bucket } = lot;
    if (bucket === undefined) return lot.units;
    const drained = (Math.ceil(now - this.#since) + MARGIN) * bucket.ticksPerMs;
    const most = Math.max(0, Math.floor((lot.whole * bucket.ticksPerUnit - drained) / bucket.ticksPerUnit));
    if (most < lot.units) {
      lot.counts.lapsed += lot.units - most;
      lot.units = most;
    }
    return lot.units;
  }

  /** Units of a limit that are left, for this once. */
  leftOf(i: number, now: Millis): number {
    const lot = this.#lots[i];
    return lot === undefined || now >= this.until ? 0 : this.#left(lot, now);
  }

  /** Hands what is left over to a later charge of the same limit, where it counts the same. */
  cede(i: number, { era, chargedAt }: Charge, now: Millis): number {
    const lot = this.#lots[i];
    if (lot === undefined || now >= this.until || lot.charge.era !== era) return 0;
    if (lot.bucket === undefined && lot.charge.chargedAt !== chargedAt) return 0;
    const left = this.#left(lot, now);
    lot.units = 0;
    return left;
  }

  /** Whether it holds units of a row. */
  holds(isRow: (charge: Charge) => boolean): boolean {
    return this.#lots.some(({ charge }) => isRow(charge));
  }

  /** Something that was used is given back, so less is there to drain before what was not. */
  forgetUsed(): void {
    for (const lot of this.#lots) lot.whole = lot.units;
  }

  /** Ends it: what is left is to be given back, and then to be settled. */
  end(now: Millis): { readonly changes: Changes; settle(isDone: boolean, now: Millis): void } {
    this.until = Number.NEGATIVE_INFINITY;
    const left = this.#lots.map((lot) => ({ lot, units: this.#left(lot, now) }));
    return {
      changes: left
        .filter(({ lot }) => this.#isOpen(lot, now))
        .map(
          ({ lot, units }) => [{ ...lot.charge, chargedAt: this.#drainsFrom(lot, units) }, units] as const,
        ),
      settle: (isDone, then) => {
        for (const { lot, units } of left)
          lot.counts[isDone && this.#isOpen(lot, then) ? 'returned' : 'lapsed'] += units;
      },
    };
  }

  /** From when these units count: what was used drains first. */
  #drainsFrom({ charge, bucket, whole }: Lot, units: number): Millis {
    if (bucket === undefined) return charge.chargedAt;
    return this.#at + Math.floor(((whole - units) * bucket.ticksPerUnit) / bucket.ticksPerMs);
  }

  /** Whether what is given back to a limit by `now` is of use to anybody. */
  #isOpen({ bucket, charge }: Lot, now: Millis): boolean {
    if (bucket !== undefined) return true;
    const { window } = charge.terms as FixedWindowPlan;
    const windows = charge.question.slot.kind === 'sliding-window' ? 2 : 1;
    return this.#at + (now - this.#since) + MARGIN < charge.chargedAt + windows * window;
  }
}

function take(lot: Lot, question: Question): void {
  const { cost } = question;
  lot.units -= cost;
  lot.counts.used += cost;
  // A refund gives back to the charge that the unit is of.
  question.chargedAt = lot.charge.chargedAt;
}
