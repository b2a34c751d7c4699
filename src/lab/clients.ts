/**
 * How clients react to a denial.
 *
 * @module
 */

import { checkFields } from '../errors.ts';
import { type Duration, type Millis, parseDuration } from '../time.ts';
import type { Clients } from './arrival.ts';
import { integer, within } from './options.ts';

/** Options of {@link honouring}. */
export interface HonouringOptions {
  /** Times a request is asked before its client gives up, the first included: 1 to 1,000,000; default 10. */
  readonly attempts?: number;
  /** A random time of up to this is added to each wait, so that not all come back at once; default none. */
  readonly jitter?: Duration;
  /** How long until the next attempt where a denial promises nothing; default `"1s"`. */
  readonly otherwise?: Duration;
}

/**
 * Clients who come back at the instant that the denial names, and give up where it says "never".
 *
 * @throws PolicyError naming the faulty option
 */
export function honouring(options: HonouringOptions = {}): Clients {
  checkFields(options, ['attempts', 'jitter', 'otherwise']);
  const attempts = integer(options.attempts ?? 10, 'attempts', 1, 1e6);
  const jitter = options.jitter === undefined ? 0 : parseDuration(options.jitter, 'jitter');
  const otherwise = parseDuration(options.otherwise ?? '1s', 'otherwise');
  return {
    retryAt({ at, asked, retryAt = at + otherwise }, random) {
      if (asked >= attempts || retryAt === Number.POSITIVE_INFINITY) return undefined;
      return Math.max(at + 1, retryAt) + Math.floor(random() * jitter);
    },
  };
}

/** Options of {@link ignoring}. */
export interface IgnoringOptions {
  /** Times a request is asked before its client gives up, the first included: 1 to 1,000,000; default 10. */
  readonly attempts?: number;
  /** How long a client waits after a denial; default `"1s"`. */
  readonly every?: Duration;
  /** What that wait is multiplied by after each further denial: 1 (default) to 10. */
  readonly factor?: number;
}

/** No wait grows beyond this. */
const LONGEST_WAIT: Millis = 3_600_000;

/**
 * Clients who come back after a time of their own, whatever the denial says: from half to all of it, at random.
 *
 * @throws PolicyError naming the faulty option
 */
export function ignoring(options: IgnoringOptions = {}): Clients {
  checkFields(options, ['attempts', 'every', 'factor']);
  const attempts = integer(options.attempts ?? 10, 'attempts', 1, 1e6);
  const every = parseDuration(options.every ?? '1s', 'every');
  const factor = within(options.factor ?? 1, 'factor', 1, 10);
  return {
    retryAt({ at, asked }, random) {
      if (asked >= attempts) return undefined;
      const wait = Math.min(every * factor ** (asked - 1), Math.max(every, LONGEST_WAIT));
      return at + Math.max(1, Math.round(wait * (0.5 + random() / 2)));
    },
  };
}
