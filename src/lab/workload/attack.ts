/**
 * Traffic that knows the limiter and means harm.
 *
 * @module
 */

import type { Anchor } from '../../algorithms/fixed-window.ts';
import { checkFields } from '../../errors.ts';
import { type Duration, type Millis, parseDuration, toInstant } from '../../time.ts';
import type { Arrival, Workload } from '../arrival.ts';
import { badOption, integer, positive } from '../options.ts';
import { exponential, seeded } from '../random.ts';
import { DEFAULT_FROM, perSecond } from './pace.ts';

/** Options of {@link boundaryAttack}. */
export interface BoundaryAttackOptions {
  /** Quota of the limit under attack: 1 to 10,000,000; default 100. */
  readonly quota?: number;
  /** Its window; default `"1m"`. */
  readonly window?: Duration;
  /** Where its windows begin; default `epoch`. */
  readonly anchor?: Anchor;
  /** How many times the attack is made: 1 to 1,000,000; default 10. */
  readonly rounds?: number;
  /** The first instant, raised to the start of a window; default 10^12 ms. */
  readonly from?: Millis;
}

/**
 * Spends a whole quota in the last millisecond of a fixed window and another in the first one of the next, then rests
 * until the window after that is over. Where windows begin with their first use, one unit is spent at the start to pin
 * the window down.
 *
 * @throws PolicyError naming the faulty option
 */
export function boundaryAttack(options: BoundaryAttackOptions = {}): Workload {
  checkFields(options, ['quota', 'window', 'anchor', 'rounds', 'from']);
  const quota = integer(options.quota ?? 100, 'quota', 1, 1e7);
  const window = parseDuration(options.window ?? '1m', 'window');
  const rounds = integer(options.rounds ?? 10, 'rounds', 1, 1e6);
  const { anchor = 'epoch' } = options;
  if (anchor !== 'epoch' && anchor !== 'first-use')
    throw badOption('anchor', anchor, '"epoch" or "first-use"');
  const from = Math.ceil(toInstant(options.from ?? DEFAULT_FROM, 'from') / window) * window;
  const key = 'attacker';
  const cost = 1;
  return {
    name: 'boundary-attack',
    description: `${quota} requests just before a window ends and ${quota} just after, ${rounds} times`,
    seed: 0,
    expected: 2 * quota * rounds,
    *arrivals() {
      for (let round = 0; round < rounds; round++) {
        const start = from + 4 * round * window;
        const pin = anchor === 'first-use' ? 1 : 0;
        if (pin > 0) yield { at: start, key, cost };
        for (let i = pin; i < quota; i++) yield { at: start + window - 1, key, cost };
        for (let i = 0; i < quota; i++) yield { at: start + window, key, cost };
      }
    },
  };
}

/** Options of {@link keyFlood}. */
export interface KeyFloodOptions {
  /** Requests a second of the one client that is over its limit: above 0, at most 100,000; default 10. */
  readonly rate?: number;
  /** Requests a second under names that were never seen before: above 0, at most 10,000,000; default 1000. */
  readonly flood?: number;
  /** How long it goes on; default `"2m"`. */
  readonly length?: Duration;
  /** The first instant; default 10^12 ms. */
  readonly from?: Millis;
  /** An integer from 0 to 2^32 - 1; default 1. */
  readonly seed?: number;
}

/**
 * One client, `abuser`, who asks all the time, and a flood of keys that are each asked for once: whoever forgets the
 * least recently used key to make room for a new one gives the abuser a fresh budget.
 *
 * @throws PolicyError naming the faulty option
 */
export function keyFlood(options: KeyFloodOptions = {}): Workload {
  checkFields(options, ['rate', 'flood', 'length', 'from', 'seed']);
  const rate = positive(options.rate ?? 10, 'rate', 1e5);
  const flood = positive(options.flood ?? 1000, 'flood', 1e7);
  const length = parseDuration(options.length ?? '2m', 'length');
  const from = toInstant(options.from ?? DEFAULT_FROM, 'from');
  const seed = integer(options.seed ?? 1, 'seed', 0, 2 ** 32 - 1);
  return {
    name: 'key-flood',
    description: `one client over its limit at ${perSecond(rate)} requests a second, and ${perSecond(flood)} new keys a second`,
    seed,
    expected: Math.round(((rate + flood) * length) / 1000),
    *arrivals(): Iterable<Arrival> {
      const random = seeded(seed);
      let keys = 0;
      for (let t = 0; t < length; t += exponential(random, rate + flood)) {
        const key = random() * (rate + flood) < rate ? 'abuser' : `flood-${keys++}`;
        yield { at: Math.floor(from + t), key, cost: 1 };
      }
    },
  };
}
