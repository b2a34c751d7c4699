import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { shapeFaults } from '../../../src/policy/shape.ts';
import {
  BASE,
  expectFaults,
  type FaultRow,
  faultsOf,
  groupsWith,
  limitsWith,
  policyWith,
  tiersWith,
} from '../../fixtures/policy-documents.ts';

describe('the shape of a document', () => {
  it.each<FaultRow>([
    ['refuse nothing at all', undefined, { '': /^undefined does not fit; give a policy: an object with/ }],
    ['refuse a text', '{}', { '': /^"\{\}" does not fit/ }],
    ['refuse a list', [], { '': /^a list of 0 does not fit/ }],
    ['refuse a function', () => BASE, { '': /^a function does not fit/ }],
    [
      'name every field that is missing',
      {},
      {
        version: /^"version" is missing; give 1$/,
        limits: /^"limits" is missing; give limits by name$/,
        groups: /^"groups" is missing; give groups by name$/,
        unmatched: /^"unmatched" is missing; give the name of a group, "allow" or "deny"$/,
      },
    ],
    [
      'refuse fields that are only inherited',
      Object.create(BASE),
      { version: /missing/, limits: /missing/, groups: /missing/, unmatched: /missing/ },
    ],
    ['refuse another version', policyWith({ version: 2 }), { version: /^2 does not fit; give 1$/ }],
    ['refuse a version in text', policyWith({ version: '1' }), { version: /^"1" does not fit; give 1$/ }],
    [
      'report a misspelt field once',
      policyWith({ limits: undefined, limts: BASE.limits }),
      { limts: /^unknown field "limts"; did you mean "limits"\?$/ },
    ],
    [
      'report misspelt tiers once',
      policyWith({ tiers: undefined, tires: BASE.tiers }),
      { tires: /did you mean "tiers"/ },
    ],
    [
      'list the fields there are',
      policyWith({ xyz: 1 }),
      { xyz: /"xyz"; known: \$schema, version, limits,/ },
    ],
    [
      'refuse lists for parts',
      policyWith({ limits: [], groups: [], tiers: [] }),
      { limits: /^a list of 0 .* limits by name/, groups: /groups by name/, tiers: /tiers by name/ },
    ],
    [
      'refuse null for parts',
      policyWith({ limits: null, groups: null, tiers: null, overrides: null, denial: null }),
      { limits: /^null/, groups: /^null/, tiers: /^null/, overrides: /^null/, denial: /^null/ },
    ],
    [
      'refuse objects that are not plain',
      policyWith({ limits: new Map(), groups: new Set(), tiers: new Date(0), paths: /x/ }),
      { limits: /^an object does not fit/, groups: /^an object/, tiers: /^an object/, paths: /^an object/ },
    ],
    [
      'refuse an object for the overrides',
      policyWith({ overrides: {} }),
      { overrides: /^an object does not fit; give a list of overrides/ },
    ],
    [
      'refuse a limit that is no object',
      policyWith({ limits: { ...BASE.limits, reads: 600 } }),
      { 'limits.reads': /^600 does not fit; give a limit: an object with an algorithm$/ },
    ],
    [
      'refuse a group that is no object',
      policyWith({ groups: { read: ['reads'] } }),
      { 'groups.read': /^a list of 1 does not fit; give a group/ },
    ],
    [
      'refuse a group without limits',
      policyWith({ groups: { read: {} } }),
      { 'groups.read.limits': /^"limits" is missing; give a list of limits, empty for none$/ },
    ],
    [
      'refuse holes in lists',
      groupsWith({ read: { limits: new Array(1) } }),
      { 'groups.read.limits.0': /^undefined does not fit; give the name of a limit$/ },
    ],
    [
      'suggest the word that was meant',
      limitsWith({ reads: { anchor: 'epoc', missing: 'dney' } }),
      {
        'limits.reads.anchor': /"epoc" does not fit; did you mean "epoch"/,
        'limits.reads.missing': /"deny"/,
      },
    ],
    [
      'list the words there are',
      policyWith({ headers: ['x', 5] }),
      {
        'headers.0': /^"x" does not fit; known: x-ratelimit, x-ratelimit-delta/,
        'headers.1': /^5 .*; known/,
      },
    ],
    [
      'refuse fields of another algorithm',
      limitsWith({
        reads: { burst: 5, lease: '1m' },
        writes: { anchor: 'epoch' },
        calls: { window: '1m', unit: 'a' },
      }),
      {
        'limits.reads.burst': /^unknown field "burst"/,
        'limits.reads.lease': /^unknown field "lease"/,
        'limits.writes.anchor': /^unknown field "anchor"/,
        'limits.calls.window': /^unknown field "window"/,
        'limits.calls.unit': /^unknown field "unit"/,
      },
    ],
    [
      'refuse an unknown case',
      policyWith({ paths: { case: 'Sensitive', foo: 1 } }),
      { 'paths.case': /did you mean "sensitive"/, 'paths.foo': /unknown field "foo"; known: case/ },
    ],
    [
      'refuse a queue without a size, and one that is none',
      groupsWith({ call: { queue: { timeout: 0 } }, read: { queue: 5 } }),
      {
        'groups.call.queue.size': /missing/,
        'groups.call.queue.timeout': /^0 does not fit; give whole milliseconds/,
        'groups.read.queue': /^5 does not fit; give an object: \{ size, timeout, order, strategy \}$/,
      },
    ],
    [
      'refuse reserved and malformed fields of a partition',
      limitsWith({ reads: { per: ['path', 'a.b', 'toString', '', 7] }, writes: { per: 'tier' } }),
      {
        'limits.reads.per.0':
          /^"path" does not fit; give a field name: .* none of method, path, group, tier, cost/,
        'limits.reads.per.1': /^"a\.b" does not fit; give a field name/,
        'limits.reads.per.2': /^"toString" does not fit/,
        'limits.reads.per.3': /^"" does not fit/,
        'limits.reads.per.4': /^7 does not fit/,
        'limits.writes.per': /^"tier" does not fit; give a field name/,
      },
    ],
    [
      'refuse too few and too many fields of a partition',
      limitsWith({ reads: { per: [] }, writes: { per: [...'abcdefghi'] } }),
      { 'limits.reads.per': /^a list of 0 .* 1 to 8/, 'limits.writes.per': /^a list of 9 .* 1 to 8/ },
    ],
    [
      'refuse a grant that is neither quota nor object',
      tiersWith({ payg: { calls: 'costum', reads: { qouta: 1 } } }),
      {
        'tiers.payg.calls': /^"costum" does not fit; give .*, "custom", or \{ quota, burst \}$/,
        'tiers.payg.reads.qouta': /did you mean "quota"/,
      },
    ],
    [
      'refuse bad fields and values of an override',
      policyWith({
        overrides: [5, { limit: 'reads', where: { 'a b': 'x', tier: 'y', ok: 5, empty: '' }, quota: 1 }],
      }),
      {
        'overrides.0': /^5 does not fit; give an override: \{ limit, where, quota \}$/,
        'overrides.1.where.a b': /field name/,
        'overrides.1.where.tier': /field name/,
        'overrides.1.where.ok': /^5 does not fit; give a string$/,
        'overrides.1.where.empty': /^"" does not fit; give a non-empty string$/,
      },
    ],
    [
      'refuse an override for everybody, and one for too many fields',
      policyWith({
        overrides: [
          { limit: 'reads', where: {}, quota: 1 },
          {
            limit: 'reads',
            where: Object.fromEntries([...'abcdefghi'].map((field) => [field, 'x'])),
            quota: 1,
          },
        ],
      }),
      {
        'overrides.0.where': /1 to 8 descriptor fields .* belongs to the limit/,
        'overrides.1.where': /1 to 8/,
      },
    ],
    [
      'refuse "custom" from an override, and a quota that is not there',
      policyWith({
        overrides: [
          { limit: 'reads', where: { a: 'b' }, quota: 'custom' },
          { limit: 'reads', where: { a: 'c' } },
        ],
      }),
      { 'overrides.0.quota': /^"custom" does not fit/, 'overrides.1.quota': /^"quota" is missing/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });

  it('should be judged as valibot judges it', () => {
    const schema = v.strictObject({
      a: v.pipe(v.array(v.number('a number')), v.minLength(2, 'two of them')),
    });
    const messages = (input: unknown) =>
      [...shapeFaults(schema, input)].map(({ path, message }) => [path, message]);
    expect(messages({ a: [1, 2] })).toEqual([]);
    expect(messages({ a: [1] })).toEqual([['a', 'a list of 1 does not fit; give two of them']]);
    expect(messages({ a: ['1'] })).toEqual([['a.0', '"1" does not fit; give a number']]);
  });
});

describe('a wrong algorithm', () => {
  it.each<FaultRow>([
    [
      'suggest the one that was meant, and judge the limit by it',
      limitsWith({ reads: { algorithm: 'fixd-window', quota: -1, window: '1x', burst: 3, unti: 'x' } }),
      {
        'limits.reads.algorithm': /^unknown algorithm "fixd-window"; did you mean "fixed-window"\?$/,
        'limits.reads.quota': /^-1 does not fit/,
        'limits.reads.window': /^"1x" does not fit/,
        'limits.reads.burst': /^unknown field "burst"/,
        'limits.reads.unti': /did you mean "unit"/,
      },
    ],
    [
      'list those there are, and judge what limits may have',
      limitsWith({ reads: { algorithm: 'magic', quota: '10', window: '1 fortnight', options: {}, foo: 1 } }),
      {
        'limits.reads.algorithm':
          /^unknown algorithm "magic"; known: fixed-window, sliding-window, token-bucket, concurrency \(your own .*"algorithms"\)$/,
        'limits.reads.quota': /^"10" does not fit/,
        'limits.reads.window': /ms, s, m, h, d, w/,
        'limits.reads.foo': /^unknown field "foo"/,
      },
    ],
    [
      'miss one where there is none',
      limitsWith({ reads: { algorithm: undefined, window: 0 } }),
      {
        'limits.reads.algorithm': /^"algorithm" is missing; give one of fixed-window, sliding-window,/,
        'limits.reads.window': /^0 does not fit/,
      },
    ],
    [
      'report a misspelt field for it once',
      limitsWith({ reads: { algorithm: undefined, algoritm: 'fixed-window' } }),
      { 'limits.reads.algoritm': /did you mean "algorithm"/ },
    ],
    [
      'refuse what is no text',
      limitsWith({ reads: { algorithm: { toString: 1 } }, writes: { algorithm: null } }),
      {
        'limits.reads.algorithm': /unknown algorithm an object/,
        'limits.writes.algorithm': /algorithm null/,
      },
    ],
    [
      'refuse what every object has',
      limitsWith({ reads: { algorithm: 'constructor' } }),
      { 'limits.reads.algorithm': /unknown algorithm "constructor"; known/ },
    ],
    [
      'not doubt what hangs together with it',
      policyWith({
        limits: { calls: { algorithm: 'concurency', quota: 1 } },
        groups: { call: { limits: ['calls'], leave: { calls: 1 }, denial: { body: '{retryAfter}' } } },
        tiers: { payg: { calls: { quota: 3, burst: 4 } } },
      }),
      { 'limits.calls.algorithm': /did you mean "concurrency"/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});

describe('names', () => {
  it.each([
    ['upper case', 'Reads'],
    ['an empty name', ''],
    ['a leading digit', '1st'],
    ['a leading hyphen', '-a'],
    ['an underscore', 'a_b'],
    ['a dot', 'a.b'],
    ['a quote', 'a"b'],
    ['a backslash', 'a\\b'],
    ['a line break', 'a\r\nb'],
    ['a line break at the end', 'a\n'],
    ['a zero byte', 'a\0'],
    ['an emoji', 'a😀'],
    ['half an emoji', 'a\ud83d'],
    ['65 characters', 'a'.repeat(65)],
    ['300 characters', 'a'.repeat(300)],
    ['a letter that is no ASCII', 'ä'],
    ['what every object has', 'constructor'],
    ['what every function has', 'prototype'],
    ['the prototype', '__proto__'],
  ])('should refuse %s for a limit, a group, a tier and a unit', (_title, name) => {
    const named = (part: object, value: object): object =>
      Object.defineProperty({ ...part }, name, { value, enumerable: true });
    const faults = faultsOf({
      ...limitsWith({ reads: { unit: name } }),
      groups: named(BASE.groups, { limits: [] }),
      tiers: named(BASE.tiers, { calls: 1 }),
    });
    const inLimits = faultsOf(
      policyWith({ limits: named(BASE.limits, { algorithm: 'concurrency', quota: 1 }) }),
    );
    expect([...faults, ...inLimits].map(({ code, value }) => ({ code, value }))).toEqual([
      { code: 'bad-value', value: name },
      ...Array.from({ length: 3 }, () => ({ code: 'bad-name', value: name })),
    ]);
    for (const { path, message } of faults) {
      expect(message).toMatch(
        /does not fit; give (a name: a lower-case letter, then up to 63|another name; )/,
      );
      expect(`${path}: ${message}`).not.toMatch(/[\r\n\0]|\p{Cs}/u);
    }
  });

  it('should take 64 characters', () => {
    expectFaults(groupsWith({ [`a${'-9'.repeat(31)}b`]: { limits: [] } }), {});
  });

  it('should be refused together with what is wrong with their values', () => {
    expectFaults(limitsWith({ Reads: { algorithm: 'concurrency', quota: -1 } }), {
      'limits.Reads': /^"Reads" does not fit; give a name/,
      'limits.Reads.quota': /^-1/,
    });
  });

  it('should be refused where they are __proto__, and no prototype be touched', () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const text = JSON.stringify({
      ...BASE,
      limits: { ...BASE.limits, PROTO: { algorithm: 'fixed-window', quota: 1, window: 1, PROTO: 3 } },
      groups: { PROTO: { limits: ['PROTO'], leave: { PROTO: 1 }, PROTO: 1 } },
      tiers: { PROTO: { PROTO: 5, calls: 1 } },
      overrides: [{ limit: 'PROTO', where: { PROTO: '1' }, quota: 1, PROTO: 1 }],
      unmatched: 'PROTO',
      defaultTier: 'PROTO',
      denial: { PROTO: { status: 429 }, body: { PROTO: { polluted: true } } },
      PROTO: { polluted: true },
    });
    const faults = faultsOf(JSON.parse(text.replaceAll('PROTO', '__proto__')));
    expect(faults.map(({ path }) => path).sort()).toEqual([
      '__proto__',
      'denial.__proto__',
      'groups.__proto__',
      'groups.__proto__.__proto__',
      'groups.__proto__.leave.__proto__',
      'limits.__proto__',
      'limits.__proto__.__proto__',
      'overrides.0.__proto__',
      'overrides.0.where.__proto__',
      'tiers.__proto__',
    ]);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect('polluted' in {}).toBe(false);
  });
});

describe('JSON inside of a document', () => {
  it.each<[title: string, body: unknown, path: string, message: RegExp]>([
    ['undefined', { a: [1, { b: undefined }] }, '.a.1.b', /^undefined does not fit; give a JSON value$/],
    ['what is no number', [Number.NaN], '.0', /^NaN does not fit/],
    ['infinity', Number.POSITIVE_INFINITY, '', /^Infinity does not fit/],
    ['big integers', { a: 10n }, '.a', /^10n does not fit/],
    ['functions', [() => 0], '.0', /^a function does not fit/],
    ['symbols', Symbol('x'), '', /^a symbol does not fit/],
    ['more than 32 levels', nested(33), '.0'.repeat(32), /^lists and objects nest at most 32 deep$/],
    ['more than 100,000 characters', ['x'.repeat(100_000)], '.0', /^more than 100000 values and characters/],
    [
      'more than 100,000 values',
      new Array(100_000).fill(0),
      '.99999',
      /^more than 100000 values and characters/,
    ],
    ['names that are too long', { ['x'.repeat(100_000)]: 0 }, `.${'x'.repeat(100_000)}`, /^more than 100000/],
  ])('should not hold %s', (_title, body, path, message) => {
    const [fault, ...others] = shapeFaults(v.strictObject({ body: v.unknown() }), { body });
    expect(fault).toMatchObject({ path: `body${path}`, message: expect.stringMatching(message) });
    expect(others).toEqual([]);
  });

  it.each<[title: string, body: unknown]>([
    ['32 levels', nested(32)],
    ['null', null],
    ['all kinds of values', { a: [1.5, -0, true, null, 'x'], b: {}, 'c d': [] }],
    ['99,999 characters', 'x'.repeat(99_999)],
  ])('should hold %s', (_title, body) => {
    expect([...shapeFaults(v.strictObject({ body: v.unknown() }), { body })]).toEqual([]);
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 0 : [nested(depth - 1)];
}
