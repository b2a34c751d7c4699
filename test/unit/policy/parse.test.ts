import { describe, expect, it } from 'vitest';
import { tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import { isHeadgateError, PolicyError } from '../../../src/errors.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import {
  BASE,
  faultsOf,
  groupsWith,
  limitsWith,
  policyFiles,
  policyWith,
  sampleDocument,
} from '../../fixtures/policy-documents.ts';

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const named = (count: number, make: (i: number) => unknown): object =>
  Object.fromEntries(many(count, (i) => [`n${i}`, make(i)]));

describe('a right policy', () => {
  it.each<[string, unknown]>([
    ["take the design's sample word for word", sampleDocument()],
    ['take one limit of each algorithm', BASE],
    ['take a policy without anything', { version: 1, limits: {}, groups: {}, unmatched: 'allow' }],
    ['take a group for unmatched requests', policyWith({ unmatched: 'read' })],
    [
      'take undefined for absent fields',
      policyWith({ ...limitsWith({ tokens: { burst: undefined } }), denial: undefined }),
    ],
    [
      'take a burst that only the quota of the limit allows',
      limitsWith({ tokens: { quota: 1e6, window: '1d', burst: 5e9 } }),
    ],
    ['take every set of response fields', policyWith({ headers: ['x-ratelimit-delta', 'draft-11'] })],
    ['take the address of the JSON Schema', policyWith({ $schema: './policy.schema.json' })],
    ['take objects without a prototype', Object.assign(Object.create(null), BASE)],
    ['take frozen objects', Object.freeze(structuredClone(BASE))],
    [
      'take a large one',
      policyWith({
        limits: { ...BASE.limits, ...named(500, () => BASE.limits.tokens) },
        groups: named(5000, (i) => ({ match: [`GET /${i}/:id/**`], limits: ['reads', 'writes'] })),
        tiers: named(100, () => ({ ...named(500, (i) => ({ quota: i + 1, burst: i + 1 })), calls: 1 })),
        defaultTier: 'n1',
        overrides: many(20_000, (i) => ({ limit: 'reads', where: { account: `${i}` }, quota: i })),
      }),
    ],
  ])('should %s', (_title, document) => {
    expect(faultsOf(document)).toEqual([]);
    expect(parsePolicy(document)).toBe(document);
  });

  it.each(policyFiles())('should take %s', (_file, document) => {
    expect(faultsOf(document)).toEqual([]);
  });

  it('should make an engine of the sample', () => {
    const engine = createEngine(parsePolicy(sampleDocument()));
    const read = { method: 'GET', path: '/v1/calls', apiKey: 'key_42' };
    expect(engine.check(read)).toMatchObject({ allowed: true, quota: 600, remaining: 599 });
    expect(engine.check({ group: 'webhook' }).allowed).toBe(true);
    expect(engine.check({ method: 'GET', path: '/elsewhere' }).reason).toBe('unmatched');
  });
});

describe('a wrong policy', () => {
  it('should be refused with one error that tells all of it', () => {
    const parse = () => parsePolicy(limitsWith({ reads: { quota: -1, wndow: 1, window: 0 } }));
    expect(parse).toThrow(PolicyError);
    expect(parse).toThrow(/^3 faults in the policy:(\n {2}limits\.reads\.(quota|wndow|window): \S.*){3}$/);
  });

  it('should be refused with kind, path and value', () => {
    const faults = faultsOf(policyWith({ ...limitsWith({ reads: { quota: '10' } }), limmits: 1 }));
    expect(faults.map(({ code, path, value }) => ({ code, path, value }))).toEqual([
      { code: 'unknown-field', path: 'limmits', value: 1 },
      { code: 'bad-value', path: 'limits.reads.quota', value: '10' },
    ]);
  });

  it('should have up to a thousand faults counted', () => {
    const countOf = (count: number): unknown => {
      try {
        return parsePolicy(groupsWith({ read: { limits: many(count, (i) => `n${i}`) } }));
      } catch (error) {
        return isHeadgateError(error, 'PolicyError') ? error.faultCount : error;
      }
    };
    expect([1, 150, 999, 1000, 5000].map(countOf)).toEqual([1, 150, 999, 1000, 1000]);
  });

  it('should be refused in full by createEngine', () => {
    const document = parsePolicy(BASE);
    expect(() => createEngine({ ...document, unmatched: 'x', defaultTier: 'y' })).toThrow(
      /^2 faults in the policy:\n {2}defaultTier: .*\n {2}unmatched: .*$/,
    );
  });
});

