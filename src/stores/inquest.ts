/**
 * One request on its way to a store and back. What the limits are asked is kept here meanwhile: the questions of a group
 * are filled in anew by every request.
 *
 * @module
 */

import { PermitQuestion } from '../concurrency/permit-question.ts';
import type { PermitTable } from '../concurrency/permits.ts';
import { CostError, show } from '../errors.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Mode, Question } from '../limiter/question.ts';
import { RateQuestion } from '../limiter/rate-question.ts';
import { splitKey } from '../partition/key.ts';
import type { CompiledGroup, CompiledPolicy } from '../policy/compile.ts';
import type { Millis } from '../time.ts';
import { type ScratchLimit, ScratchTable } from './scratch.ts';
import type { StoredRow, StoreReply, StoreRow } from './store.ts';

/** A row that a group asks for, and the limits it asks there. */
export interface Site {
  readonly table: ScratchTable;
  readonly rates: readonly RateQuestion[];
  readonly permits: readonly { readonly question: PermitQuestion; readonly held: PermitTable }[];
}

/** The rows of a group. Made once. */
export function sitesOf({ entrance, places, shadows }: CompiledGroup, policy: CompiledPolicy): Site[] {
  const tables = new Set([...places, ...shadows.places].map(({ row }) => row.table));
  const rates = entrance.inquiry.all.filter((question) => question instanceof RateQuestion);
  const permits = entrance.inquiry.all.flatMap((question) => {
    const held = policy.limits.get(question.slot.name)?.held;
    return question instanceof PermitQuestion && held !== undefined ? [{ question, held }] : [];
  });
  const sites = [...tables]
    .filter((table) => table instanceof ScratchTable)
    .map((table) => ({
      table,
      rates: rates.filter(({ row }) => row.table === table),
      permits: permits.filter(({ question }) => question.row.table === table),
    }));
  // The first row says where a line and a fence are, so it is one that permits are taken of.
  return sites.sort((a, b) => Number(holds(b)) - Number(holds(a)));
}

function holds({ permits }: Site): boolean {
  return permits.some(({ question }) => question.slot.mode !== 'shadow');
}

/** A row that was asked for. */
interface Visit {
  readonly table: ScratchTable;
  readonly key: string;
  readonly limits: readonly ScratchLimit[];
  readonly permits: readonly { readonly question: PermitQuestion; readonly held: PermitTable }[];
}

/** Permits that one lease may take of one limit: each is a member of a set. */
const MOST_PERMITS = 1000;

/** What a request asks of each limit. */
export class Inquest {
  readonly #inquiry: Inquiry;
  readonly #places: CompiledGroup['places'];
  readonly #keys: readonly (string | undefined)[];
  readonly #asked: readonly Pick<Question, 'terms' | 'cost' | 'isUnanswerable'>[];
  readonly #entrance: CompiledGroup['entrance'];
  readonly #visits: Visit[] = [];
  /** What the store is asked. */
  readonly rows: StoreRow[] = [];
  /** Whether a limit denies because the request does not say whose budget it is. */
  readonly lacksKey: boolean;

  /**
   * @param group - whose questions have been filled in
   * @throws CostError (`bad-cost`) for more permits than a store keeps for one lease
   */
  constructor({ entrance, places, shadows }: CompiledGroup, sites: readonly Site[]) {
    const { inquiry } = entrance;
    this.#inquiry = inquiry;
    this.#places = shadows.places.length === 0 ? places : [...places, ...shadows.places];
    this.#keys = this.#places.map(({ row }) => row.key);
    this.#asked = inquiry.all.map(({ terms, cost, isUnanswerable }) => ({ terms, cost, isUnanswerable }));
    this.#entrance = entrance;
    this.lacksKey = places.some(({ row }) => row.key === undefined);
    for (const site of sites) this.#visit(site);
  }

