/**
 * What stands between an engine and a store that may be slow, down or wrong: every call ends in time, a store that keeps
 * failing is left alone for a while, and one that works again is found out by itself.
 *
 * @module
 */

import { isHeadgateError, StoreError } from '../errors.ts';
import { type Clock, type Millis, steady, wakeByTimer } from '../time.ts';
import { Deadlines } from './deadlines.ts';
import type { Store, StoreReply, StoreRequest } from './store.ts';

/** How long a store is waited for, and when it is left alone. */
export interface Patience {
  /** How long one call may take. */
  readonly deadline: Millis;
  /** Calls that have to fail one after the other before the store is left alone. */
  readonly failures: number;
  /** For how long it is left alone; then one call tries it again. */
  readonly pause: Millis;
}

/** What becomes of a store. */
export interface StoreEvent {
  /**
   * A call `failed`; the store is `left-alone` for a while, after five failures in a row; it is `back`; it held
   * something else than rows, which were begun anew (`reset`); or it was found, when it was first used, to be set up to
   * forget rows when memory is short (`evicting`): whoever is forgotten has fresh limits.
   */
  readonly type: 'failed' | 'left-alone' | 'back' | 'reset' | 'evicting';
  /** Of `failed`: why. */
  readonly error?: StoreError;
  /** Of `left-alone`: until when, by the engine's clock. */
  readonly until?: Millis;
  /** Of `reset`: how many rows. */
  readonly rows?: number;
  /** Of `evicting`: what the store calls the way in which it picks them, such as `allkeys-lru`. */
  readonly policy?: string;
}

/** How long to wait before a call whose connection broke is made again, each time. */
const PAUSES: readonly Millis[] = [10, 40];

/**
 * Is given a reply that comes when nobody waits for it any more, and the store behind the guard, which has just shown that
 * it answers.
 */
export type OnLate = (reply: StoreReply, store: Store) => void;

/** A store that always answers in time, and tells of replies that come too late. */
export interface Guarded extends Store {
  decide(request: StoreRequest, onLate?: OnLate): Promise<StoreReply>;
}

/** A store that always answers in time, if only with a {@link StoreError}. */
export class GuardedStore implements Guarded {
  readonly algorithms: readonly string[];
  readonly isPartitioned: boolean;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #deadlines: Deadlines;
  readonly #tell: (event: StoreEvent) => void;
  /** Calls that have failed so far. */
  failed = 0;
  /** The same since one succeeded. */
  #failures = 0;
  /** Until when the store is left alone; 0: it is not. */
  #openUntil: Millis = 0;
  /** The same by a clock that never goes back. */
  #restsUntil: Millis = 0;
  readonly #now: () => Millis;
  #isTrying = false;
  /** Whether it need not be asked any more whether it forgets. */
  #isInspected: boolean;

  /** @param tell - hears of every failure and recovery */
  constructor(store: Store, clock: Clock, patience: Patience, tell?: (event: StoreEvent) => void) {
    this.algorithms = store.algorithms;
    this.isPartitioned = store.isPartitioned;
    this.#store = store;
    this.#clock = clock;
    this.#now = steady(clock);
    this.#patience = patience;
    this.#deadlines = new Deadlines(clock, patience.deadline);
    this.#tell = teller(tell);
    this.#isInspected = tell === undefined || store.evictionPolicy === undefined;
  }

  /** Until when the store is left alone, by the engine's clock; `undefined` if it is not. */
  get leftAloneUntil(): Millis | undefined {
    return this.#openUntil === 0 ? undefined : this.#openUntil;
  }

