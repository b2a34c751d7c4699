import {
  type BlockOptions,
  createEngine,
  type Decision,
  type Engine,
  type ManualClock,
  manualClock,
  type Partition,
  type PolicyDocument,
} from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 5, window: '1m', per: 'apiKey' },
    spend: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 20, per: 'apiKey', unit: 'tokens' },
    pairs: { algorithm: 'sliding-window', quota: 2, window: '1m', per: ['apiKey', 'call'] },
    all: { algorithm: 'fixed-window', quota: 100, window: '1m' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads', 'all'] },
    say: { match: ['POST /v1/calls/:call/say'], limits: ['reads', 'pairs'] },
    ask: { match: ['POST /v1/ask'], limits: ['spend', 'reads', 'all'] },
    dial: { limits: ['all', 'calls'] },
    free: { match: ['GET /health'], limits: [] },
  },
  unmatched: 'deny',
};

let clock: ManualClock;
let engine: Engine;
beforeEach(() => {
  clock = manualClock(1_000_000);
  engine = createEngine(POLICY, { clock });
});

const read = { group: 'read', apiKey: 'a' };
const ask = { group: 'ask', apiKey: 'a', cost: { tokens: 10 } };

/** What is left of each limit of a request. */
function left(request: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(engine.peek(request).limits.map((limit) => [limit.name, limit.remaining]));
}

describe('checking a request', () => {
  it('should charge every limit of its group, each in its own unit', () => {
    expect(engine.check(ask)).toMatchObject({ allowed: true, group: 'ask', limit: 'spend', remaining: 10 });
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
    expect(engine.check({ ...ask, cost: { tokens: 10, requests: 3 } }).allowed).toBe(true);
    expect(left(ask)).toEqual({ spend: 0, reads: 1, all: 96 });
  });

  it('should charge none when one refuses, whichever it is', () => {
    engine.check(ask);
    const before = [left(ask), engine.stats().partitions];
    for (const cost of [{ tokens: 11 }, { tokens: 1, requests: 5 }, { tokens: 1, requests: 101 }]) {
      expect(engine.check({ ...ask, cost }).allowed).toBe(false);
      expect([left(ask), engine.stats().partitions]).toEqual(before);
    }
    expect(engine.stats()).toMatchObject({ allowed: 1, denied: 3 });
  });

  it('should keep partitions apart, and share what has none', () => {
    for (let i = 0; i < 5; i++) engine.check(read);
    expect(engine.check(read)).toMatchObject({ allowed: false, limit: 'reads' });
    expect(engine.check({ ...read, apiKey: 'b' })).toMatchObject({ allowed: true });
    expect(left({ ...read, apiKey: 'c' })).toEqual({ reads: 5, all: 94 });
  });

  it('should say whose budgets it asked', () => {
    const decision = engine.check({ method: 'POST', path: '/v1/calls/c:1/say', apiKey: 'a' });
    expect(decision.limits.map(({ name, key }) => [name, key])).toEqual([
      ['reads', 'a'],
      ['pairs', '1:a3:c:1'],
    ]);
    expect(engine.check(read).limits[1]?.key).toBe('');
  });

  it('should report what is left after the charge, also where the cost was 0', () => {
    // One key, so a newcomer takes over whatever row there is.
    engine = createEngine(POLICY, { clock, maxKeys: 1 });
    const spend = (apiKey: string, tokens: number) =>
      engine.check({ ...ask, apiKey, cost: { requests: 1, tokens } });
    spend('a', 5);
    spend('b', 8);
    const decision = spend('c', 0);
    const reported = Object.fromEntries(decision.limits.map((limit) => [limit.name, limit.remaining]));
    expect(decision.allowed).toBe(true);
    expect(reported).toEqual(left({ ...ask, apiKey: 'c' }));
  });

  it('should count decisions', () => {
    for (let i = 0; i < 7; i++) engine.check(read);
    engine.peek(read);
    engine.explain(read);
    engine.check({ method: 'GET', path: '/nowhere' });
    expect(engine.stats()).toMatchObject({ allowed: 5, denied: 3 });
  });

  it('should take the present from its clock, or from the call', () => {
    expect(engine.check(read)).toMatchObject({ at: 1_000_000, resetAt: 1_060_000 });
    expect(engine.check(read, { now: 1_059_999.5 })).toMatchObject({ at: 1_059_999, remaining: 3 });
    expect(engine.check(read, { now: 1_060_000 })).toMatchObject({ at: 1_060_000, remaining: 4 });
  });
});

