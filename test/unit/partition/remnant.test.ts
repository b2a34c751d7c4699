import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey, randomSeed, remnantRows, type Seed } from '../../../src/partition/remnant.ts';
import { seeded } from '../../fixtures/seeded.ts';

const SEED: Seed = [0x03020100, 0x07060504];
const seeds: fc.Arbitrary<Seed> = fc.tuple(fc.integer(), fc.integer());

/**
 * HalfSipHash-1-3 over words of 32 bits, set down from the paper: four words of state, one round for each word, three
 * at the end. The last word is the caller's, since that is where variants differ.
 */
function halfSipHash13(words: readonly number[], [k0, k1]: Seed): number {
  const state = Uint32Array.of(k0, k1, 0x6c796765 ^ k0, 0x74656462 ^ k1);
  const add = (to: number, from: number) => {
    state[to] = (state[to] ?? 0) + (state[from] ?? 0);
  };
  const rotate = (at: number, bits: number) => {
    const word = BigInt(state[at] ?? 0) << BigInt(bits);
    state[at] = Number((word | (word >> 32n)) & 0xffffffffn);
  };
  const xor = (at: number, word: number) => {
    state[at] = (state[at] ?? 0) ^ word;
  };
  const mix = (to: number, from: number, bits: number) => {
    add(to, from);
    rotate(from, bits);
    xor(from, state[to] ?? 0);
  };
  const round = () => {
    mix(0, 1, 5);
    rotate(0, 16);
    mix(2, 3, 8);
    mix(0, 3, 7);
    mix(2, 1, 13);
    rotate(2, 16);
  };
  for (const word of words) {
    xor(3, word);
    round();
    xor(0, word);
  }
  xor(2, 0xff);
  for (let i = 0; i < 3; i++) round();
  return (state[1] ?? 0) ^ (state[3] ?? 0);
}

/** The words of the bytes 0, 1, 2, … as the published vectors have them: the last holds the length in its top byte. */
function countingBytes(length: number): number[] {
  const bytes = Array.from({ length: 4 * Math.floor(length / 4) + 4 }, (_, i) => (i < length ? i : 0));
  bytes[bytes.length - 1] = length;
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

/** The words of a key: two units each, and a last one with the odd unit and the length. */
function wordsOf(key: string): number[] {
  const unit = (i: number) => (i < key.length ? key.charCodeAt(i) : 0);
  const even = Array.from(
    { length: Math.floor(key.length / 2) },
    (_, i) => unit(2 * i) + unit(2 * i + 1) * 65_536,
  );
  return [...even, (key.length % 2 === 1 ? unit(key.length - 1) : 0) + key.length * 65_536];
}

const numbered = (count: number, prefix = 'key_'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Sum of squared deviations from an even spread, over its expectation; about 1 when keys fall at random. */
function unevenness(keys: readonly string[], rows: number, seed: Seed): number {
  const counts = new Uint32Array(rows);
  for (const key of keys) {
    const row = hashKey(key, seed) & (rows - 1);
    counts[row] = (counts[row] ?? 0) + 1;
  }
  const mean = keys.length / rows;
  const squares = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0);
  return squares / mean / (rows - 1);
}

describe('the rows of a remnant', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 4],
    [5, 8],
    [1000, 1024],
    [10_000, 16_384],
    [2 ** 24 - 1, 2 ** 24],
    [2 ** 24, 2 ** 24],
  ])('should be for %i keys: %i', (maxKeys, rows) => {
    expect(remnantRows(maxKeys)).toBe(rows);
  });

  it('should be the least power of two that is not below the keys', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 24 }), (maxKeys) => {
        const rows = remnantRows(maxKeys);
        expect(Number.isInteger(Math.log2(rows))).toBe(true);
        expect(rows >= maxKeys && rows < 2 * maxKeys).toBe(true);
      }),
    );
  });
});

