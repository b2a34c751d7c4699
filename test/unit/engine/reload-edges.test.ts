import {
  createEngine,
  DescriptorError,
  type Engine,
  fixedWindow,
  manualClock,
  type PlanBuilder,
  type PolicyDocument,
  PolicyError,
  type ReloadOptions,
} from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';
import { settled, watch } from '../../fixtures/virtual-time.ts';

const START = 1_000_000;
const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'key' },
    writes: { algorithm: 'token-bucket', quota: 6, window: '1m', per: 'key' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'key' },
  },
  groups: {
    read: { match: ['GET /**'], limits: ['reads'] },
    write: { match: ['POST /**'], limits: ['writes', 'reads'] },
    call: { limits: ['calls'], queue: { size: 10, timeout: '1h' } },
  },
  unmatched: 'deny',
};

let clock = manualClock(START);
let engine: Engine;
beforeEach(() => {
  clock = manualClock(START);
  engine = createEngine(POLICY, { clock });
});

const read = { group: 'read', key: 'a' };
const write = { group: 'write', key: 'a' };
const call = { group: 'call', key: 'a' };

type Limits = PolicyDocument['limits'];
function having(limits: object, rest: object = {}): PolicyDocument {
  return { ...POLICY, limits: { ...POLICY.limits, ...limits } as Limits, ...rest };
}
const { reads, writes, calls } = POLICY.limits;

