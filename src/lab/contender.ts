/**
 * What can be compared: plans, policies, and anything else that says yes or no.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Clock, Millis } from '../time.ts';
import type { Arrival } from './arrival.ts';

/** An answer of a contender. */
export interface Verdict {
  /** Whether the request may go ahead. */
  readonly allowed: boolean;
  /** Denied: when it would be allowed, for clients who listen; `Infinity`: never. */
  readonly retryAt?: Millis | undefined;
  /** Denied: why, in a word; default `quota`. */
  readonly reason?: string | undefined;
}

/** A limiter in use. */
export interface Subject {
  /**
   * Asks for `cost` units of `key` at `now` and takes them if that is agreed to.
   *
   * @param arrival - the whole request, for those who look at more than the key
   */
  check(key: string, cost: number, now: Millis, arrival: Arrival): boolean | Verdict;
  /** Bytes of the numbers kept for one key, as far as that is known; what surrounds them is left out. */
  stateBytes?(): number;
}

/** What a contender is made for. */
export interface Setting {
  /** Virtual time, the same as `now` in each call. */
  readonly clock: Clock;
  /** Keys to keep at most. */
  readonly maxKeys: number;
  /** For whatever it draws at random. */
  readonly seed: number;
  /** Units per window that it is measured by; whoever has a quota of his own need not heed it. */
  readonly quota: number;
  /** That window, in milliseconds. */
  readonly window: Millis;
}

/** A limiter of your own: makes a fresh one each time. A module for `headgate compare` or `bench` exports one. */
export interface Custom {
  /** A limiter that has seen nothing yet. */
  create(setting: Setting): Subject;
}

/** Whatever can be compared: a plan, a policy, or a limiter of your own. */
export type Contender = Plan | PolicyDocument | Custom;

/** What a request asked of one limit, for the oracle. */
export interface Asked {
  readonly limit: string;
  readonly key: string;
  readonly cost: number;
  readonly quota: number;
  readonly window: Millis;
}

/** The quota that the oracle measures single limits by. */
export interface Terms {
  readonly quota: number;
  readonly window: Millis;
}

/** Permits that a request took of one limit, for so long as its work goes on. */
export interface Taken {
  readonly limit: string;
  readonly key: string;
  readonly permits: number;
  readonly quota: number;
}

/** What an admitted request goes on to hold. */
export interface Work {
  readonly taken: readonly Taken[];
  /** It is over; `false`: the permits had been taken back before. */
  end(): boolean;
}

/** A contender as a run sees it. */
export interface Runner {
  readonly kind: string;
  /** Whether answers may be a while in coming. */
  readonly isWaiting: boolean;
  /** Answers. */
  check(key: string, cost: number, now: Millis, arrival: Arrival): Verdict | Promise<Verdict>;
  /** What an answer of its own was asked of limits on rates; without it: one limit, of everybody's terms. */
  asked?(verdict: Verdict): readonly Asked[];
  /** What a request would be asked of limits on rates now. */
  peek?(arrival: Arrival): readonly Asked[];
  /** What an answer of its own that said yes goes on to hold, if it does. */
  work?(verdict: Verdict): Work | undefined;
  /** See {@link Subject.stateBytes}. */
  stateBytes?(): number;
}

/** Whether `contender` is a plan of an algorithm. */
export function isPlan(contender: Contender): contender is Plan {
  return has(contender, 'algorithm') && typeof (contender as Plan).algorithm?.availableAt === 'function';
}

/** Whether `contender` is a policy. */
export function isPolicy(contender: Contender): contender is PolicyDocument {
  return has(contender, 'limits') && has(contender, 'groups');
}

/** Whether `contender` is a limiter of its own. */
export function isCustom(contender: Contender): contender is Custom {
  return has(contender, 'create') && typeof (contender as Custom).create === 'function';
}

function has(contender: unknown, field: string): boolean {
  return typeof contender === 'object' && contender !== null && field in contender;
}
