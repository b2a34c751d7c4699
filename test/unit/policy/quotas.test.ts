import { describe, expect, it } from 'vitest';
import {
  expectFaults,
  type FaultRow,
  faultsOf,
  limitsWith,
  policyWith,
  tiersWith,
} from '../../fixtures/policy-documents.ts';

const MOST = Number.MAX_SAFE_INTEGER;

describe('quotas', () => {
  it.each<[unknown]>([
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [-1],
    [1.5],
    ['10'],
    [null],
    [1e21],
    [2 ** 53],
    [true],
    [[]],
  ])('should be refused wherever they are %s', (quota) => {
    const faults = faultsOf({
      ...limitsWith({ reads: { quota }, calls: { quota } }),
      tiers: { payg: { calls: quota, tokens: { quota, burst: quota } } },
      overrides: [{ limit: 'tokens', where: { a: 'b' }, quota, burst: quota }],
      groups: { call: { limits: ['calls'], leave: { calls: quota }, queue: { size: quota } } },
    });
    expect(faults.map(({ path }) => path).sort()).toEqual([
      'groups.call.leave.calls',
      'groups.call.queue.size',
      'limits.calls.quota',
      'limits.reads.quota',
      'overrides.0.burst',
      'overrides.0.quota',
      'tiers.payg.calls',
      'tiers.payg.tokens.burst',
      'tiers.payg.tokens.quota',
    ]);
    for (const { message, value } of faults) {
      expect(message).toMatch(/ does not fit; give an integer from [01] to 9007199254740991/);
      expect(value).toBe(quota);
    }
  });

  it.each<FaultRow>([
    ['be taken as 0', { ...limitsWith({ reads: { quota: 0 } }), tiers: { payg: { calls: 0 } } }, {}],
    ['be taken as the largest integer', limitsWith({ reads: { quota: MOST } }), {}],
    [
      'be taken as "custom"',
      { ...limitsWith({ calls: { quota: 'custom' } }), tiers: { payg: { reads: 'custom' } } },
      {},
    ],
    [
      'be missed where nobody gives one',
      policyWith({ tiers: {}, defaultTier: undefined }),
      { 'limits.calls.quota': /^"quota" is missing; give a quota, "custom", or tiers that have one$/ },
    ],
    [
      'be missed where some tiers give none',
      tiersWith({ free: {}, gold: {} }),
      {
        'limits.calls.quota':
          /^"quota" is missing, and so it is in tier "free", "gold"; give it here, or in every tier$/,
      },
    ],
    [
      'be missed without a list of very many tiers',
      policyWith({
        tiers: Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`t${i}`, {}])),
        defaultTier: 't1',
      }),
      { 'limits.calls.quota': /in tier "t0", "t1", "t2", "t3", "t4", …; give/ },
    ],
    [
      'not be missed in a tier that misspells the limit',
      policyWith({ tiers: { payg: { cals: 10 } } }),
      { 'tiers.payg.cals': /did you mean "calls"/ },
    ],
    [
      'not be missed where they are misspelt',
      limitsWith({ reads: { quota: undefined, qouta: 5 } }),
      { 'limits.reads.qouta': /did you mean "quota"/ },
    ],
    [
      'not be missed where they are wrong',
      { ...limitsWith({ calls: { quota: 'x' } }), tiers: {}, defaultTier: undefined },
      { 'limits.calls.quota': /^"x" does not fit/ },
    ],
    ['not be missed where nobody can tell', policyWith({ tiers: 5 }), { tiers: /^5/ }],
    [
      'be told from an override that misspells it',
      policyWith({ overrides: [{ limit: 'tokens', where: { a: 'b' }, qouta: 5 }] }),
      { 'overrides.0.qouta': /did you mean "quota"/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});

describe('windows', () => {
  it.each<[unknown]>([
    [0],
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [0.5],
    [2 ** 51 + 1],
    ['1 fortnight'],
    ['0s'],
    ['-1s'],
    ['1e3s'],
    ['1.5ms'],
    ['365000000w'.repeat(2)],
    ['99999999999w'],
    [''],
    ['m'],
    [null],
    [true],
    [[]],
    [{}],
  ])('should be refused with the units if they are %s', (window) => {
    const faults = faultsOf({
      ...limitsWith({ reads: { window }, calls: { lease: window } }),
      groups: { call: { limits: ['calls'], queue: { size: 1, timeout: window } } },
    });
    expect(faults.map(({ path }) => path).sort()).toEqual([
      'groups.call.queue.timeout',
      'limits.calls.lease',
      'limits.reads.window',
    ]);
    for (const { message, value } of faults) {
      expect(message).toMatch(
        /give whole milliseconds from 1 to 2251799813685248, or .* a unit: ms, s, m, h, d, w/,
      );
      expect(value).toBe(window);
    }
  });

  it.each<[unknown]>([
    [1],
    [30 * 86_400_000],
    [2 ** 51],
    ['365d'],
    ['1.5h'],
    ['90 s'],
    ['0.5s'],
    ['1000ms'],
    ['2w'],
  ])('should be taken if they are %s', (window) => {
    expectFaults(limitsWith({ reads: { window }, calls: { lease: window } }), {});
  });

  it('should be told once where they are misspelt', () => {
    expectFaults(limitsWith({ reads: { window: undefined, widnow: '1m' } }), {
      'limits.reads.widnow': /did you mean "window"/,
    });
  });
});

describe('bursts', () => {
  /** At 7 per second. */
  const LARGEST = 9_007_199_254_740;
  const SAYS_LARGEST = /the largest legal burst is 9007199254740$/;
  const SAYS_IMPLIED = /largest legal burst is \d+ \("burst" is the quota where none is given\)$/;
  const override = (fields: object) =>
    policyWith({ overrides: [{ limit: 'tokens', where: { a: 'b' }, ...fields }] });

  it.each<FaultRow>([
    ['be taken at the largest legal one', limitsWith({ tokens: { burst: LARGEST } }), {}],
    [
      'be refused above it',
      limitsWith({ tokens: { burst: LARGEST + 1 } }),
      { 'limits.tokens.burst': SAYS_LARGEST },
    ],
    [
      'be refused once, though tiers share them',
      {
        ...limitsWith({ tokens: { burst: MOST } }),
        tiers: { payg: { calls: 1, tokens: 8 }, gold: { calls: 1, tokens: { quota: 9 } } },
      },
      { 'limits.tokens.burst': SAYS_LARGEST },
    ],
    [
      'be refused in a tier',
      tiersWith({ payg: { tokens: { quota: 7, burst: LARGEST + 1 } } }),
      { 'tiers.payg.tokens.burst': SAYS_LARGEST },
    ],
    [
      'be refused in an override',
      override({ quota: 7, burst: LARGEST + 1 }),
      { 'overrides.0.burst': SAYS_LARGEST },
    ],
    [
      'be refused where only the quota of a tier or an override makes them too large',
      {
        ...limitsWith({ tokens: { quota: 1000, burst: 2 ** 51 } }),
        tiers: { payg: { calls: 1, tokens: 7 }, gold: { calls: 1, tokens: { quota: 7 } } },
        overrides: [{ limit: 'tokens', where: { a: 'b' }, quota: 7 }],
      },
      {
        'tiers.payg.tokens': SAYS_LARGEST,
        'tiers.gold.tokens.quota': SAYS_LARGEST,
        'overrides.0.quota': SAYS_LARGEST,
      },
    ],
    [
      'be refused at the quota they come from',
      {
        ...limitsWith({ tokens: { quota: MOST - 1, burst: undefined } }),
        tiers: { payg: { calls: 1, tokens: MOST } },
      },
      { 'limits.tokens.quota': SAYS_IMPLIED, 'tiers.payg.tokens': SAYS_IMPLIED },
    ],
    [
      'be judged by the quotas there are, where the limit has none',
      {
        ...limitsWith({ tokens: { quota: undefined, burst: 2 ** 51 } }),
        tiers: { payg: { calls: 1, tokens: 1000 }, gold: { calls: 1, tokens: 7 } },
      },
      { 'tiers.gold.tokens': SAYS_LARGEST },
    ],
    [
      'be judged in a limit that is wrong elsewhere',
      limitsWith({ tokens: { burst: MOST, per: 5, foo: 1 } }),
      { 'limits.tokens.burst': SAYS_LARGEST, 'limits.tokens.per': /^5/, 'limits.tokens.foo': /unknown/ },
    ],
    [
      'be refused if they are 0',
      limitsWith({ tokens: { burst: 0 } }),
      { 'limits.tokens.burst': /^0 does not fit; give an integer from 1/ },
    ],
    [
      'stay away where a tier says they are undefined',
      tiersWith({ payg: { reads: { quota: 1, burst: undefined } } }),
      {},
    ],
    [
      'be refused where an algorithm has none',
      {
        ...tiersWith({ payg: { reads: { quota: 1, burst: 2 }, calls: { quota: 1, burst: 2 } } }),
        overrides: [{ limit: 'writes', where: { a: 'b' }, quota: 1, burst: 2 }],
      },
      {
        'tiers.payg.reads.burst': /^a fixed-window limit has no burst; give the quota alone$/,
        'tiers.payg.calls.burst': /^a concurrency limit has no burst; give the quota alone$/,
        'overrides.0.burst': /^a sliding-window limit has no burst; give the quota alone$/,
      },
    ],
    [
      'be judged beside the quota of a sliding window',
      {
        ...limitsWith({ writes: { quota: MOST, window: 2 } }),
        overrides: [{ limit: 'writes', where: { a: 'b' }, quota: MOST, burst: 1 }],
      },
      {
        'limits.writes.quota': /the largest quota for this window is 4503599627370495$/,
        'overrides.0.quota': /the largest quota for this window is 4503599627370495$/,
        'overrides.0.burst': /has no burst/,
      },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});
