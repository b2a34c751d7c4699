import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

const bucket = (fields: object, parts: object = {}): object =>
  policyOf({
    limits: { sms: limitOf({ algorithm: 'token-bucket', quota: 1, window: '1s', ...fields }) },
    groups: { sms: { limits: ['sms'] } },
    ...parts,
  });

describe('oversized-burst', () => {
  itFinds('oversized-burst', [
    [
      'an hour of the quota at once',
      bucket({ burst: 3600 }),
      'limits.sms.burst',
      /^The burst of 3600 that limit "sms" has is 3600 times its quota of 1 per 1000 ms: .* quota of 60 minutes at once\.$/,
      bucket({ burst: 3599 }),
    ],
    [
      'ten windows of a day',
      bucket({ quota: 100, window: '1d', burst: 1000 }),
      'limits.sms.burst',
      /10 times its quota of 100 per 24 hours: .* quota of 10 days at once/,
      bucket({ quota: 100, window: '1d', burst: 999 }),
    ],
    [
      'the own burst of a tier',
      bucket({ burst: 10 }, { tiers: { free: {}, pro: { sms: { quota: 2, burst: 9000 } } } }),
      'tiers.pro.sms.burst',
      /has in tier "pro" is 4500 times/,
      bucket({ burst: 10 }, { tiers: { free: {}, pro: { sms: { quota: 2, burst: 7199 } } } }),
    ],
    [
      'a burst kept under a small quota of a tier',
      bucket({ quota: 6000, window: '1m', burst: 6000 }, { tiers: { free: { sms: 10 } } }),
      'tiers.free.sms',
      /has in tier "free", which is kept from the limit itself, is 600 times/,
      bucket({ quota: 6000, window: '1m' }, { tiers: { free: { sms: 10 } } }),
    ],
    [
      'the same with the quota in an object',
      bucket({ quota: 6000, window: '1m', burst: 6000 }, { tiers: { free: { sms: { quota: 10 } } } }),
      'tiers.free.sms.quota',
      /kept from the limit itself/,
      bucket({ quota: 6000, window: '1m', burst: 600 }, { tiers: { free: { sms: { quota: 100 } } } }),
    ],
    [
      'the burst of an override',
      bucket({}, { overrides: [{ limit: 'sms', where: { apiKey: 'k' }, quota: 1, burst: 5000 }] }),
      'overrides.0.burst',
      /has in this override is 5000 times .* quota of about 83 minutes at once/,
      bucket({}, { overrides: [{ limit: 'sms', where: { apiKey: 'k' }, quota: 5000 }] }),
    ],
  ]);

  it('should say once what has one cause', () => {
    const policy = bucket({ burst: 9000 }, { tiers: { free: { sms: 2 }, pro: { sms: 9000 } } });
    expect(found(policy)).toEqual(['oversized-burst limits.sms.burst']);
  });

  it('should not divide by a quota of 0', () => {
    expect(found(bucket({ quota: 0, burst: 9000 }))).toEqual([]);
  });
});
