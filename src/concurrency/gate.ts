/**
 * Admission: decide now, or wait for one's turn. One mechanism for rates and for permits, used by semaphores and engines.
 *
 * @module
 */

import { DescriptorError, show } from '../errors.ts';
import { type Asked, answerParts } from '../limiter/answer.ts';
import type { Reason } from '../limiter/decision.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import { decide, type Question } from '../limiter/question.ts';
import { joinKey } from '../partition/key.ts';
import {
  type Clock,
  DURATION_FORMS,
  type Duration,
  type Millis,
  readDuration,
  toInstant,
  wakeByTimer,
} from '../time.ts';
import { Aborts } from './aborts.ts';
import { type Admission, AdmissionAnswer } from './admission.ts';
import { PermitQuestion } from './permit-question.ts';
import type { Permits, PermitTable } from './permits.ts';
import { Room, type Waiter } from './room.ts';
import type { QueueOrder } from './wait-queue.ts';

/** How waiting goes on in a group or a semaphore. */
export interface QueuePlan {
  /** Waiters it takes at most. */
  readonly size: number;
  /** How long one waits at most; `Infinity`: until it is one's turn. */
  readonly timeout: Millis;
  readonly order: QueueOrder;
  /** `poll`: every waiter looks for itself, under a timer of its own. */
  readonly strategy: 'notify' | 'poll';
}

/** Options of `acquire` and `run`. */
export interface AcquireOptions {
  /** Gives up when aborted; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait at most; 0 answers at once. Default: the queue's own. */
  readonly timeout?: Duration | undefined;
  /** Higher goes first: an integer from -100 to 100; default 0. */
  readonly priority?: number | undefined;
}

/** A request that has been read: its questions are filled in, for now. */
export interface Applied {
  readonly group: string;
  readonly questions: readonly Question[];
  /** Where it may wait; `undefined`: nowhere. */
  readonly queue: QueuePlan | undefined;
  /** Why it is denied, whatever the limits say. */
  readonly denied?: Reason;
}

/** How often a waiter looks for itself under the strategy `poll`. */
const POLL_EVERY: Millis = 50;

/** What waiting can help against. */
const PASSING: readonly Reason[] = ['quota', 'concurrency'];

/** Decides about requests, and keeps those that wait. */
export class Gate {
  readonly clock: Clock;
  readonly room: Room<AdmissionAnswer>;
  readonly #owner: object;
  readonly #aborts = new Aborts();
  #isDisposed = false;
  readonly #rejections = new Map<Waiter<AdmissionAnswer>, (error: unknown) => void>();

  constructor(owner: object, clock: Clock) {
    this.#owner = owner;
    this.clock = clock;
    this.room = new Room(clock);
  }

  /**
   * Decides at once.
   *
   * @param apply - reads the request into its questions
   */
  tryAcquire(apply: () => Applied, now: Millis, priority = 0): AdmissionAnswer {
    this.#checkOpen();
    this.room.leases.expire(now);
    const applied = apply();
    if (applied.denied !== undefined) return this.#deny(applied, now, applied.denied);
    const mustWait = this.room.waiting > 0 && this.room.isTaken(lineId(applied), priority);
    return this.#admit(applied, now, mustWait);
  }

