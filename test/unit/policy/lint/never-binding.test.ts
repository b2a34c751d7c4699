import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

const MINUTE = limitOf({ quota: 100, anchor: 'epoch' });
const HOUR = limitOf({ quota: 10_000, window: '1h', anchor: 'epoch' });
const PERMITS = { algorithm: 'concurrency', per: 'account' };

/** Both limits in one group. */
const both = (minute: object, hour: object, parts: object = {}): object =>
  policyOf({ limits: { minute, hour }, groups: { read: { limits: ['minute', 'hour'] } }, ...parts });

/** Calls of an account, and those of its campaign. */
const calls = (account: object, campaign: object, parts: object = {}): object =>
  policyOf({
    limits: {
      calls: { ...PERMITS, ...account },
      campaign: { ...PERMITS, per: ['account', 'campaign'], ...campaign },
    },
    groups: { call: { limits: ['calls'] }, batch: { limits: ['calls', 'campaign'] } },
    ...parts,
  });

describe('never-binding-limit', () => {
  itFinds('never-binding-limit', [
    [
      'an hour that minutes never fill',
      both(MINUTE, HOUR),
      'limits.hour',
      /^Limit "hour" can never deny .*: every group that has it also has "minute",/,
      both(MINUTE, { ...HOUR, quota: 5999 }),
    ],
    [
      'two that are enforced, not one that is only tried',
      both(MINUTE, HOUR),
      'limits.hour',
      /^Limit "hour" can never deny/,
      both({ ...MINUTE, mode: 'shadow' }, HOUR),
    ],
    [
      'a limit that is enforced, not one that is there to be compared with',
      both(MINUTE, HOUR),
      'limits.hour',
      /^Limit "hour" can never deny/,
      both(MINUTE, { ...HOUR, mode: 'shadow' }),
    ],
    [
      'the wider budget of two',
      both({ ...MINUTE, per: 'account' }, { ...HOUR, per: ['call', 'account'] }),
      'limits.hour',
      /also has "minute"/,
      both({ ...MINUTE, per: ['account', 'call'] }, { ...HOUR, per: 'account' }),
    ],
    [
      'a bucket by rate and burst',
      both(
        limitOf({ algorithm: 'token-bucket', quota: 1, window: '1s', burst: 5 }),
        limitOf({ algorithm: 'token-bucket', quota: 61, burst: 5 }),
      ),
      'limits.hour',
      /also has "minute"/,
      both(
        limitOf({ algorithm: 'token-bucket', quota: 1, window: '1s', burst: 5 }),
        limitOf({ algorithm: 'token-bucket', quota: 59, burst: 6 }),
      ),
    ],
    [
      'the second of two that are alike',
      both(MINUTE, MINUTE),
      'limits.hour',
      /also has "minute"/,
      both(MINUTE, { ...MINUTE, unit: 'pages' }),
    ],
    [
      'windows from first use with the same charges',
      both(limitOf(), limitOf()),
      'limits.hour',
      /also has "minute"/,
      both(limitOf(), limitOf(), {
        groups: { read: { limits: ['minute', 'hour'] }, list: { limits: ['minute'] } },
      }),
    ],
    [
      'what a group has alone not',
      both(MINUTE, HOUR, { groups: { read: { limits: ['hour', 'minute'] }, list: { limits: ['minute'] } } }),
      'limits.hour',
      /every group that has it/,
      both(MINUTE, HOUR, { groups: { read: { limits: ['hour', 'minute'] }, list: { limits: ['hour'] } } }),
    ],
    [
      'every tier and override of both',
      both(
        MINUTE,
        { ...HOUR, quota: 60_000 },
        {
          tiers: { free: { minute: 10 }, pro: { minute: 1000 } },
          overrides: [{ limit: 'minute', where: { apiKey: 'k' }, quota: 900 }],
        },
      ),
      'limits.hour',
      /can never deny/,
      both(
        MINUTE,
        { ...HOUR, quota: 60_000 },
        {
          tiers: { free: { minute: 10 }, pro: { minute: 1000 } },
          overrides: [{ limit: 'minute', where: { apiKey: 'k' }, quota: 1001 }],
        },
      ),
    ],
    [
      'a quota of its own that nobody gets',
      both({ ...MINUTE, quota: 9999 }, HOUR, { tiers: { free: { minute: 10 } }, defaultTier: 'free' }),
      'limits.hour',
      /can never deny/,
      both({ ...MINUTE, quota: 9999 }, HOUR, { tiers: { free: { minute: 10 } } }),
    ],
    [
      'permits within permits',
      calls({ quota: 10 }, { quota: 10 }),
      'limits.campaign',
      /also has "calls"/,
      calls({ quota: 10 }, { quota: 9 }),
    ],
    [
      'permits that are left to others',
      calls(
        { quota: 10 },
        { quota: 8 },
        { groups: { batch: { limits: ['calls', 'campaign'], leave: { calls: 2 } } } },
      ),
      'limits.campaign',
      /also has "calls"/,
      calls(
        { quota: 10 },
        { quota: 8 },
        { groups: { batch: { limits: ['calls', 'campaign'], leave: { calls: 1 } } } },
      ),
    ],
  ]);

  it.each<[string, object]>([
    ['a quota that requests bring', both({ ...MINUTE, quota: 'custom' }, HOUR)],
    [
      'a quota that requests bring in a tier',
      both(MINUTE, HOUR, { tiers: { free: {}, big: { hour: 'custom' } } }),
    ],
    ['who lacks a field', both(MINUTE, { ...HOUR, missing: 'deny' })],
    [
      'a smaller grant of an override',
      both(MINUTE, HOUR, { overrides: [{ limit: 'hour', where: { apiKey: 'k' }, quota: 10 }] }),
    ],
    [
      'permits beside a rate',
      policyOf({
        limits: { calls: { ...PERMITS, quota: 1 }, hour: { ...HOUR, per: 'account' } },
        groups: { call: { limits: ['calls', 'hour'] } },
      }),
    ],
    ['other fields', both(MINUTE, { ...HOUR, per: 'organisation' })],
  ])('should not find anything because of %s', (_title, policy) => {
    expect(found(policy)).toEqual([]);
  });
});