describe('what becomes of usage', () => {
  it.each<[string, PolicyDocument, ReloadOptions, string, number]>([
    ['nothing changed', POLICY, {}, 'kept', 6],
    ['a quota', having({ reads: { ...reads, quota: 7 } }), {}, 'kept', 3],
    ['a quota below what was used', having({ reads: { ...reads, quota: 3 } }), {}, 'kept', 0],
    ['the order of the limits', { ...POLICY, limits: { calls, writes, reads } as Limits }, {}, 'kept', 6],
    ['a window in other words', having({ reads: { ...reads, window: 60_000 } }), {}, 'kept', 6],
    ['an anchor that is the default', having({ reads: { ...reads, anchor: 'first-use' } }), {}, 'kept', 6],
    ['what a missing key means', having({ reads: { ...reads, missing: 'shared' } }), {}, 'kept', 6],
    ['a longer window', having({ reads: { ...reads, window: '1h' } }), {}, 'converted', 6],
    ['a shorter window', having({ reads: { ...reads, window: '1s' } }), {}, 'converted', 6],
    ['the anchor', having({ reads: { ...reads, anchor: 'epoch' } }), {}, 'converted', 6],
    ['the algorithm', having({ reads: { ...reads, algorithm: 'sliding-window' } }), {}, 'reset', 10],
    [
      'the partition',
      having({ reads: { ...reads, per: ['key', 'sub'], missing: 'shared' } }),
      {},
      'reset',
      10,
    ],
    ['the unit', having({ reads: { ...reads, unit: 'tokens' } }), {}, 'reset', 10],
    ['the mode', having({ reads: { ...reads, mode: 'shadow' } }), {}, 'reset', 10],
    ['nothing, and reset', POLICY, { carry: 'reset' }, 'reset', 10],
    ['nothing, and reset this one', POLICY, { carry: { reads: 'reset' } }, 'reset', 10],
    ['nothing, and reset another', POLICY, { carry: { writes: 'reset', reads: 'keep' } }, 'kept', 6],
  ])('should be as told when this changes: %s', (_title, policy, options, fate, left) => {
    engine.check({ ...read, cost: 4 });
    const { usage } = engine.reload(policy, options);
    expect(usage.find(({ limit }) => limit === 'reads')).toMatchObject({ usage: fate });
    const { unit = 'requests' } = policy.limits.reads as { unit?: string };
    const asked = engine.peek({ ...read, cost: { [unit]: 1 } });
    const found = asked.limits.find(({ name }) => name === 'reads');
    expect(found?.remaining).toBe(left);
  });

  it('should be told of limits that come and go, and not come back', () => {
    engine.check({ ...read, cost: 4 });
    const { reads: _, ...others } = POLICY.limits;
    const groups = { call: { limits: ['calls'] }, write: { limits: ['writes'] } };
    const without = { ...POLICY, limits: others as Limits, groups };
    expect(engine.reload(without).usage).toContainEqual({
      limit: 'reads',
      usage: 'dropped',
      why: 'the limit is gone',
    });
    expect(engine.reload(POLICY).usage).toContainEqual({ limit: 'reads', usage: 'new', why: 'the limit is' });
    expect(engine.peek(read).remaining).toBe(10);
  });

  it('should be carried by what the policy was, not by what its document has become', () => {
    const document = JSON.parse(JSON.stringify(POLICY));
    engine = createEngine(document, { clock });
    engine.check({ ...read, cost: 4 });
    document.limits.reads.window = '1h';
    const { changes, usage } = engine.reload(document);
    expect(changes).toEqual([{ path: 'limits.reads.window', before: '1m', after: '1h' }]);
    expect(usage[0]).toMatchObject({ limit: 'reads', usage: 'converted' });
    document.limits.reads.quota = 0;
    expect(engine.check(read)).toMatchObject({ allowed: true, resetAt: START + 3_600_000 });
    expect(engine.policy.limits.reads?.quota).toBe(10);
  });

  it('should be kept for a custom algorithm whose options stand in another order, and reset when they differ', () => {
    const mine: PlanBuilder = ({ quota, window }) => {
      const plan = fixedWindow({ quota, window });
      const { convert: _, ...algorithm } = plan.algorithm;
      return { ...plan, algorithm };
    };
    const policy = (options: object) => having({ reads: { ...reads, algorithm: 'mine', options } });
    engine = createEngine(policy({ a: 1, b: { c: 2, d: 3 } }), { clock, algorithms: { mine } });
    engine.check({ ...read, cost: 4 });
    expect(engine.reload(policy({ b: { d: 3, c: 2 }, a: 1 })).usage[0]?.usage).toBe('kept');
    expect(engine.peek(read).remaining).toBe(6);
    expect(engine.reload(policy({ a: 2 })).usage[0]).toEqual({
      limit: 'reads',
      usage: 'reset',
      why: 'fixed-window cannot convert what was used under other options',
    });
    expect(engine.peek(read).remaining).toBe(10);
  });

  it('should leave blocks, and keys that were forgotten, as they are', () => {
    engine.block({ key: 'a' }, { for: '5m', reason: 'abuse' });
    engine.check({ group: 'read', key: 'b', cost: 4 });
    engine.forget({ key: 'b' });
    engine.reload(having({ reads: { ...reads, quota: 20, window: '1h' } }));
    expect(engine.check(read)).toMatchObject({ reason: 'blocked', retryAt: START + 300_000 });
    expect(engine.peek({ group: 'read', key: 'b' }).remaining).toBe(20);
  });
});

describe('a decision made before', () => {
  it('should be given back, once, where the usage is kept, and its cells have moved', () => {
    const decision = engine.check({ ...write, cost: 4 });
    engine.reload({
      ...having({ reads: { ...reads, quota: 9 } }),
      limits: { writes, reads: { ...reads, quota: 9 }, calls } as Limits,
    });
    expect(engine.peek(write).limits.map(({ remaining }) => remaining)).toEqual([2, 5]);
    engine.refund(decision);
    engine.refund(decision);
    expect(engine.peek(write).limits.map(({ remaining }) => remaining)).toEqual([6, 9]);
  });

  it.each<[string, PolicyDocument, ReloadOptions]>([
    ['converted', having({ reads: { ...reads, window: '2m' }, writes: { ...writes, window: '2m' } }), {}],
    ['reset', POLICY, { carry: 'reset' }],
  ])('should give back and settle nothing where the usage is %s', (_title, policy, options) => {
    const [first, second] = [
      engine.tryAcquire({ ...write, cost: 2 }),
      engine.tryAcquire({ ...write, cost: 2 }),
    ];
    engine.reload(policy, options);
    const left = (): number[] => engine.peek(write).limits.map(({ remaining }) => remaining);
    const before = left();
    engine.refund(first);
    second.settle(5);
    expect(left()).toEqual(before);
  });
});

