import type { Millis } from '../../time.ts';

/** Steps to a doubling: a wait is known to within 1/32 of itself, and to the millisecond below 64 ms. */
const STEPS = 32;

/** Some waits, summed up: lengths in milliseconds, to within 1/32; `undefined` where nobody waited. */
export interface WaitFigures {
  /** How many there are. */
  readonly count: number;
  /** Half of them waited no longer. */
  readonly p50: Millis | undefined;
  /** Nine in ten waited no longer. */
  readonly p90: Millis | undefined;
  /** 99 in a hundred waited no longer. */
  readonly p99: Millis | undefined;
  /** The longest of all, exactly. */
  readonly longest: Millis | undefined;
}

/** Waits, counted in steps that grow with them, so that memory does not grow with their number. */
export class Waits {
  /** How many waits there are. */
  count = 0;
  /** The longest, exactly. */
  longest: Millis = 0;
  readonly #counts = new Map<number, number>();

  add(wait: Millis): void {
    this.count += 1;
    this.longest = Math.max(this.longest, wait);
    const step = stepOf(wait);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1);
  }

  /** The wait that a share of all did not exceed, 0 to 1, rounded up to its step; `undefined` if there is none. */
  quantile(share: number): Millis | undefined {
    let left = Math.max(1, Math.ceil(share * this.count));
    for (const [step, count] of this.#sorted()) {
      left -= count;
      if (left <= 0) return Math.min(this.longest, mostOf(step));
    }
    return undefined;
  }

  figures(): WaitFigures {
    return {
      count: this.count,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      longest: this.count === 0 ? undefined : this.longest,
    };
  }

  /** Waits by length: up to how long, and how many. */
  histogram(): (readonly [upTo: Millis, count: number])[] {
    return this.#sorted().map(([step, count]) => [mostOf(step), count]);
  }

  #sorted(): (readonly [number, number])[] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}

function stepOf(wait: Millis): number {
  if (wait < 2 * STEPS) return wait;
  const doublings = Math.floor(Math.log2(wait / STEPS));
  return doublings * STEPS + Math.floor(wait / 2 ** doublings);
}

/** The longest wait of a step. */
function mostOf(step: number): Millis {
  if (step < 2 * STEPS) return step;
  const doublings = Math.floor(step / STEPS) - 1;
  return (step - doublings * STEPS + 1) * 2 ** doublings - 1;
}
