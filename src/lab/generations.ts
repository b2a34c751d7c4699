/**
 * Values by key, of which those that nobody has looked at for a whole generation are given up all at once: cheaper than
 * to look for them one by one.
 */
export class Generations<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** How many values there are. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** How many have been looked at, or were set, in this generation. */
  get young(): number {
    return this.#young.size;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined || this.#old.size === 0) return value;
    const kept = this.#old.get(key);
    if (kept === undefined) return undefined;
    this.#old.delete(key);
    this.#young.set(key, kept);
    return kept;
  }

  set(key: string, value: V): void {
    this.#young.set(key, value);
  }

  *values(): Iterable<V> {
    yield* this.#old.values();
    yield* this.#young.values();
  }

  /**
   * Begins another generation.
   *
   * @returns what nobody has looked at in the one that ends
   */
  turn(): Iterable<V> {
    const forgotten = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    return forgotten.values();
  }
}
