import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import { Heap, type Timed } from './heap.ts';

/** Something that has to be looked at when its instant has come. */
export interface Ringing extends Timed {
  ring(now: Millis): void;
}

/** One timer for any number of instants, armed for the earliest of them and only while there is one. */
export class Alarm {
  readonly #clock: Clock;
  readonly #onRung: (now: Millis) => void;
  readonly #due = new Heap<Ringing>();
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  /** @param onRung - called when everything that was due at an instant has rung */
  constructor(clock: Clock, onRung: (now: Millis) => void = () => undefined) {
    this.#clock = clock;
    this.#onRung = onRung;
  }

  /** Instants that are waited for. */
  get size(): number {
    return this.#due.size;
  }

  /** Has `item` rung at an instant, instead of one that was set before; `Infinity` for never. */
  set(item: Ringing, at: Millis): void {
    this.#due.remove(item);
    item.at = at;
    if (at !== Number.POSITIVE_INFINITY) this.#due.add(item);
    this.#arm();
  }

  clear(item: Ringing): void {
    if (this.#due.remove(item)) this.#arm();
  }

  #arm(): void {
    const at = this.#due.earliest?.at ?? Number.POSITIVE_INFINITY;
    // An alarm that is armed too early rings for nothing and is armed anew: cheaper than re-arming at every change.
    if (at !== Number.POSITIVE_INFINITY && at >= this.#armedFor) return;
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedFor = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const ring = (): void => this.#ring();
    this.#disarm = this.#clock.wakeAt?.(at, ring) ?? wakeByTimer(this.#clock, at, ring);
  }

  #ring(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#disarm = undefined;
    const now = Math.floor(this.#clock.now());
    for (let item = this.#due.earliest; item !== undefined && item.at <= now; item = this.#due.earliest) {
      this.#due.remove(item);
      item.ring(now);
    }
    this.#onRung(now);
    this.#arm();
  }
}