describe('a policy with a fault', () => {
  it.each<[string, unknown, unknown]>([
    ['none', undefined, {}],
    ['a quota', having({ reads: { ...reads, quota: -1 } }), {}],
    ['a limit that is not there', having({}, { groups: { g: { limits: ['nobody'] } } }), {}],
    ['an unknown option', POLICY, { carri: 'keep' }],
    ['an unknown way to carry', POLICY, { carry: 'drop' }],
    ['no way to carry', POLICY, { carry: null }],
    ['an unknown limit to carry', POLICY, { carry: { raeds: 'keep' } }],
    ['an unknown way for one limit', POLICY, { carry: { reads: 'drop' } }],
  ])('should change nothing: %s', (_title, policy, options) => {
    engine.check({ ...read, cost: 4 });
    const waiting = watch(engine.acquire({ ...call, cost: { permits: 2 } }));
    const before = [engine.snapshot(), engine.policy, engine.stats()];
    const reload = (): unknown => engine.reload(policy as PolicyDocument, options as ReloadOptions);
    expect(reload).toThrow(PolicyError);
    expect([engine.snapshot(), engine.policy, engine.stats()]).toEqual(before);
    expect(waiting.outcome.state).toBe('pending');
  });

  it('should change nothing if an algorithm throws on the way', () => {
    const throwing: PlanBuilder = ({ quota, window }) => {
      const plan = fixedWindow({ quota, window });
      const convert = (): never => {
        throw new Error('no way');
      };
      return { ...plan, algorithm: { ...plan.algorithm, convert } };
    };
    const policy = (window: string) =>
      having({ reads: { ...reads, algorithm: 'mine', window, options: {} } });
    engine = createEngine(policy('1m'), { clock, algorithms: { mine: throwing } });
    engine.check({ ...read, cost: 4 });
    const before = engine.snapshot();
    expect(() => engine.reload(policy('1h'))).toThrow('no way');
    expect(engine.snapshot()).toEqual(before);
    expect(engine.check(read)).toMatchObject({ allowed: true, remaining: 5, resetAt: START + 60_000 });
  });
});

