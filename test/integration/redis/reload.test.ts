/** Another policy for a process whose usage is in a store, beside processes that have it or do not. */

import * as fc from 'fast-check';
import {
  createEngine,
  type Decision,
  isHeadgateError,
  type LimitDocument,
  type PolicyDocument,
} from 'headgate';
import {
  createDistributedEngine,
  type DistributedEngine,
  type DistributedEngineOptions,
  type Store,
} from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import {
  type Numbers,
  numbers,
  orders,
  policyOf,
  RATES,
  reordered,
  strangers,
  type Windows,
  windowSets,
} from '../../fixtures/policy-versions.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { runs } from '../../fixtures/runs.ts';
import { storeAt } from '../../fixtures/store-at.ts';

const START = 1_700_000_000_000;
/** A busy machine is no reason to decide without the store. */
const PATIENT = '10s';

/** Groups of rates, some of which a reload adds or drops: with patterns, and with limits of several partitions. */
const GROUPS: PolicyDocument['groups'] = {
  all: { limits: ['fixed', 'epoch', 'sliding', 'bucket', 'shared'] },
  keyed: { limits: ['fixed', 'bucket'], match: ['GET /k'] },
  apart: { limits: ['bucket'] },
  one: { limits: ['sliding'] },
};
const GROUP_NAMES = Object.keys(GROUPS);

const asks = fc.record({
  wait: fc.constantFrom(0, 0, 0, 1, 9, 25, 100, 334),
  does: fc.constantFrom('check', 'check', 'check', 'peek', 'refund'),
  which: fc.nat(5),
  group: fc.constantFrom(...GROUP_NAMES),
  key: fc.constantFrom('x', 'x', 'y'),
  sub: fc.constantFrom('s', 't'),
  cost: fc.constantFrom(1, 1, 1, 2, 3),
  other: fc.boolean(),
});
type AskFor = typeof asks extends fc.Arbitrary<infer T> ? T : never;

/** All of a policy that may differ from the one before without anything beginning anew. */
interface Version {
  readonly quotas: Numbers;
  readonly order: readonly string[];
  readonly strangers: Readonly<Record<string, LimitDocument>>;
  readonly groups: readonly string[];
}

function told({ ...decision }: Decision & { source?: string }, { limits }: Decision): object {
  delete decision.source;
  return { ...decision, limits: limits.map((limit) => ({ ...limit })) };
}

async function attempt<T>(act: () => T | Promise<T>): Promise<T | string> {
  try {
    return await act();
  } catch (error) {
    if (isHeadgateError(error)) return error.code;
    throw error;
  }
}

