import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replayer } from '../../../src/cli/replayer.ts';
import { type Comparison, type Shift, sideBySide } from '../../../src/cli/side-by-side.ts';
import type { LoggedDescriptor, LoggedRequest } from '../../../src/lab/trace/request.ts';
import type { LimitDocument, PolicyDocument } from '../../../src/policy/document.ts';

const MINUTE = { algorithm: 'fixed-window', window: '1m' } as const;

function policyOf(limits: PolicyDocument['limits'], groups: PolicyDocument['groups']): PolicyDocument {
  return { version: 1, limits, groups, unmatched: 'deny' };
}

function logOf(...descriptors: LoggedDescriptor[]): LoggedRequest[] {
  return descriptors.map((descriptor, i) => ({ line: i + 1, at: i, descriptor }));
}

function comparisonOf(
  requests: readonly LoggedRequest[],
  before: PolicyDocument,
  after: PolicyDocument,
  refused: (line: number, reason: string) => void = () => expect.unreachable(),
): Promise<Comparison> {
  const side = (policy: PolicyDocument) => new Replayer(policy, { maxKeys: 100, hold: undefined }, requests);
  return sideBySide(requests, side(before), side(after), refused);
}

describe('sideBySide', () => {
  const site = (limits: PolicyDocument['limits']): PolicyDocument =>
    policyOf(limits, { site: { match: ['GET /**'], limits: Object.keys(limits) } });
  const get = (fields: LoggedDescriptor = {}): LoggedDescriptor => ({ method: 'GET', path: '/', ...fields });

  it('should count what each side denies, and what only one does', async () => {
    const before = site({ a: { ...MINUTE, quota: 1, per: 'ip' }, b: { ...MINUTE, quota: 3 } });
    const after = site({ a: { ...MINUTE, quota: 2, per: 'ip' }, c: { ...MINUTE, quota: 2 } });
    const asked = ['x', 'x', 'y', 'z'].map((ip) => get({ ip }));
    const { span, ...found } = await comparisonOf(logOf(...asked), before, after);
    // Before: x, -, y, z. After: x, x, -, -.
    expect({ ...found, groups: [...found.groups], limits: [...found.limits] }).toEqual({
      requests: 4,
      moved: 0,
      denied: { before: 1, after: 2, newlyDenied: 2, newlyAllowed: 1 },
      groups: [['site', { before: 1, after: 2, newlyDenied: 2, newlyAllowed: 1 }]],
      limits: [
        ['a', { before: 1, after: 0, newlyDenied: 0, newlyAllowed: 1 }],
        ['b', { before: 0, after: 0, newlyDenied: 0, newlyAllowed: 0 }],
        ['c', { before: 0, after: 2, newlyDenied: 2, newlyAllowed: 0 }],
      ],
      keys: [
        { key: {}, newlyDenied: 2, newlyAllowed: 0 },
        { key: { ip: 'x' }, newlyDenied: 0, newlyAllowed: 1 },
      ],
    });
    expect(span).toEqual({ from: 0, to: 3 });
  });

  it('should count a request under the groups that denied it, and tell that it moved', async () => {
    const limits = { none: { ...MINUTE, quota: 0 }, all: { ...MINUTE, quota: 9 } };
    const before = policyOf(limits, {
      old: { match: ['GET /a'], limits: ['none'] },
      other: { match: ['GET /b'], limits: ['all'] },
    });
    const after = policyOf(limits, {
      new: { match: ['GET /a'], limits: ['all'] },
      other: { match: ['GET /b'], limits: ['all'] },
    });
    const { moved, groups, denied } = await comparisonOf(
      logOf(get({ path: '/a' }), get({ path: '/b' }), get({ path: '/c' })),
      before,
      after,
    );
    expect(moved).toBe(1);
    expect(denied).toEqual({ before: 2, after: 1, newlyDenied: 0, newlyAllowed: 1 });
    expect([...groups]).toEqual([
      ['old', { before: 1, after: 0, newlyDenied: 0, newlyAllowed: 1 }],
      ['other', { before: 0, after: 0, newlyDenied: 0, newlyAllowed: 0 }],
      ['new', { before: 0, after: 0, newlyDenied: 0, newlyAllowed: 0 }],
      ['unmatched', { before: 1, after: 1, newlyDenied: 0, newlyAllowed: 0 }],
    ]);
  });

  it('should name keys by their fields, most affected first, once for all limits of a partition', async () => {
    const pair = ['ip', 'account'];
    const limits = {
      a: { ...MINUTE, quota: 1, per: pair },
      b: { ...MINUTE, quota: 1, per: pair.toReversed() },
      c: { ...MINUTE, quota: 1, per: 'ip', missing: 'shared' },
    } as const;
    const after = site(limits);
    const before = site({ a: { ...MINUTE, quota: 9, per: pair } });
    const odd = { ip: '1:2', account: '12:' };
    const asked = [odd, odd, odd, { ip: 'x', account: 'y' }, { ip: 'x', account: 'y' }].map(get);
    expect((await comparisonOf(logOf(...asked), before, after)).keys).toEqual([
      { key: odd, newlyDenied: 2, newlyAllowed: 0 },
      { key: { ip: '1:2' }, newlyDenied: 2, newlyAllowed: 0 },
      { key: { ip: 'x', account: 'y' }, newlyDenied: 1, newlyAllowed: 0 },
      { key: { ip: 'x' }, newlyDenied: 1, newlyAllowed: 0 },
    ]);
  });

  it('should take no account of what limits say in the shadow', async () => {
    const tried = { ...MINUTE, quota: 0, per: 'ip', mode: 'shadow' } as const;
    const before = site({ a: { ...MINUTE, quota: 9 } });
    const after = site({ a: { ...MINUTE, quota: 1, candidate: { quota: 0 } }, s: tried });
    const asked = [get({ ip: 'x' }), get({ ip: 'x' })];
    const { denied, limits, keys } = await comparisonOf(logOf(...asked), before, after);
    expect([denied.after, limits.get('s')?.after, [...limits.keys()]]).toEqual([1, 0, ['a', 's']]);
    expect(keys).toEqual([{ key: {}, newlyDenied: 1, newlyAllowed: 0 }]);
  });

  it('should leave costs out in units that a side does not count, and requests that a side refuses', async () => {
    const before = site({ a: { ...MINUTE, quota: 9 } });
    const after: PolicyDocument = {
      ...site({ a: { ...MINUTE, quota: 9 }, t: { ...MINUTE, quota: 10, unit: 'tokens' } }),
      tiers: { pro: {} },
    };
    const refused: unknown[] = [];
    const { requests, denied } = await comparisonOf(
      logOf(
        get({ cost: { requests: 1, tokens: 8 } }),
        get({ cost: { requests: 1, tokens: 8 } }),
        get(),
        get({ tier: 'pro' }),
        get({ tier: 'pr' }),
      ),
      before,
      after,
      (...told) => refused.push(told),
    );
    expect([requests, denied.newlyDenied]).toEqual([2, 1]);
    expect(refused).toEqual([
      [3, expect.stringMatching(/^in the new policy, limit "t" counts tokens/)],
      [4, expect.stringMatching(/^in the old policy, unknown tier "pro"/)],
      [5, expect.stringMatching(/^in the old policy, unknown tier "pr"/)],
    ]);
  });
});

