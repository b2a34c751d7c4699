import type { Millis } from '../time.ts';
import { KnownLimit } from './known-limit.ts';
import type { Reading } from './reading.ts';
import type { Timer } from './timer.ts';

/** Limits that are kept at most, those whose reset has passed not counted. */
const MAX_KNOWN = 64;

/** A request that may be sent now, and has to be ended by {@link Lane.leave}. */
export interface Turn {
  /** Counts up in the order in which turns are given. */
  readonly number: number;
}

/** Why nobody waits any longer: what he waits for is too far away, or his time is up. */
export interface Refusal {
  readonly refused: 'wait' | 'elapsed';
  /** When it would be his turn, as far as that is known. */
  readonly retryAt: Millis | undefined;
}

/** Who wants a turn. */
export interface Applicant {
  /** Whose turn it is first: the least, so that who was refused goes before those who came after him. */
  readonly order: number;
  /** When it is given up. */
  readonly deadline: Millis;
  readonly signal: AbortSignal | undefined;
}

interface Waiter {
  readonly order: number;
  readonly deadline: Millis;
  readonly settle: (outcome: Turn | Refusal) => void;
}

/**
 * Everybody who sends to one host under the same limits: what its responses have told, and who waits, in order. A turn is
 * given only if the tightest limit has a unit left for it besides those of the requests under way, so an empty limit
 * that is full again is not overrun.
 */
export class Lane {
  readonly #timer: Timer;
  readonly #maxWait: Millis;
  readonly #limits = new Map<string, KnownLimit>();
  /** By {@link Applicant.order}. */
  readonly #waiting: Waiter[] = [];
  #calls = 0;
  #sent = 0;
  #underWay = 0;
  /** Nothing is sent before it. */
  #blockedUntil: Millis = 0;
  /** How many may be under way. After a block one goes to see, then two, as many as are served more each time. */
  #most: number = Number.POSITIVE_INFINITY;
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(timer: Timer, maxWait: Millis) {
    this.#timer = timer;
    this.#maxWait = maxWait;
  }

  /** Whether somebody is served, or waits. */
  get isUsed(): boolean {
    return this.#underWay > 0 || this.#waiting.length > 0;
  }

  /** Whether forgetting it loses nothing. */
  get isIdle(): boolean {
    const now = this.#timer.now();
    if (this.isUsed || this.#blockedUntil > now) return false;
    for (const limit of this.#limits.values()) if (!limit.isOver(now)) return false;
    return true;
  }

  /** A place in the order of those who apply, behind all before. */
  nextOrder(): number {
    return ++this.#calls;
  }

  /** Whether it waits for what a `Retry-After` has said. */
  isBlocked(now: Millis): boolean {
    return this.#blockedUntil > now || this.#underWay >= this.#most;
  }

  /** When one more could be sent: now or earlier, an instant to come, or `Infinity`: when there has been an answer. */
  freeAt(now: Millis): Millis {
    let at = Math.max(this.#blockedUntil, now);
    if (this.#underWay >= this.#most && at === now) at = Number.POSITIVE_INFINITY;
    for (const limit of this.#limits.values()) at = Math.max(at, limit.freeAt(this.#underWay, now));
    return at;
  }

  /** Why waiting would be in vain, if that is already known. */
  refusal(deadline: Millis): Refusal | undefined {
    const now = this.#timer.now();
    const at = this.freeAt(now);
    return this.#refuse(deadline, at, now);
  }

  /** Gives a turn at once, or `undefined` if it has to be waited for. */
  tryEnter({ order }: Applicant): Turn | undefined {
    const isNext = order <= (this.#waiting[0]?.order ?? order);
    const now = this.#timer.now();
    return isNext && this.freeAt(now) <= now ? this.#give() : undefined;
  }

  /** Waits for a turn. Rejects only with the signal's reason. */
  enter(applicant: Applicant): Promise<Turn | Refusal> {
    const { order, deadline, signal } = applicant;
    const refusal = this.refusal(deadline);
    if (refusal !== undefined) return Promise.resolve(refusal);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        tooLate();
        stay();
      };
      const waiter: Waiter = {
        order,
        deadline,
        settle: (outcome) => {
          leave();
          resolve(outcome);
        },
      };
      const stay = this.#timer.callOnAbort(signal, (reason) => {
        leave();
        reject(reason);
        this.#serve();
      });
      const tooLate = this.#timer.callAt(deadline, () => {
        waiter.settle({ refused: 'elapsed', retryAt: this.#retryAt() });
        this.#serve();
      });
      const next = this.#waiting.findLastIndex((each) => each.order < order) + 1;
      this.#waiting.splice(next, 0, waiter);
      this.#serve();
    });
  }

  /** Ends a turn: with what the response says, or `undefined` if there is none. */
  leave(turn: Turn, reading: Reading | undefined): void {
    this.#underWay--;
    if (reading !== undefined) this.#learn(turn, reading);
    this.#serve();
  }

  #learn(turn: Turn, { limits, retryAt }: Reading): void {
    const now = this.#timer.now();
    if (retryAt !== undefined) {
      this.#blockedUntil = Math.max(this.#blockedUntil, retryAt);
      this.#most = 1;
    } else if (this.#blockedUntil <= now) {
      this.#most++;
    }
    const names = new Set(limits.map(({ name }) => name));
    for (const [name, limit] of this.#limits) {
      if (!names.has(name) && retryAt === undefined && limit.isGuess) this.#limits.delete(name);
    }
    for (const report of limits) this.#known(report.name, now)?.update(report, turn.number, this.#sent);
  }

