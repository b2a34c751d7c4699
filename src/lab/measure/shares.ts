import type { Millis } from '../../time.ts';

/** What one key asked for and got. */
interface Tally {
  readonly key: string;
  asked: number;
  admitted: number;
  denied: number;
  seen: Millis;
}

/** A key that was denied, and how often. */
export interface DeniedKey {
  /** The key. */
  readonly key: string;
  /** Times it was told no. */
  readonly denied: number;
  /** Units it asked for, each request counted once. */
  readonly asked: number;
  /** Units it got. */
  readonly admitted: number;
}

const MOST_TALLIES = 100_000;
const MOST_LISTED = 10;

/**
 * What each key got of what it asked for. At most 100,000 keys are told apart at once: when there are more, the half that
 * has not been seen for longest is summed up, and counts as other keys should it come back.
 */
export class Shares {
  /** Keys that were summed up and are told apart no longer. */
  folded = 0;
  readonly #tallies = new Map<string, Tally>();
  #sum = 0;
  #squares = 0;
  #counted = 0;
  #denied: readonly DeniedKey[] = [];

  /** A request is asked for the first time. */
  ask(key: string, units: number, now: Millis): void {
    const tally = this.#tallies.get(key) ?? this.#add(key);
    tally.asked += units;
    tally.seen = now;
  }

  /** Units of a request were admitted. */
  admit(key: string, units: number): void {
    const tally = this.#tallies.get(key);
    if (tally !== undefined) tally.admitted += units;
  }

  /** A request, or another attempt at it, was denied. */
  deny(key: string): void {
    const tally = this.#tallies.get(key);
    if (tally !== undefined) tally.denied += 1;
  }

  /** Keys there were. */
  get keys(): number {
    return this.folded + this.#tallies.size;
  }

  /**
   * Jain's index of the shares: `(sum of x)² / (n * sum of x²)`, x being what a key got by what it asked for. 1: all
   * keys got the same share; 1/n: one key got everything. 1 also where nobody got anything.
   */
  fairness(): number {
    let [sum, squares, count] = [this.#sum, this.#squares, this.#counted];
    for (const tally of this.#tallies.values()) {
      if (tally.asked === 0) continue;
      const share = tally.admitted / tally.asked;
      sum += share;
      squares += share * share;
      count += 1;
    }
    return squares === 0 ? 1 : (sum * sum) / (count * squares);
  }

  /** The keys that were denied most often, at most ten. */
  mostDenied(): readonly DeniedKey[] {
    return this.#mostDeniedWith(this.#tallies.values());
  }

  #mostDeniedWith(tallies: Iterable<Tally>): readonly DeniedKey[] {
    const denied = [...tallies].filter((tally) => tally.denied > 0).map(listed);
    return [...this.#denied, ...denied].sort(byDenials).slice(0, MOST_LISTED);
  }

  #add(key: string): Tally {
    if (this.#tallies.size >= MOST_TALLIES) this.#fold();
    const tally: Tally = { key, asked: 0, admitted: 0, denied: 0, seen: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }

  #fold(): void {
    const oldest = [...this.#tallies.values()].sort((a, b) => a.seen - b.seen).slice(0, MOST_TALLIES / 2);
    this.#denied = this.#mostDeniedWith(oldest);
    for (const tally of oldest) {
      this.#tallies.delete(tally.key);
      this.folded += 1;
      if (tally.asked === 0) continue;
      const share = tally.admitted / tally.asked;
      this.#sum += share;
      this.#squares += share * share;
      this.#counted += 1;
    }
  }
}

function listed({ key, denied, asked, admitted }: Tally): DeniedKey {
  return { key, denied, asked, admitted };
}

function byDenials(a: DeniedKey, b: DeniedKey): number {
  return b.denied - a.denied || (a.key < b.key ? -1 : 1);
}
