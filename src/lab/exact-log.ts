import type { Millis } from '../time.ts';

/** Below this many entries, room at the front is not worth the move. */
const WORTH_MOVING = 64;

/** What a log that holds one entry at most has in place of lists. */
const NONE: number[] = [];

/**
 * What was granted, each with its instant, and how much of it lies within each of some spans: of a span of T, what was
 * granted in the T milliseconds that end with the present one. Instants never step back.
 *
 * Most keys are granted something once in a long time: their logs hold one entry, and no lists.
 */
export class ExactLog {
  /** The spans, in milliseconds, the last of them the longest. */
  readonly spans: readonly Millis[];
  /** When the last entry was made; `-Infinity` for none that is kept. */
  last: Millis = Number.NEGATIVE_INFINITY;
  /** Units of the only entry, as long as there are no lists. */
  #only = 0;
  /** Units within each span, as of the last instant it was settled for. */
  #sums = NONE;
  #at = NONE;
  #units = NONE;
  /** The first entry within each span. */
  #first = NONE;

  constructor(spans: readonly Millis[]) {
    this.spans = spans;
  }

  /** Units within one span that ends with `now`. */
  settle(span: number, now: Millis): number {
    const edge = now - (this.spans[span] as number);
    if (this.#first === NONE) return this.last > edge ? this.#only : 0;
    const at = this.#at;
    let first = this.#first[span] as number;
    let sum = this.#sums[span] as number;
    if (first === at.length || (at[first] as number) > edge) return sum;
    do sum -= this.#units[first++] as number;
    while (first < at.length && (at[first] as number) <= edge);
    this.#sums[span] = sum;
    this.#first[span] = first;
    return sum;
  }

  /** Units within one span, as of the last {@link ExactLog.record}. */
  sum(span: number): number {
    return this.#first === NONE ? this.#only : (this.#sums[span] as number);
  }

  /** Adds what is granted at `now`, and settles every span. */
  record(now: Millis, units: number): void {
    const count = this.spans.length;
    if (this.last <= now - (this.spans[count - 1] as number)) {
      this.#first = this.#sums = this.#at = this.#units = NONE;
      this.last = now;
      this.#only = units;
      return;
    }
    if (this.#first === NONE) this.#list();
    for (let i = 0; i < count; i++) this.#sums[i] = this.settle(i, now) + units;
    const outside = this.#first[count - 1] as number;
    if (outside > WORTH_MOVING && 2 * outside > this.#at.length) this.#drop(outside);
    if (this.last === now) {
      const last = this.#at.length - 1;
      this.#units[last] = (this.#units[last] as number) + units;
    } else {
      this.#at.push(now);
      this.#units.push(units);
      this.last = now;
    }
  }

  /**
   * The first instant from `now` on at which `units` more would fit within one span, were nothing else granted.
   *
   * @param most - what fits within the span
   * @returns `Infinity` if `units` alone are more
   */
  roomAt(span: number, now: Millis, units: number, most: number): Millis {
    if (units > most) return Number.POSITIVE_INFINITY;
    let over = this.settle(span, now) + units - most;
    if (over <= 0) return now;
    const length = this.spans[span] as number;
    if (this.#first === NONE) return this.last + length;
    let at = now;
    for (let i = this.#first[span] as number; over > 0; i++) {
      over -= this.#units[i] as number;
      at = (this.#at[i] as number) + length;
    }
    return at;
  }

  /** Entries that are kept. */
  get size(): number {
    return this.#first === NONE ? Number(this.last !== Number.NEGATIVE_INFINITY) : this.#at.length;
  }

  /** Entries within the longest span, as of the last {@link ExactLog.record}. */
  get live(): number {
    return this.#first === NONE ? this.size : this.#at.length - (this.#first.at(-1) as number);
  }

  /** The entries, oldest first. */
  *entries(): Iterable<readonly [at: Millis, units: number]> {
    if (this.#first === NONE && this.size > 0) yield [this.last, this.#only];
    for (let i = 0; i < this.#at.length; i++) yield [this.#at[i] as number, this.#units[i] as number];
  }

  /** Goes over to lists. The one entry is within the longest span, and perhaps within others no longer. */
  #list(): void {
    this.#at = [this.last];
    this.#units = [this.#only];
    this.#sums = this.spans.map(() => this.#only);
    this.#first = this.spans.map(() => 0);
  }

  #drop(count: number): void {
    this.#at = this.#at.slice(count);
    this.#units = this.#units.slice(count);
    for (let i = 0; i < this.#first.length; i++) this.#first[i] = (this.#first[i] as number) - count;
  }
}
