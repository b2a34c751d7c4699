import type { Clock, Millis } from '../time.ts';

/** The longest delay that timers take; longer ones fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * Calls `then` at an instant, never before it. Unlike those of the engine, the timer keeps the process alive: somebody
 * waits for a response.
 *
 * @returns a function that calls it off
 */
export function callAt(clock: Clock, at: Millis, then: () => void): () => void {
  const ring = (): void => {
    if (clock.now() >= at) then();
    else disarm = arm();
  };
  const arm = (): (() => void) => {
    if (clock.wakeAt !== undefined) return clock.wakeAt(at, ring);
    const timer = setTimeout(ring, Math.min(Math.max(at - clock.now(), 0), MAX_DELAY));
    return () => clearTimeout(timer);
  };
  let disarm = arm();
  return () => disarm();
}

/** Resolves at an instant; rejects with the signal's reason as soon as that is aborted. */
export function sleepUntil(clock: Clock, at: Millis, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      disarm();
      reject(signal?.reason);
    };
    const disarm = callAt(clock, at, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Waits for a promise, but not beyond an instant. */
export async function waitUntil(clock: Clock, at: Millis, promise: Promise<void>): Promise<void> {
  let disarm: (() => void) | undefined;
  const tooLate = new Promise<void>((resolve) => {
    disarm = callAt(clock, at, resolve);
  });
  await Promise.race([promise, tooLate]);
  disarm?.();
}
