/**
 * The traffic everyone is asked with: the same keys in the same order for each contender.
 *
 * A key is a flat one-byte string object of its own, made from bytes as a parser of requests makes it. In a `pooled`
 * workload the same object comes back each time, so its hash is known and look-ups compare pointers: the least that a
 * look-up can cost, and thus the hardest comparison for whatever does more than a look-up. In a `fresh` one every
 * request brings a new string, whose hash is still to be computed.
 */
import type { Setting } from './case.ts';

const KEY_LENGTH = 12;
/** The instant that workloads with a given clock start at. */
export const START = 1_700_000_000_000;
/** A given clock goes on by a millisecond every 2^10 decisions. */
export const PER_MS_BITS = 10;

export interface Traffic {
  /** Every key once. */
  readonly keys: readonly string[];
  /** What the requests bring: index into `strings`; its length is a power of two. */
  readonly order: Uint32Array;
  readonly strings: readonly string[];
}

/** `key_00000042`, each a new string. */
export function makeKeys(count: number, from = 0): string[] {
  return stringsOf(count, (i) => from + i);
}

export function makeTraffic({ keys: count, draw, strings }: Setting): Traffic {
  const keys = makeKeys(count);
  const length = strings === 'fresh' || count > 1000 ? 2 ** 20 : 2 ** 16;
  const order = draw === 'zipf' ? zipf(count, length) : uniform(count, length);
  if (strings === 'pooled') return { keys, order, strings: keys };
  return {
    keys,
    strings: stringsOf(length, (i) => order[i] as number),
    order: Uint32Array.from({ length }, (_, i) => i),
  };
}

function stringsOf(count: number, numberOf: (i: number) => number): string[] {
  const bytes = Buffer.alloc(count * KEY_LENGTH);
  for (let i = 0; i < count; i++) {
    bytes.write('key_', i * KEY_LENGTH, 'latin1');
    let rest = numberOf(i);
    for (let digit = KEY_LENGTH - 1; digit >= 4; digit--) {
      bytes[i * KEY_LENGTH + digit] = 48 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
  return Array.from({ length: count }, (_, i) =>
    bytes.toString('latin1', i * KEY_LENGTH, (i + 1) * KEY_LENGTH),
  );
}

/** Numbers from 0 (inclusive) to 1, the same in every process: mulberry32. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function uniform(count: number, length: number): Uint32Array {
  const random = generator(1);
  return Uint32Array.from({ length }, () => Math.floor(random() * count));
}

/** Zipf with exponent 0.99, the usual stand-in for real traffic; which keys are popular is shuffled. */
function zipf(count: number, length: number): Uint32Array {
  const random = generator(2);
  const byRank = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [byRank[i], byRank[j]] = [byRank[j] as number, byRank[i] as number];
  }
  const upTo = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) {
    total += (rank + 1) ** -0.99;
    upTo[rank] = total;
  }
  return Uint32Array.from({ length }, () => byRank[firstAbove(upTo, random() * total)] as number);
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
