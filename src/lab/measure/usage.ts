import type { Millis } from '../../time.ts';
import type { Asked, Taken, Terms } from '../contender.ts';
import type { Oracle } from './oracle.ts';
import type { Permits } from './permits.ts';
import { Timeline } from './timeline.ts';

/**
 * How much of its quota one key has in use over time: of a rate within the window, of permits at that instant; of several
 * limits the one nearest to its quota. Looked at whenever the key asks, and in each bin between.
 */
export class Usage {
  readonly timeline: Timeline;
  readonly #oracle: Oracle;
  readonly #permits: Permits;
  #limits: readonly Pick<Asked, 'limit' | 'key' | 'quota'>[];
  #taken: readonly Pick<Taken, 'limit' | 'key' | 'quota'>[] = [];
  #seen: Millis;

  /** @param limits - where the oracle keeps the key's logs, as far as that is known */
  constructor(
    oracle: Oracle,
    permits: Permits,
    from: Millis,
    limits: readonly Pick<Asked, 'limit' | 'key' | 'quota'>[],
  ) {
    this.timeline = new Timeline(from, 'max');
    this.#oracle = oracle;
    this.#permits = permits;
    this.#limits = limits;
    this.#seen = from;
  }

  /** Notes usage between the last time and `now`; before anything is granted or given back then. */
  pass(now: Millis): void {
    if (now <= this.#seen) return;
    // Makes the bins as wide as they have to be, so that there are few.
    this.timeline.add(now, 0);
    for (let at = this.#seen + this.timeline.width; at < now; at += this.timeline.width) this.#look(at);
    this.#look(now);
    this.#seen = now;
  }

  /** Notes usage at `now`, after the key's request there. */
  note(now: Millis, asked: readonly Asked[], taken: readonly Taken[]): void {
    this.#limits = asked.map(({ limit, key, quota }) => ({ limit, key, quota }));
    if (taken.length > 0) this.#taken = taken;
    this.#seen = now;
    this.#look(now);
  }

  /** What is known of the time before the key was watched: grants, oldest first, under these terms. */
  recall(entries: Iterable<readonly [at: Millis, units: number]>, { quota, window }: Terms): void {
    const past = [...entries];
    let first = 0;
    let sum = 0;
    for (const [at, units] of past) {
      sum += units;
      for (; (past[first]?.[0] ?? at) <= at - window; first++) sum -= past[first]?.[1] ?? 0;
      this.timeline.add(at, quota === 0 ? 0 : sum / quota);
      this.#seen = at;
    }
  }

  #look(now: Millis): void {
    for (const { limit, key, quota } of this.#limits) {
      if (quota > 0) this.timeline.add(now, this.#oracle.used(limit, key, now) / quota);
    }
    for (const { limit, key, quota } of this.#taken) {
      if (quota > 0) this.timeline.add(now, this.#permits.used(limit, key) / quota);
    }
  }
}
