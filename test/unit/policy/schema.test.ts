import { toJsonSchema } from '@valibot/to-json-schema';
import { describe, expect, it } from 'vitest';
import { customAlgorithmName, policySchema } from '../../../src/policy/schema.ts';
import {
  BASE,
  groupsWith,
  limitsWith,
  policyFiles,
  policyWith,
  sampleDocument,
  tiersWith,
} from '../../fixtures/policy-documents.ts';
import { POLICY_SCHEMA, validatePolicy as validate } from '../../fixtures/policy-schema.ts';

const custom = { algorithm: 'leaky', window: '1m', quota: 1, options: { rate: [1] } };

describe('the JSON Schema', () => {
  it.each<[string, unknown]>([
    ["the design's sample", sampleDocument()],
    ['one limit of each algorithm', BASE],
    ['a custom algorithm', limitsWith({ a: custom })],
    [
      'durations in text and in milliseconds',
      limitsWith({ reads: { window: 1 }, calls: { lease: '1.5 h' } }),
    ],
    ['tiers with a burst', tiersWith({ payg: { tokens: { quota: 5, burst: 5 }, reads: 'custom' } })],
    [
      'denials by reason',
      policyWith({ denial: { quota: { body: null }, never: { format: 'problem+json' } } }),
    ],
    [
      'a denial of its own for a group',
      groupsWith({ call: { denial: {}, queue: { size: 0 }, leave: { calls: 1 } } }),
    ],
    ...policyFiles(),
  ])('should take %s', (_title, document) => {
    validate(document);
    expect(validate.errors).toBeNull();
  });

  it.each<[title: string, document: unknown, at: string]>([
    ['an unknown field', policyWith({ limts: {} }), ''],
    ['an unknown field of a limit', limitsWith({ reads: { wndow: 1 } }), '/limits/reads'],
    ['a missing field', policyWith({ unmatched: undefined }), ''],
    ['another version', policyWith({ version: 2 }), '/version'],
    ['a wrong algorithm', limitsWith({ reads: { algorithm: 'fixd-window' } }), '/limits/reads'],
    ['fields of another algorithm', limitsWith({ reads: { burst: 5 } }), '/limits/reads'],
    ['options of a built-in algorithm', limitsWith({ writes: { options: {} } }), '/limits/writes'],
    ['a custom algorithm without options', limitsWith({ a: { ...custom, options: undefined } }), '/limits/a'],
    ['a bad name of a limit', limitsWith({ Reads: custom }), '/limits'],
    ['what every object has for a name', limitsWith({ constructor: custom }), '/limits'],
    ['a group that is called like a verdict', groupsWith({ allow: { limits: [] } }), '/groups'],
    ['a bad name of a tier', tiersWith({ 'a b': { calls: 1 } }), '/tiers'],
    ['a bad name of a unit', limitsWith({ reads: { unit: 'Tokens' } }), '/limits/reads/unit'],
    ['a reserved field', limitsWith({ reads: { per: 'path' } }), '/limits/reads/per'],
    [
      'a field that every object has',
      limitsWith({ reads: { per: ['a', 'toString'] } }),
      '/limits/reads/per/1',
    ],
    ['no field at all', limitsWith({ reads: { per: [] } }), '/limits/reads/per'],
    ['a field twice', limitsWith({ reads: { per: ['a', 'a'] } }), '/limits/reads/per'],
    ['a bad duration', limitsWith({ reads: { window: '1 fortnight' } }), '/limits/reads/window'],
    ['a duration of nothing', limitsWith({ reads: { window: '0.0s' } }), '/limits/reads/window'],
    ['a window of 0', limitsWith({ reads: { window: 0 } }), '/limits/reads/window'],
    ['a quota in text', limitsWith({ reads: { quota: '10' } }), '/limits/reads/quota'],
    ['a quota that is no integer', limitsWith({ reads: { quota: 1.5 } }), '/limits/reads/quota'],
    ['a negative quota', limitsWith({ reads: { quota: -1 } }), '/limits/reads/quota'],
    ['a quota of 1e21', limitsWith({ reads: { quota: 1e21 } }), '/limits/reads/quota'],
    ['a burst of 0', limitsWith({ tokens: { burst: 0 } }), '/limits/tokens/burst'],
    [
      'a limit that a group lists twice',
      groupsWith({ read: { limits: ['reads', 'reads'] } }),
      '/groups/read/limits',
    ],
    ['a pattern without a method', groupsWith({ read: { match: ['/v1'] } }), '/groups/read/match/0'],
    ['a method in lower case', groupsWith({ read: { match: ['get /v1'] } }), '/groups/read/match/0'],
    ['a pattern with a query', groupsWith({ read: { match: ['GET /v1?a'] } }), '/groups/read/match/0'],
    ['a bad grant', tiersWith({ payg: { calls: 'lots' } }), '/tiers/payg/calls'],
    [
      'an override for everybody',
      policyWith({ overrides: [{ limit: 'a', where: {}, quota: 1 }] }),
      '/overrides/0/where',
    ],
    [
      'an override of "custom"',
      policyWith({ overrides: [{ limit: 'a', where: { b: 'c' }, quota: 'custom' }] }),
      '/overrides/0/quota',
    ],
    ['a status of 200', policyWith({ denial: { status: 200 } }), '/denial'],
    ['a body beside a format', policyWith({ denial: { body: 1, format: 'problem+json' } }), '/denial'],
    ['an unknown reason', policyWith({ denial: { quoat: {} } }), '/denial'],
    ['unknown response fields', policyWith({ headers: ['x-ratelimt'] }), '/headers/0'],
  ])('should refuse %s', (_title, document, at) => {
    const json: unknown = JSON.parse(JSON.stringify(document));
    expect(validate(json)).toBe(false);
    expect(validate.errors?.map(({ instancePath }) => instancePath).some((path) => path.startsWith(at))).toBe(
      true,
    );
  });

  it('should be written by the build just as it is tested here', () => {
    expect(toJsonSchema(policySchema([customAlgorithmName]), { errorMode: 'ignore' })).toEqual(POLICY_SCHEMA);
  });

  it('should say what a field is for', () => {
    expect(POLICY_SCHEMA).toMatchObject({ title: 'headgate policy', description: expect.any(String) });
    expect(POLICY_SCHEMA.properties).toMatchObject({
      unmatched: { description: expect.stringContaining('no pattern matches') },
      overrides: { description: expect.stringContaining('first that fits') },
    });
  });
});