  /** Decides, and waits if that helps and the group has a queue. */
  async acquire(apply: () => Applied, options: AcquireOptions = {}): Promise<AdmissionAnswer> {
    const { signal } = options;
    const priority = checkPriority(options.priority ?? 0);
    const timeout = checkTimeout(options.timeout);
    signal?.throwIfAborted();
    const now = this.now();
    const admission = this.tryAcquire(apply, now, priority);
    if (admission.allowed || !PASSING.includes(admission.reason)) return admission;
    // A lease that was found expired may have had it aborted.
    signal?.throwIfAborted();
    const applied = apply();
    const { queue } = applied;
    if (queue === undefined) return admission;
    // Waiting would keep a key for which there is no room.
    if (admission.limits.some(({ reason }) => reason === 'capacity'))
      return this.#deny(applied, now, 'capacity');
    const patience = timeout ?? queue.timeout;
    if (patience === 0) return this.#deny(applied, now, 'queue-timeout');
    const waiting = this.room.line(lineId(applied))?.queue.size ?? 0;
    if (waiting >= queue.size) return this.#deny(applied, now, 'queue-full');
    return this.#wait(apply, applied, {
      queue,
      options,
      deadline: now + patience,
      retryAt: admission.retryAt,
    });
  }

  /** Waiters in the queue of a group and the keys of its limits. */
  waiting(group: string, keys: readonly string[]): number {
    return this.room.line(queueId(group, keys))?.queue.size ?? 0;
  }

  /** Serves everybody whose turn it may be, after quotas have changed. */
  serveAll(): void {
    this.room.serveAll(this.now());
  }

  /** Rejects everybody who waits and stops the timer; what is held may still be released. */
  dispose(): void {
    this.#isDisposed = true;
    for (const waiter of this.room.dispose()) this.#rejections.get(waiter)?.(disposed());
  }

  now(): Millis {
    return toInstant(this.clock.now());
  }

  #wait(
    apply: () => Applied,
    applied: Applied,
    { queue, options, deadline, retryAt }: Wait,
  ): Promise<AdmissionAnswer> {
    const { signal, priority = 0 } = options;
    const isPolled = queue.strategy === 'poll';
    const line = { id: lineId(applied), order: queue.order, isPolled, needs: needsOf(applied) };
    return new Promise((resolve, reject) => {
      let stopPolling: (() => void) | undefined;
      const end = (settle: () => void): void => {
        if (signal !== undefined) this.#aborts.remove(signal, onAbort);
        stopPolling?.();
        this.#rejections.delete(waiter);
        try {
          settle();
        } catch (error) {
          reject(error);
        }
      };
      const onAbort = (): void => {
        if (this.room.leave(waiter, this.now())) end(() => reject(signal?.reason));
      };
      const waiter = this.room.enter(
        line,
        {
          priority,
          deadline,
          attempt: (now) => {
            signal?.throwIfAborted();
            return this.#admit(apply(), now, false);
          },
          onGranted: (admission) => end(() => resolve(admission)),
          onTimeout: (now) => end(() => resolve(this.#deny(apply(), now, 'queue-timeout'))),
          onFailed: (error) => end(() => reject(error)),
        },
        retryAt,
      );
      this.#rejections.set(waiter, (error) => end(() => reject(error)));
      if (signal !== undefined) this.#aborts.add(signal, onAbort);
      const poll = (): void => {
        const now = this.now();
        this.room.serveSelf(waiter, now);
        if (waiter.level !== undefined && now >= deadline) waiter.ring(now);
        if (waiter.level !== undefined)
          stopPolling = this.#wakeAt(Math.min(now + POLL_EVERY, deadline), poll);
      };
      if (isPolled) poll();
    });
  }

  #wakeAt(at: Millis, wake: () => void): () => void {
    return this.clock.wakeAt?.(at, wake) ?? wakeByTimer(this.clock, at, wake);
  }

  /** @param mustWait - whether others are before it */
  #admit(applied: Applied, now: Millis, mustWait: boolean): AdmissionAnswer {
    const { group, questions } = applied;
    const mode = mustWait ? 'peek' : 'charge';
    const agree = decide(questions, now, mode);
    const isAllowed = agree && !mustWait;
    const lease = isAllowed ? this.#grant(questions, now) : undefined;
    const asked: Asked = { owner: this.#owner, group, now, mode };
    const isFull = questions.some((question) => question instanceof PermitQuestion);
    const instead = agree && mustWait ? (isFull ? 'concurrency' : 'quota') : undefined;
    return new AdmissionAnswer(answerParts(questions, isAllowed, asked, instead), this, lease);
  }

  #grant(
    questions: readonly Question[],
    now: Millis,
  ): ReturnType<Gate['room']['leases']['grant']> | undefined {
    const permits = questions.filter((question) => question instanceof PermitQuestion);
    const holds = permits.flatMap((question) => question.hold() ?? []);
    if (holds.length === 0) return undefined;
    const length = Math.min(...permits.map(({ lease }) => lease));
    const lease = this.room.leases.grant(holds, length, now);
    this.room.watchLeases();
    return lease;
  }

  #deny(applied: Applied, now: Millis, reason: Reason): AdmissionAnswer {
    const { group, questions } = applied;
    decide(questions, now, 'peek');
    const asked: Asked = { owner: this.#owner, group, now, mode: 'peek' };
    return new AdmissionAnswer(answerParts(questions, false, asked, reason), this, undefined);
  }

  #checkOpen(): void {
    if (this.#isDisposed) throw disposed();
  }
}

interface Wait {
  readonly queue: QueuePlan;
  readonly options: AcquireOptions;
  readonly deadline: Millis;
  readonly retryAt: Millis | undefined;
}

/** A queue belongs to a group and the keys of its limits. */
function lineId({ group, questions }: Applied): string {
  return queueId(
    group,
    questions.map(({ key }) => key ?? ''),
  );
}

function queueId(group: string, keys: readonly string[]): string {
  return joinKey([group, ...keys, '']);
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

function needsOf({ questions }: Applied): { readonly table: PermitTable; readonly permits: Permits }[] {
  return questions.flatMap((question) => {
    const need = question instanceof PermitQuestion ? question.need() : undefined;
    return need === undefined ? [] : [{ table: need.table, permits: need.table.open(need.key) }];
  });
}

function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= -100 && priority <= 100) return priority;
  const message = `${show(priority)} is no priority; give an integer from -100 to 100`;
  throw new DescriptorError({ code: 'bad-priority', path: 'priority', value: priority, message });
}

function checkTimeout(timeout: Duration | undefined): Millis | undefined {
  if (timeout === undefined) return undefined;
  const ms = timeout === 0 ? 0 : readDuration(timeout);
  if (ms !== undefined) return ms;
  const message = `${show(timeout)} is no timeout; give 0, or ${DURATION_FORMS}`;
  throw new DescriptorError({ code: 'bad-timeout', path: 'timeout', value: timeout, message });
}

function disposed(): DescriptorError {
  const message = 'it was disposed of; nothing is admitted any more';
  return new DescriptorError({ code: 'disposed', path: '', value: undefined, message });
}
