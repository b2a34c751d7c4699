import type { Millis } from '../time.ts';
import { Heap, type Timed } from './heap.ts';

/** What one key of one limit has given out, and who waits for it. */
export interface Permits {
  readonly key: string;
  held: number;
  /** Queues whose head might go ahead when a permit comes back. */
  readonly lines: Set<object>;
}

/** Leases of a semaphore or an engine, counted. */
export interface LeaseCounts {
  /** Leases granted so far. */
  readonly granted: number;
  /** Of these, those that were given back. */
  readonly released: number;
  /** Of these, those whose time was up. */
  readonly expired: number;
}

/** Permits of one concurrency limit, counted. */
export interface PermitCounts {
  /** Keys of which some are held or awaited. */
  readonly keys: number;
  /** Permits held, over all keys. */
  readonly held: number;
}

/** Permits by key; a key is kept only while some are held or awaited, and there are at most `maxKeys`. */
export class PermitTable {
  readonly #byKey = new Map<string, Permits>();
  readonly #maxKeys: number;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#byKey.size;
  }

  stats(): PermitCounts {
    let held = 0;
    for (const permits of this.#byKey.values()) held += permits.held;
    return { keys: this.#byKey.size, held };
  }

  find(key: string): Permits | undefined {
    return this.#byKey.get(key);
  }

  /** Whether `key` is kept, or could be. */
  hasRoomFor(key: string): boolean {
    return this.#byKey.size < this.#maxKeys || this.#byKey.has(key);
  }

  open(key: string): Permits {
    const found = this.#byKey.get(key);
    if (found !== undefined) return found;
    const permits: Permits = { key, held: 0, lines: new Set() };
    this.#byKey.set(key, permits);
    return permits;
  }

  /** Lets go of a key for which nothing is held and nobody waits. */
  close(permits: Permits): void {
    if (permits.held === 0 && permits.lines.size === 0) this.#byKey.delete(permits.key);
  }
}

/** Some permits of one key. */
export interface Hold {
  readonly table: PermitTable;
  readonly permits: Permits;
  readonly count: number;
}

/** A claim on permits of one or more keys, until it is released or its time is up. */
export class Lease implements Timed {
  /** When it expires; `Infinity`: never. */
  at: Millis;
  index = -1;
  turn = 0;
  readonly holds: readonly Hold[];
  readonly length: Millis;
  /** Greater than that of every lease granted before. */
  readonly fence: number;
  isHeld = true;
  /** Whether it expired before it was released. */
  isLost = false;
  /** Told when it is lost. */
  onLost: (() => void) | undefined = undefined;
  /** Told when it ends, however. */
  onEnd: (() => void) | undefined = undefined;

  constructor(holds: readonly Hold[], length: Millis, fence: number, now: Millis) {
    this.holds = holds;
    this.length = length;
    this.fence = fence;
    this.at = now + length;
  }
}

/** All leases of a semaphore or an engine. That one has expired is found out when somebody looks. */
export class Leases {
  readonly #expiring = new Heap<Lease>();
  /** Told which permits came back. */
  readonly #onReturn: (lease: Lease) => void;
  #granted = 0;
  #released = 0;
  #expired = 0;

  constructor(onReturn: (lease: Lease) => void) {
    this.#onReturn = onReturn;
  }

  /** When the next lease expires; `Infinity` if none does. */
  get nextExpiry(): Millis {
    return this.#expiring.earliest?.at ?? Number.POSITIVE_INFINITY;
  }

  counts(): LeaseCounts {
    return { granted: this.#granted, released: this.#released, expired: this.#expired };
  }

  /** @param length - how long it lasts; `Infinity`: until it is released */
  grant(holds: readonly Hold[], length: Millis, now: Millis): Lease {
    const lease = new Lease(holds, length, ++this.#granted, now);
    for (const { permits, count } of holds) permits.held += count;
    if (length !== Number.POSITIVE_INFINITY) this.#expiring.add(lease);
    return lease;
  }

  /** Gives the permits back; `false` if the lease had ended before. */
  release(lease: Lease, now: Millis): boolean {
    this.expire(now);
    if (!lease.isHeld) return false;
    this.#expiring.remove(lease);
    this.#released++;
    this.#end(lease);
    return true;
  }

  /** Starts the lease's time anew; `false` if it had ended before. */
  renew(lease: Lease, now: Millis): boolean {
    this.expire(now);
    if (!lease.isHeld) return false;
    if (this.#expiring.remove(lease)) {
      lease.at = now + lease.length;
      this.#expiring.add(lease);
    }
    return true;
  }

  /** Takes back the permits of every lease whose time is up. */
  expire(now: Millis): void {
    for (
      let lease = this.#expiring.earliest;
      lease !== undefined && lease.at <= now;
      lease = this.#expiring.earliest
    ) {
      this.#expiring.remove(lease);
      this.#expired++;
      lease.isLost = true;
      this.#end(lease);
      lease.onLost?.();
    }
  }

  #end(lease: Lease): void {
    lease.isHeld = false;
    lease.onEnd?.();
    for (const { permits, count } of lease.holds) permits.held -= count;
    this.#onReturn(lease);
    for (const { table, permits } of lease.holds) table.close(permits);
  }
}
