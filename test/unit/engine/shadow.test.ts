import { createEngine, definePolicy, manualClock, type PolicyDocument, parsePolicy } from 'headgate';
import { describe, expect, it } from 'vitest';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: {
      algorithm: 'fixed-window',
      window: '1m',
      per: 'apiKey',
      candidate: { algorithm: 'token-bucket', burst: 3, tiers: { pro: 4 } },
    },
    spend: {
      algorithm: 'fixed-window',
      quota: 10,
      window: '1m',
      per: 'account',
      unit: 'tokens',
      mode: 'shadow',
    },
    calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m', mode: 'shadow' },
  },
  groups: { read: { limits: ['reads', 'spend'] }, call: { limits: ['calls'] } },
  tiers: { free: { reads: 2 }, pro: { reads: { quota: 3 } } },
  overrides: [{ limit: 'reads', where: { apiKey: 'vip' }, quota: 100 }],
  unmatched: 'deny',
});

function started() {
  const clock = manualClock(1_000_000);
  return { clock, engine: createEngine(policy, { clock }) };
}

const read = {
  group: 'read',
  apiKey: 'a',
  account: 'acct',
  tier: 'pro',
  cost: { tokens: 4, requests: 1 },
} as const;

describe('a shadow limit', () => {
  it('should be asked and reported, and never deny', () => {
    const { engine } = started();
    const decisions = [1, 2, 3].map(() => engine.check(read));
    expect(decisions.map(({ allowed, limit }) => [allowed, limit])).toEqual([
      [true, 'reads'],
      [true, 'reads'],
      [true, 'reads'],
    ]);
    expect(
      decisions[2]?.limits.map(({ name, mode, allowed, remaining }) => [name, mode, allowed, remaining]),
    ).toEqual([
      ['reads', 'enforce', true, 0],
      ['reads.candidate', 'shadow', true, 0],
      ['spend', 'shadow', false, 2],
    ]);
    expect(decisions[2]?.limits[2]).toMatchObject({ reason: 'quota', retryAt: 1_060_000 });
  });

  it('should be charged only with what is admitted', () => {
    const { engine } = started();
    for (let i = 0; i < 3; i++) engine.check({ ...read, cost: { tokens: 1, requests: 1 } });
    expect(engine.check({ ...read, cost: { tokens: 1, requests: 1 } }).allowed).toBe(false);
    expect(engine.peek({ ...read, apiKey: 'b' }).limits[2]).toMatchObject({ name: 'spend', remaining: 7 });
  });

  it('should give back what a refund returns, and no more', () => {
    const { engine } = started();
    const [first, , third] = [1, 2, 3].map(() => engine.check(read));
    if (first === undefined || third === undefined) throw new Error('no decisions');
    engine.refund(third);
    const remaining = () => engine.peek(read).limits.map((limit) => limit.remaining);
    expect(remaining()).toEqual([1, 1, 2]);
    engine.refund(first);
    expect(remaining()).toEqual([2, 2, 6]);
  });

  it('should not mind what a request does not say for it', () => {
    const { engine } = started();
    const { account: _, cost: __, ...bare } = read;
    expect(engine.check(bare)).toMatchObject({
      allowed: true,
      limits: [{ reason: 'ok' }, { reason: 'ok' }, { name: 'spend', allowed: false, reason: 'missing' }],
    });
  });

  it('should hold permits of its own, which keep nobody out', () => {
    const { engine, clock } = started();
    const call = { group: 'call', account: 'acct' } as const;
    expect(engine.check(call).limits[0]).toMatchObject({ mode: 'shadow', allowed: true });
    const [first, second] = [engine.tryAcquire(call), engine.tryAcquire(call)];
    expect([first.limits[0]?.allowed, second.limits[0]?.allowed]).toEqual([true, false]);
    expect([first.fence, first.expiresAt, second.allowed]).toEqual([undefined, undefined, true]);
    first.release();
    expect(engine.peek(call).limits[0]).toMatchObject({ allowed: true, remaining: 1 });
    engine.tryAcquire(call);
    clock.advance(60_000);
    expect(engine.tryAcquire(call).limits[0]).toMatchObject({ allowed: true });
  });

  it('should say how often it would have decided otherwise', () => {
    const { engine, clock } = started();
    for (let i = 0; i < 4; i++) engine.check({ ...read, cost: { tokens: 1, requests: 1 } });
    clock.advance(15_000);
    engine.check({ ...read, cost: { tokens: 1, requests: 1 } });
    expect(engine.stats().shadows).toEqual({
      'reads.candidate': { agreed: 4, wouldDeny: 0, wouldAllow: 1 },
      spend: { agreed: 5, wouldDeny: 0, wouldAllow: 0 },
      calls: { agreed: 0, wouldDeny: 0, wouldAllow: 0 },
    });
    engine.check({ ...read, apiKey: 'vip', cost: { tokens: 50, requests: 1 } });
    expect(engine.stats().shadows).toMatchObject({ spend: { agreed: 5, wouldDeny: 1 } });
  });

  it('should say so of each request to whoever listens', async () => {
    const { engine } = started();
    const told: unknown[] = [];
    engine.on('allowed', ({ shadows }) => told.push(shadows));
    for (let i = 0; i < 3; i++) engine.check(read);
    await Promise.resolve();
    const agreed = { limit: 'reads.candidate', verdict: 'agreed' };
    expect(told).toEqual([
      [agreed, { limit: 'spend', verdict: 'agreed' }],
      [agreed, { limit: 'spend', verdict: 'agreed' }],
      [agreed, { limit: 'spend', verdict: 'wouldDeny' }],
    ]);
  });

  it('should leave forgotten keys with nothing, and have a table of its own', () => {
    const { engine } = started();
    engine.check(read);
    expect(engine.stats().partitions).toMatchObject({ apiKey: { keys: 1 }, 'apiKey (shadow)': { keys: 1 } });
    expect(engine.forget({ apiKey: 'a' })).toBe(true);
    expect(engine.peek(read).limits.map((limit) => limit.remaining)).toEqual([3, 3, 6]);
  });
});

