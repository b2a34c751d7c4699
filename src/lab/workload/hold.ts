/**
 * How long work goes on once it is admitted.
 *
 * @module
 */

import { type Duration, type Millis, parseDuration } from '../../time.ts';
import type { Arrival, Workload } from '../arrival.ts';
import { type Random, seeded } from '../random.ts';

/** How long the work of each arrival holds permits: always the same, or drawn for each, in milliseconds. */
export type Hold = Duration | ((random: Random) => Millis);

/**
 * Lengths of work that ends at any moment as likely as at any other: most are short, some are long.
 *
 * @param mean - how long on average
 * @throws PolicyError (`bad-duration`)
 */
export function exponentialHold(mean: Duration): (random: Random) => Millis {
  const ms = parseDuration(mean, 'hold');
  return (random) => -Math.log(1 - random()) * ms;
}

/**
 * A workload whose arrivals hold permits for a while. When they come, and from whom, is left as it is.
 *
 * @throws PolicyError (`bad-duration`)
 */
export function holding(workload: Workload, hold: Hold): Workload {
  const { draw, source } = holdsOf(hold);
  const { clients, seed } = workload;
  const held = (arrival: Arrival, random: Random): Arrival => ({ ...arrival, hold: draw(random) });
  return {
    ...workload,
    async *arrivals() {
      const random = source(seed);
      for await (const arrival of workload.arrivals()) yield held(arrival, random);
    },
    ...(clients?.next === undefined
      ? {}
      : {
          clients: {
            retryAt: (denied, random) => clients.retryAt(denied, random),
            next: (over, at, random) => {
              const next = clients.next?.(over, at, random);
              return next && held(next, random);
            },
          },
        }),
  };
}

/** What draws lengths of work, in whole milliseconds, and where they are drawn from. */
interface Holds {
  readonly draw: (random: Random) => Millis;
  readonly source: (seed: number) => Random;
}

/** @throws PolicyError (`bad-duration`) */
export function holdsOf(hold: Hold): Holds {
  const fixed = typeof hold === 'function' ? undefined : parseDuration(hold, 'hold');
  const draw = typeof hold === 'function' ? hold : () => fixed as Millis;
  return {
    draw: (random) => Math.max(0, Math.round(draw(random))),
    // A source of its own: the others draw the same as without it.
    source: (seed) => seeded(seed + 0x401d),
  };
}
