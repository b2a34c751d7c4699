import {
  createEngine,
  type Descriptor,
  type Engine,
  type LimitDocument,
  type PolicyDocument,
} from 'headgate';
import { describe, expect, it } from 'vitest';

const limit = (quota: number | 'custom', fields: Partial<LimitDocument> = {}): LimitDocument =>
  ({ algorithm: 'fixed-window', quota, window: '1m', ...fields }) as LimitDocument;

/** An engine for a policy of which only this is interesting. */
function engineOf(policy: Partial<PolicyDocument>): Engine {
  return createEngine({
    version: 1,
    limits: { l: limit(10) },
    groups: { g: { limits: ['l'] } },
    unmatched: 'deny',
    ...policy,
  });
}

const now = 1_000_000;
const check = (engine: Engine, descriptor: unknown) => engine.check(descriptor as Descriptor, { now });

/** What a wrong call is told. */
function error(name: 'DescriptorError' | 'CostError', code: string, path: string, message: RegExp) {
  return expect.objectContaining({ name, code, path, message: expect.stringMatching(message) });
}

describe('the group of a request', () => {
  const policy: Partial<PolicyDocument> = {
    limits: { wide: limit(100), narrow: limit(5), fallback: limit(1) },
    groups: {
      read: { match: ['GET /v1/**'], limits: ['wide'] },
      'create-key': { match: ['POST /v1/keys'], limits: ['wide', 'narrow'] },
      rest: { limits: ['fallback'] },
    },
  };

  it.each<[string, PolicyDocument['unmatched'], Record<string, unknown>, string, boolean, string[]]>([
    ['the one it names', 'deny', { group: 'create-key' }, 'create-key', true, ['wide', 'narrow']],
    [
      'the one it names, whatever its path',
      'deny',
      { group: 'read', method: 'POST', path: '/v1/keys' },
      'read',
      true,
      ['wide'],
    ],
    ['that of the pattern', 'deny', { method: 'GET', path: '/v1/keys?page=2' }, 'read', true, ['wide']],
    [
      'that of the method too',
      'deny',
      { method: 'post', path: '/V1//keys/' },
      'create-key',
      true,
      ['wide', 'narrow'],
    ],
    ['that of GET for HEAD', 'deny', { method: 'HEAD', path: '/v1/x' }, 'read', true, ['wide']],
    ['none, which is denied', 'deny', { method: 'PUT', path: '/v1/keys' }, 'unmatched', false, []],
    ['none, which is allowed', 'allow', { method: 'PUT', path: '/v1/keys' }, 'unmatched', true, []],
    [
      'the one for whatever matches nothing',
      'rest',
      { method: 'PUT', path: '/v1/keys' },
      'rest',
      true,
      ['fallback'],
    ],
  ])('should be %s', (_what, unmatched, descriptor, group, allowed, limits) => {
    const decision = check(engineOf({ ...policy, unmatched }), descriptor);
    expect([decision.group, decision.allowed, decision.limits.map(({ name }) => name)]).toEqual([
      group,
      allowed,
      limits,
    ]);
  });

  it('should deny what matches nothing for good', () => {
    expect(check(engineOf(policy), { method: 'PUT', path: '/' })).toMatchObject({
      allowed: false,
      reason: 'unmatched',
      limit: undefined,
      retryAt: Number.POSITIVE_INFINITY,
      quota: Number.POSITIVE_INFINITY,
      limits: [],
    });
  });

  it('should have limits, like any other, if it is the one for whatever matches nothing', () => {
    const engine = engineOf({ ...policy, unmatched: 'rest' });
    const paths = ['/a', '/b'].map((path) => check(engine, { method: 'PUT', path }).allowed);
    expect(paths).toEqual([true, false]);
  });

  it.each<[string, unknown, ReturnType<typeof error>]>([
    [
      'unknown',
      { group: 'raed' },
      error('DescriptorError', 'unknown-group', 'group', /unknown group "raed"; did you mean "read"\?/),
    ],
    [
      'far from any',
      { group: 'zzzzzzzzz' },
      error('DescriptorError', 'unknown-group', 'group', /; known: read, create-key, rest/),
    ],
    [
      'a verdict',
      { group: 'allow' },
      error('DescriptorError', 'unknown-group', 'group', /unknown group "allow"/),
    ],
    [
      'of every object',
      { group: 'constructor' },
      error('DescriptorError', 'unknown-group', 'group', /unknown group/),
    ],
    [
      'the prototype',
      { group: '__proto__' },
      error('DescriptorError', 'unknown-group', 'group', /unknown group/),
    ],
    [
      'null',
      { group: null, method: 'GET', path: '/' },
      error('DescriptorError', 'unknown-group', 'group', /unknown group null/),
    ],
    ['no text', { group: ['read'] }, error('DescriptorError', 'unknown-group', 'group', /a list of 1/)],
    [
      'left out, with the path',
      { method: 'GET' },
      error('DescriptorError', 'missing-field', 'path', /give a group, or a method and a path/),
    ],
    [
      'left out, with the method',
      { path: '/' },
      error('DescriptorError', 'missing-field', 'method', /such as "GET"/),
    ],
    [
      'left out, the path being a URL',
      { method: 'GET', path: new URL('http://a/') },
      error('DescriptorError', 'bad-value', 'path', /path is an object/),
    ],
    [
      'left out, the method being a number',
      { method: 7, path: '/' },
      error('DescriptorError', 'bad-value', 'method', /method is 7/),
    ],
  ])('should be refused when it is %s', (_what, descriptor, fault) => {
    expect(() => check(engineOf({ ...policy, unmatched: 'allow' }), descriptor)).toThrow(fault);
  });

  it.each([undefined, null, 'GET /v1/calls', 7, () => ({})])(
    'should be refused without a descriptor: %s',
    (value) => {
      expect(() => check(engineOf(policy), value)).toThrow(
        error('DescriptorError', 'no-descriptor', 'descriptor', /is no descriptor; give an object/),
      );
    },
  );
});

