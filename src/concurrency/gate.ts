/**
 * Admission: decide now, or wait for one's turn. One mechanism for rates and for permits, used by semaphores and engines.
 *
 * @module
 */

import { checkGiven, checkOptionsObject, DescriptorError, show } from '../errors.ts';
import type { Reason } from '../limiter/decision.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Verdict } from '../limiter/verdict.ts';
import { type Clock, DURATION_FORMS, type Duration, type Millis, readDuration, toInstant } from '../time.ts';
import { Aborts } from './aborts.ts';
import { type Admission, AdmissionAnswer } from './admission.ts';
import { type Applicant, Caller, type Desk, isPassing, type Patience } from './caller.ts';
import { type Lease, Leases } from './leases.ts';
import type { Entrance, Line, QueuePlan } from './line.ts';
import { Room } from './room.ts';

/** Options of `acquire` and `run`. */
export interface AcquireOptions {
  /**
   * Gives up when aborted; the promise is rejected with its reason. A function that returns the signal is called only if
   * the request has to wait: making one can take longer than deciding.
   */
  readonly signal?: AbortSignal | (() => AbortSignal) | undefined;
  /** How long to wait at most; 0 answers at once. Default: the queue's own. */
  readonly timeout?: Duration | undefined;
  /** Higher goes first: an integer from -100 to 100; default 0. */
  readonly priority?: number | undefined;
}

/** Hears of what a gate does. It must not come back to the gate before the call is over. */
export interface Observer {
  /** A request was admitted or denied; the inquiry still holds what each limit said. */
  onDecided(answer: AdmissionAnswer, inquiry: Inquiry): void;
  /** A charge was corrected; `before` is what had been in use until then. */
  onSettled(group: string, charge: Verdict, before: number, at: Millis): void;
  /** A request waits; `waiting` is how many do in its line, itself among them. */
  onQueued(group: string, at: Millis, waiting: number): void;
  /** The turn of one who waited has come. */
  onGranted(answer: AdmissionAnswer, waited: Millis): void;
}

/** Decides about requests, and keeps those that wait. */
export class Gate implements Desk {
  readonly clock: Clock;
  readonly room: Room;
  readonly aborts: Aborts;
  /** Leases of shadow limits: nobody waits for what they hold. */
  readonly shadows: Leases = new Leases(() => undefined);
  /** Requests admitted so far, and requests denied. */
  admitted = 0;
  denied = 0;
  observer: Observer | undefined = undefined;
  #isDisposed = false;

  constructor(clock: Clock) {
    this.clock = clock;
    this.room = new Room(clock);
    this.aborts = new Aborts((leave) => this.room.together(leave));
  }

  /** Decides at once about the request that was filled in, by an instant at which no lease has expired unnoticed. */
  tryAcquire(entrance: Entrance, now: Millis): AdmissionAnswer {
    const line = this.#lineOf(entrance);
    const reason = decide(entrance, now, line?.queue.isBefore(0) ?? false);
    return reason === 'ok' ? this.grant(entrance) : this.refuse(entrance, reason);
  }

  /** Decides, and waits if that helps and the group has a queue. Rejects what it would throw. */
  acquire(applicant: Applicant, options: AcquireOptions): Promise<AdmissionAnswer> {
    try {
      checkOptionsObject(options);
      return this.#acquire(applicant, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #acquire(applicant: Applicant, options: AcquireOptions): Promise<AdmissionAnswer> {
    const signal = typeof options.signal === 'function' ? undefined : checkSignal(options.signal);
    const priority = checkPriority(options.priority);
    const timeout = checkTimeout(options.timeout);
    signal?.throwIfAborted();
    const now = this.open();
    // A lease that was found expired may have had it aborted.
    signal?.throwIfAborted();
    const entrance = applicant.apply();
    const line = this.#lineOf(entrance);
    const reason = decide(entrance, now, line?.queue.isBefore(priority) ?? false);
    if (reason === 'ok') return Promise.resolve(this.grant(entrance));
    const { queue, inquiry } = entrance;
    if (queue === undefined || !isPassing(reason)) return Promise.resolve(this.refuse(entrance, reason));
    // Waiting would keep a key for which there is no room.
    const hasNoRoom = inquiry.questions.some((question) => question.reason === 'capacity');
    const patience = timeout ?? queue.timeout;
    const refusal = hasNoRoom
      ? 'capacity'
      : patience === 0
        ? 'queue-timeout'
        : (line?.queue.size ?? 0) >= queue.size
          ? 'queue-full'
          : undefined;
    if (refusal !== undefined) return Promise.resolve(this.refuse(entrance, refusal));
    // Whoever makes the signal may ask this gate, or put another policy in force: what has been read is then not so any more.
    if (typeof options.signal === 'function')
      return this.#acquire(applicant, { ...options, signal: checkSignal(options.signal()) });
    return this.#wait(applicant, entrance, queue, { priority, since: now, deadline: now + patience, signal });
  }

  /** Apart from `#acquire`, which would otherwise have to keep what the promise needs for those who need not wait. */
  #wait(
    applicant: Applicant,
    entrance: Entrance,
    queue: QueuePlan,
    patience: Patience,
  ): Promise<AdmissionAnswer> {
    return new Promise((resolve, reject) => {
      const caller = new Caller(this, applicant, patience, resolve, reject);
      caller.retryAt = entrance.inquiry.retryAt;
      const line = this.room.enter(caller, entrance, entrance.lineKey(), queue);
      this.observer?.onQueued(entrance.inquiry.group, entrance.inquiry.now, line.queue.size);
      if (line.isPolled) caller.poll();
    });
  }

