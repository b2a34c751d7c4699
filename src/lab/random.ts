/** Numbers from 0 up to 1, the same ones for the same seed. */
export type Random = () => number;

/** A source of numbers for a seed (mulberry32: 32 bits of state, good enough to draw arrivals). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A time until the next of events that come `rate` to the second on average, each by itself; in milliseconds. */
export function exponential(random: Random, rate: number): number {
  return (-Math.log(1 - random()) * 1000) / rate;
}
