import type { Millis } from '../time.ts';

/** Below this many entries, room at the front is not worth the move. */
const WORTH_MOVING = 1024;

/**
 * What was granted, each with its instant, and how much of it lies within each of some spans: of a span of T, what was
 * granted in the T milliseconds that end with the present one. Instants never step back.
 */
export class ExactLog {
  /** The spans, in milliseconds, the last of them the longest. */
  readonly spans: readonly Millis[];
  /** Units within each span, as of the last instant it was settled for. */
  readonly sums: number[];
  #at: number[] = [];
  #units: number[] = [];
  /** The first entry within each span. */
  readonly #first: number[];

  constructor(spans: readonly Millis[]) {
    this.spans = spans;
    this.sums = new Array<number>(spans.length).fill(0);
    this.#first = new Array<number>(spans.length).fill(0);
  }

  /** Units within one span that ends with `now`. */
  settle(span: number, now: Millis): number {
    const edge = now - (this.spans[span] as number);
    const at = this.#at;
    let first = this.#first[span] as number;
    let sum = this.sums[span] as number;
    if (first === at.length || (at[first] as number) > edge) return sum;
    do sum -= this.#units[first++] as number;
    while (first < at.length && (at[first] as number) <= edge);
    this.sums[span] = sum;
    this.#first[span] = first;
    return sum;
  }

  /** Adds what is granted at `now`, and settles every span. */
  record(now: Millis, units: number): void {
    const count = this.spans.length;
    for (let i = 0; i < count; i++) this.sums[i] = this.settle(i, now) + units;
    const outside = this.#first[count - 1] as number;
    if (
      outside > 0 &&
      (outside === this.#at.length || (outside > WORTH_MOVING && 2 * outside > this.#at.length))
    )
      this.#drop(outside);
    const last = this.#at.length - 1;
    if (this.#at[last] === now) {
      this.#units[last] = (this.#units[last] as number) + units;
    } else if (last < 0) {
      // Most logs never hold more than this; an array that is pushed to would make room for many.
      this.#at = [now];
      this.#units = [units];
    } else {
      this.#at.push(now);
      this.#units.push(units);
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
    let at = now;
    for (let i = this.#first[span] as number; over > 0; i++) {
      over -= this.#units[i] as number;
      at = (this.#at[i] as number) + (this.spans[span] as number);
    }
    return at;
  }

  /** When the last entry was made; `-Infinity` for none that is kept. */
  get last(): Millis {
    return this.#at.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Entries that are kept. */
  get size(): number {
    return this.#at.length;
  }

  /** The entries, oldest first. */
  *entries(): Iterable<readonly [at: Millis, units: number]> {
    for (let i = 0; i < this.#at.length; i++) yield [this.#at[i] as number, this.#units[i] as number];
  }

  #drop(count: number): void {
    this.#at = this.#at.slice(count);
    this.#units = this.#units.slice(count);
    for (let i = 0; i < this.#first.length; i++) this.#first[i] = (this.#first[i] as number) - count;
  }
}