  #visit({ table, ...site }: Site): void {
    const rates = site.rates.filter(isAnswerable);
    const permits = site.permits.filter(({ question }) => isAnswerable(question));
    const key = rates[0]?.key ?? permits[0]?.question.key;
    if (key === undefined) return;
    const { partition } = table;
    const limits = rates.map(({ slot: { name }, terms, cost }) => ({
      name: table.names.get(name) ?? name,
      plan: terms,
      cost,
    }));
    const length = partition.isShadow ? this.#entrance.shadowLease : this.#entrance.lease;
    const asked = permits.map(({ question: { slot, terms, cost, leave } }) => {
      const most = terms.quota - leave;
      if (cost > MOST_PERMITS && cost <= most) throw tooMany(cost);
      return { name: slot.name, cost, most: terms.quota === 0 ? -1 : most, length };
    });
    this.rows.push({ partition, values: splitKey(key, partition.fields.length), limits, permits: asked });
    const cells = rates.map(({ offset, terms }) => ({ offset, cells: terms.algorithm.cells }));
    this.#visits.push({ table, key, limits: cells, permits });
  }

  /**
   * Decides once more, by what the store has read or, without a store, by nothing, and has the answer made of it.
   *
   * @param draw - is told whether all limits agree; the inquiry is about this request until it returns
   */
  decide<T>(
    reply: Pick<StoreReply, 'rows' | 'isHeld'> | undefined,
    now: Millis,
    mode: Mode,
    draw: (isAgreed: boolean) => T,
  ): T {
    this.#fill(reply?.isHeld === true);
    this.#visits.forEach(({ table, key, limits, permits }, i) => {
      const row = reply?.rows[i];
      if (row === undefined) table.clear();
      else table.hold(key, row, limits);
      permits.forEach(({ held }, j) => {
        held.open(key).held = row?.held[j] ?? 0;
      });
    });
    const isApart = reply?.rows.some(({ lag }) => lag !== undefined) === true;
    const isAgreed = isApart ? this.#decideApart(reply.rows, now, mode) : this.#inquiry.decide(now, mode);
    if (isAgreed && mode === 'charge') this.#take();
    const drawn = draw(isAgreed);
    this.#giveBack();
    return drawn;
  }

  /** What {@link Inquiry.decide} does, with each row at the instant at which its own server has decided. */
  #decideApart(rows: readonly StoredRow[], now: Millis, mode: Mode): boolean {
    const { all, questions, shadows } = this.#inquiry;
    const lags = new Map<object, Millis>(this.#visits.map(({ table }, i) => [table, rows[i]?.lag ?? 0]));
    const instantOf = ({ row }: Question): Millis => now + (lags.get(row.table) ?? 0);
    for (const question of all) {
      question.row.locate();
      question.ask(instantOf(question), mode);
    }
    const isAgreed = questions.every(({ reason }) => reason === 'ok');
    const charged = isAgreed && mode === 'charge' ? [...questions, ...shadows] : [];
    for (const question of charged) if (question.reason === 'ok') question.charge(instantOf(question));
    Object.assign(this.#inquiry, { now, mode, isAgreed });
    return isAgreed;
  }

  #giveBack(): void {
    for (const { key, permits } of this.#visits) {
      for (const { held } of permits) {
        const kept = held.open(key);
        kept.held = 0;
        held.close(kept);
      }
    }
  }

  /** Has the questions ask what they were filled in with when this was made: others have asked since. */
  refill(): void {
    this.#fill(false);
  }

  /** @param isHeld - whether everything was taken by an earlier call: rates are then asked for nothing more */
  #fill(isHeld: boolean): void {
    this.#places.forEach(({ row }, i) => {
      row.key = this.#keys[i];
    });
    this.#inquiry.all.forEach((question, i) => {
      Object.assign(question, this.#asked[i]);
      if (isHeld && question instanceof RateQuestion) question.cost = 0;
    });
  }

  /** The permits are held when it is told how many are left. */
  #take(): void {
    for (const { key, permits } of this.#visits) {
      for (const { question, held } of permits)
        if (question.reason === 'ok') held.open(key).held += question.cost;
    }
  }
}

function isAnswerable({ key, isUnanswerable }: Question): boolean {
  return key !== undefined && !isUnanswerable;
}

function tooMany(value: number): CostError {
  const message = `${show(value)} permits for one lease; a store keeps at most ${MOST_PERMITS}`;
  return new CostError({ code: 'bad-cost', path: 'cost.permits', value, message });
}
