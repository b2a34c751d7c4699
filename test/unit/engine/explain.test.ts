import { createEngine, type Engine, manualClock } from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

/** 2024-05-16T23:13:20Z. */
const START = 1_715_901_200_000;

let engine: Engine;
beforeEach(() => {
  engine = createEngine(
    {
      version: 1,
      limits: {
        reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' },
        tokens: {
          algorithm: 'token-bucket',
          quota: 1000,
          window: '1m',
          burst: 100,
          per: 'apiKey',
          unit: 'tokens',
        },
        visits: { algorithm: 'sliding-window', quota: 5, window: '1h', per: 'ip', missing: 'deny' },
      },
      groups: {
        read: { match: ['GET /v1/**'], limits: ['reads'] },
        ask: { match: ['POST /v1/models/:model/ask'], limits: ['reads', 'tokens'] },
        visit: { limits: ['visits'] },
        free: { limits: [] },
      },
      tiers: { payg: { tokens: 100 }, scale: { tokens: { quota: 6000, burst: 600 } } },
      defaultTier: 'payg',
      overrides: [{ limit: 'reads', where: { organisation: 'org_7' }, quota: 1200 }],
      unmatched: 'deny',
    },
    { clock: manualClock(START) },
  );
});

describe('the story of a decision', () => {
  it('should be told for an allowed request', () => {
    const request = {
      method: 'POST',
      path: '//V1/models/gpt/%61sk/?stream=1',
      apiKey: 'key_42',
      organisation: 'org_7',
      tier: 'scale',
      cost: { tokens: 200 },
    };
    engine.check(request);
    expect(engine.explain(request).text).toMatchInlineSnapshot(`
      "allowed at 2024-05-16T23:13:20.000Z
      path     /V1/models/gpt/ask
      pattern  POST /v1/models/:model/ask
      group    ask
      tier     scale
        reads: agrees
          fixed-window, 1200 requests per 60000 ms (from the override)
          key "key_42": 1 used, 1199 left, this takes 1
      * tokens: agrees
          token-bucket, 6000 tokens per 60000 ms, burst 600 (from the tier)
          key "key_42": 200 used, 400 left, this takes 200"
    `);
  });

  it('should be told for a denied request', () => {
    const request = { group: 'ask', apiKey: 'key_42', quotas: { reads: 1 }, cost: { tokens: 60 } };
    engine.check(request);
    engine.block({ apiKey: 'key_42' }, { for: '30s', reason: 'looks like a scraper' });
    expect(engine.explain(request).text).toMatchInlineSnapshot(`
      "denied (blocked) at 2024-05-16T23:13:20.000Z
      group    ask
      tier     payg (default)
      * reads: refuses (blocked)
          fixed-window, 1 requests per 60000 ms (from the descriptor)
          key "key_42": 1 used, 0 left, this takes 1
          agrees at 2024-05-16T23:14:20.000Z
          blocked: looks like a scraper
        tokens: refuses (blocked)
          token-bucket, 100 tokens per 60000 ms, burst 100 (from the tier)
          key "key_42": 60 used, 0 left, this takes 60
          agrees at 2024-05-16T23:13:50.000Z
          blocked: looks like a scraper
      retry    at 2024-05-16T23:14:20.000Z"
    `);
  });

  it('should be told as data', () => {
    const request = { method: 'POST', path: '/v1/models/gpt/ask?x', apiKey: 'key_42', cost: { tokens: 60 } };
    engine.check(request);
    engine.block({ apiKey: 'key_42' }, { for: '30s', reason: 'looks like a scraper' });
    const { text, ...story } = engine.explain(request);
    expect(text).toMatch(/^denied \(blocked\) at 2024-05-16T23:13:20\.000Z\n/);
    expect(story).toEqual({
      decision: engine.peek(request),
      path: '/v1/models/gpt/ask',
      pattern: 'POST /v1/models/:model/ask',
      group: 'ask',
      tier: 'payg',
      tierFrom: 'default',
      decidedBy: 'reads',
      limits: [
        {
          name: 'reads',
          kind: 'fixed-window',
          unit: 'requests',
          key: 'key_42',
          allowed: false,
          cost: 1,
          quota: 600,
          window: 60_000,
          remaining: 0,
          resetAt: START + 60_000,
          retryAt: START + 30_000,
          reason: 'blocked',
          mode: 'enforce',
          used: 1,
          quotaFrom: 'limit',
          blockReason: 'looks like a scraper',
        },
        {
          name: 'tokens',
          kind: 'token-bucket',
          unit: 'tokens',
          key: 'key_42',
          allowed: false,
          cost: 60,
          quota: 100,
          window: 60_000,
          burst: 100,
          remaining: 0,
          resetAt: START + 36_000,
          retryAt: START + 30_000,
          reason: 'blocked',
          mode: 'enforce',
          used: 60,
          quotaFrom: 'tier',
          blockReason: 'looks like a scraper',
        },
      ],
    });
  });

  it.each<[string, Record<string, unknown>, RegExp[]]>([
    [
      'that nothing matches',
      { method: 'PUT', path: '/v1/x' },
      [
        /^denied \(unmatched\) at/,
        /path {5}\/v1\/x/,
        /pattern {2}none matches/,
        /no limits apply/,
        /retry {4}never$/,
      ],
    ],
    ['of a group without limits', { group: 'free' }, [/^allowed at/, /group {4}free/, /no limits apply$/]],
    [
      'without a field',
      { group: 'visit' },
      [/visits: refuses \(missing\)/, /key missing: 0 used, 0 left/, /retry {4}never$/],
    ],
    [
      'that never fits',
      { group: 'visit', ip: '::1', cost: 6 },
      [/refuses \(never\)/, /agrees never/, /retry {4}never$/],
    ],
    ['of a tier of its own', { group: 'free', tier: 'scale' }, [/tier {5}scale$/m]],
    ['of the default tier', { group: 'free' }, [/tier {5}payg \(default\)$/m]],
    ['of a key with a line break', { group: 'read', apiKey: 'a\nb' }, [/key "a\\nb": 0 used/]],
  ])('should be told for a request %s', (_what, request, lines) => {
    const { text } = engine.explain(request);
    for (const line of lines) expect(text).toMatch(line);
  });

  it('should be told in milliseconds where the calendar ends', () => {
    const limits = { l: { algorithm: 'sliding-window', quota: 1, window: 2 ** 51 } } as const;
    const groups = { g: { limits: ['l'] } };
    const late = createEngine({ version: 1, limits, groups, unmatched: 'deny' });
    late.check({ group: 'g' }, { now: 2 ** 52 });
    expect(late.explain({ group: 'g' }, { now: 2 ** 52 }).text).toMatch(/retry {4}at 9007199254740991 ms$/);
  });

  it('should be the one that check then acts out, and change nothing', () => {
    const request = { group: 'ask', apiKey: 'key_42', cost: { tokens: 60 } };
    for (let i = 0; i < 3; i++) {
      const before = engine.stats();
      const { decision, limits } = engine.explain(request);
      expect(engine.stats()).toEqual(before);
      expect(engine.peek(request)).toEqual(decision);
      const checked = engine.check(request);
      expect([checked.allowed, checked.reason, checked.retryAt]).toEqual([
        decision.allowed,
        decision.reason,
        decision.retryAt,
      ]);
      expect(
        limits.map(({ used, remaining, quota, burst }) => used + remaining === (burst ?? quota)),
      ).toEqual([true, true]);
    }
  });

  it('should count debt among what is used', () => {
    const request = (quota: number) => ({ group: 'read', apiKey: 'key_42', quotas: { reads: quota } });
    for (let i = 0; i < 10; i++) engine.check(request(10));
    expect(engine.explain(request(4)).limits[0]).toMatchObject({ quota: 4, remaining: 0, used: 4 });
    expect(engine.explain(request(12)).limits[0]).toMatchObject({ quota: 12, remaining: 2, used: 10 });
  });
});
