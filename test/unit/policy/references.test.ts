import { describe, expect, it } from 'vitest';
import {
  BASE,
  expectFaults,
  type FaultRow,
  faultsOf,
  groupsWith,
  limitsWith,
  policyWith,
  tiersWith,
} from '../../fixtures/policy-documents.ts';

describe('references', () => {
  it.each<FaultRow>([
    [
      'refuse an unknown limit in a group',
      groupsWith({ read: { limits: ['reads', 'raeds'] } }),
      { 'groups.read.limits.1': /^unknown limit "raeds"; did you mean "reads"\?$/ },
    ],
    [
      'refuse what every object has',
      policyWith({
        groups: { a: { limits: ['toString'] } },
        unmatched: 'valueOf',
        defaultTier: 'constructor',
      }),
      { 'groups.a.limits.0': /^unknown limit/, unmatched: /^unknown group/, defaultTier: /^unknown tier/ },
    ],
    [
      'refuse an unknown limit in a tier',
      tiersWith({ payg: { read: 5 } }),
      { 'tiers.payg.read': /^unknown limit "read"; did you mean "reads"\?$/ },
    ],
    [
      'refuse an unknown limit in an override',
      policyWith({ overrides: [{ limit: 'x', where: { a: 'b' }, quota: 1 }] }),
      { 'overrides.0.limit': /^unknown limit "x"; known: reads, writes, tokens, calls$/ },
    ],
    [
      'refuse an override whose limit is no text',
      policyWith({ overrides: [{ limit: { toString: 1 }, where: { a: 'b' }, quota: 1 }] }),
      { 'overrides.0.limit': /^an object does not fit; give the name of a limit$/ },
    ],
    [
      'refuse an unknown group for unmatched',
      policyWith({ unmatched: 'raed' }),
      { unmatched: /^unknown group "raed"; did you mean "read"\?$/ },
    ],
    ['suggest a verdict', policyWith({ unmatched: 'dney' }), { unmatched: /did you mean "deny"/ }],
    [
      'list what unmatched takes',
      policyWith({ unmatched: '' }),
      { unmatched: /^unknown group ""; known: read, write, call, allow, deny$/ },
    ],
    [
      'refuse an unknown tier',
      policyWith({ defaultTier: 'pyag' }),
      { defaultTier: /^unknown tier "pyag"; did you mean "payg"\?$/ },
    ],
    [
      'refuse a tier where there are none',
      policyWith({ tiers: undefined, limits: {}, groups: {} }),
      { defaultTier: /^unknown tier "payg"; there are none$/ },
    ],
    ['not repeat for each name that there are no limits', policyWith({ limits: 5 }), { limits: /^5/ }],
    [
      'not repeat that groups and tiers are wrong',
      policyWith({ groups: 5, tiers: 6, unmatched: 'read' }),
      { groups: /^5/, tiers: /^6/ },
    ],
    [
      'know limits and tiers by bad names',
      policyWith({
        limits: { Reads: BASE.limits.reads },
        groups: { read: { limits: ['Reads'] } },
        tiers: { Gold: { Reads: 5 } },
        defaultTier: 'Gold',
      }),
      { 'limits.Reads': /give a name/, 'tiers.Gold': /give a name/ },
    ],
    [
      'not suggest bad names',
      policyWith({
        limits: { Reads: BASE.limits.reads },
        groups: { read: { limits: ['reads'] } },
        tiers: {},
        defaultTier: undefined,
      }),
      { 'limits.Reads': /give a name/, 'groups.read.limits.0': /^unknown limit "reads"; there are none$/ },
    ],
    [
      'refuse a limit that a group lists twice',
      groupsWith({ read: { limits: ['reads', 'tokens', 'reads'] } }),
      { 'groups.read.limits.2': /^"reads" is listed already; a limit is charged once$/ },
    ],
    [
      'refuse a field that is named twice',
      limitsWith({ reads: { per: ['a', 'b', 'a'] } }),
      { 'limits.reads.per.2': /^a field is named twice; name each once$/ },
    ],
    [
      'refuse groups that are called like a verdict',
      groupsWith({ allow: { limits: [] }, deny: { limits: [] }, unmatched: { limits: [] } }),
      {
        'groups.allow': /^"unmatched" takes "allow" for a verdict; call the group something else$/,
        'groups.deny': /^"unmatched" takes "deny"/,
        'groups.unmatched': /^decisions name this group when no pattern matched; call yours something else$/,
      },
    ],
    [
      'refuse an override that is there already',
      policyWith({
        overrides: [
          { limit: 'reads', where: { a: '1', b: '2' }, quota: 1 },
          { limit: 'writes', where: { a: '1', b: '2' }, quota: 1 },
          { limit: 'reads', where: { b: '2', a: '1' }, quota: 2 },
        ],
      }),
      {
        'overrides.2': /^overrides\.0 is for the same limit and the same fields, and comes first; drop one$/,
      },
    ],
    [
      'tell overrides apart whose values only join alike',
      policyWith({
        overrides: [
          { limit: 'reads', where: { a: 'x', b: 'y' }, quota: 1 },
          { limit: 'reads', where: { a: 'x1:b1:y' }, quota: 1 },
          { limit: 'reads', where: { a: 'y', b: 'x' }, quota: 1 },
          { limit: 'reads', where: { a: 'bc' }, quota: 1 },
          { limit: 'reads', where: { ab: 'c' }, quota: 1 },
        ],
      }),
      {},
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });

  it('should say kind and value', () => {
    expect(
      faultsOf(policyWith({ unmatched: 'x', defaultTier: 'y', groups: { a: { limits: ['z'] } } })),
    ).toMatchObject([
      { code: 'unknown-limit', value: 'z' },
      { code: 'unknown-tier', value: 'y' },
      { code: 'unknown-group', value: 'x' },
    ]);
  });
});

describe('permits that are left', () => {
  it.each<FaultRow>([
    ['be taken of a concurrency limit', groupsWith({ call: { leave: { calls: 2 } } }), {}],
    [
      'be refused of a rate',
      groupsWith({ write: { leave: { writes: 1 } } }),
      { 'groups.write.leave.writes': /^"writes" is no concurrency limit of this group; there are none$/ },
    ],
    [
      'be refused of a limit of another group',
      groupsWith({ read: { leave: { calls: 1 } } }),
      { 'groups.read.leave.calls': /^"calls" is no concurrency limit of this group/ },
    ],
    [
      'be refused with the limit that was meant',
      groupsWith({ call: { leave: { cals: 1, calls: 1.5 } } }),
      { 'groups.call.leave.cals': /did you mean "calls"/, 'groups.call.leave.calls': /^1\.5 does not fit/ },
    ],
    [
      'not repeat that a limit is unknown',
      groupsWith({ call: { limits: ['cals'], leave: { cals: 1 } } }),
      { 'groups.call.limits.0': /^unknown limit "cals"/ },
    ],
    [
      'not be judged where the limits are no list',
      groupsWith({ call: { limits: 'calls', leave: { calls: 1 } } }),
      { 'groups.call.limits': /^"calls" does not fit; give a list of limits/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});

describe('patterns of groups', () => {
  it.each<FaultRow>([
    [
      'be refused where they are equal',
      groupsWith({ write: { match: ['GET /V1/**', 'POST|GET /v1/:x', 'GET /v1/:y'] } }),
      {
        'groups.write.match.0': /^the same requests match "GET \/v1\/\*\*" of group "read"; drop one$/,
        'groups.write.match.2': /match "POST\|GET \/v1\/:x" of group "write"/,
      },
    ],
    [
      'be told apart by case where that counts',
      policyWith({
        paths: { case: 'sensitive' },
        groups: { a: { match: ['GET /a', 'GET /A'], limits: [] } },
      }),
      {},
    ],
    ['be told apart by method', groupsWith({ read: { match: ['GET /a', 'POST /a'] } }), {}],
    [
      'be refused all at once',
      groupsWith({ read: { match: ['/v1', 'get /v1', 'GET /a/**/b', 5] } }),
      {
        'groups.read.match.0': /write "GET \/v1", or "\* \/v1"/,
        'groups.read.match.1': /write GET/,
        'groups.read.match.2': /\*\* before its end/,
        'groups.read.match.3': /^5 does not fit; give a pattern such as "GET \/v1\/\*\*"$/,
      },
    ],
    [
      'be compared though others are wrong',
      groupsWith({ read: { match: ['/x', 'GET /a', 'GET /a'], limits: 5 } }),
      { 'groups.read.match.0': /write/, 'groups.read.match.2': /same requests/, 'groups.read.limits': /^5/ },
    ],
    [
      'be refused where they are no list',
      groupsWith({ read: { match: 'GET /v1' } }),
      { 'groups.read.match': /^"GET \/v1" does not fit; give a list of patterns$/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});