describe('loose-tier', () => {
  itFinds('loose-tier', [
    [
      'a campaign that is granted more than its account',
      calls({ quota: 10 }, { quota: 2 }, { tiers: { payg: {}, scale: { calls: 100, campaign: 200 } } }),
      'tiers.scale.campaign',
      /^Tier "scale" grants 200 of limit "campaign", which is looser than the 100 of "calls"/,
      calls({ quota: 10 }, { quota: 2 }, { tiers: { payg: {}, scale: { calls: 100, campaign: 100 } } }),
    ],
    [
      'an account that has the quota of the limit itself',
      calls({ quota: 10 }, { quota: 2 }, { tiers: { payg: {}, scale: { campaign: 20 } } }),
      'tiers.scale.campaign',
      /looser than the 10 of "calls"/,
      calls(
        { quota: 10 },
        { quota: 2 },
        {
          tiers: { payg: {}, scale: { campaign: 20 } },
          overrides: [{ limit: 'calls', where: { account: 'a' }, quota: 21 }],
        },
      ),
    ],
    [
      'an hour that a tier lets no minute fill',
      both(MINUTE, { ...HOUR, quota: 1000 }, { tiers: { free: {}, pro: { hour: 6000 } } }),
      'tiers.pro.hour',
      /looser than the 100 of "minute"/,
      both(MINUTE, { ...HOUR, quota: 1000 }, { tiers: { free: {}, pro: { minute: 200, hour: 6000 } } }),
    ],
  ]);

  it('should not judge a limit for what a tier does not set', () => {
    expect(
      found(calls({}, { quota: 20 }, { tiers: { payg: { calls: 10 }, scale: { calls: 100 } } })),
    ).toEqual([]);
  });

  it('should not judge a tier for what its requests bring', () => {
    const tiers = { big: { calls: 'custom', campaign: 20 }, small: { calls: 100, campaign: 'custom' } };
    expect(found(calls({}, { quota: 20 }, { tiers }))).toEqual([]);
  });

  it('should not repeat what holds everywhere', () => {
    const policy = calls(
      { quota: 10 },
      { quota: 20 },
      { tiers: { payg: { campaign: 30 }, pro: { campaign: 40 } } },
    );
    expect(found(policy)).toEqual(['never-binding-limit limits.campaign']);
  });
});
