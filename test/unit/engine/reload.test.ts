import { createEngine, type Engine, type ManualClock, manualClock, type PolicyDocument } from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

type Limits = PolicyDocument['limits'];

const LIMITS: Limits = {
  reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'apiKey' },
  drips: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 10, per: 'apiKey' },
  slides: { algorithm: 'sliding-window', quota: 10, window: '1m', per: 'account' },
  calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '10m' },
};

const POLICY: PolicyDocument = {
  version: 1,
  limits: LIMITS,
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads', 'drips'] },
    list: { match: ['GET /v1/lists/:list'], limits: ['slides'] },
    call: { limits: ['calls'], queue: { size: 10, timeout: '1h' } },
  },
  unmatched: 'deny',
};

/** The policy with some limits changed. */
function changed(limits: { [name: string]: object }, parts: object = {}): PolicyDocument {
  const merged = Object.entries(limits).map(([name, fields]) => [name, { ...LIMITS[name], ...fields }]);
  const whole = { ...POLICY, limits: { ...LIMITS, ...Object.fromEntries(merged) }, ...parts };
  return JSON.parse(JSON.stringify(whole)) as PolicyDocument;
}

type Request = { readonly [field: string]: unknown };

const read = { group: 'read', apiKey: 'a', account: 'acct' };
const list = { group: 'list', account: 'acct' };
const call = { group: 'call', account: 'acct' };

let clock: ManualClock;
let engine: Engine;
beforeEach(() => {
  clock = manualClock(1_000_000);
  engine = createEngine(POLICY, { clock });
});

function spend(request: Request, times: number): void {
  for (let i = 0; i < times; i++) expect(engine.check(request).allowed).toBe(true);
}

function left(request: Request): Record<string, number> {
  return Object.fromEntries(engine.peek(request).limits.map((limit) => [limit.name, limit.remaining]));
}