  /** The present, at which nothing is held any more whose time was up. */
  open(now: Millis = this.now()): Millis {
    if (this.#isDisposed) throw disposed();
    this.room.expire(now);
    this.shadows.expire(now);
    return now;
  }

  grant(entrance: Entrance, since?: Millis): AdmissionAnswer {
    const { inquiry } = entrance;
    const holds = entrance.holds();
    const lease =
      holds === undefined ? undefined : this.room.leases.grant(holds, entrance.lease, inquiry.now);
    this.admitted++;
    const shadow = inquiry.shadows.length === 0 ? undefined : this.#grantShadow(entrance);
    const admission = new AdmissionAnswer(inquiry, this, lease, undefined, shadow);
    if (lease !== undefined) this.room.watchLeases();
    this.#onDecided(admission, inquiry);
    if (since !== undefined) this.observer?.onGranted(admission, inquiry.now - since);
    return admission;
  }

  refuse(entrance: Entrance, reason: Reason): AdmissionAnswer {
    const { inquiry } = entrance;
    this.denied++;
    const answer = new AdmissionAnswer(inquiry, this, undefined, reason);
    this.#onDecided(answer, inquiry);
    return answer;
  }

  #onDecided(answer: AdmissionAnswer, inquiry: Inquiry): void {
    if (inquiry.shadows.length > 0) inquiry.compareShadows(answer.allowed);
    this.observer?.onDecided(answer, inquiry);
  }

  #grantShadow(entrance: Entrance): Lease | undefined {
    const { now } = entrance.inquiry;
    const holds = entrance.shadowHolds();
    return holds && this.shadows.grant(holds, entrance.shadowLease, now);
  }

  /** Serves everybody whose turn it may be, after quotas have changed. */
  serveAll(): void {
    this.room.serveAll(this.now());
  }

  /**
   * Reads everybody who waits anew, first those whose turn is first, after the policy has changed: each keeps its turn and
   * its deadline. Whom waiting cannot help any more is denied.
   */
  reseat(): void {
    const now = this.now();
    this.room.reseat(now, (waiter) => (waiter instanceof Caller ? waiter.reseat(now) : undefined));
  }

  /** Rejects everybody who waits; what is held may still be released, and still expires. */
  dispose(): void {
    this.#isDisposed = true;
    for (const waiter of this.room.dispose()) waiter.onFailed(disposed());
  }

  now(): Millis {
    return toInstant(this.clock.now());
  }

  /** Where the request that was filled in would wait, if anybody does. */
  #lineOf(entrance: Entrance): Line | undefined {
    return this.room.waiting > 0 ? entrance.lines.get(entrance.lineKey()) : undefined;
  }
}

/**
 * Charges if all limits agree and nobody is before the request.
 *
 * @returns `ok`, or why not
 */
function decide({ inquiry, denied, permits }: Entrance, now: Millis, mustWait: boolean): Reason {
  const isAgreed = inquiry.decide(now, mustWait || denied !== undefined ? 'peek' : 'charge');
  if (denied !== undefined) return denied;
  if (!isAgreed) return inquiry.blocking?.reason ?? 'ok';
  if (!mustWait) return 'ok';
  return permits.length > 0 ? 'concurrency' : 'quota';
}

/** @throws PolicyError (`bad-value`); nothing has been asked for by then */
export function checkWork(work: unknown): void {
  checkGiven(typeof work === 'function', 'work', work, 'a function');
}

/**
 * Works on what was admitted, and gives the permits back whatever happens.
 *
 * @throws DeniedError if it was not
 */
export async function runAdmitted<T>(
  admission: Admission,
  work: (admission: Admission) => T | Promise<T>,
): Promise<T> {
  if (!admission.allowed) throw new DeniedError(admission);
  try {
    return await work(admission);
  } finally {
    admission.release();
  }
}

/** @throws DescriptorError (`bad-signal`) */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || typeof signal?.throwIfAborted === 'function') return signal;
  const message = `${show(signal)} is no signal; give an AbortSignal, or a function that returns one`;
  throw new DescriptorError({ code: 'bad-signal', path: 'signal', value: signal, message });
}

/** @throws DescriptorError (`bad-priority`) */
export function checkPriority(priority = 0): number {
  if (Number.isInteger(priority) && priority >= -100 && priority <= 100) return priority;
  const message = `${show(priority)} is no priority; give an integer from -100 to 100`;
  throw new DescriptorError({ code: 'bad-priority', path: 'priority', value: priority, message });
}

/** @throws DescriptorError (`bad-timeout`) */
export function checkTimeout(timeout: Duration | undefined): Millis | undefined {
  if (timeout === undefined) return undefined;
  const ms = timeout === 0 ? 0 : readDuration(timeout);
  if (ms !== undefined) return ms;
  const message = `${show(timeout)} is no timeout; give 0, or ${DURATION_FORMS}`;
  throw new DescriptorError({ code: 'bad-timeout', path: 'timeout', value: timeout, message });
}

/** Why an engine or a semaphore that was disposed of admits nobody. */
export function disposed(): DescriptorError {
  const message = 'it was disposed of; nothing is admitted any more';
  return new DescriptorError({ code: 'disposed', path: '', value: undefined, message });
}
