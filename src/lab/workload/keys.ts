/**
 * Who asks: how the keys of arrivals are drawn.
 *
 * @module
 */

import { integer, within } from '../options.ts';
import type { Random } from '../random.ts';

/** Draws the key of one arrival. */
export type Keys = (random: Random) => string;

const MOST_KEYS = 2 ** 24;

/** Keys `key-0` to `key-(n - 1)`, all equally likely. `count`: 1 to 2^24. */
export function uniformKeys(count: number): Keys {
  integer(count, 'keys', 1, MOST_KEYS);
  return (random) => `key-${Math.floor(random() * count)}`;
}

/**
 * Keys whose popularity falls with their rank, as that of real clients does: the k-th is asked for in proportion to
 * `1 / k ** exponent`. Drawn by rejection (Hörmann and Derflinger, 1996), in constant time and memory.
 *
 * @param count - how many keys there are, 1 to 2^24
 * @param exponent - how steep: 0.1 to 5, except 1 exactly, which reads as 1.000001; default 1.1
 * @throws PolicyError naming the faulty parameter
 */
export function zipfKeys(count: number, exponent = 1.1): Keys {
  integer(count, 'keys', 1, MOST_KEYS);
  within(exponent, 'exponent', 0.1, 5);
  const s = exponent === 1 ? 1.000001 : exponent;
  const area = (x: number) => (x ** (1 - s) - 1) / (1 - s);
  const inverse = (y: number) => (1 + y * (1 - s)) ** (1 / (1 - s));
  const least = area(1.5) - 1;
  const most = area(count + 0.5);
  return (random) => {
    for (;;) {
      const y = least + random() * (most - least);
      const rank = Math.min(count, Math.max(1, Math.round(inverse(y))));
      if (y >= area(rank + 0.5) - rank ** -s) return `key-${rank - 1}`;
    }
  };
}
