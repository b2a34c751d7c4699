import type { Millis } from '../time.ts';
import { Lane } from './lane.ts';
import type { Timer } from './timer.ts';

/** Lanes that are remembered at most, those in use not counted: who told of much and is not asked again must not add up. */
const MAX_LANES = 1000;

/** The lanes by host and policy; the one that was used last is the last to be forgotten. */
export class Lanes {
  readonly #timer: Timer;
  readonly #maxWait: Millis;
  readonly #lanes = new Map<string, Lane>();

  constructor(timer: Timer, maxWait: Millis) {
    this.#timer = timer;
    this.#maxWait = maxWait;
  }

  get(origin: string, policy: string): Lane {
    const key = `${origin} ${policy}`;
    const lane = this.#lanes.get(key) ?? new Lane(this.#timer, this.#maxWait);
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
    if (this.#lanes.size > MAX_LANES) this.#forget(lane);
    return lane;
  }

  /** Those that know of nothing first, then those that were used least recently. */
  #forget(except: Lane): void {
    const unused: string[] = [];
    for (const [key, lane] of this.#lanes) {
      if (lane === except || lane.isUsed) continue;
      if (!lane.isIdle) unused.push(key);
      else {
        this.#lanes.delete(key);
        if (this.#lanes.size <= MAX_LANES) return;
      }
    }
    for (const key of unused.slice(0, this.#lanes.size - MAX_LANES)) this.#lanes.delete(key);
  }
}
