import type { Inquiry } from '../limiter/inquiry.ts';
import { RateQuestion } from '../limiter/rate-question.ts';
import type { CompiledGroup, CompiledPolicy } from '../policy/compile.ts';
import { sitesOf } from './inquest.ts';
import type { ScratchTable } from './scratch.ts';

/** What can be answered of a group without asking the store. */
export class LocalGroup {
  readonly inquiry: Inquiry;
  readonly tables: readonly ScratchTable[];
  /** Whether what a store said to a request is an answer to the next one: nobody holds permits, nobody waits. */
  readonly isPlain: boolean;
  /** The share of each limit that may be taken ahead; `undefined` if that of one may not. */
  readonly shares: readonly number[] | undefined;
  /** Whether others may take units of a limit ahead, and give them back soon. */
  readonly isShared: boolean;
  /** For each row that the store is asked for, which limits are asked there. */
  readonly order: readonly (readonly number[])[];
  /** The limits, where units are taken ahead. */
  readonly rates: readonly RateQuestion[];
  /** Token buckets of which units are taken ahead, here or in another group. */
  readonly #buckets: readonly RateQuestion[];
  readonly #group: CompiledGroup;

  /** @param isPartitioned - whether rows may be in several slots, each with a clock of its own */
  constructor(group: CompiledGroup, policy: CompiledPolicy, isPartitioned: boolean) {
    const { inquiry, queue } = group.entrance;
    const sites = sitesOf(group, policy);
    const shareOf = (name: string): number | undefined => {
      const limit = policy.limits.get(name)?.document;
      return limit !== undefined && 'prefetch' in limit ? limit.prefetch?.share : undefined;
    };
    const shares = inquiry.all.flatMap(({ slot }) => shareOf(slot.name) ?? []);
    this.#group = group;
    this.inquiry = inquiry;
    this.tables = sites.map(({ table }) => table);
    const slots = new Set(sites.map(({ table }) => table.partition.slot.join()));
    const isTogether = !isPartitioned || slots.size === 1;
    const hasPermits = sites.some(({ permits }) => permits.length > 0);
    this.isPlain = queue === undefined && sites.length > 0 && isTogether && !hasPermits;
    const isAhead = this.isPlain && inquiry.shadows.length === 0 && shares.length === inquiry.all.length;
    this.shares = isAhead ? shares : undefined;
    this.isShared = shares.length > 0;
    this.rates = inquiry.questions.filter((question) => question instanceof RateQuestion);
    this.order = sites.map(({ rates }) => rates.map((rate) => inquiry.all.indexOf(rate)));
    this.#buckets = this.rates.filter(
      ({ slot }) => shareOf(slot.name) !== undefined && slot.kind === 'token-bucket',
    );
  }

  /**
   * What tells the request apart whose questions have been filled in, but for its costs: the group, keys, and what is
   * granted. `undefined` if a key is missing.
   */
  get id(): string | undefined {
    const { name, places, members, shadows } = this.#group;
    let id = name;
    for (let i = 0; i < places.length; i++) {
      const key = places[i]?.row.key;
      if (key === undefined) return undefined;
      id += `\n${key.length}:${key}`;
    }
    for (let i = 0; i < members.length; i++) {
      const terms = members[i]?.question.terms;
      id += `\n${terms?.quota}`;
      if (terms?.burst !== undefined) id += `/${terms.burst}`;
    }
    if (shadows.members.length === 0) return id;
    const theirs = shadows.members.map(({ question: { key, terms, isUnanswerable } }) => [
      ...[key, terms.quota, terms.burst, isUnanswerable],
    ]);
    return `${id}\n${JSON.stringify(theirs)}`;
  }

  /** What it asks for. */
  get costs(): string {
    const { all } = this.inquiry;
    let costs = '';
    for (let i = 0; i < all.length; i++) costs += `,${all[i]?.cost}`;
    return costs;
  }

  /**
   * Has charges of token buckets count from when they were made, rather than from when they begin to drain. Units behind
   * which others have been taken ahead drain sooner than it seemed: so much can be given back as is outstanding for certain.
   */
  date(now: number): void {
    for (const bucket of this.#buckets) bucket.chargedAt = now;
  }
}
