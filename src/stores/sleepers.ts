import { type Clock, type Millis, wakeByTimer } from '../time.ts';

/** Those of one process who wait, and look for themselves now and then. */
export class Sleepers {
  readonly #clock: Clock;
  readonly #asleep = new Set<() => void>();
  /** Why nobody waits here any more. */
  error: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends when the time is up, the signal is aborted, or everybody is woken. */
  sleep(length: Millis, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        this.#asleep.delete(end);
        resolve();
      };
      const at = this.#clock.now() + Math.ceil(length);
      const cancel = this.#clock.wakeAt?.(at, end) ?? wakeByTimer(this.#clock, at, end);
      signal?.addEventListener('abort', end, { once: true });
      this.#asleep.add(end);
    });
  }

  /** Has everybody look at once. */
  wake(): void {
    for (const end of [...this.#asleep]) end();
  }

  /** Has everybody give up, now and later. */
  close(error: Error): void {
    this.error = error;
    this.wake();
  }
}
