import { type AcquireOptions, checkSignal } from '../concurrency/gate.ts';
import type { Reason } from '../limiter/decision.ts';
import type { Millis } from '../time.ts';
import type { DistributedAdmissionAnswer } from './admission.ts';
import type { LocalAdmission } from './fallback.ts';
import type { Ledger } from './ledger.ts';
import type { Sleepers } from './sleepers.ts';

/** An answer of a store, or one that this process has given by itself. */
export type AnyAdmission = DistributedAdmissionAnswer | LocalAdmission;

/** An answer, and the place in line that goes with it. */
export interface Attempt {
  readonly admission: AnyAdmission;
  readonly ticket: string | undefined;
}

/** Somebody who waits. */
interface Waiting {
  /** For lengths of time: a clock that never goes back. */
  readonly now: () => Millis;
  readonly sleepers: Sleepers;
  readonly ledger: Ledger;
  /** How long at most; `Infinity`: until it is its turn. */
  readonly patience: Millis;
  readonly signal: AcquireOptions['signal'];
  readonly applicant: {
    /** Asks the store; `keep` is how long it keeps a place for the next time. */
    attempt(ticket: string | undefined, keep: Millis, refusal?: Reason): Promise<Attempt>;
    leave(ticket: string): Promise<void>;
  };
}

/** For how long a place is kept for somebody who does not look for it. */
const KEEP: Millis = 3000;
/** How long a waiter sleeps at least and at most before it looks again: chance keeps waiters from coming all at once. */
const LEAST_SLEEP: Millis = 25;
const MOST_SLEEP: Millis = 75;
/** The same for one who is told when it is worth looking: often enough to keep the place. */
const LONGEST_SLEEP: Millis = 1000;

/** Asks until it is admitted, its patience is at an end, or waiting does not help. */
export async function waitForTurn(waiting: Waiting): Promise<AnyAdmission> {
  const { now, patience, signal, applicant, ledger } = waiting;
  const early = typeof signal === 'function' ? undefined : checkSignal(signal);
  early?.throwIfAborted();
  if (patience === 0) return (await applicant.attempt(undefined, 0, 'queue-timeout')).admission;
  const deadline = now() + patience;
  const first = await applicant.attempt(undefined, KEEP);
  if (first.ticket === undefined && !early?.aborted) return first.admission;
  const isQueued = first.ticket !== undefined;
  if (isQueued) ledger.onQueued(first.admission);
  try {
    const admission = await waitInLine(waiting, first, deadline);
    if (isQueued && admission.allowed) ledger.onGranted(admission, first.admission);
    return admission;
  } finally {
    if (isQueued) ledger.waiting--;
  }
}

async function waitInLine(
  { now, sleepers, applicant, ...options }: Waiting,
  first: Attempt,
  deadline: Millis,
): Promise<AnyAdmission> {
  let { admission, ticket } = first;
  const signal = typeof options.signal === 'function' ? checkSignal(options.signal()) : options.signal;
  const isOver = (): boolean => signal?.aborted === true || sleepers.error !== undefined;
  for (;;) {
    if (isOver()) {
      // It may have been admitted in the meantime.
      await Promise.allSettled([
        admission.cancel(),
        ticket === undefined ? undefined : applicant.leave(ticket),
      ]);
      throw signal?.aborted ? signal.reason : sleepers.error;
    }
    if (ticket === undefined || admission.allowed) return admission;
    const left = deadline - now();
    if (left <= 0) break;
    await sleepers.sleep(Math.min(left, pause(admission)), signal);
    if (!isOver() && now() < deadline) ({ admission, ticket } = await applicant.attempt(ticket, KEEP));
  }
  const last = await applicant.attempt(ticket, 0, 'queue-timeout');
  if (!last.admission.allowed) await applicant.leave(ticket).catch(() => undefined);
  return last.admission;
}

/** How long it is of no use to look again. */
function pause({ reason, at, retryAt }: AnyAdmission): Millis {
  const chance = LEAST_SLEEP + Math.floor(Math.random() * (MOST_SLEEP - LEAST_SLEEP));
  if (reason !== 'quota' || retryAt === undefined) return chance;
  return Math.min(LONGEST_SLEEP, Math.max(retryAt - at, LEAST_SLEEP));
}