describe('a clock that was set back', () => {
  it('should keep a full bucket waiting for one unit, not until the clock is where it was', () => {
    const limits = { l: { algorithm: 'token-bucket', quota: 600, window: '1m', burst: 50 } } as const;
    const bucket = createEngine({ version: 1, limits, groups: { g: { limits: ['l'] } }, unmatched: 'deny' });
    for (let i = 0; i < 50; i++) bucket.check({ group: 'g' }, { now: 10_000_000 });
    const anHourBefore = 6_400_000;
    expect(bucket.check({ group: 'g' }, { now: anHourBefore })).toMatchObject({
      allowed: false,
      retryAt: anHourBefore + 100,
    });
  });
});

describe('one row for all limits of a partition', () => {
  it('should be made by the first charge, and shared', () => {
    const keys = (): Record<string, number> =>
      Object.fromEntries(Object.entries(engine.stats().partitions).map(([name, { keys }]) => [name, keys]));
    expect(keys()).toMatchObject({ apiKey: 0, 'apiKey+call': 0, '(shared)': 0 });
    engine.peek(ask);
    engine.explain(ask);
    engine.check({ ...ask, cost: { tokens: 0, requests: 0 } });
    engine.check({ ...ask, cost: { tokens: 21 } });
    expect(keys()).toMatchObject({ apiKey: 0, 'apiKey+call': 0, '(shared)': 0 });
    engine.check(ask);
    engine.check({ ...ask, apiKey: 'b' });
    engine.check({ group: 'say', apiKey: 'a', call: '1' });
    expect(keys()).toMatchObject({ apiKey: 2, 'apiKey+call': 1, '(shared)': 1 });
  });

  it('should be the same whichever way round its fields are written', () => {
    const both = createEngine({
      version: 1,
      limits: {
        one: { algorithm: 'fixed-window', quota: 2, window: '1m', per: ['b', 'a'] },
        two: { algorithm: 'fixed-window', quota: 3, window: '1m', per: ['a', 'b'] },
      },
      groups: { g: { limits: ['one', 'two'] } },
      unmatched: 'deny',
    });
    const { limits } = both.check({ group: 'g', a: 'x', b: 'y' }, { now: 0 });
    expect(limits.map(({ key }) => key)).toEqual(['1:x1:y', '1:x1:y']);
    expect(both.check({ group: 'g', a: 'y', b: 'x' }, { now: 0 })).toMatchObject({ remaining: 1 });
    expect(both.stats().partitions).toMatchObject({ 'a+b': { keys: 2 } });
    expect(both.forget({ b: 'y', a: 'x' })).toBe(true);
  });

  it('should have the ceilings of the options', () => {
    const small = createEngine(POLICY, { clock, maxKeys: 2, maxBlocks: 1 });
    for (const apiKey of ['a', 'b', 'c']) small.check({ ...read, apiKey });
    expect(small.stats().partitions).toMatchObject({
      apiKey: { keys: 2, maxKeys: 2, evicted: 1, joined: 1 },
      '(shared)': { keys: 1, maxKeys: 2, evicted: 0 },
    });
    small.block({ apiKey: 'a' }, { for: '1m' });
    expect(() => small.block({ apiKey: 'b' }, { for: '1m' })).toThrow(
      expect.objectContaining({ code: 'too-many-blocks' }),
    );
    small.block({ apiKey: 'a', call: '1' }, { for: '1m' });
  });
});

