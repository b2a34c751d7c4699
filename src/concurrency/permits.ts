/** What one key of one limit has given out. */
export interface Permits {
  readonly key: string;
  held: number;
  /** Lines that wait for some. */
  awaited: number;
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
  readonly limit: string;
  readonly #byKey = new Map<string, Permits>();
  readonly #maxKeys: number;
  /** The key that was let go last: in the map, but not counted. Whoever uses one key over and over spares the map. */
  #idle: Permits | undefined;

  /** @param limit - name of the limit, for whoever hears of its leases */
  constructor(maxKeys: number, limit: string) {
    this.limit = limit;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#byKey.size - (this.#idle === undefined ? 0 : 1);
  }

  stats(): PermitCounts {
    let held = 0;
    for (const permits of this.#byKey.values()) held += permits.held;
    return { keys: this.size, held };
  }

  find(key: string): Permits | undefined {
    return this.#byKey.get(key);
  }

  /** Whether `key` is kept, or could be. */
  hasRoomFor(key: string): boolean {
    return this.size < this.#maxKeys || (this.#byKey.has(key) && this.#idle?.key !== key);
  }

  open(key: string): Permits {
    const found = this.#byKey.get(key);
    if (found !== undefined) {
      if (found === this.#idle) this.#idle = undefined;
      return found;
    }
    const permits: Permits = { key, held: 0, awaited: 0 };
    this.#byKey.set(key, permits);
    return permits;
  }

  /** Lets go of a key for which nothing is held and nobody waits any more; once, when that has come to be so. */
  close(permits: Permits): void {
    if (permits.held > 0 || permits.awaited > 0) return;
    if (this.#idle !== undefined && this.#idle !== permits) this.#byKey.delete(this.#idle.key);
    this.#idle = permits;
  }
}
