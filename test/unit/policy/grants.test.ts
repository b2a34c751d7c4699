import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/algorithms/algorithm.ts';
import { DescriptorError } from '../../../src/errors.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { Grants, planMaker } from '../../../src/policy/grants.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import type { RateDocument } from '../../../src/policy/plans.ts';

/** Quota 100 per minute; 10, 20 or none by tier; overrides from the most special to the most general. */
const POLICY: PolicyDocument = parsePolicy({
  version: 1,
  limits: {
    own: { algorithm: 'token-bucket', quota: 100, window: '1m', burst: 5 },
    tiered: { algorithm: 'fixed-window', window: '1m', anchor: 'epoch' },
  },
  groups: {},
  tiers: {
    free: { own: 10, tiered: 1 },
    gold: { own: { quota: 20, burst: 7 }, tiered: 2 },
    custom: { own: 'custom', tiered: 'custom' },
    silent: { tiered: 3 },
    vague: { own: { quota: 30, burst: undefined }, tiered: { quota: 3, burst: undefined } },
  },
  overrides: [
    { limit: 'own', where: { account: 'a', region: 'eu' }, quota: 41, burst: 9 },
    { limit: 'own', where: { account: 'a' }, quota: 42 },
    { limit: 'own', where: { region: 'eu' }, quota: 43 },
    { limit: 'own', where: { one: 'x1:y', two: 'z' }, quota: 44 },
    { limit: 'own', where: { call: 'c1' }, quota: 45 },
    { limit: 'tiered', where: { account: 'a' }, quota: 46 },
  ],
  unmatched: 'deny',
});

const grantsOf = (name: 'own' | 'tiered'): Grants<Plan> =>
  new Grants(name, POLICY, planMaker(POLICY.limits[name] as RateDocument, {}));
const OWN = grantsOf('own');
const TIERED = grantsOf('tiered');

type Row = [
  title: string,
  asked: {
    readonly from?: object;
    readonly params?: Record<string, string>;
    readonly tier?: string;
    readonly quota?: unknown;
  },
  granted: { readonly source: string; readonly quota: number; readonly burst?: number },
];

