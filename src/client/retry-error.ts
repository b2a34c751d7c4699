import { HeadgateError } from '../errors.ts';
import type { Millis } from '../time.ts';

/**
 * Why a request was given up: `attempts`, it was sent as often as is allowed; `wait`, the next turn is further away than
 * `maxWait`; `elapsed`, it cannot be had within `maxElapsed`; `body`, its body cannot be sent a second time.
 */
export type RetryErrorCode = 'attempts' | 'wait' | 'elapsed' | 'body';

/** What a {@link RetryError} tells. */
export interface RetryErrorFields {
  /** Why it was given up. */
  readonly code: RetryErrorCode;
  /** Where it was to go. */
  readonly url: string;
  /** The last response. */
  readonly response: Response | undefined;
  /** How often it was sent. */
  readonly attempts: number;
  /** Time spent waiting, in milliseconds. */
  readonly waitedMs: Millis;
  /** When it is worth asking again. */
  readonly retryAt: Millis | undefined;
  /** What the last attempt failed with. */
  readonly cause: unknown;
}

const MEANINGS: Readonly<Record<RetryErrorCode, string>> = {
  attempts: 'all attempts are used up',
  wait: 'the next turn is further away than maxWait',
  elapsed: 'the next turn is later than maxElapsed allows',
  body: 'its body cannot be sent a second time',
};

/** A request that was given up. Its `code` says why ({@link RetryErrorCode}), and its `path` is the URL. */
export class RetryError extends HeadgateError {
  /** `RetryError`. */
  override readonly name = 'RetryError';
  declare readonly code: RetryErrorCode;
  /**
   * The last response; `undefined` if there was none, because nothing was sent or the network failed. Its body can be
   * read, unless it was given up while it waited to be repeated: by then the body had been cancelled.
   */
  readonly response: Response | undefined;
  /** How often it was sent, from 0. */
  readonly attempts: number;
  /** Time spent waiting, in milliseconds. */
  readonly waitedMs: Millis;
  /** When it is worth asking again, as far as the server has said. */
  readonly retryAt: Millis | undefined;
  /** What the last attempt failed with, if that was not a response. */
  override readonly cause: unknown;

  constructor({ code, url, response, attempts, waitedMs, retryAt, cause }: RetryErrorFields) {
    const status = response === undefined ? '' : `, last status ${response.status}`;
    const message = `gave up after ${attempts} attempts${status}: ${MEANINGS[code]}`;
    super({ code, path: url, value: response?.status, message });
    this.response = response;
    this.attempts = attempts;
    this.waitedMs = waitedMs;
    this.retryAt = retryAt;
    this.cause = cause;
  }
}
