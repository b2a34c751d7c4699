import { Aborts } from '../concurrency/aborts.ts';
import type { Clock, Millis } from '../time.ts';

/** The longest delay that timers take; longer ones fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** The present, and waits for instants and aborts. However many wait under one signal, it gets one listener. */
export class Timer {
  readonly #clock: Clock;
  readonly #aborts = new Aborts((leave) => leave());

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): Millis {
    return this.#clock.now();
  }

  /**
   * Calls `then` at an instant, never before it. Unlike those of the engine, the timer keeps the process alive: somebody
   * waits for a response.
   *
   * @returns a function that calls it off
   */
  callAt(at: Millis, then: () => void): () => void {
    const ring = (): void => {
      if (this.now() >= at) then();
      else disarm = this.#arm(at, ring);
    };
    let disarm = this.#arm(at, ring);
    return () => disarm();
  }

  /**
   * Calls `then` with the reason as soon as the signal, which is not aborted yet, is.
   *
   * @returns a function that calls it off
   */
  callOnAbort(signal: AbortSignal | undefined, then: (reason: unknown) => void): () => void {
    if (signal === undefined) return () => undefined;
    const waiter = { onAbort: () => then(signal.reason) };
    this.#aborts.add(signal, waiter);
    return () => this.#aborts.remove(signal, waiter);
  }

  /** Resolves at an instant; rejects with the signal's reason as soon as that is aborted. */
  sleepUntil(at: Millis, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stay = this.callOnAbort(signal, (reason) => {
        disarm();
        reject(reason);
      });
      const disarm = this.callAt(at, () => {
        stay();
        resolve();
      });
    });
  }

  /** Waits for a promise, but not beyond an instant. */
  async waitUntil(at: Millis, promise: Promise<void>): Promise<void> {
    let disarm: (() => void) | undefined;
    const tooLate = new Promise<void>((resolve) => {
      disarm = this.callAt(at, resolve);
    });
    await Promise.race([promise, tooLate]);
    disarm?.();
  }

  #arm(at: Millis, ring: () => void): () => void {
    if (this.#clock.wakeAt !== undefined) return this.#clock.wakeAt(at, ring);
    const timer = setTimeout(ring, Math.min(Math.max(at - this.now(), 0), MAX_DELAY));
    return () => clearTimeout(timer);
  }
}
