import { manualClock } from '../time.ts';
import type { Arrival } from './arrival.ts';
import { type Contender, makeRunner, type Setting } from './contender.ts';

/** Decisions to a batch, batches, and keys that take turns. */
const BATCH = 4000;
const BATCHES = 25;
const KEYS = 1000;

/**
 * Nanoseconds that one decision takes: the median of batches, on 1000 keys that take turns, a millisecond after every
 * ten. Not repeatable to the digit, and the machine's other work shows.
 *
 * @param options - what the contender is made for, and a clock in milliseconds with fractions, such as
 * `performance.now`
 */
export function timeDecisions(
  contender: Contender,
  { timer, ...setting }: Omit<Setting, 'clock'> & { readonly timer: () => number },
): number {
  const clock = manualClock(1e12);
  const runner = makeRunner('timed', contender, { ...setting, clock });
  const arrivals = Array.from({ length: KEYS }, (_, i): Arrival => ({ at: 0, key: `key-${i}`, cost: 1 }));
  let now = clock.now();
  let allowed = 0;
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    clock.set(now);
    const began = timer();
    for (let i = 0; i < BATCH; i++) {
      if (i % 10 === 0) now += 1;
      const arrival = arrivals[i % KEYS] as Arrival;
      if (runner.check(arrival.key, 1, now, arrival).allowed) allowed += 1;
    }
    times.push(((timer() - began) * 1e6) / BATCH);
  }
  // Whoever answers nobody has not decided; it also keeps the loop from being dropped.
  return allowed < 0 ? Number.NaN : (times.toSorted((a, b) => a - b)[BATCHES >> 1] as number);
}