describe('the quota of a request', () => {
  it.each<Row>([
    ["be the limit's without a tier", {}, { source: 'limit', quota: 100, burst: 5 }],
    ["be the tier's, with the limit's burst", { tier: 'free' }, { source: 'tier', quota: 10, burst: 5 }],
    ["be the tier's, with the tier's burst", { tier: 'gold' }, { source: 'tier', quota: 20, burst: 7 }],
    [
      "be the limit's where the tier says nothing",
      { tier: 'silent' },
      { source: 'limit', quota: 100, burst: 5 },
    ],
    [
      "be the override's rather than the tier's",
      { from: { account: 'a' }, tier: 'gold' },
      { source: 'override', quota: 42, burst: 5 },
    ],
    [
      "be the first override's of those that fit",
      { from: { account: 'a', region: 'eu' } },
      { source: 'override', quota: 41, burst: 9 },
    ],
    [
      "be a later override's where the first does not fit",
      { from: { account: 'b', region: 'eu' } },
      { source: 'override', quota: 43, burst: 5 },
    ],
    [
      "be an override's by a path parameter",
      { params: { call: 'c1' } },
      { source: 'override', quota: 45, burst: 5 },
    ],
    [
      "be an override's by the caller's field before the path's",
      { from: { call: 'c2' }, params: { call: 'c1' } },
      { source: 'limit', quota: 100, burst: 5 },
    ],
    [
      "not be an override's whose values only join alike",
      { from: { one: 'x', two: 'y1:z' } },
      { source: 'limit', quota: 100, burst: 5 },
    ],
    [
      "not be an override's for a value that is no text",
      { from: { account: ['a'], region: { toString: () => 'eu' } } },
      { source: 'limit', quota: 100, burst: 5 },
    ],
    [
      "not be an override's by what every object has",
      { from: { constructor: 'a' } },
      { source: 'limit', quota: 100, burst: 5 },
    ],
    [
      "be the descriptor's rather than any other",
      { from: { account: 'a' }, tier: 'gold', quota: 7 },
      { source: 'descriptor', quota: 7, burst: 5 },
    ],
    ["be the descriptor's even if it is 0", { quota: 0 }, { source: 'descriptor', quota: 0, burst: 5 }],
    [
      "be the descriptor's where the tier wants it",
      { tier: 'custom', quota: 250 },
      { source: 'descriptor', quota: 250, burst: 5 },
    ],
    [
      "be an override's where the tier wants one",
      { tier: 'custom', from: { account: 'a' } },
      { source: 'override', quota: 42, burst: 5 },
    ],
  ])('should %s', (_title, { from = {}, params, tier, quota }, { source, ...numbers }) => {
    const granted = OWN.find({ ...from }, new Map(Object.entries(params ?? {})), tier, quota);
    expect(granted.source).toBe(source);
    expect(granted.granted).toMatchObject({ ...numbers, window: 60_000 });
  });

  it('should keep what else the limit says', () => {
    expect(TIERED.find({}, undefined, 'gold', undefined).granted).toMatchObject({
      quota: 2,
      window: 60_000,
      anchor: 'epoch',
    });
    expect(TIERED.find({ account: 'a' }, undefined, 'gold', undefined).granted).toMatchObject({
      quota: 46,
      anchor: 'epoch',
    });
  });

  it.each<[string, string | undefined, RegExp]>([
    [
      'the tier wants one',
      'custom',
      /limit "tiered" has no quota of its own in tier "custom"; give one in quotas\.tiered/,
    ],
    [
      'there is no tier',
      undefined,
      /limit "tiered" has no quota of its own without a tier; give one in quotas\.tiered/,
    ],
  ])('should be missed where %s', (_title, tier, message) => {
    const find = () => TIERED.find({}, undefined, tier, undefined);
    expect(find).toThrow(DescriptorError);
    expect(find).toThrow(
      expect.objectContaining({
        code: 'no-quota',
        path: 'quotas.tiered',
        value: undefined,
        message: expect.stringMatching(message),
      }),
    );
  });

  it.each([[Number.NaN], [-1], [1.5], ['10'], [null], [Number.POSITIVE_INFINITY], [2 ** 53], [{}], [10n]])(
    'should be refused from the descriptor if it is %s',
    (quota) => {
      const find = () => OWN.find({}, undefined, undefined, quota);
      expect(find).toThrow(DescriptorError);
      expect(find).toThrow(
        expect.objectContaining({
          code: 'bad-quota',
          path: 'quotas.own',
          value: quota,
          message: expect.stringMatching(/an integer from 0/),
        }),
      );
    },
  );

  it('should be right for more quotas than are remembered', () => {
    const grants = grantsOf('own');
    for (let round = 0; round < 2; round++) {
      for (let quota = 0; quota <= 2500; quota++) {
        expect(grants.find({}, undefined, undefined, quota).granted.quota).toBe(quota);
      }
    }
  });

  it('should make one plan for a quota that comes again', () => {
    const grants = grantsOf('own');
    expect(grants.find({}, undefined, undefined, 7)).toBe(grants.find({}, undefined, 'gold', 7));
  });
});

describe('the horizon of plans', () => {
  it('should be that of the slowest plan so far, for all of them', () => {
    const grants = grantsOf('own');
    const own = grants.find({}, undefined, undefined, undefined).granted;
    const free = grants.find({}, undefined, 'free', undefined).granted;
    // Five units at ten per minute drain in 30 s.
    expect([own.horizon, free.horizon]).toEqual([60_000, 60_000]);
    grants.find({}, undefined, undefined, 1);
    expect([own.horizon, free.horizon]).toEqual([600_000, 600_000]);
    grants.find({}, undefined, undefined, 50);
    expect(own.horizon).toBe(600_000);
  });
});
