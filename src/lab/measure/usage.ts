import type { Millis } from '../../time.ts';
import type { Asked, Taken, Terms } from '../contender.ts';
import type { ExactLog } from '../exact-log.ts';
import { type Oracle, WINDOW } from './oracle.ts';
import type { Permits } from './permits.ts';
import { Timeline } from './timeline.ts';

/** A limit, and what it has granted the key of late. */
interface Logged {
  readonly quota: number;
  readonly log: ExactLog | undefined;
}

/**
 * How much of its quota one key has in use over time: of a rate within the window, of permits at that instant; of several
 * limits the one nearest to its quota. Looked at whenever the key asks, and in each bin between.
 */
export class Usage {
  readonly timeline: Timeline;
  readonly #oracle: Oracle;
  readonly #permits: Permits;
  /** With the logs themselves: the oracle gives up those of keys that are long silent. */
  #limits: readonly Logged[] = [];
  #taken: readonly Pick<Taken, 'limit' | 'key' | 'quota'>[] = [];
  #seen: Millis;

  constructor(oracle: Oracle, permits: Permits, from: Millis) {
    this.timeline = new Timeline(from, 'max');
    this.#oracle = oracle;
    this.#permits = permits;
    this.#seen = from;
  }

  /** Notes usage between the last time and `now`; before anything is granted or given back then. */
  pass(now: Millis): void {
    if (now <= this.#seen) return;
    // Makes the bins as wide as they have to be, so that there are few.
    this.timeline.add(now, 0);
    const { from, width } = this.timeline;
    // Without a grant usage only falls: of each bin it was most where the bin begins.
    const first = from + (Math.floor((this.#seen - from) / width) + 1) * width;
    for (let at = first; at < now; at += width) this.#look(at);
    this.#look(now);
    this.#seen = now;
  }

  /** Notes usage at `now`, after the key's request there. */
  note(now: Millis, asked: readonly Asked[], taken: readonly Taken[]): void {
    this.#limits = asked.map((each) => this.#logOf(each));
    if (taken.length > 0) this.#taken = taken;
    this.#seen = now;
    this.#look(now);
  }

  /** What the oracle knows of the time before the key was watched, its last two windows or so, up to `now`. */
  recall(limits: readonly Omit<Asked, 'cost'>[], now: Millis): void {
    this.#limits = limits.map((each) => this.#logOf(each));
    this.timeline.add(now, 0);
    for (const { limit, key, quota, window } of limits) {
      if (quota > 0)
        this.#recall([...(this.#oracle.logOf(limit, key)?.entries() ?? [])], { quota, window }, now);
    }
    this.#seen = now;
  }

  /** @param past - grants, oldest first */
  #recall(
    past: readonly (readonly [at: Millis, units: number])[],
    { quota, window }: Terms,
    now: Millis,
  ): void {
    let [first, next, sum] = [0, 0, 0];
    const { width } = this.timeline;
    for (let at = past[0]?.[0] ?? now + 1; at <= now; ) {
      for (; (past[next]?.[0] ?? now + 1) <= at; next++) sum += past[next]?.[1] ?? 0;
      for (; (past[first]?.[0] ?? now) <= at - window; first++) sum -= past[first]?.[1] ?? 0;
      this.timeline.add(at, sum / quota);
      at = Math.min(at + width, past[next]?.[0] ?? Number.POSITIVE_INFINITY);
    }
  }

  #logOf({ limit, key, quota }: Pick<Asked, 'limit' | 'key' | 'quota'>): Logged {
    return { quota, log: this.#oracle.logOf(limit, key) };
  }

  #look(now: Millis): void {
    for (const { quota, log } of this.#limits) {
      if (quota > 0) this.timeline.add(now, (log?.settle(WINDOW, now) ?? 0) / quota);
    }
    for (const { limit, key, quota } of this.#taken) {
      if (quota > 0) this.timeline.add(now, this.#permits.used(limit, key) / quota);
    }
  }
}
