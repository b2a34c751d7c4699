import { type AcquireOptions, checkSignal } from '../concurrency/gate.ts';
import type { Reason } from '../limiter/decision.ts';
import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import type { DistributedAdmissionAnswer } from './admission.ts';
import type { LocalAdmission } from './fallback.ts';

/** An answer of a store, or one that this process has given by itself. */
export type AnyAdmission = DistributedAdmissionAnswer | LocalAdmission;

/** An answer, and the place in line that goes with it. */
export interface Attempt {
  readonly admission: AnyAdmission;
  readonly ticket: string | undefined;
}

/** Somebody who waits. */
interface Waiting {
  readonly clock: Clock;
  /** How long at most; `Infinity`: until it is its turn. */
  readonly patience: Millis;
  readonly signal: AcquireOptions['signal'];
  /** Asks the store; `keep` is how long it keeps a place for the next time. */
  attempt(ticket: string | undefined, keep: Millis, refusal?: Reason): Promise<Attempt>;
  leave(ticket: string): Promise<void>;
}

/** For how long a place is kept for somebody who does not look for it. */
const KEEP: Millis = 3000;
/** How long a waiter sleeps at least and at most before it looks again: chance keeps waiters from coming all at once. */
const LEAST_SLEEP: Millis = 25;
const MOST_SLEEP: Millis = 75;
/** The same for one who is told when it is worth looking: often enough to keep the place. */
const LONGEST_SLEEP: Millis = 1000;

/** Asks until it is admitted, its patience is at an end, or waiting does not help. */
export async function waitForTurn({
  clock,
  patience,
  attempt,
  leave,
  ...options
}: Waiting): Promise<AnyAdmission> {
  const early = typeof options.signal === 'function' ? undefined : checkSignal(options.signal);
  early?.throwIfAborted();
  if (patience === 0) return (await attempt(undefined, 0, 'queue-timeout')).admission;
  const deadline = clock.now() + patience;
  let { admission, ticket } = await attempt(undefined, KEEP);
  if (ticket === undefined && !early?.aborted) return admission;
  const signal = typeof options.signal === 'function' ? checkSignal(options.signal()) : options.signal;
  for (;;) {
    if (signal?.aborted) {
      // It may have been admitted in the meantime.
      await Promise.allSettled([admission.cancel(), ticket === undefined ? undefined : leave(ticket)]);
      throw signal.reason;
    }
    if (ticket === undefined || admission.allowed) return admission;
    const left = deadline - clock.now();
    if (left <= 0) break;
    await sleep(clock, Math.min(left, pause(admission)), signal);
    if (!signal?.aborted && clock.now() < deadline) ({ admission, ticket } = await attempt(ticket, KEEP));
  }
  const last = await attempt(ticket, 0, 'queue-timeout');
  if (!last.admission.allowed) await leave(ticket).catch(() => undefined);
  return last.admission;
}

/** How long it is of no use to look again. */
function pause({ reason, at, retryAt }: AnyAdmission): Millis {
  const chance = LEAST_SLEEP + Math.floor(Math.random() * (MOST_SLEEP - LEAST_SLEEP));
  if (reason !== 'quota' || retryAt === undefined) return chance;
  return Math.min(LONGEST_SLEEP, Math.max(retryAt - at, LEAST_SLEEP));
}

function sleep(clock: Clock, length: Millis, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const at = clock.now() + Math.ceil(length);
    const cancel = clock.wakeAt?.(at, end) ?? wakeByTimer(clock, at, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}
