import type { Millis } from '../time.ts';
import { Lane } from './lane.ts';
import type { Timer } from './timer.ts';

/** Lanes that are remembered at most, those in use not counted. */
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

  #forget(except: Lane): void {
    for (const [key, lane] of this.#lanes) {
      if (lane !== except && lane.isIdle) {
        this.#lanes.delete(key);
        return;
      }
    }
  }
}
