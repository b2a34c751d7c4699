import { isHeadgateError } from '../errors.ts';
import type { Clock, Millis } from '../time.ts';
import type { Arrival } from './arrival.ts';
import type { Runner, Verdict, Work } from './contender.ts';
import { Permits } from './measure/permits.ts';
import { VirtualTime } from './virtual-time.ts';

/** A contender in virtual time: whoever asks is answered, at once or after a while, and work holds permits until it is over. */
export class Stage<R extends Runner = Runner> {
  readonly runner: R;
  readonly permits: Permits = new Permits();
  readonly #time: VirtualTime;
  /** Whoever will ask again or waits for an answer, and work that is going on. */
  #pending = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(from: Millis, make: (clock: Clock) => R) {
    this.#time = new VirtualTime(from);
    this.runner = make(this.#time);
  }

  now(): Millis {
    return this.#time.now();
  }

  /**
   * Somebody comes in; whatever was to happen before, or at the same instant, happens first.
   *
   * @returns when the contender's answers may be a while in coming: resolves when all have come that are due
   */
  arrive(at: Millis, begin: () => void): Promise<void> | undefined {
    if (this.runner.isWaiting) return this.#arriveInTurn(at, begin);
    while (this.#time.step(at));
    this.#time.reach(at);
    begin();
    return undefined;
  }

  async #arriveInTurn(at: Millis, begin: () => void): Promise<void> {
    while (this.#time.step(at)) await this.#answers();
    this.#time.reach(at);
    begin();
    await this.#answers();
  }

  /** Nobody new comes in: those who wait are served, and work is finished. */
  async finish(): Promise<void> {
    while (this.#pending > 0 && this.#time.step(Number.POSITIVE_INFINITY)) {
      if (this.runner.isWaiting) await this.#answers();
    }
  }

  /** Whoever has been answered hears of it before time goes on. */
  async #answers(): Promise<void> {
    await undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Asks the contender, now.
   *
   * @param take - told of the answer
   * @param refuse - told why instead, where the request was taken for misuse
   */
  ask(arrival: Arrival, take: (verdict: Verdict) => void, refuse: (reason: string) => void): void {
    let answer: Verdict | Promise<Verdict>;
    try {
      answer = this.runner.check(arrival.key, arrival.cost, this.now(), arrival);
    } catch (error) {
      refuse(misuseIn(error));
      return;
    }
    if (answer instanceof Promise) this.#await(answer, take, refuse);
    else take(answer);
  }

  #await(answer: Promise<Verdict>, take: (verdict: Verdict) => void, refuse: (reason: string) => void): void {
    this.#pending += 1;
    const settle = (go: () => void): void => {
      this.#pending -= 1;
      try {
        go();
      } catch (error) {
        this.#failure ??= { error };
      }
    };
    answer.then(
      (verdict) => settle(() => take(verdict)),
      (error) => settle(() => refuse(misuseIn(error))),
    );
  }

  /**
   * Work begins now, and holds permits; they go back when it is over.
   *
   * @param before - called then, before they do
   */
  hold(work: Work, until: Millis, before?: () => void): void {
    this.permits.take(work.taken, this.now());
    this.later(until, () => {
      before?.();
      this.permits.giveBack(work.taken, work.end());
    });
  }

  /** Has something happen in time, not before now. */
  later(at: Millis, happen: () => void): void {
    this.#pending += 1;
    this.#time.wakeAt(Math.max(at, this.now()), () => {
      this.#pending -= 1;
      happen();
    });
  }
}

/** What was wrong with a request; whatever else is an error is thrown on. */
function misuseIn(error: unknown): string {
  if (isHeadgateError(error, 'DescriptorError') || isHeadgateError(error, 'CostError')) return error.message;
  throw error;
}
