import { LRUCache } from 'lru-cache';
import type { Clock, Millis } from '../time.ts';
import type { StoreReply, StoreRow } from './store.ts';

/** What a store has read when it denied a request, and how long that holds. */
interface Denial {
  readonly reply: StoreReply;
  /** Before when the store was asked, by this process's clock. */
  readonly since: Millis;
  readonly retryAt: Millis;
}

/**
 * Denials of a while ago: until its `retryAt` the same request would be denied again, since nothing that is charged
 * meanwhile makes it earlier. What others give back or forget is not heard of here.
 */
export class Denials {
  readonly #clock: Clock;
  readonly #byRequest: LRUCache<string, Denial>;

  /** @param max - denials kept, at least 1 */
  constructor(max: number, clock: Clock) {
    this.#clock = clock;
    this.#byRequest = new LRUCache({ max });
  }

  /** What was read for a denial that still holds, and the store's present as far as it is known. */
  find(id: string): { readonly reply: StoreReply; readonly now: Millis } | undefined {
    const denial = this.#byRequest.get(id);
    if (denial === undefined) return undefined;
    const { reply, since, retryAt } = denial;
    // The store has decided after `since`: by its clock, it is this late at least.
    const elapsed = this.#clock.now() - since;
    const now = reply.now + elapsed;
    if (elapsed >= 0 && now < retryAt) return { reply, now };
    this.#byRequest.delete(id);
    return undefined;
  }

  get size(): number {
    return this.#byRequest.size;
  }

  keep(id: string, denial: Denial): void {
    this.#byRequest.set(id, denial);
  }

  /** Something was given back: any denial may have ended. */
  clear(): void {
    this.#byRequest.clear();
  }
}

/** What makes requests the same: group, keys, costs and what is granted. */
export function requestId(group: string, rows: readonly StoreRow[]): string {
  return JSON.stringify([
    group,
    rows.map(({ values, limits }) => [
      values,
      limits.map(({ cost, plan: { quota, burst } }) => [cost, quota, burst]),
    ]),
  ]);
}
