/**
 * What comes in: arrivals, and the clients behind them.
 *
 * @module
 */

import type { Millis } from '../time.ts';
import type { Random } from './random.ts';

/** One request. */
export interface Arrival {
  /** When it comes in; workloads give arrivals in time order. */
  readonly at: Millis;
  /** Whose budget it takes from. */
  readonly key: string;
  /** Units it takes, a whole number from 0. */
  readonly cost: number;
  /** What a policy is asked; default: a descriptor whose partition fields all hold `key`. */
  readonly descriptor?: Readonly<Record<string, unknown>>;
  /** How long its work holds permits once it is admitted, in milliseconds; default: it holds none. */
  readonly hold?: Millis;
}

/** A request that was turned away. */
export interface Denied {
  /** What was asked. */
  readonly arrival: Arrival;
  /** When it was turned away. */
  readonly at: Millis;
  /** When it was first asked. */
  readonly since: Millis;
  /** How many times it has been asked by now, from 1. */
  readonly asked: number;
  /** What the denial promised; `undefined` where it said nothing, `Infinity`: never. */
  readonly retryAt: Millis | undefined;
}

/** How clients go on after an answer. */
export interface Clients {
  /**
   * When a denied request is asked again.
   *
   * @returns an instant after the denial; `undefined`: the client gives up
   */
  retryAt(denied: Denied, random: Random): Millis | undefined;
  /**
   * What a client asks next, once a request was admitted or given up at `at`; without it, clients ask whether or not they
   * have an answer.
   *
   * @returns an arrival after `at`; `undefined`: nothing more
   */
  next?(over: Arrival, at: Millis, random: Random): Arrival | undefined;
}

/** Traffic: arrivals that come whatever happens, and clients who react to answers. */
export interface Workload {
  /** What it is called, such as `poisson`. */
  readonly name: string;
  /** What it does, in a line. */
  readonly description: string;
  /** Where it draws from; the same seed gives the same arrivals. */
  readonly seed: number;
  /** The arrivals from the first to the last, in time order. A new round each time it is called. */
  arrivals(): Iterable<Arrival> | AsyncIterable<Arrival>;
  /** How clients react; default: a denied request is gone. */
  readonly clients?: Clients;
  /** How many arrivals there are going to be, if that is known, to show how far a comparison is. */
  readonly expected?: number;
}