describe('the tier of a request', () => {
  const tiers = { payg: { l: 1 }, scale: { l: { quota: 3 } }, none: {} };

  it.each<[string, Partial<PolicyDocument>, Record<string, unknown>, number]>([
    ['the one it names', {}, { tier: 'scale' }, 3],
    ['the default', { defaultTier: 'payg' }, {}, 1],
    ['the one it names rather than the default', { defaultTier: 'payg' }, { tier: 'scale' }, 3],
    ['the default if it names none', { defaultTier: 'payg' }, { tier: undefined }, 1],
    ['none, so the limit’s own quota holds', {}, {}, 10],
    ['one that says nothing of the limit', {}, { tier: 'none' }, 10],
  ])('should be %s', (_what, policy, descriptor, quota) => {
    expect(check(engineOf({ tiers, ...policy }), { group: 'g', ...descriptor }).quota).toBe(quota);
  });

  it.each<[string, unknown, Partial<PolicyDocument>, RegExp]>([
    ['unknown', 'sclae', { tiers }, /unknown tier "sclae"; did you mean "scale"\?/],
    [
      'unknown, never unlimited, also with a default',
      'gold',
      { tiers, defaultTier: 'payg' },
      /unknown tier "gold"/,
    ],
    ['given where there are none', 'payg', {}, /unknown tier "payg"; there are none/],
    ['null', null, { tiers, defaultTier: 'payg' }, /unknown tier null/],
    ['empty', '', { tiers, defaultTier: 'payg' }, /unknown tier ""/],
    ['a method of every object', 'toString', { tiers }, /unknown tier "toString"/],
    ['a number', 1, { tiers }, /unknown tier 1/],
  ])('should be refused when it is %s', (_what, tier, policy, message) => {
    expect(() => check(engineOf(policy), { group: 'g', tier })).toThrow(
      error('DescriptorError', 'unknown-tier', 'tier', message),
    );
  });

  it('should be found out also where nothing would be limited', () => {
    const engine = engineOf({ tiers, unmatched: 'allow' });
    expect(() => check(engine, { method: 'GET', path: '/', tier: 'gold' })).toThrow(
      error('DescriptorError', 'unknown-tier', 'tier', /gold/),
    );
  });
});