describe('the hash of a key', () => {
  it.each([
    [0, 0x5814c896],
    [1, 0xe7e864ca],
    [3, 0x01539939],
    [4, 0x7e059ea6],
    [7, 0x9d38d9d6],
    [8, 0x577999b1],
  ])('should have a reference that knows the published answer for %i bytes', (length, answer) => {
    expect(halfSipHash13(countingBytes(length), SEED) >>> 0).toBe(answer);
  });

  it('should be HalfSipHash-1-3', () => {
    expect(hashKey('', SEED)).toBe(0x5814c896 | 0);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), seeds, (key, seed) => {
        expect(hashKey(key, seed)).toBe(halfSipHash13(wordsOf(key), seed));
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, string[]]>([
    ['padded with NUL', ['', '\0', '\0\0', '\0\0\0', '\0\0\0\0']],
    ['padded with NUL after letters', ['a', 'a\0', 'a\0\0', '\0a', '\0\0a']],
    ['in two normal forms', ['\u00e9', 'e\u0301']],
    ['of lone surrogates', ['\ud83d', '\ude00', '\ud83d\ude00', '\ude00\ud83d', '\ufffd']],
    ['that differ in the high byte of a unit', ['\u0141', '\u0241', 'A']],
    ['that differ in the last of 512 units', ['a', 'b'].map((end) => 'x'.repeat(511) + end)],
    ['that differ in the first of 512 units', ['a', 'b'].map((start) => start + 'x'.repeat(511))],
  ])('should differ for keys %s', (_what, keys) => {
    expect(new Set(keys.map((key) => hashKey(key, SEED))).size).toBe(keys.length);
  });

  it.each<[string, string[]]>([
    ['numbered keys', numbered(2 ** 16)],
    ['numbers alone', numbered(2 ** 16, '')],
    ['long keys that differ at the end', numbered(2 ** 16, 'x'.repeat(50))],
    ['keys of two units', Array.from({ length: 2 ** 16 }, (_, i) => String.fromCharCode(i >> 8, i & 255))],
    ['addresses', Array.from({ length: 2 ** 16 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)],
  ])('should spread %s evenly over 4096 rows, whatever the seed', (_what, keys) => {
    // Of 2^16 random keys, the figure is 1 with a standard deviation of 0.022.
    for (const seed of [SEED, [0, 0], [1, 0], [-1, -1]] as const) {
      expect(Math.abs(unevenness(keys, 2 ** 12, seed) - 1)).toBeLessThan(0.12);
    }
  });

  it('should seldom be the same for two keys', () => {
    const hashes = new Set(numbered(100_000).map((key) => hashKey(key, SEED)));
    expect(100_000 - hashes.size).toBeLessThan(12);
  });

  it('should change half its bits with any bit of the key or of the seed', () => {
    const random = seeded(1);
    const draw = (n: number) => Math.floor(random() * n);
    let flipped = 0;
    const trials = 4000;
    for (let i = 0; i < trials; i++) {
      const units = Array.from({ length: 1 + draw(20) }, () => draw(2 ** 16));
      const seed: Seed = [draw(2 ** 32) | 0, draw(2 ** 32) | 0];
      const before = hashKey(String.fromCharCode(...units), seed);
      const other: [number, number] = [...seed];
      if (i % 2 === 0) units[draw(units.length)] = (units.at(0) ?? 0) ^ (1 << draw(16));
      else other[draw(2)] = (seed[draw(2)] ?? 0) ^ (1 << draw(32));
      const change = before ^ hashKey(String.fromCharCode(...units), other);
      for (let bit = 0; bit < 32; bit++) flipped += (change >>> bit) & 1;
    }
    expect(Math.abs(flipped / trials - 16)).toBeLessThan(0.3);
  });

  it('should put keys that share a row elsewhere under another seed', () => {
    const rowOf = (key: string, seed: Seed) => hashKey(key, seed) & 1023;
    const companions = numbered(200_000).filter((key) => rowOf(key, SEED) === 0);
    expect(companions.length).toBeGreaterThan(100);
    const rows = new Set(companions.map((key) => rowOf(key, [SEED[0], SEED[1] ^ 1])));
    expect(rows.size).toBeGreaterThan(0.7 * companions.length);
  });

  it('should have a seed that nobody has had before', () => {
    const drawn = Array.from({ length: 100 }, randomSeed);
    expect(new Set(drawn.map(String)).size).toBe(100);
    for (const half of drawn.flat()) expect(half).toBe(half | 0);
  });
});
