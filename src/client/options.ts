import { checkFields, checkGiven, checkOptionsObject, collectFaults } from '../errors.ts';
import { type Clock, type Duration, type Millis, parseDuration, systemClock } from '../time.ts';
import type { Backoff } from './backoff.ts';
import type { OutgoingRequest } from './request.ts';
import type { ResetUnit } from './reset.ts';
import { Timer } from './timer.ts';

/** Why a request is not sent yet. */
export type WaitReason = 'retry-after' | 'empty' | 'backoff';

/** A wait that begins. */
export interface WaitEvent {
  /** What waits. */
  readonly request: OutgoingRequest;
  /**
   * `retry-after`: the server has asked for it; `empty`: the tightest known limit has nothing left; `backoff`: it was
   * refused, and the server did not say for how long.
   */
  readonly reason: WaitReason;
  /** Which attempt it delays, from 1. */
  readonly attempt: number;
  /** When the wait is over, or can be over if nobody is ahead; `undefined`: when an earlier request is answered. */
  readonly until: Millis | undefined;
}

/** A request that is sent again. */
export interface RetryEvent {
  /** What is sent again. */
  readonly request: OutgoingRequest;
  /** Which attempt begins, from 2. */
  readonly attempt: number;
  /** What the attempt before came to, its body cancelled; `undefined` if it failed. */
  readonly response: Response | undefined;
  /** What the attempt before failed with, if it did. */
  readonly error: unknown;
  /** Time spent waiting so far, in milliseconds. */
  readonly waitedMs: Millis;
}

/** What an attempt came to. */
export interface Attempt {
  /** What was sent. */
  readonly request: OutgoingRequest;
  /** How often, from 1. */
  readonly attempt: number;
  /** The response; `undefined` if there is none. Read its body from a `clone()`. */
  readonly response: Response | undefined;
  /** What `fetch` rejected with, if it did. */
  readonly error: unknown;
}

/** Options of {@link createLimitedFetch}. */
export interface LimitedFetchOptions {
  /** How often a request is sent at most, from 1. Default 5. */
  readonly maxAttempts?: number;
  /** The longest wait for a turn that is begun; what is further away is given up at once. Default `"2m"`. */
  readonly maxWait?: Duration;
  /** No attempt begins later than this after the call. One under way is not cut off. Default `"5m"`. */
  readonly maxElapsed?: Duration;
  /**
   * Waits where the server does not say: from 0 to a bound, at random. The bound is `first` (default `"500ms"`) and
   * doubles with each attempt up to `most` (default `"30s"`).
   */
  readonly backoff?: {
    /** Bound of the first wait. */
    readonly first?: Duration;
    /** Bound of all waits. */
    readonly most?: Duration;
  };
  /**
   * Which requests of one host share limits: those for which it returns the same text. Default: all. What it throws, the
   * call rejects with.
   */
  readonly policyOf?: (request: OutgoingRequest) => string;
  /**
   * Whether to send again. It is asked about every attempt; an answer of `true` counts only while attempts, time and the
   * body allow it. Default: after status 429 and 503.
   */
  readonly shouldRetry?: (attempt: Attempt) => boolean | Promise<boolean>;
  /** What a plain number in a reset field means, for servers where its size misleads. Default `auto`. */
  readonly resetUnit?: ResetUnit;
  /** Told of every wait that begins. What it throws, the call rejects with. */
  readonly onWait?: (event: WaitEvent) => void;
  /** Told of every attempt after the first, as it begins. What it throws, the call rejects with. */
  readonly onRetry?: (event: RetryEvent) => void;
  /** Where the present comes from; its `wakeAt`, if it has one, ends the waits. Default: the machine's clock and timers. */
  readonly clock?: Clock;
  /** A number from 0 up to 1, for backoff. Default `Math.random`. */
  readonly random?: () => number;
}

/** Options as the client works with them. */
export interface Settings {
  readonly policyOf: LimitedFetchOptions['policyOf'] | undefined;
  readonly onWait: LimitedFetchOptions['onWait'] | undefined;
  readonly onRetry: LimitedFetchOptions['onRetry'] | undefined;
  readonly maxAttempts: number;
  readonly maxWait: Millis;
  readonly maxElapsed: Millis;
  readonly backoff: Backoff;
  readonly shouldRetry: (attempt: Attempt) => boolean | Promise<boolean>;
  readonly resetUnit: ResetUnit;
  readonly timer: Timer;
  readonly random: () => number;
}

const NAMES = [
  ...['maxAttempts', 'maxWait', 'maxElapsed', 'backoff', 'policyOf', 'shouldRetry'],
  ...['resetUnit', 'onWait', 'onRetry', 'clock', 'random'],
];
const UNITS: readonly string[] = ['auto', 'seconds', 'milliseconds', 'epoch-seconds', 'epoch-milliseconds'];

/** @throws PolicyError naming every faulty option */
export function checkOptions(options: LimitedFetchOptions): Settings {
  checkOptionsObject(options);
  if (options.backoff !== undefined) checkOptionsObject(options.backoff, 'backoff');
  const { maxAttempts = 5, maxWait = '2m', maxElapsed = '5m', backoff = {}, resetUnit = 'auto' } = options;
  const checked = collectFaults({
    names: () => checkFields(options, NAMES),
    backoffNames: () => checkFields(backoff, ['first', 'most'], 'backoff'),
    maxAttempts: () =>
      checkGiven(
        Number.isSafeInteger(maxAttempts) && maxAttempts >= 1,
        'maxAttempts',
        maxAttempts,
        'an integer from 1',
      ),
    maxWait: () => parseDuration(maxWait, 'maxWait'),
    maxElapsed: () => parseDuration(maxElapsed, 'maxElapsed'),
    first: () => parseDuration(backoff.first ?? '500ms', 'backoff.first'),
    most: () => parseDuration(backoff.most ?? '30s', 'backoff.most'),
    resetUnit: () =>
      checkGiven(UNITS.includes(resetUnit), 'resetUnit', resetUnit, `one of ${UNITS.join(', ')}`),
    policyOf: () => checkFunction(options.policyOf, 'policyOf'),
    shouldRetry: () => checkFunction(options.shouldRetry, 'shouldRetry'),
    onWait: () => checkFunction(options.onWait, 'onWait'),
    onRetry: () => checkFunction(options.onRetry, 'onRetry'),
    random: () => checkFunction(options.random, 'random'),
    clock: () => checkGiven(isClock(options.clock), 'clock', options.clock, 'an object with a method now()'),
  });
  return {
    maxAttempts,
    maxWait: checked.maxWait,
    maxElapsed: checked.maxElapsed,
    backoff: { first: checked.first, most: checked.most },
    policyOf: options.policyOf,
    shouldRetry: options.shouldRetry ?? (({ response }) => isRefusal(response)),
    resetUnit,
    onWait: options.onWait,
    onRetry: options.onRetry,
    timer: new Timer(options.clock ?? systemClock),
    random: options.random ?? Math.random,
  };
}

/** Whether a response says that the request was not served for the time being. */
export function isRefusal(response: Response | undefined): boolean {
  return response?.status === 429 || response?.status === 503;
}

function checkFunction(value: unknown, path: string): void {
  checkGiven(value === undefined || typeof value === 'function', path, value, 'a function');
}

function isClock(clock: Clock | undefined): boolean {
  return clock === undefined || typeof clock?.now === 'function';
}
