import type { Millis } from '../time.ts';
import { backoffAfter } from './backoff.ts';
import type { Sendable } from './body.ts';
import type { Lane, Turn } from './lane.ts';
import { type Attempt, isRefusal, type Settings, type WaitReason } from './options.ts';
import { type Reading, readResponse, withWait } from './reading.ts';
import type { OutgoingRequest } from './request.ts';
import { collectBody, readRetryAfterOf } from './retry-after.ts';
import { RetryError, type RetryErrorCode } from './retry-error.ts';

/** How long to wait at most for a body to be read: that of a denial, or the copy of our own. */
const MAX_READ: Millis = 1000;

/** One call: attempts and waits, until there is a response to return. */
export class Exchange {
  readonly #settings: Settings;
  readonly #lane: Lane;
  readonly #request: OutgoingRequest;
  readonly #body: Sendable;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: Millis;
  readonly #order: number;
  #attempts = 0;
  #waitedMs: Millis = 0;
  /** What the last attempt came to. */
  #response: Response | undefined;
  #error: unknown;
  /** Whether the last response says how long to wait. */
  #isTold = false;

  constructor(
    settings: Settings,
    lane: Lane,
    request: OutgoingRequest,
    body: Sendable,
    signal: AbortSignal | undefined,
  ) {
    this.#settings = settings;
    this.#lane = lane;
    this.#request = request;
    this.#body = body;
    this.#signal = signal;
    this.#order = lane.nextOrder();
    this.#deadline = settings.timer.now() + settings.maxElapsed;
  }

  /** @throws RetryError, the signal's reason, or whatever `fetch` or a callback throws */
  async run(): Promise<Response> {
    try {
      for (;;) {
        const turn = await this.#enter();
        const isRetried = await this.#attempt(turn);
        if (isRetried) {
          await this.#checkRetry();
          if (!this.#isTold) await this.#backOff();
        } else if (this.#response !== undefined) {
          return this.#response;
        } else {
          throw this.#error;
        }
      }
    } finally {
      this.#body.end();
    }
  }

  /** Waits until the limits that are known have room. */
  async #enter(): Promise<Turn> {
    this.#signal?.throwIfAborted();
    const { timer } = this.#settings;
    const applicant = { order: this.#order, deadline: this.#deadline, signal: this.#signal };
    const turn = this.#lane.tryEnter(applicant);
    if (turn !== undefined) return turn;
    const refusal = this.#lane.refusal(this.#deadline);
    if (refusal !== undefined) throw this.#giveUp(refusal.refused, refusal.retryAt);
    const now = timer.now();
    this.#announce(this.#lane.isBlocked(now) ? 'retry-after' : 'empty', this.#lane.freeAt(now));
    const outcome = await this.#waiting(this.#lane.enter(applicant));
    if ('number' in outcome) return outcome;
    throw this.#giveUp(outcome.refused, outcome.retryAt);
  }

  /** Sends once; whether it is to be sent again. */
  async #attempt(turn: Turn): Promise<boolean> {
    let reading: Reading | undefined;
    try {
      // An abort may have come after the turn.
      this.#signal?.throwIfAborted();
      this.#discard();
      this.#attempts++;
      if (this.#attempts > 1) this.#settings.onRetry?.({ ...this.#last(), waitedMs: this.#waitedMs });
      await this.#send();
      const isRetried = await this.#settings.shouldRetry(this.#last());
      reading = await this.#read(isRetried || isRefusal(this.#response));
      return isRetried;
    } finally {
      this.#lane.leave(turn, reading);
    }
  }

  async #send(): Promise<void> {
    this.#response = undefined;
    this.#error = undefined;
    try {
      this.#response = await this.#body.send();
    } catch (error) {
      this.#signal?.throwIfAborted();
      this.#error = error;
    }
  }

  async #read(isRefused: boolean): Promise<Reading | undefined> {
    const { timer, resetUnit } = this.#settings;
    const response = this.#response;
    this.#isTold = false;
    if (response === undefined) return undefined;
    const now = timer.now();
    let reading = readResponse(response.headers, isRefused, now, resetUnit);
    const body = isRefused && reading.retryAt === undefined ? collectBody(response) : undefined;
    if (body !== undefined) {
      await timer.waitUntil(now + MAX_READ, body.ended);
      body.cancel();
      reading = withWait(reading, now, readRetryAfterOf(body.bytes));
    }
    const empty = reading.limits.filter(({ remaining }) => remaining === 0);
    this.#isTold = [reading, ...empty.map(({ resetAt }) => ({ retryAt: resetAt }))].some(
      ({ retryAt }) => retryAt !== undefined && retryAt > now,
    );
    return reading;
  }

  /** @throws RetryError if it cannot be sent once more */
  async #checkRetry(): Promise<void> {
    const { maxAttempts, timer } = this.#settings;
    const at = this.#lane.freeAt(timer.now());
    const retryAt = this.#isTold && Number.isFinite(at) ? at : undefined;
    if (this.#attempts >= maxAttempts) throw this.#giveUp('attempts', retryAt);
    const { copied } = this.#body;
    if (copied !== undefined) await timer.waitUntil(timer.now() + MAX_READ, copied);
    if (!this.#body.isRepeatable) throw this.#giveUp('body', retryAt);
  }

  async #backOff(): Promise<void> {
    const { timer, backoff, random, maxWait } = this.#settings;
    const until = timer.now() + Math.min(backoffAfter(this.#attempts, backoff, random), maxWait);
    if (until > this.#deadline) throw this.#giveUp('elapsed', undefined);
    if (until <= timer.now()) return;
    this.#announce('backoff', until);
    await this.#waiting(timer.sleepUntil(until, this.#signal));
  }

  #announce(reason: WaitReason, at: Millis): void {
    const until = Number.isFinite(at) ? at : undefined;
    this.#settings.onWait?.({ request: this.#request, reason, attempt: this.#attempts + 1, until });
  }

  /** Waits, without keeping a connection busy meanwhile. */
  async #waiting<T>(wait: Promise<T>): Promise<T> {
    const { timer } = this.#settings;
    const since = timer.now();
    this.#discard();
    try {
      return await wait;
    } finally {
      this.#waitedMs += Math.max(timer.now() - since, 0);
    }
  }

  #discard(): void {
    this.#response?.body?.cancel().catch(() => undefined);
  }

  #last(): Attempt {
    return {
      request: this.#request,
      attempt: this.#attempts,
      response: this.#response,
      error: this.#error,
    };
  }

  #giveUp(code: RetryErrorCode, retryAt: Millis | undefined): RetryError {
    const fields = { response: this.#response, attempts: this.#attempts, waitedMs: this.#waitedMs };
    return new RetryError({ ...fields, code, url: this.#request.url, retryAt, cause: this.#error });
  }
}
