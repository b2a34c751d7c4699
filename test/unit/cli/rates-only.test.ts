import { expect, it } from 'vitest';
import { ratesOnly } from '../../../src/cli/rates-only.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';

const RATE = { algorithm: 'token-bucket', quota: 5, window: '1s', per: 'account' } as const;

it('should leave a policy without concurrency limits as it is', () => {
  const policy: PolicyDocument = {
    version: 1,
    limits: { rate: RATE },
    groups: { g: { limits: ['rate'] } },
    unmatched: 'deny',
  };
  expect(ratesOnly(policy)).toEqual({ policy, left: [] });
});

it('should take concurrency limits out of every part, and leave a sound policy', () => {
  const policy = parsePolicy({
    version: 1,
    limits: { calls: { algorithm: 'concurrency', per: 'account' }, rate: RATE },
    groups: {
      both: { limits: ['calls', 'rate'], leave: { calls: 2 } },
      calls: { limits: ['calls'], queue: { size: 5 } },
    },
    tiers: { free: { calls: 1, rate: 2 }, paid: { calls: 'custom' } },
    defaultTier: 'free',
    overrides: [
      { limit: 'calls', where: { account: 'a' }, quota: 9 },
      { limit: 'rate', where: { account: 'a' }, quota: 9 },
    ],
    unmatched: 'both',
  });
  const { policy: rates, left } = ratesOnly(policy);
  expect(left).toEqual(['calls']);
  expect(parsePolicy(rates)).toEqual({
    version: 1,
    limits: { rate: RATE },
    groups: { both: { limits: ['rate'] }, calls: { limits: [], queue: { size: 5 } } },
    tiers: { free: { rate: 2 }, paid: {} },
    defaultTier: 'free',
    overrides: [{ limit: 'rate', where: { account: 'a' }, quota: 9 }],
    unmatched: 'both',
  });
});