describe('a candidate', () => {
  it('should take what it does not say from its limit, from tiers and from overrides', () => {
    const { engine } = started();
    const terms = (parts: object) => {
      const { algorithm: _, ...limit } = { ...engine.peek({ ...read, ...parts }).limits[1], algorithm: 0 };
      return [limit.kind, limit.quota, limit.burst, limit.window];
    };
    expect(terms({ tier: 'free' })).toEqual(['token-bucket', 2, 3, 60_000]);
    expect(terms({ tier: 'pro' })).toEqual(['token-bucket', 4, 3, 60_000]);
    expect(terms({ apiKey: 'vip' })).toEqual(['token-bucket', 100, 3, 60_000]);
    expect(terms({ quotas: { reads: 7 } })).toEqual(['token-bucket', 7, 3, 60_000]);
  });

  const limits = (candidate: unknown, limit: object = {}): unknown => ({
    version: 1,
    limits: { reads: { algorithm: 'fixed-window', quota: 1, window: '1m', ...limit, candidate } },
    groups: { read: { limits: ['reads'] } },
    tiers: { pro: { reads: 5_000_000_000 } },
    unmatched: 'deny',
  });
  const rows: [candidate: unknown, limit: object, fault: RegExp][] = [
    [{}, {}, /limits\.reads\.candidate: .*at least one field/],
    [{ qouta: 1 }, {}, /limits\.reads\.candidate\.qouta: unknown field "qouta"; did you mean "quota"\?/],
    [{ quota: -1 }, {}, /limits\.reads\.candidate\.quota: /],
    [
      { algorithm: 'concurrency' },
      {},
      /limits\.reads\.candidate\.algorithm: "concurrency" is no algorithm of rates/,
    ],
    [{ algorithm: 'leaky' }, {}, /limits\.reads\.candidate\.algorithm: "leaky" is no algorithm of rates/],
    [{ burst: 3 }, {}, /limits\.reads\.candidate\.burst: unknown field "burst"/],
    [{ lease: '1m' }, {}, /limits\.reads\.candidate\.lease: a fixed-window limit has no "lease"/],
    [
      { tiers: { por: 3 } },
      {},
      /limits\.reads\.candidate\.tiers\.por: unknown tier "por"; did you mean "pro"\?/,
    ],
    [
      { algorithm: 'sliding-window', window: '30d' },
      {},
      /limits\.reads\.candidate\.tiers\.pro: a quota of 5000000000 per 2592000000 ms is too much/,
    ],
    [
      { window: '1h' },
      { algorithm: 'concurrency', window: undefined },
      /candidate\.window: a concurrency limit has no "window"/,
    ],
    [{ algorithm: 'fixed-window' }, { algorithm: 'concurrency', window: undefined }, /leave "algorithm" out/],
  ];
  it.each(rows)('should be refused when it is %j of a limit with %j', (candidate, limit, fault) => {
    const { window, ...own } = limit as { window?: string };
    const document = limits(candidate, own) as { limits: { reads: { window?: string } } };
    if ('window' in limit) document.limits.reads.window = undefined as never;
    const clean = JSON.parse(JSON.stringify(document)) as unknown;
    expect(() => parsePolicy(clean)).toThrow(fault);
  });

  it('should begin as a state of its own when the candidate becomes the limit', () => {
    const { engine } = started();
    engine.check({ ...read, cost: 1 });
    const adopted: PolicyDocument = {
      ...policy,
      limits: {
        ...policy.limits,
        reads: { algorithm: 'fixed-window', window: '1m', per: 'apiKey', quota: 9 },
      },
      tiers: {},
    } as PolicyDocument;
    const report = engine.reload({ ...adopted, tiers: { free: {}, pro: {} } });
    expect(report.usage).toMatchObject([
      { limit: 'reads', usage: 'kept' },
      { limit: 'spend', usage: 'kept' },
      { limit: 'calls', usage: 'kept' },
      { limit: 'reads.candidate', usage: 'dropped' },
    ]);
    expect(engine.peek(read).limits.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['reads', 8],
      ['spend', 10],
    ]);
  });
});
