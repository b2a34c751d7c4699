/**
 * Clients who wait for an answer before they go on.
 *
 * @module
 */

import { checkFields } from '../../errors.ts';
import { type Duration, type Millis, parseDuration, toInstant } from '../../time.ts';
import type { Arrival, Clients, Denied, Workload } from '../arrival.ts';
import { honouring, ignoring } from '../clients.ts';
import { integer, within } from '../options.ts';
import { seeded } from '../random.ts';
import { type Hold, holding } from './hold.ts';
import { DEFAULT_FROM } from './pace.ts';

/** Options of {@link retryStorm}. */
export interface RetryStormOptions {
  /** Clients that ask once each, all within `within`: 1 to 10,000,000; default 1000. */
  readonly clients?: number;
  /** Share of clients that come back when the denial says so; the others come back about once a second. 0 to 1; default 1. */
  readonly honour?: number;
  /** Times a client asks before it gives up: 1 to 1,000,000; default 100. */
  readonly attempts?: number;
  /** How long the first requests take to come in; default `"1s"`. */
  readonly within?: Duration;
  /** Up to this much is added, at random, to the wait of those who honour it; default none. */
  readonly jitter?: Duration;
  /** How many budgets the clients share: 1 (default) to the number of clients. */
  readonly keys?: number;
  /** How long work holds permits once it is admitted; default: it holds none. */
  readonly hold?: Hold;
  /** The first instant; default 10^12 ms. */
  readonly from?: Millis;
  /** An integer from 0 to 2^32 - 1; default 1. */
  readonly seed?: number;
}

/**
 * Many clients at once, each of which asks until it is admitted.
 *
 * @throws PolicyError naming the faulty option
 */
export function retryStorm(options: RetryStormOptions = {}): Workload {
  checkFields(options, ['clients', 'honour', 'attempts', 'within', 'jitter', 'keys', 'hold', 'from', 'seed']);
  const count = integer(options.clients ?? 1000, 'clients', 1, 1e7);
  const honour = within(options.honour ?? 1, 'honour', 0, 1);
  const spread = parseDuration(options.within ?? '1s', 'within');
  const keys = integer(options.keys ?? 1, 'keys', 1, count);
  const from = toInstant(options.from ?? DEFAULT_FROM, 'from');
  const seed = integer(options.seed ?? 1, 'seed', 0, 2 ** 32 - 1);
  const { attempts = 100, jitter } = options;
  const patient = honouring({ attempts, ...(jitter === undefined ? {} : { jitter }) });
  const hasty = ignoring({ attempts });
  const isPatient = ({ arrival }: Denied) => (arrival as Caller).isPatient;
  const share = honour === 1 ? 'all' : `${Math.round(100 * honour)} % of them`;
  return held(options.hold, {
    name: 'retry-storm',
    description: `${count} clients within ${spread / 1000} s who ask until they are admitted; ${share} wait as told`,
    seed,
    expected: count,
    *arrivals(): Iterable<Caller> {
      const random = seeded(seed);
      for (let i = 0; i < count; i++) {
        const at = from + Math.floor((i * spread) / count);
        yield { at, key: `key-${i % keys}`, cost: 1, isPatient: random() < honour };
      }
    },
    clients: {
      retryAt: (denied, random) => (isPatient(denied) ? patient : hasty).retryAt(denied, random),
    },
  });
}

function held(hold: Hold | undefined, workload: Workload): Workload {
  return hold === undefined ? workload : holding(workload, hold);
}

/** An arrival of a client that honours denials, or does not. */
interface Caller extends Arrival {
  readonly isPatient: boolean;
}

/** Options of {@link closedLoop}. */
export interface ClosedLoopOptions {
  /** Clients, each with a key of its own: 1 to 1,000,000; default 100. */
  readonly clients?: number;
  /** How long a client rests on average between an answer and its next request; default `"1s"`. */
  readonly think?: Duration;
  /** How long new requests are made; default `"10m"`. */
  readonly length?: Duration;
  /** How they react to a denial; default {@link honouring}. */
  readonly reaction?: Clients;
  /** How long work goes on, and holds permits, once it is admitted: only then does a client rest; default: no time at all. */
  readonly hold?: Hold;
  /** The first instant; default 10^12 ms. */
  readonly from?: Millis;
  /** An integer from 0 to 2^32 - 1; default 1. */
  readonly seed?: number;
}

/**
 * Clients who ask, wait until they are admitted or give up, rest, and ask again: the limiter sets their pace.
 *
 * @throws PolicyError naming the faulty option
 */
export function closedLoop(options: ClosedLoopOptions = {}): Workload {
  checkFields(options, ['clients', 'think', 'length', 'reaction', 'hold', 'from', 'seed']);
  const count = integer(options.clients ?? 100, 'clients', 1, 1e6);
  const think = parseDuration(options.think ?? '1s', 'think');
  const length = parseDuration(options.length ?? '10m', 'length');
  const from = toInstant(options.from ?? DEFAULT_FROM, 'from');
  const seed = integer(options.seed ?? 1, 'seed', 0, 2 ** 32 - 1);
  const { reaction = honouring() } = options;
  return held(options.hold, {
    name: 'closed-loop',
    description: `${count} clients who wait for each answer and then rest ${think / 1000} s on average`,
    seed,
    *arrivals(): Iterable<Arrival> {
      const random = seeded(seed);
      const starts = Array.from({ length: count }, () => Math.floor(random() * Math.min(think, length)));
      for (const [i, start] of [...starts.entries()].sort((a, b) => a[1] - b[1]))
        yield { at: from + start, key: `client-${i}`, cost: 1 };
    },
    clients: {
      retryAt: (denied, random) => reaction.retryAt(denied, random),
      next(over, at, random) {
        const next = at + 1 + Math.floor(-Math.log(1 - random()) * think);
        return next < from + length ? { ...over, at: next } : undefined;
      },
    },
  });
}
