import { ACCOUNT_FIELDS, ADDRESS_FIELDS } from 'headgate/lint';
import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

/** A group with these limits, by the fields they are per. */
function perFields(fields: readonly (string | readonly string[])[], parts: object = {}): object {
  const named = fields.map((per, i) => [`l${i}`, limitOf({ per, quota: 60 - i })]);
  return policyOf({
    limits: Object.fromEntries(named),
    groups: { site: { match: ['GET /**'], limits: named.map(([name]) => name) } },
    ...parts,
  });
}

describe('address-without-account', () => {
  itFinds('address-without-account', [
    [
      'an account together with its address alone',
      perFields([['account', 'ip']]),
      'groups.site.limits.0',
      /\(limit "l0"\) and not by account, .*: limit "l0" is per "account" too\./,
      perFields([['account', 'ip'], 'account']),
    ],
    [
      'an override that asks for an account',
      perFields(['ip'], { overrides: [{ limit: 'l0', where: { account: 'a' }, quota: 9 }] }),
      'groups.site.limits.0',
      /an override of limit "l0" asks for "account"/,
      perFields(['ip'], { overrides: [{ limit: 'l0', where: { ip: '10.0.0.1' }, quota: 9 }] }),
    ],
    [
      'a quota by tier',
      perFields(['region', 'client_ip'], { tiers: { pro: { l1: 600 } } }),
      'groups.site.limits.1',
      /limit "l1" depends on the account's tier, such as "pro"/,
      perFields(['region', 'client_ip', 'API-Key'], { tiers: { pro: { l1: 600 } } }),
    ],
    [
      'an account in the path',
      perFields(['ip'], {
        groups: { site: { match: ['GET /v1/accounts/:accountId/calls'], limits: ['l0'] } },
      }),
      'groups.site.limits.0',
      /the pattern "GET \/v1\/accounts\/:accountId\/calls" names one/,
      perFields(['ip'], { groups: { site: { match: ['GET /v1/calls/:call'], limits: ['l0'] } } }),
    ],
  ]);

  it('should not take a page for one with accounts because of its neighbours', () => {
    const policy = perFields(['ip', 'apiKey'], {
      groups: {
        login: { match: ['POST /v1/login'], limits: ['l0'] },
        api: { match: ['* /v1/**'], limits: ['l1'] },
      },
    });
    expect(found(policy)).toEqual([]);
  });

  it('should know other fields by option', () => {
    const policy = perFields([['seat', 'node']]);
    expect(found(policy)).toEqual([]);
    expect(found(policy, { addressFields: ['node'], accountFields: ['seat'] })).toEqual([
      'address-without-account groups.site.limits.0',
    ]);
    expect(found(perFields([['account', 'ip']]), { addressFields: ['node'] })).toEqual([]);
    const both = {
      addressFields: [...ADDRESS_FIELDS, 'node'],
      accountFields: [...ACCOUNT_FIELDS, 'seat'],
    };
    expect(found(perFields([['account', 'node']]), both)).toHaveLength(1);
  });
});
