import * as fc from 'fast-check';
import { createLimiter, fixedWindow, isHeadgateError } from 'headgate';
import { describe, expect, it } from 'vitest';
import { checkKey, isMissing, joinKey, MAX_KEY_LENGTH, splitKey } from '../../../src/partition/key.ts';

const ODD_KEYS: readonly (readonly [what: string, key: string])[] = [
  ['the name of the prototype', '__proto__'],
  ['a method of every object', 'toString'],
  ['the constructor', 'constructor'],
  ['what a map is asked by', 'hasOwnProperty'],
  ['an index', '0'],
  ['a number that is not one', 'NaN'],
  ['a word for nothing', 'undefined'],
  ['another', 'null'],
  ['a space', ' '],
  ['a space at the end', 'a '],
  ['NUL', '\0'],
  ['a text with NUL at its end', 'a\0'],
  ['the text without it', 'a'],
  ['upper case', 'A'],
  ['composed letters (NFC)', '\u00e9'],
  ['decomposed letters (NFD)', 'e\u0301'],
  ['half a surrogate pair', '\ud83d'],
  ['the other half', '\ude00'],
  ['both', '\ud83d\ude00'],
  ['both the wrong way round', '\ude00\ud83d'],
  ['what a lone surrogate is replaced with', '\ufffd'],
  ['a hash tag', '{tag}'],
  ['another with the same tag', '{tag}a'],
  ['a glob for everything', '*'],
  ['a glob for one character', '?'],
  ['a glob for a range', '[a-z]'],
  ['what a composite key looks like', '1:a1:b'],
  ['line breaks', 'a\r\nb'],
  ['the longest there may be', 'x'.repeat(MAX_KEY_LENGTH)],
];

/** What `work` throws, as far as a caller can tell it apart. */
function faultOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (!isHeadgateError(error, 'DescriptorError')) throw error;
    const { name, code, path, message } = error;
    return { name, code, path, message };
  }
}

describe('a composite key', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['where a separator could be', ['a:b', 'c'], ['a', 'b:c']],
    ['where a length could be', ['1:a', 'b'], ['1', ':ab']],
    ['where a whole part could be', ['a1:b', 'c'], ['a', '1:bc']],
    ['with the parts swapped', ['a', 'b'], ['b', 'a']],
    ['with a missing part', ['', 'a'], ['a', '']],
    ['with NUL between', ['a\0', 'b'], ['a', '\0b']],
    ['with parts of two digits', ['1'.repeat(11), '1'], ['1', '1'.repeat(11)]],
  ])('should tell parts apart %s', (_where, some, others) => {
    expect(joinKey(some)).not.toBe(joinKey(others));
  });

  it('should differ whenever the parts do', () => {
    const part = fc.oneof(fc.stringMatching(/^[\d:ab]{0,4}$/), fc.string({ unit: 'binary' }));
    const parts = fc.array(part, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(parts, parts, (some, others) => {
        const isAlike = some.length === others.length && some.every((value, i) => value === others[i]);
        expect(joinKey(some) === joinKey(others)).toBe(isAlike);
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, readonly string[], string]>([
    ['a single value as it stands', ['a:b'], 'a:b'],
    ['the empty string for no value', [], ''],
    ['lengths in UTF-16 units', ['\ud83d\ude00', 'é'], '2:\ud83d\ude001:é'],
  ])('should have %s', (_what, values, key) => {
    expect(joinKey(values)).toBe(key);
  });

  it('should be taken apart again', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('1:2', '12:', ':', '', '3'));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (values) => {
        expect(splitKey(joinKey(values), values.length)).toEqual(values);
      }),
    );
  });
});

describe('a key', () => {
  it.each(ODD_KEYS)('should be taken as it stands: %s', (_what, key) => {
    expect(checkKey(key, 'key')).toBe(key);
    expect(isMissing(key)).toBe(false);
  });

  it('should have a budget of its own, however odd it is', () => {
    const prototype = JSON.stringify(Reflect.ownKeys(Object.prototype).map(String));
    const limiter = createLimiter(fixedWindow({ quota: 2, window: '1m' }));
    const spend = () => ODD_KEYS.map(([, key]) => limiter.check(key, { now: 0 }).remaining);
    expect(spend()).toEqual(ODD_KEYS.map(() => 1));
    expect(spend()).toEqual(ODD_KEYS.map(() => 0));
    expect(limiter.stats()).toMatchObject({ keys: ODD_KEYS.length, allowed: 2 * ODD_KEYS.length });
    expect(JSON.stringify(Reflect.ownKeys(Object.prototype).map(String))).toBe(prototype);
    expect(({} as Record<string, unknown>).now).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['is empty', '', 'missing-field'],
    ['is undefined', undefined, 'missing-field'],
    ['is null', null, 'missing-field'],
    ['is a number', 7, 'bad-key'],
    ['is NaN', Number.NaN, 'bad-key'],
    ['is a bigint', 7n, 'bad-key'],
    ['is a boolean', false, 'bad-key'],
    ['is a symbol', Symbol('key'), 'bad-key'],
    ['is an object', { toString: () => 'key' }, 'bad-key'],
    ['is a list', ['key'], 'bad-key'],
    ['is a text in an object', Object('key'), 'bad-key'],
    ['is a function', () => 'key', 'bad-key'],
    ['has 513 units', 'x'.repeat(513), 'key-too-long'],
    ['has 513 units in 257 characters', `${'\ud83d\ude00'.repeat(256)}x`, 'key-too-long'],
    ['has a million units', 'x'.repeat(1_000_000), 'key-too-long'],
  ])('should be refused by name when it %s', (_what, key, code) => {
    expect(faultOf(() => checkKey(key, 'apiKey'))).toMatchObject({
      name: 'DescriptorError',
      code,
      path: 'apiKey',
      message: expect.stringMatching(/^apiKey .{1,200}$/),
    });
  });
});
