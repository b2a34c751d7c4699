import {
  createEngine,
  createLimiter,
  type Decision,
  type Engine,
  fixedWindow,
  type LimitDocument,
  manualClock,
  slidingWindow,
  tokenBucket,
} from 'headgate';
import { describe, expect, it } from 'vitest';

const never = Number.POSITIVE_INFINITY;

/** An engine with one group, `g`, that asks these limits in this order. */
function engineOf(limits: Record<string, LimitDocument>, start = 0): Engine {
  const groups = { g: { limits: Object.keys(limits) } };
  return createEngine({ version: 1, limits, groups, unmatched: 'deny' }, { clock: manualClock(start) });
}

const window = 1000;
const fixed = (quota: number, length = window): LimitDocument => ({
  algorithm: 'fixed-window',
  quota,
  window: length,
});
const per = (field: string, limit: LimitDocument): LimitDocument => ({ ...limit, per: field });

describe('a decision', () => {
  it.each([1, 3])('should be whole as JSON, by %i limits', (count) => {
    const limits = { a: fixed(3), b: fixed(2, 2000), c: per('user', fixed(1)) };
    const engine = engineOf(Object.fromEntries(Object.entries(limits).slice(0, count)));
    const decision = engine.check({ group: 'g', user: 'u' });
    const { allowed, at, group, limit, quota, remaining, resetAt, reason } = decision;
    const fields = { allowed, at, group, limit, quota, remaining, resetAt, reason, limits: decision.limits };
    expect(JSON.parse(JSON.stringify(decision))).toEqual(fields);
    expect(decision.limits).toHaveLength(count);
    expect(decision.limits).toBe(decision.limits);
  });

  it.each([
    [
      'an allowed request of a fixed window',
      fixedWindow({ quota: 3, window }),
      1,
      { remaining: 2, resetAt: 1500 },
      { kind: 'fixed-window', quota: 3, window },
    ],
    [
      'an allowed request of a sliding window',
      slidingWindow({ quota: 3, window }),
      2,
      { remaining: 1, resetAt: 1999 },
      { kind: 'sliding-window', quota: 3, window },
    ],
    [
      'an allowed request of a token bucket',
      tokenBucket({ quota: 10, window, burst: 4 }),
      3,
      { remaining: 1, resetAt: 800 },
      { kind: 'token-bucket', quota: 10, window, burst: 4 },
    ],
  ])('should have all its fields for %s', (_what, plan, cost, state, terms) => {
    const limiter = createLimiter(plan, { name: 'reads', unit: 'rows' });
    const limit = { name: 'reads', unit: 'rows', key: 'key_42', allowed: true, cost, retryAt: undefined };
    expect(fieldsOf(limiter.check('key_42', { now: 500, cost }))).toStrictEqual({
      allowed: true,
      at: 500,
      group: 'reads',
      limit: 'reads',
      quota: plan.quota,
      retryAt: undefined,
      reason: 'ok',
      ...state,
      limits: [{ ...limit, ...terms, ...state, reason: 'ok', mode: 'enforce' }],
    });
  });

  it('should have all its fields for a denied request', () => {
    const limiter = createLimiter(tokenBucket({ quota: 10, window, burst: 4 }));
    limiter.check('key_42', { now: 500, cost: 4 });
    const state = { remaining: 0, resetAt: 900, retryAt: 700 };
    expect(fieldsOf(limiter.check('key_42', { now: 500, cost: 2 }))).toStrictEqual({
      allowed: false,
      at: 500,
      group: 'default',
      limit: 'default',
      quota: 10,
      reason: 'quota',
      ...state,
      limits: [
        {
          name: 'default',
          kind: 'token-bucket',
          unit: 'requests',
          key: 'key_42',
          allowed: false,
          cost: 2,
          quota: 10,
          window,
          burst: 4,
          ...state,
          reason: 'quota',
          mode: 'enforce',
        },
      ],
    });
  });

  it('should be all there in JSON, and in a copy', () => {
    const decision = createLimiter(fixedWindow({ quota: 3, window })).check('key', { now: 0 });
    expect(JSON.parse(JSON.stringify(decision))).toEqual(fieldsOf(decision));
    expect({ ...decision, limits: decision.limits.map((limit) => ({ ...limit })) }).toEqual(
      fieldsOf(decision),
    );
  });

  it('should not change with later decisions', () => {
    const limiter = createLimiter(fixedWindow({ quota: 3, window }));
    const first = limiter.check('key', { now: 0 });
    const before = fieldsOf(first);
    limiter.check('key', { now: 1, cost: 2 });
    limiter.refund(first, { now: 2 });
    limiter.check('other', { now: 3 });
    expect(fieldsOf(first)).toStrictEqual(before);
  });
});