  #known(name: string, now: Millis): KnownLimit | undefined {
    const known = this.#limits.get(name);
    if (known !== undefined) return known;
    if (this.#limits.size >= MAX_KNOWN) {
      for (const [other, limit] of this.#limits) if (limit.isOver(now)) this.#limits.delete(other);
      if (this.#limits.size >= MAX_KNOWN) return undefined;
    }
    const limit = new KnownLimit();
    this.#limits.set(name, limit);
    return limit;
  }

  #give(): Turn {
    this.#underWay++;
    return { number: ++this.#sent };
  }

  /** Gives turns to those who wait, as long as there are any; then sees to it that the next is given in time. */
  #serve(): void {
    const now = this.#timer.now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const at = this.freeAt(now);
      if (at > now) {
        this.#wait(at, now);
        return;
      }
      first.settle(this.#give());
    }
    if (this.#blockedUntil <= now) this.#most = Number.POSITIVE_INFINITY;
    this.#arm(Number.POSITIVE_INFINITY);
  }

  #wait(at: Millis, now: Millis): void {
    if (at === this.#armedFor) return;
    this.#arm(at);
    // It has changed: for some it may have become too far.
    for (const waiter of [...this.#waiting]) {
      const refusal = this.#refuse(waiter.deadline, at, now);
      if (refusal !== undefined) waiter.settle(refusal);
    }
    if (this.#waiting.length === 0) this.#arm(Number.POSITIVE_INFINITY);
  }

  #refuse(deadline: Millis, at: Millis, now: Millis): Refusal | undefined {
    if (at === Number.POSITIVE_INFINITY) {
      return now < deadline ? undefined : { refused: 'elapsed', retryAt: undefined };
    }
    if (at - now > this.#maxWait) return { refused: 'wait', retryAt: at };
    return at > deadline ? { refused: 'elapsed', retryAt: at } : undefined;
  }

  #retryAt(): Millis | undefined {
    const at = this.freeAt(this.#timer.now());
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  #arm(at: Millis): void {
    if (at === this.#armedFor) return;
    this.#disarm?.();
    this.#armedFor = at;
    this.#disarm = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#disarm = this.#timer.callAt(at, () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#disarm = undefined;
      this.#serve();
    });
  }
}