describe('giving a request back', () => {
  it('should count only failed logins', () => {
    const logins = createEngine(
      {
        version: 1,
        limits: { logins: { algorithm: 'fixed-window', quota: 3, window: '15m', per: 'user' } },
        groups: { login: { match: ['POST /login'], limits: ['logins'] } },
        unmatched: 'allow',
      },
      { clock },
    );
    const login = (succeeds: boolean): boolean => {
      const decision = logins.check({ method: 'POST', path: '/login', user: 'ada' });
      if (decision.allowed && succeeds) logins.refund(decision);
      return decision.allowed;
    };
    expect([true, true, true, true, false, true, false, false, true].map(login)).toEqual([
      ...Array.from({ length: 8 }, () => true),
      false,
    ]);
  });

  it('should give back all limits, once', () => {
    const decision = engine.check({ ...ask, cost: { tokens: 10, requests: 2 } });
    engine.check(ask);
    engine.refund(decision);
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
    engine.refund(decision);
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
  });

  it('should give back only what each limit still holds of it', () => {
    const decision = engine.check({ ...ask, cost: { tokens: 10, requests: 2 } });
    clock.advance('5s');
    engine.check(ask);
    engine.refund(decision);
    // Half of the ten tokens have dripped back by themselves; the window has not moved.
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
    clock.advance('1m');
    engine.check(ask);
    engine.refund(decision);
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
  });

  it('should give back nothing of a denied request, of a peek, or of a request without limits', () => {
    engine.check({ ...ask, cost: { tokens: 20, requests: 5 } });
    for (const decision of [engine.check(ask), engine.peek(ask), engine.check({ group: 'free' })]) {
      engine.refund(decision);
    }
    engine.refund(engine.check({ method: 'GET', path: '/nowhere' }));
    expect(left(ask)).toEqual({ spend: 0, reads: 0, all: 95 });
  });

  it('should give back nothing from partitions that were forgotten since', () => {
    const decision = engine.check({ ...ask, cost: { tokens: 10, requests: 2 } });
    engine.forget({ apiKey: 'a' });
    engine.check(ask);
    engine.refund(decision);
    expect(left(ask)).toEqual({ spend: 10, reads: 4, all: 99 });
  });

  it.each<[string, (other: Engine, decision: Decision) => unknown, string]>([
    ['of another engine', (other) => other.check(read), 'foreign-decision'],
    ['that is a copy', (_other, decision) => ({ ...decision }), 'no-decision'],
    ['that is none', () => ({ allowed: true }), 'no-decision'],
    ['that is missing', () => undefined, 'no-decision'],
  ])('should refuse a decision %s', (_what, made, code) => {
    const decision = engine.check(read);
    const wrong = made(createEngine(POLICY, { clock }), decision) as Decision;
    expect(() => engine.refund(wrong)).toThrow(expect.objectContaining({ name: 'DescriptorError', code }));
    expect(left(read)).toEqual({ reads: 4, all: 99 });
  });
});

describe('blocking a partition', () => {
  it('should deny every group with a limit per it, and no other', () => {
    engine.block({ apiKey: 'a' }, { for: '10m', reason: 'scraping' });
    const blocked = { allowed: false, reason: 'blocked', retryAt: 1_600_000 };
    expect(engine.check(read)).toMatchObject({ ...blocked, limit: 'reads' });
    expect(engine.check(ask)).toMatchObject({ ...blocked, limit: 'spend' });
    expect(engine.check({ group: 'free', apiKey: 'a' })).toMatchObject({ allowed: true });
    expect(engine.check({ ...read, apiKey: 'b' })).toMatchObject({ allowed: true });
    expect(left({ ...read, apiKey: 'b' })).toEqual({ reads: 4, all: 99 });
    clock.set(1_600_000);
    expect(engine.check(read).allowed).toBe(true);
  });

  it('should take partitions of several fields, and of none', () => {
    const say = { group: 'say', apiKey: 'a', call: '1' };
    engine.block({ call: '1', apiKey: 'a' }, { until: 1_000_001 });
    expect(engine.check(say)).toMatchObject({ allowed: false, limit: 'pairs', reason: 'blocked' });
    expect(engine.check({ ...say, call: '2' }).allowed).toBe(true);
    expect(engine.check(read).allowed).toBe(true);
    engine.block({}, { until: 1_000_001 });
    expect(engine.check(read)).toMatchObject({ allowed: false, limit: 'all', reason: 'blocked' });
  });

  it('should end when it is lifted, and say whether there was one', () => {
    engine.block({ apiKey: 'a' }, { for: '10m' });
    expect([engine.unblock({ apiKey: 'a' }), engine.unblock({ apiKey: 'a' })]).toEqual([true, false]);
    expect(engine.unblock({ apiKey: 'a', call: '1' })).toBe(false);
    expect(engine.check(read).allowed).toBe(true);
  });

  it('should outlive forgetting', () => {
    engine.block({ apiKey: 'a' }, { for: '10m' });
    engine.forget({ apiKey: 'a' });
    expect(engine.check(read).reason).toBe('blocked');
    expect(engine.stats().partitions.apiKey).toMatchObject({ keys: 0, blocks: 1 });
  });
});

describe('forgetting a partition', () => {
  it('should reset all limits that share it, and no other', () => {
    engine.check({ ...ask, cost: { tokens: 20, requests: 5 } });
    engine.check({ group: 'say', apiKey: 'b', call: '1' });
    expect(engine.forget({ apiKey: 'a' })).toBe(true);
    expect(engine.forget({ apiKey: 'a' })).toBe(false);
    expect(left(ask)).toEqual({ spend: 20, reads: 5, all: 95 });
    expect(left({ group: 'say', apiKey: 'b', call: '1' })).toEqual({ reads: 4, pairs: 1 });
    expect(engine.forget({ call: '1', apiKey: 'b' })).toBe(true);
    expect(left({ group: 'say', apiKey: 'b', call: '1' })).toEqual({ reads: 4, pairs: 2 });
    expect(engine.forget({})).toBe(true);
    expect(left(ask)).toEqual({ spend: 20, reads: 5, all: 100 });
  });
});

