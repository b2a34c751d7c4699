import { describe, expect, it } from 'vitest';
import { tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { RateQuestion } from '../../../src/limiter/rate-question.ts';
import { Row } from '../../../src/partition/row.ts';
import { type CompiledPolicy, compilePolicy } from '../../../src/policy/compile.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { partitionId } from '../../../src/policy/partition.ts';
import type { Algorithms } from '../../../src/policy/plans.ts';
import {
  limitsWith,
  policyFiles,
  policyWith,
  sampleDocument,
  tiersWith,
} from '../../fixtures/policy-documents.ts';

const compile = (document: unknown, algorithms: Algorithms = {}): CompiledPolicy =>
  compilePolicy(
    parsePolicy(document, algorithms),
    algorithms,
    { maxKeys: 8, maxBlocks: 8, seed: [1, 2] },
    {},
  );

const rate = (fields: object) => ({ algorithm: 'fixed-window', quota: 5, window: '1m', ...fields });

describe('a compiled policy', () => {
  const compiled = compile({
    version: 1,
    limits: {
      a: rate({ per: 'apiKey' }),
      b: rate({ per: ['ip', 'apiKey'], missing: 'deny' }),
      c: rate({ algorithm: 'sliding-window', per: 'apiKey', unit: 'tokens' }),
      permits: { algorithm: 'concurrency', quota: 1, per: 'apiKey' },
      d: rate({ algorithm: 'token-bucket', per: ['apiKey', 'ip'], missing: 'shared' }),
      e: rate({ per: ['apiKey'] }),
      f: rate({}),
    },
    groups: {
      first: { match: ['GET /a/:id', '* /b'], limits: ['e', 'a'] },
      second: { limits: ['permits', 'f'] },
      none: { limits: [] },
    },
    tiers: { free: {}, gold: { a: 9 } },
    unmatched: 'none',
    paths: { case: 'sensitive' },
  });
  const slotOf = (name: string) => {
    const limit = compiled.limits.get(name);
    const question = limit?.question(new Row(limit.partition.table), 0);
    const offset = question instanceof RateQuestion ? question.offset : undefined;
    return { unit: question?.slot.unit, offset };
  };

  const namesOf = (group: string) =>
    compiled.groups.get(group)?.members.map(({ question }) => question.slot.name);

  it('should take a burst that only its own large quota allows', () => {
    const limits = { bulk: { algorithm: 'token-bucket', quota: 1e6, window: '1d', burst: 5e9 } };
    expect(() => compile({ version: 1, limits, groups: {}, unmatched: 'allow' })).not.toThrow();
  });

  it('should keep limits of the same fields in one row, whatever the order of the fields', () => {
    expect([...compiled.partitions.keys()]).toEqual([['apiKey'], ['apiKey', 'ip'], []].map(partitionId));
    expect([...compiled.partitions.values()].map(({ name }) => name)).toEqual([
      'apiKey',
      'apiKey+ip',
      '(shared)',
    ]);
    const tables = ['a', 'c', 'e', 'b', 'd', 'f'].map((name) => compiled.limits.get(name)?.partition.table);
    expect(new Set(tables.slice(0, 3)).size).toBe(1);
    expect(new Set(tables.slice(3, 5)).size).toBe(1);
    expect(new Set(tables).size).toBe(3);
  });

  it('should give each limit cells of its own in that row', () => {
    expect(['a', 'c', 'e', 'b', 'd', 'f'].map(slotOf)).toEqual([
      { unit: 'requests', offset: 0 },
      { unit: 'tokens', offset: 2 },
      { unit: 'requests', offset: 5 },
      { unit: 'requests', offset: 0 },
      { unit: 'requests', offset: 2 },
      { unit: 'requests', offset: 0 },
    ]);
  });

  it('should know how each limit takes a missing field', () => {
    expect([...compiled.limits.values()].map(({ slot, missing }) => [slot.name, missing])).toEqual([
      ['a', 'error'],
      ['c', 'error'],
      ['e', 'error'],
      ['permits', 'error'],
      ['b', 'deny'],
      ['d', 'shared'],
      ['f', 'error'],
    ]);
  });

  it('should have a question for each limit of a group, in the order of the policy', () => {
    expect(namesOf('first')).toEqual(['e', 'a']);
    expect(namesOf('second')).toEqual(['permits', 'f']);
    expect(compiled.groups.get('none')).toMatchObject({ members: [], places: [], permits: undefined });
  });

  it('should know which groups take permits', () => {
    expect([...compiled.groups.values()].map(({ permits }) => permits)).toEqual([
      undefined,
      'permits',
      undefined,
    ]);
  });

  it('should know tiers and units', () => {
    expect([...compiled.tiers]).toEqual(['free', 'gold']);
    expect([...compiled.units]).toEqual(['requests', 'tokens', 'permits']);
  });

  it('should match paths as the policy has it', () => {
    const match = compiled.matcher.match('GET', '/a/7');
    expect([match?.group, match?.params.get('id')]).toEqual(['first', '7']);
    expect(compiled.matcher.match('GET', '/A/7')).toBeUndefined();
    expect(compile(policyWith({})).matcher.match('GET', '/V1/x')?.group).toBe('read');
  });

  it('should keep the document', () => {
    const document = sampleDocument();
    expect(compile(document).document).toBe(document);
  });
});

describe('compiling', () => {
  it.each<[string, unknown]>([
    ['without tiers, groups and limits', { version: 1, limits: {}, groups: {}, unmatched: 'deny' }],
    ['with a quota of 0', limitsWith({ tokens: { quota: 0 } })],
    ['with quotas that descriptors bring', limitsWith({ tokens: { quota: 'custom' } })],
    [
      'with quotas from tiers alone',
      { ...tiersWith({ payg: { reads: 1 }, scale: { reads: 0 } }), ...policyReadsWithout() },
    ],
    ...policyFiles(),
  ])('should work for a policy %s', (_title, document) => {
    expect(() => compile(document)).not.toThrow();
  });

  it('should use the algorithms that the program brings', () => {
    const drip = { algorithm: 'leaky', quota: 5, window: '1m', options: { rate: 2 } };
    const leaky: Algorithms[string] = ({ quota, window }) => tokenBucket({ quota: 2 * quota, window });
    const compiled = compile(limitsWith({ drip }), { leaky });
    const found = compiled.limits.get('drip')?.grants.find({}, undefined, undefined, undefined);
    expect({ quota: found?.granted.quota, source: found?.source }).toEqual({ quota: 10, source: 'limit' });
  });
});

function policyReadsWithout(): object {
  const { limits } = limitsWith({ reads: { quota: undefined } }) as { limits: object };
  return { limits };
}
