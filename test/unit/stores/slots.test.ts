import type { PolicyDocument } from 'headgate';
import { describe, expect, it } from 'vitest';
import { joinKey, splitKey } from '../../../src/partition/key.ts';
import { diffPolicies } from '../../../src/policy/diff.ts';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { partitionId } from '../../../src/policy/partition.ts';
import { escapeId, rowKey } from '../../../src/stores/redis/encode.ts';
import { storePartitions } from '../../../src/stores/slots.ts';

/** Limits by what they are per, and which of them are asked together. */
function policy(per: Record<string, string | string[] | undefined>, groups: string[][]): PolicyDocument {
  const limits = Object.entries(per).map(([name, fields]) => [
    name,
    { algorithm: 'fixed-window', quota: 1, window: 1, ...(fields !== undefined && { per: fields }) },
  ]);
  const named = groups.map((limits, i) => [`g${i}`, { limits }]);
  return {
    version: 1,
    limits: Object.fromEntries(limits),
    groups: Object.fromEntries(named),
    unmatched: 'deny',
  };
}

const slotsOf = (document: PolicyDocument, isPartitioned = true): unknown =>
  [...storePartitions(document, isPartitioned)].map(([id, { fields, slot }]) => [
    id === partitionId(fields),
    fields,
    slot,
  ]);

describe('the slots of a policy', () => {
  it('should be what is asked together has in common', () => {
    const nested = { a: 'account', b: ['account', 'campaign'], c: 'key' };
    expect(slotsOf(policy(nested, [['a', 'b'], ['c']]))).toEqual([
      [true, ['account'], ['account']],
      [true, ['account', 'campaign'], ['account']],
      [true, ['key'], ['key']],
    ]);
  });

  it('should be the same for limits that only a third one connects', () => {
    const chain = { a: ['x', 'y'], b: 'x', c: ['x', 'z'] };
    expect(
      slotsOf(
        policy(chain, [
          ['a', 'b'],
          ['b', 'c'],
        ]),
      ),
    ).toEqual([
      [true, ['x', 'y'], ['x']],
      [true, ['x'], ['x']],
      [true, ['x', 'z'], ['x']],
    ]);
  });

  it('should be one place where there is nothing in common, which a cluster refuses', () => {
    const apart = policy({ a: 'key', b: 'call', c: undefined }, [['a', 'b'], ['c']]);
    expect(slotsOf(apart, false)).toEqual([
      [true, ['key'], []],
      [true, ['call'], []],
      [true, [], []],
    ]);
    expect(() => slotsOf(apart)).toThrow(/groups\.g0\.limits: in a cluster/);
  });
});

describe("the slots of a policy that says crossSlot: 'reserve'", () => {
  const reserving = (document: PolicyDocument): PolicyDocument => ({ ...document, crossSlot: 'reserve' });

  it('should be left apart where there is nothing in common', () => {
    const apart = reserving(policy({ a: 'key', b: 'call', c: undefined }, [['a', 'b', 'c']]));
    expect(slotsOf(apart)).toEqual([
      [true, ['key'], ['key']],
      [true, ['call'], ['call']],
      [true, [], []],
    ]);
    expect(slotsOf(apart, false)).toEqual([
      [true, ['key'], []],
      [true, ['call'], []],
      [true, [], []],
    ]);
  });

  it('should still be shared by what has something in common, also if the first of a group has not', () => {
    const mixed = reserving(policy({ a: 'key', b: ['call', 'leg'], c: 'call' }, [['a', 'b', 'c']]));
    expect(slotsOf(mixed)).toEqual([
      [true, ['key'], ['key']],
      [true, ['call', 'leg'], ['call']],
      [true, ['call'], ['call']],
    ]);
  });

  it('should be the same in whatever order the groups and their limits are', () => {
    const per = { a: 'x', b: ['x', 'y'], c: 'y', d: ['y', 'z'] };
    const groups = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
      ['d', 'a'],
    ];
    const turned = groups.map((group) => group.toReversed()).toReversed();
    expect(slotsOf(reserving(policy(per, turned)))).toEqual(slotsOf(reserving(policy(per, groups))));
  });

  it('should be a field that is checked, compared and nothing to be warned of', () => {
    const document = policy({ a: 'key', b: 'call' }, [['a', 'b']]);
    expect(() => parsePolicy({ ...document, crossSlot: 'reverse' })).toThrow(
      'crossSlot: "reverse" does not fit; did you mean "reserve"?',
    );
    const [said, unsaid] = [parsePolicy(reserving(document)), parsePolicy(document)];
    expect(diffPolicies(unsaid, said).changes).toEqual([
      { path: 'crossSlot', before: undefined, after: 'reserve' },
    ]);
    expect(lintPolicy(said)).toEqual(lintPolicy(unsaid));
  });

  it('should be as without it where all have something in common', () => {
    const nested = policy({ a: 'account', b: ['account', 'campaign'] }, [['a', 'b']]);
    expect(slotsOf(reserving(nested))).toEqual(slotsOf(nested));
  });
});

describe('the key of a row', () => {
  it('should say whose it is, with the slot in braces', () => {
    const partition = { fields: ['account', 'campaign'], slot: ['account'], isShadow: false };
    const values = splitKey(joinKey(['acct_42', 'a}{b:c']), 2);
    expect(rowKey('p', { partition, values })).toBe('p:{account=acct_42}:campaign=a%7d%7bb%3ac');
    expect(rowKey('p', { partition: { ...partition, isShadow: true }, values })).toMatch(/:shadow$/);
    expect(rowKey('p', { partition: { fields: [], slot: [], isShadow: false }, values: [] })).toBe('p:{all}');
  });

  it('should keep ids apart', () => {
    const ids = [
      'a',
      'A',
      'é',
      'e\u0301',
      '%e9',
      '\ud800',
      '\udfff',
      'a b',
      '*',
      'a=b',
      'a,b',
      '\u00e9',
      '\u0e90',
    ];
    expect(new Set(ids.map(escapeId)).size).toBe(new Set(ids).size);
    for (const id of ids) expect(escapeId(id)).toMatch(/^[\w.@%-]+$/);
  });
});
