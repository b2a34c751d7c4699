import type { Reason } from '../limiter/decision.ts';
import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import type { Abortable, Aborts } from './aborts.ts';
import type { AdmissionAnswer } from './admission.ts';
import { type Entrance, Waiter } from './line.ts';
import type { Room, Seat } from './room.ts';

/** A request that can be read anew whenever it is its turn. */
export interface Applicant {
  /** Fills the request into the questions of its group. */
  apply(): Entrance;
}

/** Who decides about callers. */
export interface Desk {
  readonly clock: Clock;
  readonly room: Room;
  readonly aborts: Aborts;
  now(): Millis;
  /** Admits what the entrance has just agreed to and charged, to somebody who has waited since then. */
  grant(entrance: Entrance, since?: Millis): AdmissionAnswer;
  /** Denies what the entrance has just been asked. */
  refuse(entrance: Entrance, reason: AdmissionAnswer['reason']): AdmissionAnswer;
}

/** How one caller waits. */
export interface Patience {
  readonly priority: number;
  readonly since: Millis;
  readonly deadline: Millis;
  readonly signal: AbortSignal | undefined;
}

type Resolve = (answer: AdmissionAnswer) => void;
type Reject = (error: unknown) => void;

/** Whether waiting can help against such a denial. */
export function isPassing(reason: Reason): boolean {
  return reason === 'quota' || reason === 'concurrency';
}

/** How often a waiter looks for itself under the strategy `poll`. */
const POLL_EVERY: Millis = 50;

/** Somebody who waits for a promise to be kept. */
export class Caller extends Waiter implements Abortable {
  readonly #desk: Desk;
  readonly #applicant: Applicant;
  readonly #signal: AbortSignal | undefined;
  readonly #since: Millis;
  readonly #resolve: Resolve;
  readonly #reject: Reject;
  #stopPolling: (() => void) | undefined = undefined;

  constructor(
    desk: Desk,
    applicant: Applicant,
    { priority, since, deadline, signal }: Patience,
    resolve: Resolve,
    reject: Reject,
  ) {
    super(priority, desk.room.ticket(), deadline);
    this.#desk = desk;
    this.#applicant = applicant;
    this.#signal = signal;
    this.#since = since;
    this.#resolve = resolve;
    this.#reject = reject;
    if (this.#signal !== undefined) desk.aborts.add(this.#signal, this);
  }

  /** Keeps the promise if it works; nobody hears of that before the call that serves is over. */
  override attempt(now: Millis): boolean {
    this.#signal?.throwIfAborted();
    const entrance = this.#applicant.apply();
    const { inquiry } = entrance;
    const isGranted = inquiry.decide(now, 'charge');
    if (isGranted) this.#resolve(this.#desk.grant(entrance, this.#since));
    else this.retryAt = inquiry.retryAt;
    return isGranted;
  }

  override onGranted(): void {
    this.#end();
  }

  override onFailed(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  onAbort(): void {
    if (!this.#desk.room.leave(this, this.#desk.now())) return;
    this.#stopPolling?.();
    this.#reject(this.#signal?.reason);
  }

  override ring(): void {
    this.#desk.room.isOverdue(this);
  }

  override onTimeout(now: Millis): void {
    this.#end();
    try {
      const entrance = this.#applicant.apply();
      entrance.inquiry.decide(now, 'peek');
      this.#resolve(this.#desk.refuse(entrance, 'queue-timeout'));
    } catch (error) {
      this.#reject(error);
    }
  }

  /** Where to wait under a policy that has changed; settles what need not wait any longer. */
  reseat(now: Millis): Seat | undefined {
    this.#stopPolling?.();
    try {
      this.#signal?.throwIfAborted();
      const entrance = this.#applicant.apply();
      const { inquiry, queue, denied } = entrance;
      inquiry.decide(now, 'peek');
      const reason = denied ?? inquiry.blocking?.reason ?? 'ok';
      if (queue !== undefined && (reason === 'ok' || isPassing(reason))) return { entrance, queue };
      if (reason !== 'ok') this.#resolve(this.#desk.refuse(entrance, reason));
      else if (inquiry.decide(now, 'charge')) this.#resolve(this.#desk.grant(entrance, this.#since));
      this.#end();
    } catch (error) {
      this.onFailed(error);
    }
    return undefined;
  }

  /** Looks for itself, now and then, until it has been settled. */
  poll(): void {
    const { clock, room } = this.#desk;
    const now = this.#desk.now();
    room.serveSelf(this, now);
    if (now >= this.at && room.leave(this, now)) this.onTimeout(now);
    if (this.level === undefined) return;
    const at = Math.min(now + POLL_EVERY, this.at);
    const poll = (): void => this.poll();
    this.#stopPolling = clock.wakeAt?.(at, poll) ?? wakeByTimer(clock, at, poll);
  }

  #end(): void {
    if (this.#signal !== undefined) this.#desk.aborts.remove(this.#signal, this);
    this.#stopPolling?.();
  }
}