describe('the quota of a request', () => {
  const policy: Partial<PolicyDocument> = {
    limits: {
      l: limit(10, { per: 'account' }),
      own: limit('custom'),
      calls: { algorithm: 'concurrency', quota: 2 },
    },
    groups: { g: { limits: ['l'] }, h: { limits: ['own'] } },
    tiers: { payg: { l: 20, own: 'custom' }, scale: { l: 30, own: 40 }, odd: { l: 'custom' } },
    overrides: [
      { limit: 'l', where: { account: 'a1', region: 'eu' }, quota: 50 },
      { limit: 'l', where: { account: 'a1' }, quota: 51 },
      { limit: 'l', where: { organisation: 'o1' }, quota: 52 },
      { limit: 'own', where: { organisation: 'o1' }, quota: 53 },
      { limit: 'l', where: { organisation: 'o0' }, quota: 0 },
    ],
  };
  const engine = engineOf(policy);

  it.each<[string, Record<string, unknown>, number, string]>([
    ['the limit’s own', { group: 'g' }, 10, 'limit'],
    ['the tier’s before that', { group: 'g', tier: 'payg' }, 20, 'tier'],
    ['an override’s before that', { group: 'g', tier: 'payg', organisation: 'o1' }, 52, 'override'],
    [
      'the descriptor’s before all',
      { group: 'g', tier: 'payg', organisation: 'o1', quotas: { l: 7 } },
      7,
      'descriptor',
    ],
    ['the descriptor’s, be it 0', { group: 'g', quotas: { l: 0 } }, 0, 'descriptor'],
    ['the limit’s own if the descriptor’s is for another', { group: 'g', quotas: { own: 7 } }, 10, 'limit'],
    ['the limit’s own if the descriptor’s is for permits', { group: 'g', quotas: { calls: 7 } }, 10, 'limit'],
    ['the limit’s own if the descriptor’s is not set', { group: 'g', quotas: { l: undefined } }, 10, 'limit'],
    ['the first override’s whose fields hold', { group: 'g', account: 'a1', region: 'eu' }, 50, 'override'],
    ['an override’s with fewer fields', { group: 'g', account: 'a1', region: 'us' }, 51, 'override'],
    ['the first of several that hold', { group: 'g', account: 'a1', organisation: 'o1' }, 51, 'override'],
    ['an override’s, be it 0', { group: 'g', organisation: 'o0' }, 0, 'override'],
    ['no override’s if its value differs in case', { group: 'g', organisation: 'O1' }, 10, 'limit'],
    ['no override’s if its value is no text', { group: 'g', organisation: ['o1'] }, 10, 'limit'],
    ['a tier’s where the limit has none', { group: 'h', tier: 'scale' }, 40, 'tier'],
    [
      'an override’s where the tier has none',
      { group: 'h', tier: 'payg', organisation: 'o1' },
      53,
      'override',
    ],
    [
      'the descriptor’s where the tier has none',
      { group: 'h', tier: 'payg', quotas: { own: 9 } },
      9,
      'descriptor',
    ],
  ])('should be %s', (_what, descriptor, quota, source) => {
    const request = { account: 'acct', ...descriptor };
    expect(check(engine, request).limits[0]?.quota).toBe(quota);
    expect(engine.explain(request, { now }).limits[0]).toMatchObject({ quota, quotaFrom: source });
  });

  it('should be of the partition that is asked, so a key’s usage stays when it changes', () => {
    const fresh = engineOf(policy);
    const left = (descriptor: object) =>
      check(fresh, { group: 'g', account: 'acct', ...descriptor }).remaining;
    expect([
      left({}),
      left({ tier: 'scale' }),
      left({ quotas: { l: 3 } }),
      left({ quotas: { l: 3 } }),
    ]).toEqual([9, 28, 0, 0]);
  });

  it.each<[string, Record<string, unknown>, string, string, RegExp]>([
    [
      'none anywhere',
      { group: 'h' },
      'no-quota',
      'quotas.own',
      /limit "own" has no quota of its own without a tier/,
    ],
    [
      'none in the tier',
      { group: 'h', tier: 'payg' },
      'no-quota',
      'quotas.own',
      /in tier "payg"; give one in quotas\.own, or in an override/,
    ],
    [
      '"custom" in the tier, though the limit has one',
      { group: 'g', tier: 'odd' },
      'no-quota',
      'quotas.l',
      /in tier "odd"/,
    ],
    [
      'one for an unknown limit',
      { group: 'g', quotas: { ll: 3 } },
      'unknown-limit',
      'quotas.ll',
      /unknown limit "ll"; did you mean "l"\?/,
    ],
    [
      'one for what every object has',
      { group: 'g', quotas: { constructor: 3 } },
      'unknown-limit',
      'quotas.constructor',
      /unknown limit/,
    ],
    [
      'a negative one',
      { group: 'g', quotas: { l: -1 } },
      'bad-quota',
      'quotas.l',
      /^-1 is no number of units/,
    ],
    ['a fraction', { group: 'g', quotas: { l: 1.5 } }, 'bad-quota', 'quotas.l', /^1\.5 /],
    ['NaN', { group: 'g', quotas: { l: Number.NaN } }, 'bad-quota', 'quotas.l', /^NaN /],
    ['one in words', { group: 'g', quotas: { l: '10' } }, 'bad-quota', 'quotas.l', /^"10" /],
    ['"custom"', { group: 'g', quotas: { l: 'custom' } }, 'bad-quota', 'quotas.l', /^"custom" /],
    ['null', { group: 'g', quotas: { l: null } }, 'bad-quota', 'quotas.l', /^null /],
    [
      'quotas that are a number',
      { group: 'g', quotas: 10 },
      'bad-value',
      'quotas',
      /quotas is 10; give quotas by limit/,
    ],
    ['quotas that are null', { group: 'g', quotas: null }, 'bad-value', 'quotas', /quotas is null/],
  ])('should be refused when the request brings %s', (_what, descriptor, code, path, message) => {
    const before = engine.stats();
    expect(() => check(engine, { account: 'acct', ...descriptor })).toThrow(
      error('DescriptorError', code, path, message),
    );
    expect(engine.stats()).toEqual(before);
  });

  it('should be right however many quotas descriptors have brought', () => {
    const fresh = engineOf(policy);
    for (let quota = 1; quota <= 2500; quota++) {
      expect(check(fresh, { group: 'g', account: `k${quota}`, quotas: { l: quota } }).remaining).toBe(
        quota - 1,
      );
    }
    expect(check(fresh, { group: 'g', account: 'k1', quotas: { l: 3 } }).remaining).toBe(1);
  });
});

