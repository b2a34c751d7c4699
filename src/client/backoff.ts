import type { Millis } from '../time.ts';

/** How long to wait when the server does not say. */
export interface Backoff {
  /** Upper bound of the wait before the second attempt; it doubles with each. */
  readonly first: Millis;
  /** Where doubling ends. */
  readonly most: Millis;
}

/**
 * Exponential backoff with full jitter: anything from 0 to a bound that doubles with every attempt, so that those who
 * were refused together do not come back together.
 *
 * @param attempts - sent so far, from 1
 * @param random - a number from 0 up to 1
 */
export function backoffAfter(attempts: number, { first, most }: Backoff, random: () => number): Millis {
  const bound = Math.min(first * 2 ** (attempts - 1), most);
  const share = random();
  return share > 0 ? Math.ceil(bound * Math.min(share, 1)) : 0;
}