describe('any comparison', () => {
  const limit = fc.record(
    {
      algorithm: fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket'),
      quota: fc.integer({ min: 1, max: 4 }),
      window: fc.integer({ min: 20, max: 200 }),
      per: fc.constantFrom('ip', ['ip', 'user']),
    },
    { requiredKeys: ['algorithm', 'quota', 'window'] },
  );
  const policy = fc
    .record({ a: limit, b: limit, isSplit: fc.boolean() })
    .map(({ a, b, isSplit }): PolicyDocument => {
      const limits = { a, b } as unknown as Record<string, LimitDocument>;
      const rest = { match: ['* /**'], limits: ['a', 'b'] };
      return policyOf(limits, isSplit ? { rest, x: { match: ['* /x'], limits: ['b'] } } : { rest });
    });
  const request = fc.record({
    at: fc.integer({ min: 0, max: 100 }),
    ip: fc.constantFrom('1', '2'),
    user: fc.constantFrom('u', 'v'),
    path: fc.constantFrom('/x', '/y'),
  });
  const log = fc
    .array(request, { minLength: 10, maxLength: 40 })
    .map((asked) =>
      asked
        .sort((a, b) => a.at - b.at)
        .map(({ at, ...rest }, i) => ({ line: i, at, descriptor: { method: 'GET', ...rest } })),
    );
  const turned = ({ before, after, newlyDenied, newlyAllowed }: Shift): Shift => ({
    before: after,
    after: before,
    newlyDenied: newlyAllowed,
    newlyAllowed: newlyDenied,
  });

  it('should add up, and be the mirror image of its opposite', async () => {
    let changes = 0;
    await fc.assert(
      fc.asyncProperty(log, policy, policy, async (requests, before, after) => {
        const there = await comparisonOf(requests, before, after);
        const back = await comparisonOf(requests, after, before);
        const { denied, groups } = there;
        changes += denied.newlyDenied + denied.newlyAllowed;
        expect(denied.after).toBe(denied.before + denied.newlyDenied - denied.newlyAllowed);
        for (const figure of ['before', 'after', 'newlyDenied', 'newlyAllowed'] as const) {
          expect([...groups.values()].reduce((sum, shift) => sum + shift[figure], 0)).toBe(denied[figure]);
        }
        expect(back.denied).toEqual(turned(denied));
        for (const [name, shift] of groups) expect(back.groups.get(name)).toEqual(turned(shift));
        for (const [name, shift] of there.limits) expect(back.limits.get(name)).toEqual(turned(shift));
        expect(await comparisonOf(requests, before, before)).toMatchObject({
          denied: { newlyDenied: 0, newlyAllowed: 0 },
          moved: 0,
          keys: [],
        });
      }),
    );
    expect(changes).toBeGreaterThan(300);
  });
});