  /** Asked again if the connection broke: the store does an operation once. */
  async decide(request: StoreRequest, onLate?: OnLate): Promise<StoreReply> {
    const late = onLate && ((reply: StoreReply): void => onLate(reply, this.#store));
    const reply = await this.#call(() => this.#persist(() => this.#store.decide(request)), late);
    if (reply.resets > 0) this.#tell({ type: 'reset', rows: reply.resets });
    return reply;
  }

  readonly correct: Store['correct'] = (...asked) =>
    this.#call(() => this.#persist(() => this.#store.correct(...asked)));

  readonly release: Store['release'] = (...asked) =>
    this.#call(() => this.#persist(() => this.#store.release(...asked)));

  readonly renew: Store['renew'] = (...asked) =>
    this.#call(() => this.#persist(() => this.#store.renew(...asked)));

  readonly leave: Store['leave'] = (...asked) => this.#call(() => this.#store.leave(...asked));

  readonly block: Store['block'] = (...asked) => this.#call(() => this.#store.block(...asked));

  readonly unblock: Store['unblock'] = (...asked) => this.#call(() => this.#store.unblock(...asked));

  readonly forget: Store['forget'] = (...asked) => this.#call(() => this.#store.forget(...asked));

  /** Settles when `act` does, or when its time is up: also for one that never settles. */
  #call<T>(act: () => Promise<T>, onLate?: (value: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const isTrial = this.#enter();
      let isOver = false;
      const fail = (error: unknown): void => {
        isOver = true;
        const failure = asStoreError(error);
        this.#fail(failure);
        if (isTrial) this.#isTrying = false;
        reject(failure);
      };
      const leave = this.#deadlines.watch(() => fail(tooLate(this.#patience.deadline)));
      attempt(act).then(
        (value) => {
          leave();
          if (isOver) return onLate?.(value);
          this.#succeed();
          if (isTrial) this.#isTrying = false;
          resolve(value);
        },
        (error) => {
          leave();
          if (!isOver) fail(error);
        },
      );
    });
  }

  /** @returns whether this is the call that tries whether the store is back */
  #enter(): boolean {
    if (this.#openUntil === 0) return false;
    if (this.#now() < this.#restsUntil || this.#isTrying) throw leftAlone(this.#openUntil);
    this.#isTrying = true;
    return true;
  }

  #succeed(): void {
    this.#failures = 0;
    if (!this.#isInspected) void this.#inspect();
    if (this.#openUntil === 0) return;
    this.#openUntil = 0;
    this.#tell({ type: 'back' });
  }

  /** Once, beside the first call that succeeds; nobody waits for it. */
  async #inspect(): Promise<void> {
    this.#isInspected = true;
    try {
      const policy = await this.#store.evictionPolicy?.();
      if (policy !== undefined) this.#tell({ type: 'evicting', policy });
    } catch {
      // A server that does not tell is none to warn about.
    }
  }

  #fail(error: StoreError): void {
    this.#failures++;
    this.failed++;
    this.#tell({ type: 'failed', error });
    const { failures, pause } = this.#patience;
    if (this.#failures < failures) return;
    const isNew = this.#openUntil === 0;
    this.#openUntil = this.#clock.now() + pause;
    this.#restsUntil = this.#now() + pause;
    if (isNew) this.#tell({ type: 'left-alone', until: this.#openUntil });
  }

  /** Does an operation again if it is not known whether it was done, in case the connection is back in a moment. */
  #persist<T>(act: () => Promise<T>, pauses: readonly Millis[] = PAUSES): Promise<T> {
    return attempt(act).then(undefined, async (error) => {
      const [pause, ...rest] = pauses;
      if (pause === undefined || !isHeadgateError(error, 'StoreError') || error.code !== 'failed')
        throw error;
      await this.#sleep(pause);
      return this.#persist(act, rest);
    });
  }

  #sleep(length: Millis): Promise<void> {
    const at = this.#clock.now() + length;
    return new Promise((resolve) => {
      if (this.#clock.wakeAt === undefined) wakeByTimer(this.#clock, at, resolve);
      else this.#clock.wakeAt(at, resolve);
    });
  }
}

/** A store of somebody else may throw at once. */
function attempt<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act();
  } catch (error) {
    return Promise.reject(error);
  }
}

function asStoreError(error: unknown): StoreError {
  if (isHeadgateError(error, 'StoreError')) return error;
  const message = `the store failed: ${error instanceof Error ? error.message : String(error)}`;
  return new StoreError({ code: 'failed', path: 'store', value: undefined, message }, error);
}

function tooLate(deadline: Millis): StoreError {
  const message = `the store did not answer within ${deadline} ms`;
  return new StoreError({ code: 'timeout', path: 'store', value: deadline, message });
}

function leftAlone(until: Millis): StoreError {
  const message = `the store has failed time and again, and is left alone until ${until}`;
  return new StoreError({ code: 'left-alone', path: 'store', value: until, message });
}

/** Passes events on; whoever listens cannot break a decision. */
function teller(listener: ((event: StoreEvent) => void) | undefined): (event: StoreEvent) => void {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // Not ours to report: there is nobody to report it to.
    }
  };
}
