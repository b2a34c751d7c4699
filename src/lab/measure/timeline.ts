import type { Millis } from '../../time.ts';

/** Bins at most; an even number. */
const MOST_BINS = 240;

/** How what falls into one bin, or two bins that become one, is put together. */
type Fold = 'sum' | 'max';

/** One curve over time: equal bins that are joined in pairs when there are too many, so that memory does not grow. */
export class Timeline {
  /** Where the first bin begins. */
  readonly from: Millis;
  /** How long each bin is. */
  width: Millis = 1;
  readonly #fold: Fold;
  #bins: number[] = [];

  constructor(from: Millis, fold: Fold) {
    this.from = from;
    this.#fold = fold;
  }

  /** @param at - not before {@link Timeline.from} */
  add(at: Millis, value: number): void {
    while (at - this.from >= MOST_BINS * this.width) this.#join();
    const bin = Math.floor((at - this.from) / this.width);
    while (this.#bins.length <= bin) this.#bins.push(0);
    this.#bins[bin] = this.#both(this.#bins[bin] as number, value);
  }

  /** The bins in bins of at least `width`, a length that another timeline has come to. */
  bins(width: Millis = this.width): readonly number[] {
    while (this.width < width) this.#join();
    return this.#bins;
  }

  #join(): void {
    const pairs = Math.ceil(this.#bins.length / 2);
    this.#bins = Array.from({ length: pairs }, (_, i) =>
      this.#both(this.#bins[2 * i] as number, this.#bins[2 * i + 1] ?? 0),
    );
    this.width *= 2;
  }

  #both(a: number, b: number): number {
    return this.#fold === 'sum' ? a + b : Math.max(a, b);
  }
}