describe('a hostile document', () => {
  const cyclic: Record<string, unknown> = {};
  for (const field of ['a', 'b', 'limits', 'groups', 'tiers', 'denial', 'reads']) cyclic[field] = cyclic;
  const long = (i: number): string => `${'a-limit-with-quite-a-long-name-'.repeat(2)}${i}`;
  const lists = (): unknown => many(10_000, (i) => i).reduce<unknown>((inner) => [inner], 0);
  const objects = (): unknown => many(10_000, (i) => i).reduce<unknown>((inner) => ({ a: inner }), 0);
  const shared = (): unknown => many(31, (i) => i).reduce<unknown>((inner) => [inner, inner], '{x}');

  it.each<[string, () => unknown]>([
    ['100,000 groups', () => policyWith({ groups: named(1e5, () => ({ limits: [] })) })],
    [
      '100,000 limits, tiers and overrides',
      () =>
        policyWith({
          limits: named(1e5, () => 5),
          tiers: named(1e5, () => 5),
          overrides: many(2e5, () => 5),
        }),
    ],
    ['100,000 unknown fields', () => policyWith(named(1e5, () => 1))],
    [
      '100,000 misspelt fields',
      () => policyWith(Object.fromEntries(many(1e5, (i) => [`defaultTie${i}`, 1]))),
    ],
    [
      '100,000 unknown limits, with 1,000 long names to choose from',
      () =>
        policyWith({
          limits: Object.fromEntries(many(1000, (i) => [long(i), BASE.limits.reads])),
          groups: named(10, () => ({ limits: many(1e4, (j) => `${long(j)}x`) })),
        }),
    ],
    [
      '1,000 misspelt permits, with 1,000 long names to choose from',
      () => {
        const names = many(1000, long);
        const limits = Object.fromEntries(
          names.map((name) => [name, { algorithm: 'concurrency', quota: 1 }]),
        );
        const leave = Object.fromEntries(names.map((name) => [`${name}-x`, 1]));
        return policyWith({ limits, groups: { call: { limits: names, leave } } });
      },
    ],
    ['100,000 bad patterns', () => groupsWith({ read: { match: many(1e5, (i) => `get /${i}`) } })],
    ['100,000 equal patterns', () => groupsWith({ read: { match: many(1e5, () => 'GET /a') } })],
    [
      '100,000 bad overrides',
      () =>
        policyWith({
          overrides: many(1e5, (i) => ({
            limit: 'tokens',
            where: { a: `${i}` },
            quota: i,
            burst: 2 ** 53 - 1,
          })),
        }),
    ],
    [
      'a million missing quotas',
      () =>
        policyWith({
          limits: named(1000, () => ({ algorithm: 'concurrency' })),
          tiers: named(1000, () => ({})),
        }),
    ],
    ['a partition of 100,000 fields', () => limitsWith({ reads: { per: many(1e5, (i) => `f${i}`) } })],
    ['100,000 braces', () => policyWith({ denial: { body: many(20, () => '{ '.repeat(2000)) } })],
    ['a text of 10 MB', () => policyWith({ denial: { body: '{ '.repeat(5e6) } })],
    [
      'names of 1 MB',
      () => ({
        ...limitsWith({ ['.'.repeat(1e6)]: { algorithm: 'x', quota: 'y' } }),
        ['z'.repeat(1e6)]: 1,
        unmatched: 'u'.repeat(1e6),
      }),
    ],
    [
      'lines and hidden characters in names',
      () =>
        limitsWith({ 'a\r\n  limits.reads: \u202e\u2028': { algorithm: 'x\r\n\u202ey', quota: 'y\r\n' } }),
    ],
    ['10,000 levels', lists],
    [
      '10,000 levels in every part',
      () =>
        policyWith({
          limits: { a: objects() },
          groups: { read: objects() },
          tiers: objects(),
          overrides: lists(),
          unmatched: lists(),
        }),
    ],
    ['10,000 levels in a partition', () => limitsWith({ reads: { per: lists() } })],
    ['10,000 lists in a body', () => policyWith({ denial: { body: lists() } })],
    ['10,000 objects in a body', () => groupsWith({ read: { denial: { quota: { body: objects() } } } })],
    [
      '10,000 levels in options',
      () => limitsWith({ a: { algorithm: 'own', quota: 1, window: 1, options: { a: lists() } } }),
    ],
    ['an object that holds itself', () => cyclic],
    ['a body that holds itself', () => policyWith({ denial: { body: cyclic } })],
    ['a body that shares its parts', () => policyWith({ denial: { body: shared() } })],
  ])('should get a short answer in little time: %s', (_title, make) => {
    const document = make();
    const before = performance.now();
    let error: unknown;
    try {
      parsePolicy(document, { own: () => tokenBucket({ quota: 1, window: 1 }) });
    } catch (caught) {
      error = caught;
    }
    expect(performance.now() - before).toBeLessThan(5000);
    if (!isHeadgateError(error, 'PolicyError')) throw error ?? new Error('it was taken');
    const [title, ...lines] = error.message.split('\n');
    expect(title).toMatch(/^\d+ faults? in the policy:$/);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(101);
    expect(lines.every((line) => line.startsWith('  ') && line.length < 1000)).toBe(true);
    expect(error.message).not.toMatch(/[\r\u2028\u202e]/);
  });
});
