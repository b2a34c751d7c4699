/**
 * The remnant keeps what eviction would otherwise give away: the usage of evicted keys, joined into a fixed number of
 * rows. Which row a key falls on is a secret of the process, so nobody can aim at somebody else's.
 *
 * @module
 */

/** Secret of one hash: two integers of 32 bits. */
export type Seed = readonly [number, number];

/** A seed that nobody outside can guess well enough to aim at a row. */
export function randomSeed(): Seed {
  return [Math.floor(Math.random() * 2 ** 32) | 0, Math.floor(Math.random() * 2 ** 32) | 0];
}

/** Rows of the remnant of a table: `maxKeys`, rounded up to a power of two. */
export function remnantRows(maxKeys: number): number {
  return 2 ** Math.ceil(Math.log2(maxKeys));
}

/**
 * HalfSipHash-1-3 of the key's UTF-16 units (Aumasson and Bernstein, "SipHash: a fast short-input PRF", in its 32-bit
 * form): a keyed hash, so colliding keys cannot be prepared without the seed.
 *
 * @returns a signed integer of 32 bits
 */
export function hashKey(key: string, seed: Seed): number {
  let v0 = seed[0];
  let v1 = seed[1];
  let v2 = 0x6c796765 ^ seed[0];
  let v3 = 0x74656462 ^ seed[1];
  const round = (): void => {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  };
  const absorb = (word: number): void => {
    v3 ^= word;
    round();
    v0 ^= word;
  };
  for (let i = 0; i + 1 < key.length; i += 2) absorb(key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16));
  // The last word holds an odd unit and the length, so that a key and the same key with NULs differ.
  absorb((key.length % 2 === 1 ? key.charCodeAt(key.length - 1) : 0) | (key.length << 16));
  v2 ^= 0xff;
  round();
  round();
  round();
  return v1 ^ v3;
}
