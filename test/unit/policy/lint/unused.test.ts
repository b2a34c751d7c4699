import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

/** Limits `reads`, which a group has, and `old`. */
const withOld = (parts: object): object =>
  policyOf({
    limits: { reads: limitOf(), old: limitOf() },
    groups: { read: { limits: ['reads'] } },
    ...parts,
  });
const withTiers = (tiers: object): object =>
  policyOf({ limits: { reads: limitOf() }, groups: { read: { limits: ['reads'] } }, tiers });

describe('unused-limit', () => {
  itFinds('unused-limit', [
    [
      'a limit that no group has',
      withOld({}),
      'limits.old',
      /^No group has limit "old", so it is never asked\.$/,
      withOld({ groups: { read: { limits: ['reads'] }, former: { limits: ['old'] } } }),
    ],
    [
      'what is granted of it',
      withOld({
        tiers: { pro: { old: 1, reads: 2 } },
        overrides: [{ limit: 'old', where: { account: 'a' }, quota: 1 }],
      }),
      'limits.old',
      /grant of it \(2\) grants nobody anything\.$/,
      withOld({ limits: { reads: limitOf() }, tiers: { pro: { reads: 2 } } }),
    ],
  ]);
});

describe('unused-tier', () => {
  itFinds('unused-tier', [
    [
      'a tier that sets nothing, as all do',
      withTiers({ free: {} }),
      'tiers.free',
      /^Tier "free" sets nothing, nor does any other tier: it makes no difference to be in it\.$/,
      withTiers({ free: {}, pro: { reads: 6 } }),
    ],
  ]);

  it('should find a tier that sets only what no group has', () => {
    const tiers = { free: { old: 1 }, pro: { old: 2, reads: 600 }, base: {} };
    expect(found(withOld({ tiers }))).toEqual(['unused-limit limits.old', 'unused-tier tiers.free']);
    expect(found(withOld({ tiers: { free: { reads: 1 }, pro: {} } }))).toEqual(['unused-limit limits.old']);
  });
});