describe('those who hold and wait', () => {
  it('should come after one that the loss of a lease brings about', () => {
    let now = START;
    const late = createEngine(having({ calls: { ...calls, lease: 10 } }), {
      clock: { now: () => now, wakeAt: () => () => undefined },
    });
    const quota = (): unknown => (late.policy.limits.calls as { readonly quota?: unknown }).quota;
    let heard: unknown;
    late.tryAcquire(call).signal.addEventListener('abort', () => {
      late.reload(having({ calls: { ...calls, quota: 3 } }));
      heard = quota();
    });
    now += 10;
    const { changes } = late.reload(having({ calls: { ...calls, quota: 4 } }));
    expect([heard, quota()]).toEqual([3, 4]);
    expect(JSON.stringify(changes)).toContain('"before":3');
  });

  it('should be served at once when the quota grows, oldest first', async () => {
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const waiting = [1, 2, 3].map(() => watch(engine.acquire(call)));
    engine.reload(having({ calls: { ...calls, quota: 4 } }));
    await settled();
    expect(waiting.map(({ outcome }) => outcome.state)).toEqual(['fulfilled', 'fulfilled', 'pending']);
    expect(engine.stats()).toMatchObject({ waiting: 1, permits: { calls: { held: 4 } } });
    for (const admission of held) expect(admission.release()).toBe(true);
    await settled();
    expect(waiting[2]?.outcome.state).toBe('fulfilled');
  });

  it('should wait on when the quota is cut, until enough has come back', async () => {
    const [first, second] = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const waiting = watch(engine.acquire(call));
    engine.reload(having({ calls: { ...calls, quota: 1 } }));
    first.release();
    await settled();
    expect(waiting.outcome.state).toBe('pending');
    second.release();
    await settled();
    expect(waiting.outcome.state).toBe('fulfilled');
  });

  it('should keep their deadline, whatever the new queue says', async () => {
    for (const _ of [1, 2]) engine.tryAcquire(call);
    const waiting = watch(engine.acquire(call));
    clock.advance(1000);
    const groups = { ...POLICY.groups, call: { limits: ['calls'], queue: { size: 0, timeout: 1000 } } };
    engine.reload({ ...POLICY, groups });
    clock.advance(3_600_000 - 1001);
    await settled();
    expect(waiting.outcome.state).toBe('pending');
    expect((await engine.acquire(call)).reason).toBe('queue-full');
    clock.advance(1);
    await settled();
    expect(waiting.outcome).toMatchObject({ value: { reason: 'queue-timeout' } });
  });

  it('should be answered when waiting is no use any more', async () => {
    for (const key of ['a', 'a', 'b', 'b']) engine.tryAcquire({ group: 'call', key });
    const asks = [call, { ...call, cost: { permits: 2 } }, { group: 'call', key: 'b' }];
    const waiting = asks.map((ask) => watch(engine.acquire(ask)));
    engine.block({ key: 'b' }, { for: '1h' });
    engine.reload(having({ calls: { ...calls, quota: 1 } }));
    await settled();
    expect(
      waiting.map(({ outcome }) => (outcome.state === 'fulfilled' ? outcome.value.reason : outcome.state)),
    ).toEqual(['pending', 'never', 'blocked']);
    engine.reload({ ...POLICY, groups: {} });
    await settled();
    expect(waiting[0]?.outcome).toMatchObject({ state: 'rejected' });
    expect(waiting[0]?.outcome).toMatchObject({ reason: expect.any(DescriptorError) });
    expect(engine.stats().waiting).toBe(0);
  });

  it('should go by priority, then by age, where a group gives up its queue', async () => {
    for (const _ of [1, 2]) engine.tryAcquire(call);
    const priorities = [0, 5, 0, 5];
    const waiting = priorities.map((priority) => watch(engine.acquire(call, { priority })));
    const groups = { ...POLICY.groups, call: { limits: ['calls'] } };
    engine.reload({ ...having({ calls: { ...calls, quota: 5 } }), groups });
    await settled();
    const allowed = waiting.map(({ outcome }) => outcome.state === 'fulfilled' && outcome.value.allowed);
    expect(allowed).toEqual([true, true, false, true]);
    expect(engine.stats()).toMatchObject({ waiting: 0, permits: { calls: { held: 5 } } });
    expect(clock.nextWake).toBeUndefined();
  });

  it('should look for themselves once the queue says so, and be served again once it does not', async () => {
    const polled = {
      ...POLICY.groups,
      call: { limits: ['calls'], queue: { size: 5, strategy: 'poll' as const } },
    };
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const waiting = [watch(engine.acquire(call)), watch(engine.acquire(call))];
    engine.reload({ ...POLICY, groups: polled });
    held[0]?.release();
    await settled();
    expect(waiting[0]?.outcome.state).toBe('pending');
    clock.advance(50);
    await settled();
    expect(waiting.map(({ outcome }) => outcome.state)).toEqual(['fulfilled', 'pending']);
    engine.reload(POLICY);
    held[1]?.release();
    await settled();
    expect(waiting[1]?.outcome.state).toBe('fulfilled');
    expect(clock.nextWake).toBeUndefined();
  });

  it('should all be answered when somebody reloads on hearing that a lease was lost, while others are served', async () => {
    engine.reload(having({ calls: { ...calls, lease: '1s' } }));
    const [first, second] = [engine.tryAcquire(call), engine.tryAcquire(call)];
    for (const { signal } of [first, second])
      signal.addEventListener('abort', () =>
        engine.reload(having({ calls: { ...calls, quota: 1, lease: '1s' } })),
      );
    const waiting = [1, 2, 3].map(() => watch(engine.acquire(call)));
    const granted = (): boolean[] =>
      waiting.map(({ outcome }) => outcome.state === 'fulfilled' && outcome.value.allowed);
    clock.advance(1000);
    await settled();
    // What came back has been handed on by then.
    expect(granted()).toEqual([true, true, false]);
    expect(engine.policy.limits.calls).toMatchObject({ quota: 1 });
    clock.advance(1000);
    await settled();
    expect(granted()).toEqual([true, true, true]);
    clock.advance(1000);
    expect(engine.stats()).toMatchObject({
      waiting: 0,
      leases: { granted: 5, expired: 5 },
      permits: { calls: { held: 0 } },
    });
    expect(clock.nextWake).toBeUndefined();
  });

  it.each<[string, (engine: Engine) => unknown]>([
    ['a reload', (engine) => engine.reload({ ...POLICY, limits: { calls, reads, writes } as Limits })],
    ['a look', (engine) => engine.peek(write)],
    ['an explanation', (engine) => engine.explain(write)],
  ])(
    'should not mix up what was used when somebody reloads on hearing of a lost lease: %s',
    (_title, look) => {
      let now = START;
      engine = createEngine(having({ calls: { ...calls, lease: '1s' } }), { clock: { now: () => now } });
      engine.check({ ...write, cost: 2 });
      engine.check({ ...read, cost: 5 });
      const left = (): unknown =>
        Object.fromEntries(engine.peek(write).limits.map(({ name, remaining }) => [name, remaining]));
      expect(left()).toEqual({ writes: 4, reads: 3 });
      engine.tryAcquire(call).signal.addEventListener('abort', () => {
        engine.reload({ ...POLICY, limits: { writes, reads, calls } as Limits });
      });
      now += 1000;
      const seen = look(engine) as { limits?: { name: string; remaining: number }[] };
      if (Array.isArray(seen.limits))
        expect(seen.limits.map(({ name, remaining }) => [name, remaining])).toEqual([
          ['writes', 4],
          ['reads', 3],
        ]);
      expect(left()).toEqual({ writes: 4, reads: 3 });
      engine.dispose();
    },
  );

  it('should leave at once when aborted after a reload, and leave no listener', async () => {
    for (const _ of [1, 2]) engine.tryAcquire(call);
    const controller = new AbortController();
    const waiting = watch(engine.acquire(call, { signal: controller.signal }));
    engine.reload(having({ calls: { ...calls, lease: '1m' } }));
    controller.abort('enough');
    await settled();
    expect(waiting.outcome).toEqual({ state: 'rejected', reason: 'enough' });
    expect(engine.stats().waiting).toBe(0);
  });
});

