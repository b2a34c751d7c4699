/**
 * One request on its way to a store and back. What the limits are asked is kept here meanwhile: the questions of a group
 * are filled in anew by every request.
 *
 * @module
 */

import type { Inquiry } from '../limiter/inquiry.ts';
import type { Mode, Terms } from '../limiter/question.ts';
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
export function sitesOf({ entrance, places }: CompiledGroup): Site[] {
  const { questions } = entrance.inquiry;
  const tables = new Set(places.map(({ row }) => row.table).filter((table) => table instanceof ScratchTable));
  return [...tables].map((table) => ({
    table,
    rates: questions.filter(
      (question) => question instanceof RateQuestion && question.row.table === table,
    ) as RateQuestion[],
  }));
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
  readonly #asked: readonly { readonly terms: Terms; readonly cost: number }[];
  readonly #visits: Visit[] = [];
  /** What the store is asked. */
  readonly rows: StoreRow[] = [];
  /** Whether a limit denies because the request does not say whose budget it is. */
  readonly lacksKey: boolean;

  /** @param group - whose questions have been filled in */
  constructor({ entrance, places }: CompiledGroup, sites: readonly Site[]) {
    const { inquiry } = entrance;
    this.#inquiry = inquiry;
    this.#places = places;
    this.#keys = places.map(({ row }) => row.key);
    this.#asked = inquiry.questions.map(({ terms, cost }) => ({ terms, cost }));
    this.lacksKey = this.#keys.includes(undefined);
    for (const { table, rates } of sites) {
      const known = rates.filter((question) => question.key !== undefined);
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
    const { questions } = this.#inquiry;
    this.#places.forEach(({ row }, i) => {
      row.key = this.#keys[i];
    });
    questions.forEach((question, i) => {
      Object.assign(question, this.#asked[i]);
    });
    this.#visits.forEach(({ table, key, limits }, i) => {
      const row = reply?.rows[i];
      if (row === undefined) table.clear();
      else table.load(key, row, limits);
    });
    return this.#inquiry.decide(now, mode);
  }
}
