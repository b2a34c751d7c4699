import { lintPolicy } from 'headgate/lint';
import { describe, expect, it } from 'vitest';
import { isHeadgateError } from '../../../src/errors.ts';
import { found, limitOf, policyOf } from '../../fixtures/lint-rows.ts';
import { BASE, faultsOf, policyFiles, sampleDocument } from '../../fixtures/policy-documents.ts';
import { ALGORITHMS } from '../../fixtures/random-policies.ts';

function thrown(call: () => unknown): readonly unknown[] {
  try {
    call();
    return [];
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    return error.faults;
  }
}

describe('lintPolicy', () => {
  it.each([...policyFiles(), ['the design', sampleDocument()], ['the base', BASE]])(
    'should find nothing in %s',
    (_file, document) => {
      expect(lintPolicy(document)).toEqual([]);
    },
  );

  it.each<[string, unknown]>([
    ['no policy', [1]],
    ['several faults', { ...BASE, version: 2, unmatched: 'den' }],
    ['an algorithm that nobody brings', { ...BASE, limits: { reads: { algorithm: 'leaky' } } }],
  ])('should throw what the parser throws for %s', (_title, document) => {
    const faults = thrown(() => lintPolicy(document));
    expect(faults).toEqual(faultsOf(document));
    expect(faults).not.toEqual([]);
  });

  it('should take custom algorithms', () => {
    const policy = policyOf({
      limits: { reads: { algorithm: 'leaky', quota: 1, window: '1s', burst: 9999, options: {} } },
      groups: { read: { limits: ['reads'] } },
    });
    expect(found(policy, { algorithms: ALGORITHMS })).toEqual([]);
  });

  it('should order findings by path, indices as numbers', () => {
    const names = Array.from({ length: 11 }, (_, i) => `GET /a${i}/*`);
    const limits = { zero: limitOf(), ip: limitOf({ per: ['ip', 'account'] }), alike: limitOf() };
    const policy = policyOf({
      limits: { ...limits, unused: limitOf() },
      groups: {
        b: { match: [...names, ...names.map((text) => text.replace('*', ':x'))], limits: ['ip'] },
        a: { limits: ['zero', 'alike'] },
      },
      unmatched: 'allow',
    });
    expect(found(policy)).toEqual([
      'address-without-account groups.b.limits.0',
      ...names.map((_text, i) => `unreachable-pattern groups.b.match.${i}`),
      'never-binding-limit limits.alike',
      'unused-limit limits.unused',
      'unmatched-allowed unmatched',
    ]);
  });

  it.each<[object, string]>([
    [{ adressFields: [] }, 'adressFields'],
    [{ addressFields: 'ip' }, 'addressFields'],
    [{ accountFields: ['account', 7] }, 'accountFields.1'],
  ])('should refuse the options %j', (options, path) => {
    expect(thrown(() => lintPolicy(BASE, options))).toEqual([expect.objectContaining({ path })]);
  });
});