describe('the cost of a request', () => {
  const engine = engineOf({
    limits: {
      requests: limit(100),
      tokens: limit(1000, { unit: 'tokens' }),
      pages: limit(50, { unit: 'pages' }),
    },
    groups: {
      plain: { limits: ['requests'] },
      model: { limits: ['requests', 'tokens'] },
      free: { limits: [] },
    },
  });

  it.each<[string, unknown, number[]]>([
    ['one request by default', { group: 'plain' }, [1]],
    ['one request if it is not set', { group: 'plain', cost: undefined }, [1]],
    ['requests, for a number', { group: 'plain', cost: 7 }, [7]],
    ['nothing, for 0', { group: 'plain', cost: 0 }, [0]],
    ['by unit', { group: 'model', cost: { requests: 2, tokens: 812 } }, [2, 812]],
    ['one request where only tokens are said', { group: 'model', cost: { tokens: 812 } }, [1, 812]],
    ['one request for an empty list of units', { group: 'plain', cost: {} }, [1]],
    ['of units that the group does not count', { group: 'plain', cost: { tokens: 5, pages: 1 } }, [1]],
  ])('should be %s', (_what, descriptor, costs) => {
    expect(check(engine, descriptor).limits.map(({ cost }) => cost)).toEqual(costs);
  });

  it.each<[string, unknown, string, string, RegExp]>([
    [
      'no cost in a unit',
      { group: 'model' },
      'missing-cost',
      'cost.tokens',
      /limit "tokens" counts tokens; give cost: \{ tokens: n \}/,
    ],
    [
      'a number, where a unit is needed',
      { group: 'model', cost: 3 },
      'missing-cost',
      'cost.tokens',
      /counts tokens/,
    ],
    [
      'an unknown unit',
      { group: 'plain', cost: { token: 5 } },
      'unknown-unit',
      'cost.token',
      /no limit counts "token"; did you mean "tokens"\?/,
    ],
    [
      'a unit of every object',
      { group: 'plain', cost: { constructor: 5 } },
      'unknown-unit',
      'cost.constructor',
      /no limit counts/,
    ],
    ['a list', { group: 'plain', cost: [5] }, 'unknown-unit', 'cost.0', /no limit counts "0"/],
    ['NaN', { group: 'plain', cost: Number.NaN }, 'bad-cost', 'cost', /^NaN is no cost; give a whole number/],
    ['less than nothing', { group: 'plain', cost: -1 }, 'bad-cost', 'cost', /^-1 /],
    ['a fraction', { group: 'plain', cost: 1.5 }, 'bad-cost', 'cost', /^1\.5 /],
    ['a text', { group: 'plain', cost: '3' }, 'bad-cost', 'cost', /^"3" /],
    ['infinity', { group: 'plain', cost: Number.POSITIVE_INFINITY }, 'bad-cost', 'cost', /^Infinity /],
    ['a bigint', { group: 'plain', cost: 3n }, 'bad-cost', 'cost', /^3n /],
    ['null', { group: 'plain', cost: null }, 'bad-cost', 'cost', /^null /],
    [
      'nothing of a unit that is named',
      { group: 'model', cost: { requests: undefined, tokens: 0 } },
      'bad-cost',
      'cost.requests',
      /^undefined /,
    ],
    ['NaN of a unit', { group: 'model', cost: { tokens: Number.NaN } }, 'bad-cost', 'cost.tokens', /^NaN /],
    [
      'NaN of a unit that the group does not count',
      { group: 'plain', cost: { tokens: Number.NaN } },
      'bad-cost',
      'cost.tokens',
      /^NaN /,
    ],
    ['NaN where nothing is counted', { group: 'free', cost: Number.NaN }, 'bad-cost', 'cost', /^NaN /],
    ['null where nothing is counted', { group: 'free', cost: null }, 'bad-cost', 'cost', /^null /],
  ])('should be refused when it is %s', (_what, descriptor, code, path, message) => {
    const before = engine.stats();
    expect(() => check(engine, descriptor)).toThrow(error('CostError', code, path, message));
    expect(engine.stats()).toEqual(before);
  });
});

