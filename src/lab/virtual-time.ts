import { Heap, type Timed } from '../concurrency/heap.ts';
import type { Clock, Millis } from '../time.ts';

/** Something that is due at an instant. */
class Due implements Timed {
  index = -1;
  turn = 0;
  at: Millis;
  readonly happen: () => void;

  constructor(at: Millis, happen: () => void) {
    this.at = at;
    this.happen = happen;
  }
}

/**
 * Time that passes when it is told to, from one thing that is due to the next: by instants, and where those are equal in
 * the order in which they were asked for.
 */
export class VirtualTime implements Clock {
  #present: Millis;
  readonly #due = new Heap<Due>();

  constructor(start: Millis) {
    this.#present = start;
  }

  now(): Millis {
    return this.#present;
  }

  wakeAt(at: Millis, wake: () => void): () => void {
    const due = new Due(at, wake);
    this.#due.add(due);
    return () => this.#due.remove(due);
  }

  /** Has the next thing happen that is due by `until`; `false`: there is none. */
  step(until: Millis): boolean {
    const next = this.#due.earliest;
    if (next === undefined || next.at > until) return false;
    this.#due.remove(next);
    this.#present = Math.max(this.#present, next.at);
    next.happen();
    return true;
  }

  /** Goes on to an instant before which nothing is due any more. */
  reach(at: Millis): void {
    this.#present = at;
  }
}
