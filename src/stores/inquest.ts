/**
 * One request on its way to a store and back. What the limits are asked is kept here meanwhile: the questions of a group
 * are filled in anew by every request.
 *
 * @module
 */

import type { Inquiry } from '../limiter/inquiry.ts';
import type { Mode, Question } from '../limiter/question.ts';
import { RateQuestion } from '../limiter/rate-question.ts';
import { splitKey } from '../partition/key.ts';
import type { CompiledGroup } from '../policy/compile.ts';
import type { Millis } from '../time.ts';
import { type ScratchLimit, ScratchTable } from './scratch.ts';
import type { StoreReply, StoreRow } from './store.ts';

/** A row that a group asks for, and the limits it asks there. */
interface Site {
  readonly table: ScratchTable;
  readonly rates: readonly RateQuestion[];
}

/** The rows of a group. Made once. */
export function sitesOf({ entrance, places, shadows }: CompiledGroup): Site[] {
  const tables = new Set([...places, ...shadows.places].map(({ row }) => row.table));
  const rates = entrance.inquiry.all.filter((question) => question instanceof RateQuestion);
  return [...tables]
    .filter((table) => table instanceof ScratchTable)
    .map((table) => ({ table, rates: rates.filter(({ row }) => row.table === table) }));
}

/** A row that was asked for. */
interface Visit {
  readonly table: ScratchTable;
  readonly key: string;
  readonly limits: readonly ScratchLimit[];
}

/** What a request asks of each limit. */
export class Inquest {
  readonly #inquiry: Inquiry;
  readonly #places: CompiledGroup['places'];
  readonly #keys: readonly (string | undefined)[];
  readonly #asked: readonly Pick<Question, 'terms' | 'cost' | 'isUnanswerable'>[];
  readonly #visits: Visit[] = [];
  /** What the store is asked. */
  readonly rows: StoreRow[] = [];
  /** Whether a limit denies because the request does not say whose budget it is. */
  readonly lacksKey: boolean;

  /** @param group - whose questions have been filled in */
  constructor({ entrance, places, shadows }: CompiledGroup, sites: readonly Site[]) {
    const { inquiry } = entrance;
    this.#inquiry = inquiry;
    this.#places = shadows.places.length === 0 ? places : [...places, ...shadows.places];
    this.#keys = this.#places.map(({ row }) => row.key);
    this.#asked = inquiry.all.map(({ terms, cost, isUnanswerable }) => ({ terms, cost, isUnanswerable }));
    this.lacksKey = places.some(({ row }) => row.key === undefined);
    for (const { table, rates } of sites) {
      const known = rates.filter(({ key, isUnanswerable }) => key !== undefined && !isUnanswerable);
      const key = known[0]?.key;
      if (key === undefined) continue;
      const { partition } = table;
      const limits = known.map(({ slot, terms, cost }) => ({ name: slot.name, plan: terms, cost }));
      this.rows.push({ partition, values: splitKey(key, partition.fields.length), limits });
      this.#visits.push({
        table,
        key,
        limits: known.map(({ offset, terms }) => ({ offset, cells: terms.algorithm.cells })),
      });
    }
  }

  /**
   * Decides once more, by what the store has read or, without a store, by nothing; the inquiry is then about this request
   * until the next one is filled in.
   *
   * @returns whether all limits agree
   */
  decide(reply: Pick<StoreReply, 'rows'> | undefined, now: Millis, mode: Mode): boolean {
    this.#places.forEach(({ row }, i) => {
      row.key = this.#keys[i];
    });
    this.#inquiry.all.forEach((question, i) => {
      Object.assign(question, this.#asked[i]);
    });
    this.#visits.forEach(({ table, key, limits }, i) => {
      const row = reply?.rows[i];
      if (row === undefined) table.clear();
      else table.hold(key, row, limits);
    });
    return this.#inquiry.decide(now, mode);
  }
}