describe('the limit that blocks', () => {
  it.each<[string, Engine, blocks: readonly ['a' | 'b', until: number][], cost: number, Partial<Decision>]>([
    [
      'the one that never agrees, before all others',
      engineOf({ slow: fixed(3, 9000), blocked: per('a', fixed(9)), tiny: fixed(2) }),
      [['a', 99_000]],
      3,
      { limit: 'tiny', reason: 'never', retryAt: never, quota: 2 },
    ],
    [
      'the first that never agrees',
      engineOf({ one: fixed(2), two: fixed(1), three: fixed(2) }),
      [],
      3,
      { limit: 'one', reason: 'never', retryAt: never },
    ],
    [
      'a block, before a quota that is back later',
      engineOf({ slow: fixed(1, 9000), quick: per('a', fixed(9)) }),
      [['a', 500]],
      1,
      { limit: 'quick', reason: 'blocked', retryAt: 9000, remaining: 0, resetAt: 1000 },
    ],
    [
      'of two blocks, the one that ends last',
      engineOf({ a: per('a', fixed(9)), b: per('b', fixed(9)) }),
      [
        ['a', 500],
        ['b', 700],
      ],
      1,
      { limit: 'b', reason: 'blocked', retryAt: 700 },
    ],
    [
      'of two quotas, the one that is back last',
      engineOf({ quick: fixed(1, 10), slow: fixed(1, 9000), medium: fixed(1, 90) }),
      [],
      1,
      { limit: 'slow', reason: 'quota', retryAt: 9000 },
    ],
    [
      'of two alike, the first in the policy',
      engineOf({ one: fixed(1), two: fixed(1), three: fixed(1, 10) }),
      [],
      1,
      { limit: 'one', reason: 'quota', retryAt: 1000 },
    ],
    [
      'of a refusal and an agreement, the refusal',
      engineOf({ wide: fixed(1000, 9000), narrow: fixed(1, 10) }),
      [],
      1,
      { limit: 'narrow', reason: 'quota', retryAt: 10, quota: 1 },
    ],
  ])('should be %s', (_what, engine, blocks, cost, decision) => {
    const request = { group: 'g', a: 'a1', b: 'b1' };
    engine.check(request);
    for (const [field, until] of blocks) engine.block({ [field]: request[field] }, { until });
    expect(engine.check({ ...request, cost })).toMatchObject({ allowed: false, ...decision });
  });

  it('should count a missing field among what never agrees', () => {
    const engine = engineOf({
      slow: fixed(1, 9000),
      owned: { algorithm: 'fixed-window', quota: 1, window, per: 'owner', missing: 'deny' },
    });
    expect(engine.check({ group: 'g' })).toMatchObject({
      allowed: false,
      limit: 'owned',
      reason: 'missing',
      retryAt: never,
      remaining: 0,
      resetAt: 0,
    });
    expect(engine.stats().partitions).toMatchObject({ '(shared)': { keys: 0 }, owner: { keys: 0 } });
  });
});

describe('the limit nearest to empty', () => {
  it.each<[string, Engine, string]>([
    ['the one with the least left of its quota', engineOf({ wide: fixed(100), narrow: fixed(10) }), 'narrow'],
    ['whatever the order', engineOf({ narrow: fixed(10), wide: fixed(100) }), 'narrow'],
    ['the first of two alike', engineOf({ one: fixed(10), two: fixed(10) }), 'one'],
    [
      'for a token bucket, the least left of its burst',
      engineOf({
        counter: fixed(10),
        bucket: { algorithm: 'token-bucket', quota: 1000, window, burst: 5 },
      }),
      'bucket',
    ],
    [
      'for a token bucket, not the least left of its quota',
      engineOf({
        bucket: { algorithm: 'token-bucket', quota: 1000, window, burst: 20 },
        counter: fixed(10),
      }),
      'counter',
    ],
  ])('should be %s', (_what, engine, limit) => {
    const decision = engine.check({ group: 'g' });
    expect(decision.limit).toBe(limit);
    const shown = decision.limits.find(({ name }) => name === limit);
    expect(decision).toMatchObject({
      quota: shown?.quota,
      remaining: shown?.remaining,
      resetAt: shown?.resetAt,
    });
  });

  it('should be none in a group without limits', () => {
    const engine = engineOf({}, 1234);
    expect(fieldsOf(engine.check({ group: 'g' }))).toStrictEqual({
      allowed: true,
      at: 1234,
      group: 'g',
      limit: undefined,
      quota: never,
      remaining: never,
      resetAt: 1234,
      retryAt: undefined,
      reason: 'ok',
      limits: [],
    });
  });
});

/** The fields that everybody can read. */
function fieldsOf(decision: Decision): unknown {
  return { ...decision, limits: decision.limits.map((limit) => ({ ...limit })) };
}