describe('what is used when a policy is reloaded', () => {
  const rows: [what: string, change: { [limit: string]: object }, usage: string, left: object][] = [
    ['nothing', {}, 'kept', { reads: 6, drips: 6 }],
    ['a larger quota', { reads: { quota: 100 }, drips: { quota: 600 } }, 'kept', { reads: 96, drips: 0 }],
    ['a smaller quota', { reads: { quota: 3 }, drips: { quota: 30 } }, 'kept', { reads: 0, drips: 8 }],
    ['a larger burst', { drips: { burst: 20 } }, 'kept', { reads: 6, drips: 16 }],
    [
      'a longer window',
      { reads: { window: '1h' }, drips: { window: '1h' } },
      'converted',
      { reads: 6, drips: 6 },
    ],
    [
      'a shorter window, in whole milliseconds',
      { reads: { window: '1s' }, drips: { window: '1s' } },
      'converted',
      { reads: 6, drips: 5 },
    ],
    [
      'windows of the clock',
      { reads: { anchor: 'epoch' }, drips: { window: 60_001 } },
      'converted',
      { reads: 6, drips: 5 },
    ],
    [
      'the same window otherwise written',
      { reads: { window: '60s' }, drips: { window: 60_000 } },
      'kept',
      { reads: 6, drips: 6 },
    ],
    [
      'another partition',
      { reads: { per: 'account' }, drips: { per: ['apiKey', 'account'] } },
      'reset',
      { reads: 10, drips: 10 },
    ],
    [
      'another unit',
      { reads: { unit: 'tokens' }, drips: { unit: 'tokens' } },
      'reset',
      { reads: 10, drips: 10 },
    ],
    ['a shadow', { reads: { mode: 'shadow' }, drips: { mode: 'shadow' } }, 'reset', { reads: 10, drips: 10 }],
    [
      'another algorithm',
      { reads: { algorithm: 'sliding-window' }, drips: { algorithm: 'fixed-window', burst: undefined } },
      'reset',
      { reads: 10, drips: 60 },
    ],
  ];
  it.each(rows)('should be right after %s', (_, change, usage, expected) => {
    spend(read, 4);
    const report = engine.reload(changed(change));
    const fates = report.usage.filter(({ limit }) => limit === 'reads' || limit === 'drips');
    expect(fates.map((fate) => fate.usage)).toEqual([usage, usage]);
    const inTokens = JSON.stringify(change).includes('tokens');
    expect(left(inTokens ? { ...read, cost: { tokens: 1 } } : read)).toEqual(expected);
  });

  it('should begin anew as asked, for all limits or for one', () => {
    spend(read, 4);
    engine.reload(POLICY, { carry: { reads: 'reset' } });
    expect(left(read)).toEqual({ reads: 10, drips: 6 });
    engine.reload(POLICY, { carry: 'reset' });
    expect(left(read)).toEqual({ reads: 10, drips: 10 });
  });

  it('should come back with a quota that was cut and raised again', () => {
    spend(read, 4);
    engine.reload(changed({ reads: { quota: 3 }, drips: { quota: 6, burst: 1 } }));
    expect(engine.check(read)).toMatchObject({ allowed: false, limit: 'reads' });
    engine.reload(POLICY);
    expect(left(read)).toEqual({ reads: 6, drips: 6 });
  });

  it('should not end sooner because a window was made shorter and longer again', () => {
    spend(read, 10);
    const { resetAt } = engine.peek({ ...read, group: 'read' });
    engine.reload(changed({ reads: { window: '1s' } }));
    engine.reload(POLICY);
    expect(engine.peek(read)).toMatchObject({ allowed: false, limit: 'reads' });
    expect(engine.peek(read).retryAt).toBeGreaterThanOrEqual(resetAt as number);
  });

  it('should not be taken for wrong because a slower bucket has used it', () => {
    const fast = changed({ reads: { quota: 1000 }, drips: { quota: 600 } });
    const slow = changed({ reads: { quota: 1000 }, drips: { quota: 6 } });
    engine.reload(slow);
    spend(read, 10);
    const bytes = engine.snapshot();
    engine.reload(fast);
    // Ten units are 100 s of drips; the fast bucket holds one second of them.
    const denied = { allowed: false, limit: 'drips', retryAt: 1_099_100 };
    expect(engine.check(read)).toMatchObject(denied);
    expect(engine.check(read)).toMatchObject(denied);
    const restored = createEngine(fast, { clock, restore: bytes });
    expect(restored.check(read)).toMatchObject(denied);
    expect(restored.check(read)).toMatchObject(denied);
  });

  it('should leave the others alone when a limit comes or goes in their partition', () => {
    spend(read, 4);
    const { reads, ...others } = LIMITS;
    const more: PolicyDocument = {
      ...POLICY,
      limits: { early: { algorithm: 'sliding-window', quota: 7, window: '1h', per: 'apiKey' }, ...LIMITS },
      groups: { ...POLICY.groups, read: { limits: ['early', 'reads', 'drips'] } },
    };
    engine.reload(more);
    expect(left(read)).toEqual({ early: 7, reads: 6, drips: 6 });
    spend(read, 1);
    engine.reload({ ...POLICY, limits: others, groups: { ...POLICY.groups, read: { limits: ['drips'] } } });
    expect(left(read)).toEqual({ drips: 5 });
    engine.reload(more);
    expect(left(read)).toEqual({ early: 7, reads: 10, drips: 5 });
  });

  it('should keep what blocks a partition, and who is evicted next', () => {
    engine.block({ apiKey: 'a' }, { for: '1h', reason: 'abuse' });
    engine.reload(changed({ reads: { quota: 100, window: '1h' } }));
    expect(engine.check(read)).toMatchObject({ allowed: false, reason: 'blocked', retryAt: 4_600_000 });
    expect(engine.explain(read).limits[0]).toMatchObject({ blockReason: 'abuse' });
    expect(engine.unblock({ apiKey: 'a' })).toBe(true);
  });

  it('should be given back for decisions from before, where it goes on', () => {
    const before = engine.check({ ...read, cost: 4 });
    engine.reload(changed({ reads: { quota: 20 }, drips: { window: '2m' } }));
    engine.refund(before);
    expect(left(read)).toEqual({ reads: 20, drips: 6 });
  });

  it('should not be given back twice because the limit moved', () => {
    const before = engine.check({ ...list, cost: 4 });
    engine.reload(POLICY, { carry: 'reset' });
    spend(list, 5);
    engine.refund(before);
    expect(left(list)).toEqual({ slides: 5 });
  });
});

