import { LRUCache } from 'lru-cache';
import type { Millis } from '../time.ts';
import type { LocalGroup } from './local-group.ts';
import type { View } from './view.ts';

/** What a store has read when it denied a request, and how long that holds. */
interface Denial {
  readonly local: LocalGroup;
  readonly view: View;
  /** When the store decided, by its clock. */
  readonly at: Millis;
  /** Before when it was asked, by this process's steady clock. */
  readonly since: Millis;
  /** The first instant at which it may be different, by the store's clock. */
  readonly until: Millis;
}

/** Nothing in the cache ever gets stale; an object that is made once. */
const ANY = { allowStale: true };

/**
 * Denials of a while ago: until its `retryAt` the same request would be denied again, since nothing that is charged
 * meanwhile makes it earlier. What others give back or forget is not heard of here.
 */
export class Denials {
  readonly #now: () => Millis;
  readonly #byRequest: LRUCache<string, Denial>;
  /** How often they have been dropped: what was decided before the last time is not kept after it. */
  era = 0;

  /**
   * @param max - denials kept, at least 1
   * @param now - a clock that never goes back
   */
  constructor(max: number, now: () => Millis) {
    this.#now = now;
    this.#byRequest = new LRUCache({ max });
  }

  /** What was read for a denial that still holds, and the store's present: it is not later than that. */
  find(id: string, local: LocalGroup): { readonly view: View; readonly now: Millis } | undefined {
    const denial = this.#byRequest.get(id, ANY);
    if (denial === undefined || denial.local !== local) return undefined;
    const now = denial.at + Math.ceil(this.#now() - denial.since);
    if (now < denial.until) return { view: denial.view, now };
    this.#byRequest.delete(id);
    return undefined;
  }

  /** How many are kept. */
  get size(): number {
    return this.#byRequest.size;
  }

  /** @param era - when the store was asked */
  keep(id: string, denial: Denial, era: number): void {
    if (era === this.era) this.#byRequest.set(id, denial);
  }

  /** Something was given back: any denial may have ended. */
  clear(): void {
    this.era++;
    this.#byRequest.clear();
  }
}