describe('the key of a request', () => {
  const policy: Partial<PolicyDocument> = {
    limits: {
      strict: limit(10, { per: 'apiKey' }),
      shared: limit(10, { per: 'apiKey', missing: 'shared' }),
      denied: limit(10, { per: 'apiKey', missing: 'deny' }),
      pair: limit(10, { per: ['ip', 'apiKey'], missing: 'shared' }),
      call: limit(10, { per: 'call' }),
    },
    groups: {
      strict: { limits: ['strict'] },
      shared: { limits: ['shared'] },
      denied: { limits: ['denied'] },
      pair: { limits: ['pair'] },
      say: { match: ['POST /v1/calls/:call/say'], limits: ['call'] },
    },
  };

  it.each<[string, Record<string, unknown>, string | undefined]>([
    ['the field’s value', { group: 'strict', apiKey: 'a' }, 'a'],
    ['the field’s value, whatever a limit says of missing ones', { group: 'denied', apiKey: 'a' }, 'a'],
    ['nobody’s, shared', { group: 'shared' }, ''],
    ['nobody’s for an empty value', { group: 'shared', apiKey: '' }, ''],
    ['nobody’s for null', { group: 'shared', apiKey: null }, ''],
    ['none, so denied', { group: 'denied' }, undefined],
    ['all fields, sorted by name', { group: 'pair', ip: '::1', apiKey: 'a' }, '1:a3:::1'],
    ['all fields, one of them nobody’s', { group: 'pair', ip: '::1' }, '0:3:::1'],
    ['all fields, both nobody’s', { group: 'pair' }, '0:0:'],
    ['a path parameter', { method: 'POST', path: '/v1/calls/c1/say' }, 'c1'],
    ['a path parameter without its escapes', { method: 'POST', path: '/v1/calls/c%201/say' }, 'c 1'],
    [
      'the caller’s field before the path parameter',
      { method: 'POST', path: '/v1/calls/c1/say', call: 'c2' },
      'c2',
    ],
    [
      'the path parameter if the caller’s field is empty',
      { method: 'POST', path: '/v1/calls/c1/say', call: '' },
      'c1',
    ],
    ['the caller’s field if it names the group', { group: 'say', call: 'c2' }, 'c2'],
  ])('should be %s', (_what, descriptor, key) => {
    const { limits, allowed, reason } = check(engineOf(policy), descriptor);
    expect([limits[0]?.key, allowed, reason]).toEqual([
      key,
      key !== undefined,
      key === undefined ? 'missing' : 'ok',
    ]);
  });

  it('should be the same budget for all who leave the field out', () => {
    const engine = engineOf(policy);
    const left = [{}, { apiKey: '' }, { apiKey: null }, { apiKey: 'a' }].map(
      (fields) => check(engine, { group: 'shared', ...fields }).remaining,
    );
    expect(left).toEqual([9, 8, 7, 9]);
  });

  it.each<[string, Record<string, unknown>, string, string, RegExp]>([
    [
      'missing',
      { group: 'strict' },
      'missing-field',
      'apiKey',
      /the descriptor has no "apiKey"; give a non-empty string/,
    ],
    ['empty', { group: 'strict', apiKey: '' }, 'missing-field', 'apiKey', /no "apiKey"/],
    ['misspelt', { group: 'strict', apiKye: 'a' }, 'missing-field', 'apiKey', /did you mean "apiKye"\?/],
    ['a number', { group: 'strict', apiKey: 7 }, 'bad-key', 'apiKey', /apiKey is 7; give a string/],
    [
      'a number, also where missing ones are shared',
      { group: 'shared', apiKey: 7 },
      'bad-key',
      'apiKey',
      /is 7/,
    ],
    [
      'a number, also where missing ones are denied',
      { group: 'denied', apiKey: 7 },
      'bad-key',
      'apiKey',
      /is 7/,
    ],
    ['too long', { group: 'strict', apiKey: 'x'.repeat(513) }, 'key-too-long', 'apiKey', /513 UTF-16 units/],
    [
      'too long in the path',
      { method: 'POST', path: `/v1/calls/${'x'.repeat(513)}/say` },
      'key-too-long',
      'call',
      /513/,
    ],
    ['a parameter of no path', { group: 'say' }, 'missing-field', 'call', /no "call"/],
  ])('should be refused when it is %s', (_what, descriptor, code, path, message) => {
    const engine = engineOf(policy);
    expect(() => check(engine, descriptor)).toThrow(error('DescriptorError', code, path, message));
    expect(Object.values(engine.stats().partitions).map(({ keys }) => keys)).toEqual([0, 0, 0]);
  });

  it('should be found in a path for an override as well', () => {
    const engine = engineOf({ ...policy, overrides: [{ limit: 'call', where: { call: 'vip' }, quota: 99 }] });
    const quotas = ['vip', 'other'].map(
      (call) => check(engine, { method: 'POST', path: `/v1/calls/${call}/say` }).quota,
    );
    expect(quotas).toEqual([99, 10]);
  });
});
