import type { Millis } from '../time.ts';
import { Heap, type Timed } from './heap.ts';
import type { Permits, PermitTable } from './permits.ts';

/** Leases of a semaphore or an engine, counted. */
export interface LeaseCounts {
  /** Leases granted so far. */
  readonly granted: number;
  /** Of these, those that were given back. */
  readonly released: number;
  /** Of these, those whose time was up. */
  readonly expired: number;
}

/** Some permits of one key. An admission by several limits holds a chain of them. */
export interface Hold {
  readonly table: PermitTable;
  readonly permits: Permits;
  readonly count: number;
  readonly next: Hold | undefined;
}

/** A claim on permits of one or more keys, until it is released or its time is up. */
export class Lease implements Timed {
  /** When it expires; `Infinity`: never. */
  at: Millis;
  index = -1;
  turn = 0;
  readonly holds: Hold;
  readonly length: Millis;
  /** Greater than that of every lease granted before. */
  readonly fence: number;
  readonly since: Millis;
  isHeld = true;
  /** Whether it expired before it was released. */
  isLost = false;
  /** Told when it is lost. */
  onLost: (() => void) | undefined = undefined;
  /** Told when it ends, however. */
  onEnd: (() => void) | undefined = undefined;

  constructor(holds: Hold, length: Millis, fence: number, now: Millis) {
    this.holds = holds;
    this.length = length;
    this.fence = fence;
    this.since = now;
    this.at = now + length;
  }
}

/** All leases of a semaphore or an engine. That one has expired is found out when somebody looks. */
export class Leases {
  readonly #expiring = new Heap<Lease>();
  /** Told which permits came back. */
  readonly #onReturn: (lease: Lease) => void;
  /** Hears that a lease has ended, by release or because its time was up. */
  onEnded: ((lease: Lease, now: Millis) => void) | undefined = undefined;
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
  grant(holds: Hold, length: Millis, now: Millis): Lease {
    const lease = new Lease(holds, length, ++this.#granted, now);
    for (let hold: Hold | undefined = holds; hold !== undefined; hold = hold.next)
      hold.permits.held += hold.count;
    if (length !== Number.POSITIVE_INFINITY) this.#expiring.add(lease);
    return lease;
  }

  /** Gives the permits back; `false` if the lease had ended before. */
  release(lease: Lease, now: Millis): boolean {
    this.expire(now);
    if (!lease.isHeld) return false;
    this.#expiring.remove(lease);
    this.#released++;
    this.#end(lease, now);
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
      this.#end(lease, now);
      lease.onLost?.();
    }
  }

  #end(lease: Lease, now: Millis): void {
    const { holds } = lease;
    lease.isHeld = false;
    lease.onEnd?.();
    for (let hold: Hold | undefined = holds; hold !== undefined; hold = hold.next) {
      hold.permits.held -= hold.count;
      // Before anybody is served: whoever waits for them keeps them open, and closes them at the end.
      hold.table.close(hold.permits);
    }
    this.onEnded?.(lease, now);
    this.#onReturn(lease);
  }
}