describe('the report', () => {
  it('should say what changed, as data and as text', () => {
    const report = engine.reload({
      ...having({
        reads: { ...reads, quota: 20, window: '2m' },
        more: { algorithm: 'token-bucket', quota: 1, window: '1s' },
      }),
      groups: { ...POLICY.groups, read: { match: ['GET /v1/**'], limits: ['reads', 'more'] } },
    });
    expect(report.limits).toEqual({ added: ['more'], removed: [], changed: ['reads'] });
    expect(report.groups).toEqual({ added: [], removed: [], changed: ['read'] });
    expect(report.matching).toEqual(
      [
        { pattern: 'GET /**', before: 'read', after: 'deny' },
        { pattern: 'GET /v1/**', before: 'read', after: 'read' },
      ].filter(({ before, after }) => before !== after),
    );
    expect(report.text.split('\n')).toEqual([
      '~ limits.reads.quota: 10 -> 20',
      '~ limits.reads.window: "1m" -> "2m"',
      '+ limits.more: {"algorithm":"token-bucket","quota":1,"window":"1s"}',
      '~ groups.read.match: ["GET /**"] -> ["GET /v1/**"]',
      '~ groups.read.limits: ["reads"] -> ["reads","more"]',
      '> GET /**: read -> deny',
      'usage of reads: converted (another window, or other options: what is left in units stays)',
      'usage kept: writes, calls',
    ]);
  });

  it('should say so if nothing changed', () => {
    expect(engine.reload(JSON.parse(JSON.stringify(POLICY))).text).toBe(
      'nothing changed\nusage kept: reads, writes, calls',
    );
  });
});