describe('a reload', () => {
  it('should change nothing when the policy is faulty', () => {
    spend(read, 4);
    const faulty = changed({ reads: { quota: -1 } });
    expect(() => engine.reload(faulty)).toThrow(/limits\.reads\.quota/);
    expect(() => engine.reload(POLICY, { carry: 'drop' as 'keep' })).toThrow(/give "keep" or "reset"/);
    expect(() => engine.reload(POLICY, { carry: { raeds: 'keep' } as object })).toThrow(
      /did you mean "reads"/,
    );
    expect(engine.policy).toEqual(POLICY);
    expect(left(read)).toEqual({ reads: 6, drips: 6 });
  });

  it('should say what changed, as data and as text', () => {
    const after = changed(
      { reads: { quota: 20, window: '60s' } },
      {
        groups: {
          ...POLICY.groups,
          list: { match: ['GET /v2/**'], limits: ['slides'] },
          new: { limits: [] },
        },
      },
    );
    const { text, usage, ...diff } = engine.reload(after);
    expect(diff).toEqual({
      limits: { added: [], removed: [], changed: ['reads'] },
      groups: { added: ['new'], removed: [], changed: ['list'] },
      tiers: { added: [], removed: [], changed: [] },
      changes: [
        { path: 'limits.reads.quota', before: 10, after: 20 },
        { path: 'groups.list.match', before: ['GET /v1/lists/:list'], after: ['GET /v2/**'] },
        { path: 'groups.new', before: undefined, after: { limits: [] } },
      ],
      matching: [
        { pattern: 'GET /v1/lists/:list', before: 'list', after: 'read' },
        { pattern: 'GET /v2/**', before: 'deny', after: 'list' },
      ],
    });
    const other = { ...after, unmatched: 'allow' };
    expect(engine.reload(other).matching).toEqual([{ pattern: 'unmatched', before: 'deny', after: 'allow' }]);
    const narrow = { ...other, groups: { ...other.groups, post: { match: ['GET|POST /v2/x'], limits: [] } } };
    expect(engine.reload(narrow).matching).toEqual([
      { pattern: 'GET /v2/x', before: 'list', after: 'post' },
      { pattern: 'POST /v2/x', before: 'allow', after: 'post' },
    ]);
    engine.reload(after);
    expect(usage).toHaveLength(4);
    expect(text.split('\n')).toEqual([
      '~ limits.reads.quota: 10 -> 20',
      '~ groups.list.match: ["GET /v1/lists/:list"] -> ["GET /v2/**"]',
      '+ groups.new: {"limits":[]}',
      '> GET /v1/lists/:list: list -> read',
      '> GET /v2/**: deny -> list',
      'usage kept: reads, drips, slides, calls',
    ]);
    expect(engine.reload(after).text.split('\n')[0]).toBe('nothing changed');
  });
});

describe('those who hold and those who wait, when a policy is reloaded', () => {
  async function settled<T>(promises: readonly Promise<T>[]): Promise<(T | undefined)[]> {
    const results: (T | undefined)[] = promises.map(() => undefined);
    promises.forEach((promise, i) => void promise.then((value) => (results[i] = value)));
    await new Promise((resolve) => setImmediate(resolve));
    return results;
  }

  it('should be let in at once by a larger quota, in the order they came', async () => {
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const waiting = [engine.acquire(call), engine.acquire(call), engine.acquire(call)];
    engine.reload(changed({ calls: { quota: 4 } }));
    expect((await settled(waiting)).map((each) => each?.allowed)).toEqual([true, true, undefined]);
    expect(engine.stats()).toMatchObject({ permits: { calls: { held: 4 } }, waiting: 1 });
    expect(held[0]?.release()).toBe(true);
    expect((await settled(waiting)).map((each) => each?.allowed)).toEqual([true, true, true]);
  });

  it('should be held to a smaller one until so many are back', () => {
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    engine.reload(changed({ calls: { quota: 1 } }));
    held[0]?.release();
    expect(engine.tryAcquire(call).allowed).toBe(false);
    held[1]?.release();
    expect(engine.tryAcquire(call).allowed).toBe(true);
  });

  it('should be denied when waiting cannot help them any more', async () => {
    engine.tryAcquire({ ...call, cost: { permits: 2 } });
    const waiting = [engine.acquire(call)];
    engine.reload(changed({ calls: { quota: 0 } }));
    expect(await settled(waiting)).toMatchObject([{ allowed: false, reason: 'never' }]);
    expect(engine.stats().waiting).toBe(0);
  });

  it('should be decided once when their group has no queue any more', async () => {
    engine.tryAcquire(call);
    engine.tryAcquire(call);
    const waiting = [engine.acquire(call), engine.acquire(call)];
    engine.reload(
      changed({ calls: { quota: 3 } }, { groups: { ...POLICY.groups, call: { limits: ['calls'] } } }),
    );
    expect(await settled(waiting)).toMatchObject([
      { allowed: true },
      { allowed: false, reason: 'concurrency' },
    ]);
  });

  it('should be told when their group is gone', async () => {
    engine.tryAcquire(call);
    engine.tryAcquire(call);
    const waiting = engine.acquire(call);
    const { call: _, ...groups } = POLICY.groups;
    engine.reload({ ...POLICY, groups });
    await expect(waiting).rejects.toThrow(/unknown group "call"/);
    expect(engine.stats().waiting).toBe(0);
  });

  it('should keep their deadlines', async () => {
    engine.tryAcquire(call);
    engine.tryAcquire(call);
    const waiting = engine.acquire(call, { timeout: '1m' });
    engine.reload(changed({ reads: { quota: 3 } }));
    clock.advance(59_999);
    expect(await settled([waiting])).toEqual([undefined]);
    clock.advance(1);
    expect(await settled([waiting])).toMatchObject([{ reason: 'queue-timeout' }]);
  });

  it('should give back what they hold of a limit that is gone, and lose it at their deadline', () => {
    const admission = engine.tryAcquire(call);
    const { calls: _, ...limits } = LIMITS;
    engine.reload({ ...POLICY, limits, groups: { read: { limits: ['reads'] } } });
    expect(admission.release()).toBe(true);
    expect(engine.stats().leases).toEqual({ granted: 1, released: 1, expired: 0 });
  });
});