describe('a partition that no limit is per', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['a field of a partition with two', { call: '1' }, 'unknown-partition', /no limit is per \{ call \}/],
    [
      'a field too many',
      { apiKey: 'a', call: '1', ip: '::1' },
      'unknown-partition',
      /\{ apiKey, call, ip \}/,
    ],
    ['a field that is misspelt', { apiKye: 'a' }, 'unknown-partition', /"per": \{ apiKey \} or/],
    ['a field without a name', { '': 'a' }, 'unknown-partition', /no limit is per/],
    ['a field named like two', { '6:apiKey4:call': 'a' }, 'unknown-partition', /no limit is per/],
    ['a field of every object', { toString: 'a' }, 'unknown-partition', /no limit is per/],
    ['a list', ['a'], 'unknown-partition', /no limit is per/],
    ['an empty value', { apiKey: '' }, 'missing-field', /"apiKey" is missing/],
    ['no value', { apiKey: 'a', call: undefined }, 'missing-field', /"call" is missing/],
    ['a value that is no text', { apiKey: 7 }, 'bad-key', /apiKey is 7/],
    ['a value that is too long', { apiKey: 'x'.repeat(513) }, 'key-too-long', /apiKey has 513/],
  ])('should be refused: %s', (_what, partition, code, message) => {
    engine.check(read);
    const before = [engine.stats(), left(read)];
    const wrong = partition as Partition;
    for (const call of [
      () => engine.block(wrong, { for: '1m' }),
      () => engine.unblock(wrong),
      () => engine.forget(wrong),
    ]) {
      expect(call).toThrow(
        expect.objectContaining({ name: 'DescriptorError', code, message: expect.stringMatching(message) }),
      );
    }
    expect([engine.stats(), left(read)]).toEqual(before);
  });

  it.each<[string, unknown]>([
    ['no length', {}],
    ['nothing', undefined],
    ['both', { for: 1, until: 2 }],
    ['a wrong length', { for: '1 fortnight' }],
  ])('should not be blocked for %s', (_what, options) => {
    expect(() => engine.block({ apiKey: 'a' }, options as BlockOptions)).toThrow(
      expect.objectContaining({ name: 'DescriptorError', path: 'for' }),
    );
    expect(engine.stats().partitions.apiKey?.blocks).toBe(0);
  });
});

describe('a group that holds permits', () => {
  const dial = { group: 'dial', account: 'x' };

  it('should not be checked, naming what to call instead', () => {
    expect(() => engine.check(dial)).toThrow(
      expect.objectContaining({
        name: 'DescriptorError',
        code: 'needs-permits',
        path: 'group',
        message: expect.stringMatching(/"calls".*tryAcquire/),
      }),
    );
    expect(engine.stats()).toMatchObject({ allowed: 0, denied: 0, partitions: { '(shared)': { keys: 0 } } });
  });

  it('should be peeked at and explained', () => {
    const admission = engine.tryAcquire(dial);
    expect(engine.peek(dial)).toMatchObject({ limit: 'calls', remaining: admission.remaining });
    expect(engine.explain(dial).limits).toContainEqual(expect.objectContaining({ name: 'calls', used: 1 }));
    expect(engine.explain(dial).text).toMatch(/concurrency, \d+ permits \(from the limit\)/);
  });

  it('should be blocked by the field of its permits', () => {
    engine.block({ account: 'x' }, { for: '1m' });
    expect(engine.tryAcquire(dial)).toMatchObject({ allowed: false, reason: 'blocked' });
    expect(engine.tryAcquire({ ...dial, account: 'y' }).allowed).toBe(true);
  });
});

describe('a check while others wait for the same rate', () => {
  it('should not pass a heavier one that could go ahead only later', async () => {
    const limits = { pace: { algorithm: 'token-bucket', quota: 10, window: '10s', burst: 3 } } as const;
    const groups = { sms: { limits: ['pace'], queue: { size: 9 } } } as const;
    const paced = createEngine({ version: 1, limits, groups, unmatched: 'deny' }, { clock });
    paced.check({ group: 'sms', cost: 2 });
    const heavy = paced.acquire({ group: 'sms', cost: 3 });
    expect(paced.check({ group: 'sms' })).toMatchObject({ allowed: false, reason: 'quota' });
    clock.advance('2s');
    expect(await heavy).toMatchObject({ allowed: true });
  });
});
