import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import type { Aborts } from './aborts.ts';
import type { AdmissionAnswer } from './admission.ts';
import { type Entrance, Waiter } from './line.ts';
import type { Room } from './room.ts';

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
  /** Admits what the entrance has just agreed to and charged. */
  grant(entrance: Entrance): AdmissionAnswer;
  /** Denies what the entrance has just been asked. */
  refuse(entrance: Entrance, reason: AdmissionAnswer['reason']): AdmissionAnswer;
}

/** How one caller waits. */
export interface Patience {
  readonly priority: number;
  readonly deadline: Millis;
  readonly signal: AbortSignal | undefined;
}

/** How often a waiter looks for itself under the strategy `poll`. */
const POLL_EVERY: Millis = 50;

/** Somebody who waits for a promise to be kept. */
export class Caller extends Waiter {
  override readonly deadline: Millis;
  readonly promise: Promise<AdmissionAnswer>;
  readonly #desk: Desk;
  readonly #applicant: Applicant;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  #resolve: (answer: AdmissionAnswer) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  /** What the attempt that worked has come to. */
  #answer: AdmissionAnswer | undefined = undefined;
  #stopPolling: (() => void) | undefined = undefined;

  constructor(desk: Desk, applicant: Applicant, { priority, deadline, signal }: Patience) {
    super(priority, desk.room.ticket());
    this.#desk = desk;
    this.#applicant = applicant;
    this.deadline = deadline;
    this.#signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal === undefined) return;
    this.#onAbort = () => {
      if (desk.room.leave(this, desk.now())) this.onFailed(signal.reason);
    };
    desk.aborts.add(signal, this.#onAbort);
  }

  override attempt(now: Millis): boolean {
    this.#signal?.throwIfAborted();
    const entrance = this.#applicant.apply();
    const { inquiry } = entrance;
    if (inquiry.decide(now, 'charge')) {
      this.#answer = this.#desk.grant(entrance);
      return true;
    }
    this.retryAt = inquiry.retryAt;
    return false;
  }

  override onGranted(): void {
    if (this.#answer !== undefined) this.#settle(this.#answer);
  }

  override onFailed(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  override ring(now: Millis): void {
    if (!this.#desk.room.giveUp(this, now)) return;
    try {
      const entrance = this.#applicant.apply();
      entrance.inquiry.decide(now, 'peek');
      this.#settle(this.#desk.refuse(entrance, 'queue-timeout'));
    } catch (error) {
      this.onFailed(error);
    }
  }

  /** Looks for itself, now and then, until it has been settled. */
  poll(): void {
    const { clock, room } = this.#desk;
    const now = this.#desk.now();
    room.serveSelf(this, now);
    if (this.level !== undefined && now >= this.deadline) this.ring(now);
    if (this.level === undefined) return;
    const at = Math.min(now + POLL_EVERY, this.deadline);
    const poll = (): void => this.poll();
    this.#stopPolling = clock.wakeAt?.(at, poll) ?? wakeByTimer(clock, at, poll);
  }

  #settle(answer: AdmissionAnswer): void {
    this.#end();
    this.#resolve(answer);
  }

  #end(): void {
    if (this.#signal !== undefined && this.#onAbort !== undefined)
      this.#desk.aborts.remove(this.#signal, this.#onAbort);
    this.#stopPolling?.();
  }
}