describe.skipIf(lacksServer())('a reload of one of several processes', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;
  const storeOf = (prefix: string): Store => redisStore({ client, prefix });

  const version: fc.Arbitrary<Version> = fc.record({
    quotas: numbers,
    order: orders,
    strangers,
    groups: fc.subarray(GROUP_NAMES, { minLength: 2 }),
  });
  function written({ quotas, order, strangers, groups }: Version, windows: Windows) {
    const policy = policyOf(quotas, windows);
    const others = Object.entries(strangers).filter(([, { algorithm }]) => algorithm !== 'concurrency');
    const limits = { ...Object.fromEntries(others), ...policy.limits };
    const kept = groups.map((name) => [name, GROUPS[name] as (typeof GROUPS)[string]]);
    return reordered({ ...policy, limits, groups: Object.fromEntries(kept) }, order);
  }

  it('should decide as a reload in process has it, whatever changes but windows', async () => {
    const history = fc.array(fc.tuple(version, fc.array(asks, { maxLength: 10 })), {
      minLength: 2,
      maxLength: 5,
    });
    const compare = async (windows: Windows, history: [Version, AskFor[]][]): Promise<void> => {
      const prefix = `r${turn++}`;
      const first = written((history[0] as (typeof history)[number])[0], windows);
      const here = createEngine(first, { clock: { now: () => now } });
      const there = createDistributedEngine(first, { store: storeOf(prefix), deadline: PATIENT });
      const pairs: [Decision, Decision][] = [];
      let now = START;
      for (const [version, acts] of history) {
        const document = written(version, windows);
        const [local, remote] = [here.reload(document), there.reload(document)];
        expect(remote.changes).toEqual(local.changes);
        for (const { wait, does, which, cost, other: _, ...ask } of acts) {
          now += wait;
          if (does === 'refund') {
            const pair = pairs[which % Math.max(1, pairs.length)];
            if (pair === undefined) continue;
            here.refund(pair[0], { now });
            await there.refund(pair[1], { now });
            continue;
          }
          const descriptor = { ...ask, cost: { requests: cost } };
          const act = does === 'peek' ? 'peek' : 'check';
          const local = await attempt(() => here[act](descriptor, { now }));
          const remote = await attempt(() => there[act](descriptor, { now }));
          if (typeof local === 'string' || typeof remote === 'string') expect(remote).toEqual(local);
          else {
            expect(told(remote, remote)).toEqual(told(local, local));
            pairs.push([local, remote]);
          }
        }
      }
    };
    await fc.assert(fc.asyncProperty(windowSets, history, compare), { numRuns: runs(150, 3000) });
  }, 300_000);

  it('should admit what each policy grants at most while two are in force, and a bucket what drains in time', async () => {
    const rollOut = async (
      windows: readonly [Windows, Windows],
      quotas: readonly [Numbers, Numbers],
      acts: readonly AskFor[],
    ): Promise<void> => {
      const prefix = `o${turn++}`;
      const versions = windows.map((each, i) => ({ windows: each, quotas: quotas[i] as Numbers }));
      // Whoever knows the slower bucket leaves what it has written alone; docs/distributed.md says so.
      versions.sort((one, other) => drainOf(other) - drainOf(one));
      const [old, next] = versions.map(({ windows, quotas }) => ({
        ...policyOf(quotas, windows),
        groups: GROUPS,
      })) as [PolicyDocument, PolicyDocument];
      const engines = [old, old].map((policy) =>
        createDistributedEngine(policy, { store: storeOf(prefix), deadline: PATIENT }),
      );
      const admitted: Admitted[] = [];
      let now = START;
      let turns = 0;
      for (const [i, { wait, does, group, key, sub, cost, other, which }] of acts.entries()) {
        now += wait;
        // One of them comes and goes between the two, the other has the old one all the time.
        if (which === 5 || i === 3) engines[1]?.reload(turns++ % 2 === 0 ? next : old);
        if (does !== 'check') continue;
        const engine = engines[other ? 1 : 0] as DistributedEngine;
        const decision = await engine.check({ group, key, sub, cost }, { now });
        if (decision.allowed) admitted.push(...decision.limits.map((limit) => ({ ...limit, at: now })));
      }
      assertBounds(admitted, acts.length);
    };
    const history = fc.array(asks, { minLength: 10, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.tuple(windowSets, windowSets), fc.tuple(numbers, numbers), history, rollOut),
      { numRuns: runs(200, 4000) },
    );
  }, 300_000);

  const base = {
    version: 1,
    limits: {
      reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'account' },
      paced: { algorithm: 'token-bucket', quota: 10, window: '1m', per: 'account' },
      calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m' },
    },
    groups: {
      read: { limits: ['reads'] },
      pace: { limits: ['paced'] },
      both: { limits: ['reads', 'paced'] },
      call: { limits: ['calls'], queue: { size: 9 } },
    },
    unmatched: 'deny',
  } as const satisfies PolicyDocument;
  const read = { group: 'read', account: 'x' } as const;
  const call = { group: 'call', account: 'x' } as const;

  function withLimits(limits: Record<string, object>, more: object = {}): PolicyDocument {
    return { ...base, limits: { ...base.limits, ...limits }, ...more } as PolicyDocument;
  }
  function engine(options: Partial<DistributedEngineOptions> = {}, policy: PolicyDocument = base) {
    return createDistributedEngine(policy, { store: storeOf(`e${turn++}`), deadline: PATIENT, ...options });
  }

  const { reads, paced } = base.limits;
  it.each<[string, Record<string, object>, string, number]>([
    ['a quota', { reads: { ...reads, quota: 20 } }, 'kept', 14],
    ['a unit', { reads: { ...reads, unit: 'rows' } }, 'reset', 10],
    ['a window', { reads: { ...reads, window: '2m' } }, 'reset', 10],
    ['where windows begin', { reads: { ...reads, anchor: 'epoch' } }, 'reset', 10],
    ['an algorithm', { reads: { ...reads, algorithm: 'sliding-window' } }, 'reset', 10],
    ['a partition', { reads: { ...reads, per: ['account', 'number'], missing: 'shared' } }, 'reset', 10],
    ['a mode', { reads: { ...reads, mode: 'shadow' } }, 'reset', 10],
    ['nothing but how it is written', { reads: { ...reads, window: '60s' } }, 'kept', 4],
  ])(
    'should say what becomes of usage when %s changes, and take it up again when it changes back',
    async (...row) => {
      const [, limits, usage, left] = row;
      const one = engine();
      await one.check({ ...read, cost: 6 });
      const report = one.reload(withLimits(limits));
      expect(report.usage.find(({ limit }) => limit === 'reads')).toMatchObject({ usage });
      expect(report.text).toContain(usage === 'kept' ? 'usage kept: reads' : 'usage of reads: reset (');
      const cost = usage === 'reset' && limits.reads && 'unit' in limits.reads ? { rows: 1 } : 1;
      const [state] = (await one.peek({ ...read, cost } as never)).limits;
      expect(state?.remaining).toBe(left);
      one.reload(base);
      expect((await one.peek(read)).remaining).toBe(4);
    },
  );

  it('should keep the time to drain of a bucket when its window changes, also against a slower past', async () => {
    const one = engine();
    await one.check({ group: 'pace', account: 'x', cost: 9 }, { now: START });
    const report = one.reload(withLimits({ paced: { ...paced, window: '1s' } }));
    expect(report.usage[1]).toMatchObject({ limit: 'paced', usage: 'kept' });
    const denied = await one.check({ group: 'pace', account: 'x' }, { now: START });
    expect(denied).toMatchObject({ allowed: false, retryAt: START + 54_000 - 900 });
    expect(await one.check({ group: 'pace', account: 'x' }, { now: START })).toMatchObject({
      retryAt: denied.retryAt,
    });
  });

  it.each<[string, PolicyDocument, Partial<Store>, string]>([
    ['no quota at all', withLimits({ reads: { ...reads, quota: -1 } }), {}, 'bad-value'],
    ['no lease', withLimits({ calls: { algorithm: 'concurrency', quota: 1 } }), {}, 'no-lease'],
    [
      'what the store cannot do',
      withLimits({ reads: { ...reads, algorithm: 'sliding-window' } }),
      { algorithms: ['fixed-window', 'token-bucket'] },
      'unsupported-algorithm',
    ],
    [
      'what a cluster cannot keep together',
      withLimits({ reads: { ...reads, per: 'key' } }),
      { isPartitioned: true },
      'no-slot',
    ],
  ])('should change nothing if the new policy has %s', async (_title, policy, traits, code) => {
    const store = storeOf(`e${turn++}`);
    const one = engine({ store: { ...storeAt(store, { now: () => START }), ...traits } });
    await one.check({ ...read, cost: 3 });
    const before = one.policy;
    expect(() => one.reload(policy)).toThrow(expect.objectContaining({ code }));
    expect(one.policy).toBe(before);
    expect((await one.check(read)).remaining).toBe(6);
  });

  it('should refuse to reset what others count on, and name every faulty option', () => {
    const one = engine();
    const carry = { reads: 'reset', paced: 'keep', calls: 'reset' } as const;
    const faultsOf = (options: object): unknown => {
      try {
        one.reload({ ...base, unmatched: 'allow' }, options);
      } catch (error) {
        if (isHeadgateError(error, 'PolicyError')) return error.faults.map(({ code, path }) => [code, path]);
        throw error;
      }
      return undefined;
    };
    expect(faultsOf({ carry })).toEqual([
      ['unsupported-carry', 'carry.reads'],
      ['unsupported-carry', 'carry.calls'],
    ]);
    expect(faultsOf({ carry: 'reset' })).toEqual([['unsupported-carry', 'carry']]);
    expect(faultsOf({ carry: { raeds: 'reset' } })).toEqual([['unknown-limit', 'carry.raeds']]);
    expect(faultsOf({ carry: 'forget' })).toEqual([['bad-carry', 'carry']]);
    expect(one.policy.unmatched).toBe('deny');
    expect(one.reload({ ...base, unmatched: 'allow' }, { carry: { reads: 'keep' } }).text).toContain(
      'unmatched',
    );
  });

  it('should report what a cluster keeps elsewhere from now on', async () => {
    const nested = { sends: { ...reads, per: ['account', 'number'] } };
    const apart = withLimits(nested, {
      groups: { read: { limits: ['reads'] }, send: { limits: ['sends'] } },
    });
    const together = withLimits(nested, {
      groups: { ...apart.groups, send: { limits: ['reads', 'sends'] } },
    });
    const store = storeOf(`e${turn++}`);
    const one = engine({ store: { ...storeAt(store, { now: () => START }), isPartitioned: true } }, apart);
    expect(one.reload(together).usage).toContainEqual({
      limit: 'sends',
      usage: 'reset',
      why: 'its keys are kept in another slot, since other limits are asked with it',
    });
    const single = engine({}, apart);
    expect(single.reload(together).usage).toContainEqual(
      expect.objectContaining({ limit: 'sends', usage: 'kept' }),
    );
  });

  it('should give back what was charged before: where it is, if anywhere', async () => {
    const one = engine();
    const [early, late] = [await one.check({ ...read, cost: 4 }), await one.check({ ...read, cost: 3 })];
    one.reload(withLimits({ reads: { ...reads, quota: 20 } }));
    await one.refund(early);
    expect((await one.peek(read)).remaining).toBe(17);
    one.reload(withLimits({ reads: { ...reads, window: '2m' } }));
    await one.check({ ...read, cost: 5 });
    await one.refund(late);
    expect((await one.peek(read)).remaining).toBe(5);
    one.reload(base);
    expect((await one.peek(read)).remaining).toBe(10);
  });

  it('should let leases live on, and count them', async () => {
    const one = engine();
    const held = await one.tryAcquire(call);
    one.reload(withLimits({ calls: { ...base.limits.calls, quota: 2 } }));
    expect((await one.tryAcquire(call)).allowed).toBe(true);
    expect((await one.tryAcquire(call)).allowed).toBe(false);
    expect([await held.renew(), await held.release(), await held.release()]).toEqual([true, true, false]);
    expect((await one.tryAcquire(call)).allowed).toBe(true);
  });

  it('should decide those who wait by the new policy, in the places they have', async () => {
    const prefix = `e${turn++}`;
    const [one, other] = [0, 1].map(() =>
      createDistributedEngine(base, { store: storeOf(prefix), deadline: PATIENT }),
    );
    if (one === undefined || other === undefined) throw new Error('two engines');
    await one.tryAcquire(call);
    const order: string[] = [];
    const enter = async (name: string, engine: DistributedEngine<typeof base>) => {
      const admission = await engine.acquire(call, { timeout: '10s' });
      order.push(`${name} ${admission.reason}`);
    };
    const waiting = [enter('first', one)];
    await until(async () => one.stats().waiting === 1);
    waiting.push(enter('second', other));
    await until(async () => other.stats().waiting === 1);
    const more = withLimits({ calls: { ...base.limits.calls, quota: 2 } });
    // The second one is told first, and waits all the same.
    other.reload(more);
    expect((await other.tryAcquire(call)).reason).toBe('concurrency');
    one.reload(more);
    await waiting[0];
    expect(order).toEqual(['first ok']);
    other.reload(withLimits({ calls: { ...base.limits.calls, quota: 3 } }));
    await Promise.all(waiting);
    expect(order).toEqual(['first ok', 'second ok']);
  });

  it.each<[string, object, object]>([
    ['is gone', { groups: { read: base.groups.read } }, { code: 'unknown-group' }],
    [
      'has no queue any more',
      { groups: { call: { limits: ['calls'] } } },
      { allowed: false, reason: 'concurrency' },
    ],
    [
      'has other keys',
      { groups: { call: { limits: ['calls', 'global'], queue: { size: 9 } } } },
      { allowed: false, reason: 'queue-timeout' },
    ],
  ])('should have nobody stand in a line that %s', async (_title, more, outcome) => {
    const prefix = `e${turn++}`;
    const one = createDistributedEngine(base, { store: storeOf(prefix), deadline: PATIENT });
    await one.tryAcquire(call);
    const waiting = one.acquire(call, { timeout: 2000 }).catch((error: unknown) => error);
    await until(async () => (await client.keys(`${prefix}:*:call:x:queue`)).length === 1);
    const global = { algorithm: 'fixed-window', quota: 100, window: '1m' };
    one.reload(withLimits({ global }, more));
    await until(async () => (await client.keys(`${prefix}:*:call:x:queue`)).length === 0);
    expect(await waiting).toMatchObject(outcome);
    expect(await client.keys(`${prefix}:*queue`)).toEqual([]);
    expect(one.stats().waiting).toBe(0);
  });

  it('should not deny by what was denied before, not even by a reply that was on its way', async () => {
    let hold: Promise<void> | undefined;
    const store = storeOf(`e${turn++}`);
    const slow = { ...storeAt(store, { now: () => START }) };
    slow.decide = async (request) => {
      const reply = await store.decide({ ...request, now: START });
      await hold;
      return reply;
    };
    const one = engine({ store: slow, denialCache: 10 });
    await one.check({ ...read, cost: 10 });
    expect([(await one.check(read)).source, (await one.check(read)).source]).toEqual(['store', 'local']);
    expect(one.stats().denialCache).toEqual({ size: 1, hits: 1 });
    let open = (): void => undefined;
    hold = new Promise((resolve) => {
      open = resolve;
    });
    const late = one.check({ ...read, cost: 2 });
    one.reload(withLimits({ reads: { ...reads, window: '2m' } }));
    open();
    expect((await late).allowed).toBe(false);
    expect(one.stats().denialCache.size).toBe(0);
    expect(await one.check({ ...read, cost: 2 })).toMatchObject({ allowed: true, source: 'store' });
  });

  it('should go on by itself with what this process has used of its share, while the store fails', async () => {
    const clock = manualClock(START);
    const local = { ...reads, quota: 100, onStoreFailure: 'local' } as const;
    const down = { ...storeAt(storeOf('down'), clock), decide: () => Promise.reject(new Error('down')) };
    const one = engine({ store: down, clock }, withLimits({ reads: local }));
    for (let i = 0; i < 8; i++) expect((await one.check(read)).source).toBe('local');
    const last = await one.check(read);
    one.reload(withLimits({ reads: { ...local, quota: 110 } }));
    expect(await one.check(read)).toMatchObject({ allowed: true, remaining: 1 });
    await one.refund(last);
    expect((await one.peek(read)).remaining).toBe(2);
    // It keeps it also while no limit asks for it.
    one.reload(base);
    expect((await one.check(read)).source).toBe('fallback');
    one.reload(withLimits({ reads: local }));
    expect(await one.peek(read)).toMatchObject({ source: 'local', remaining: 10 });
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  // Sooner than a place expires by itself.
  for (const end = Date.now() + 1500; Date.now() < end; ) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it has not come to that');
}

type Admitted = Decision['limits'][number] & { readonly at: number };

/** How long a full bucket takes to drain. */
function drainOf({ windows, quotas }: { readonly windows: Windows; readonly quotas: Numbers }): number {
  return (quotas.burst * windows.bucket) / quotas.bucket;
}

/** What each limit may have admitted, told apart by what its cells are told apart by. */
function assertBounds(admitted: readonly Admitted[], alternations: number): void {
  const by = new Map<string, Admitted[]>();
  for (const each of admitted) {
    const { name, key, window } = each;
    const id = JSON.stringify([name, key, name === 'bucket' ? 0 : window]);
    by.set(id, [...(by.get(id) ?? []), each]);
  }
  for (const each of by.values()) {
    const { name, window = 0 } = each[0] as Admitted;
    if (name === 'bucket') assertDrains(each, alternations);
    else if ((RATES as readonly string[]).includes(name)) {
      const windows = new Map<number, Admitted[]>();
      for (const one of each) {
        const at = name === 'fixed' || name === 'shared' ? (one.resetAt ?? 0) : Math.floor(one.at / window);
        windows.set(at, [...(windows.get(at) ?? []), one]);
      }
      for (const inside of windows.values()) {
        const units = inside.reduce((sum, { cost }) => sum + cost, 0);
        expect(units).toBeLessThanOrEqual(Math.max(...inside.map(({ quota }) => quota)));
      }
    }
  }
}

function assertDrains(all: readonly Admitted[], alternations: number): void {
  const drain = Math.max(...all.map(({ burst = 0, quota, window = 0 }) => (burst * window) / quota));
  all.forEach((first, i) => {
    let time = 0;
    for (const { at, cost, quota, window = 0 } of all.slice(i)) {
      time += (cost * window) / quota;
      expect(time).toBeLessThanOrEqual(drain + at - first.at + alternations + 1e-6);
    }
  });
}
