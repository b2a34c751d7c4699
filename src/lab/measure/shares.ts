import { Generations } from '../generations.ts';

/** What one key asked for and got. */
export interface Tally {
  readonly key: string;
  /** Units, each request counted once. */
  asked: number;
  /** Units. */
  admitted: number;
  /** Answers. */
  denied: number;
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
 * What each key got of what it asked for. At most 100,000 keys are told apart at once: when there are more, those that
 * have not asked for longest are summed up, and count as other keys should they come back.
 */
export class Shares {
  /** Keys that were summed up and are told apart no longer. */
  folded = 0;
  readonly #tallies: Generations<Tally> = new Generations();
  #sum = 0;
  #squares = 0;
  #counted = 0;
  #denied: readonly DeniedKey[] = [];

  /** The tally of a key that asks. */
  of(key: string): Tally {
    if (this.#tallies.young >= MOST_TALLIES / 2) this.#fold();
    return this.#tallies.get(key) ?? this.#add(key);
  }

  /** The tally of a key that has asked, if it is told apart still. */
  known(key: string): Tally | undefined {
    return this.#tallies.get(key);
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
    const tally: Tally = { key, asked: 0, admitted: 0, denied: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }

  #fold(): void {
    const oldest = [...this.#tallies.turn()];
    this.#denied = this.#mostDeniedWith(oldest);
    for (const tally of oldest) {
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
