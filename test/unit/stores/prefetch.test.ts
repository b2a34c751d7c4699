import { createEngine, type PolicyDocument, parsePolicy } from 'headgate';
import {
  createDistributedEngine,
  type DistributedDecision,
  type DistributedEngine,
} from 'headgate/distributed';
import { type ManualClock, manualClock } from 'headgate/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MemoryStore, memoryStore } from '../../fixtures/rates-store.ts';
import { storeOver } from '../../fixtures/store-over.ts';
import { settled } from '../../fixtures/virtual-time.ts';

const prefetch = { share: 0.1 };
const policy: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 100, window: '1m', per: 'account', prefetch },
    tokens: {
      algorithm: 'fixed-window',
      quota: 1000,
      window: '1m',
      per: 'account',
      unit: 'tokens',
      prefetch,
    },
    drips: { algorithm: 'token-bucket', quota: 60_000, burst: 1000, window: '1m', per: 'account', prefetch },
    slides: { algorithm: 'sliding-window', quota: 100, window: '1m', per: 'account', prefetch },
    lenient: {
      algorithm: 'fixed-window',
      quota: 100,
      window: '1m',
      per: 'account',
      prefetch,
      onStoreFailure: 'allow',
    },
    short: { algorithm: 'fixed-window', quota: 100, window: 50, per: 'account', prefetch },
    exact: { algorithm: 'fixed-window', quota: 100, window: '1m', per: 'account' },
    tried: {
      algorithm: 'fixed-window',
      quota: 100,
      window: '1m',
      per: 'account',
      prefetch,
      candidate: { quota: 50 },
    },
    paced: {
      algorithm: 'token-bucket',
      quota: 1000,
      burst: 20,
      window: 1000,
      per: 'account',
      prefetch: { share: 0.5 },
    },
    calls: { algorithm: 'concurrency', quota: 100, per: 'account', lease: '1m' },
  },
  groups: {
    read: { limits: ['reads'] },
    talk: { limits: ['reads', 'tokens'] },
    drip: { limits: ['drips'] },
    slide: { limits: ['slides'] },
    short: { limits: ['short'] },
    pace: { limits: ['paced'] },
    mixed: { limits: ['reads', 'exact'] },
    tried: { limits: ['tried'] },
    queued: { limits: ['reads'], queue: { size: 5 } },
    call: { limits: ['reads', 'calls'] },
    lenient: { limits: ['lenient'] },
  },
  tiers: { big: { reads: 1000 } },
  unmatched: 'deny',
};

describe('units that are taken ahead', () => {
  let clock: ManualClock;
  let store: MemoryStore;
  let engine: DistributedEngine;

  beforeEach(() => {
    clock = manualClock(6_000_000);
    store = memoryStore(clock);
    engine = createDistributedEngine(policy, { store, clock });
  });

  const ask = (descriptor: object = {}, by = engine): Promise<DistributedDecision> =>
    by.check({ group: 'read', account: 'x', ...descriptor } as never);
  const askOften = async (times: number, descriptor: object = {}, by = engine) => {
    const decisions: DistributedDecision[] = [];
    for (let i = 0; i < times; i++) decisions.push(await ask(descriptor, by));
    return decisions;
  };
  const counts = (limit = 'reads', by = engine) => by.stats().prefetch[limit];

  it('should grant a quota in full, with what is left as one process sees it, and few calls', async () => {
    const decisions = await askOften(101);
    expect(decisions.map(({ remaining }) => remaining)).toEqual(
      [...Array(100).keys(), -1]
        .reverse()
        .map((n) => Math.max(n, 0))
        .slice(1)
        .concat(0),
    );
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100);
    expect(new Set(decisions.map(({ resetAt }) => resetAt))).toEqual(new Set([6_060_000]));
    // One, then one more, two, four, eight and ten at a time; the last ones are not to be had with as many ahead.
    expect(store.asked).toBeLessThan(25);
    expect(counts()).toMatchObject({ returned: 0, lapsed: 0 });
    expect(decisions.at(-1)).toMatchObject({ reason: 'quota', retryAt: 6_060_000, source: 'store' });
  });

  it('should take nothing ahead for a key that is asked for now and then', async () => {
    for (let i = 0; i < 5; i++) {
      expect(await ask()).toMatchObject({ source: 'store' });
      clock.advance(1000);
    }
    expect(counts()).toBeUndefined();
  });

  it('should take what was used up before, twice, and no more than the share', async () => {
    await askOften(2);
    const taken: unknown[] = [counts()?.taken];
    for (let i = 0; i < 60; i++) {
      await ask();
      if (taken.at(-1) !== counts()?.taken) taken.push(counts()?.taken);
    }
    expect(taken).toEqual([1, 3, 7, 15, 25, 35, 45, 55]);
  });

  it.each(['mixed', 'tried', 'queued'])(
    'should ask the store about every request of the group %s',
    async (group) => {
      const decisions = await askOften(10, { group });
      expect(decisions.map(({ source }) => source)).toEqual(Array(10).fill('store'));
      expect(engine.stats().prefetch).toEqual({});
    },
  );

  it('should keep groups, keys and tiers apart', async () => {
    await askOften(8);
    for (const other of [
      { group: 'talk', cost: { tokens: 1 } },
      { account: 'y' },
      { tier: 'big' },
      { quotas: { reads: 500 } },
    ])
      expect(await ask(other)).toMatchObject({ source: 'store' });
    expect(await ask()).toMatchObject({ source: 'local' });
  });

  it('should take several limits in proportion to what is asked of them', async () => {
    const talk = { group: 'talk', cost: { requests: 1, tokens: 20 } };
    const decisions = await askOften(30, talk);
    expect(decisions.every(({ allowed }) => allowed)).toBe(true);
    // A tenth of the tokens is five requests.
    expect(counts('tokens')?.taken).toBe((counts()?.taken ?? 0) * 20);
    const last = decisions.findLast(({ source }) => source === 'local');
    expect(last?.limits.map(({ name, cost }) => [name, cost])).toEqual([
      ['reads', 1],
      ['tokens', 20],
    ]);
    expect(decisions.at(-1)?.limits.map(({ remaining }) => remaining)).toEqual([70, 400]);
  });

  it('should go on with what is left when a request asks for more', async () => {
    await askOften(30);
    const { taken = 0, used = 0 } = counts() ?? {};
    expect(taken - used).toBe(1);
    expect(await ask({ cost: 2 })).toMatchObject({ allowed: true, source: 'store', remaining: 68 });
    const rest = await askOften(68);
    expect(rest.map(({ remaining }) => remaining)).toEqual([...Array(68).keys()].reverse());
    expect(await ask()).toMatchObject({ allowed: false });
    expect(counts()).toMatchObject({ returned: 0, lapsed: 0 });
  });

  it('should ask once where many requests find nothing', async () => {
    await askOften(11);
    const { asked } = store;
    const waiting = Array.from({ length: 20 }, () => ask());
    await settled();
    const decisions = await Promise.all(waiting);
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
    // One comes back with eight for the others.
    expect(decisions.filter(({ source }) => source === 'local')).toHaveLength(8);
    expect(store.asked - asked).toBe(12);
    const { taken = 0, used = 0 } = counts() ?? {};
    expect(taken - used).toBeLessThanOrEqual(10);
  });

  it('should return what is idle, once, within a second', async () => {
    await askOften(12);
    const { taken = 0, used = 0 } = counts() ?? {};
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({
      remaining: 88 - taken + used,
    });
    clock.advance(1000);
    await settled();
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 88 });
    expect(counts()).toEqual({ taken, used, returned: taken - used, lapsed: 0 });
    clock.advance('10s');
    await settled();
    expect(store.corrected).toBe(1);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should return everything when asked to', async () => {
    await askOften(12);
    await engine.returnPrefetched();
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 88 });
    expect(await ask()).toMatchObject({ source: 'store', remaining: 87 });
  });

  /** Another engine, whose replies are kept back from when it is told to until they are let go. */
  function behind() {
    const held: (() => void)[] = [];
    const way = { isSlow: false };
    const slow = storeOver(store, {
      decide: async (request) => {
        const reply = await store.decide(request);
        if (way.isSlow) await new Promise<void>((go) => held.push(go));
        return reply;
      },
    });
    const letGo = (): void => {
      for (const go of held) go();
    };
    return { other: createDistributedEngine(policy, { store: slow, clock }), way, letGo };
  }

  it('should return also what was on its way when asked to', async () => {
    const { other, way, letGo } = behind();
    await ask({}, other);
    way.isSlow = true;
    const asked = ask({}, other);
    await settled();
    const returned = other.returnPrefetched();
    letGo();
    await returned;
    expect(counts('reads', other)).toEqual({ taken: 1, used: 0, returned: 1, lapsed: 0 });
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 98 });
    expect((await asked).allowed).toBe(true);
  });

  it.each([
    ['reads', 'read', false, 97],
    ['lenient', 'lenient', true, 96],
  ])(
    'should be returned when the store was too late (%s), and so the request if that was denied',
    async (limit, group, allowed, remaining) => {
      const { other, way, letGo } = behind();
      await askOften(3, { group }, other);
      way.isSlow = true;
      const asked = ask({ group }, other);
      await settled();
      clock.advance(250);
      expect(await asked).toMatchObject({ allowed, source: 'fallback' });
      expect(counts(limit, other)).toEqual({ taken: 3, used: 1, returned: 0, lapsed: 2 });
      letGo();
      await settled();
      expect(counts(limit, other)).toEqual({ taken: 3, used: 1, returned: 2, lapsed: 0 });
      expect(await engine.peek({ group, account: 'x' } as never)).toMatchObject({ remaining });
    },
  );

  it('should give back no more of a token bucket to whoever was denied than is outstanding for certain', async () => {
    const { other, way, letGo } = behind();
    const drip = (cost: number, by = createDistributedEngine(policy, { store, clock })) =>
      ask({ group: 'drip', cost }, by);
    await drip(200);
    const ahead = await drip(500, engine);
    way.isSlow = true;
    const asked = drip(100, other);
    await settled();
    await engine.refund(ahead);
    clock.advance(250);
    expect((await asked).reason).toBe('store-failure');
    await drip(300);
    letGo();
    await settled();
    // 200 and 100 have drained but for 50; had the 100 never been asked for, 700 would be left.
    expect(await engine.peek({ group: 'drip', account: 'x' } as never)).toMatchObject({ remaining: 650 });
  });

  it.each([
    ['ahead', 1000],
    ['an hour ahead', 3_600_000],
    ['back', -1],
    ['an hour back', -3_600_000],
  ])('should use nothing of it after the clock was set %s', async (_way, by) => {
    await askOften(12);
    expect(await ask()).toMatchObject({ source: 'local' });
    // As after a thaw: no timer has rung.
    const frozen = { now: () => clock.now(), wakeAt: () => () => undefined };
    const other = createDistributedEngine(policy, { store, clock: frozen });
    await askOften(12, {}, other);
    clock.set(clock.now() + by);
    expect(await ask({}, other)).toMatchObject({ source: 'store' });
  });

  it('should use nothing of it when the window is about to end, and lose no more than that', async () => {
    const first = await ask({ group: 'short' });
    await askOften(11, { group: 'short' });
    const end = first.resetAt ?? 0;
    clock.set(end - 3);
    expect(await ask({ group: 'short' })).toMatchObject({ source: 'local' });
    clock.set(end - 2);
    expect(await ask({ group: 'short' })).toMatchObject({ source: 'store' });
    clock.set(end);
    await settled();
    const { taken = 0, used = 0, returned, lapsed } = counts('short') ?? {};
    expect({ returned, lapsed }).toEqual({ returned: 0, lapsed: taken - used });
    expect(await ask({ group: 'short' })).toMatchObject({ source: 'store', remaining: 99 });
  });

  it('should use as much of a token bucket as has not drained', async () => {
    await askOften(30, { group: 'drip' });
    const { taken = 0, used = 0 } = counts('drips') ?? {};
    // A unit drains in a millisecond, those that were used first.
    clock.advance(500);
    expect(await ask({ group: 'drip' })).toMatchObject({ source: 'store', remaining: 999 });
    expect(counts('drips')?.lapsed).toBe(taken - used);
  });

  it('should give back no more of a token bucket than what a bucket of one process would have', async () => {
    const other = createDistributedEngine(policy, { store, clock });
    await askOften(2, { group: 'pace' });
    const between = await ask({ group: 'pace', cost: 8 }, other);
    const own = await askOften(9, { group: 'pace' });
    expect(new Set(own.map(({ source }) => source))).toEqual(new Set(['local']));
    // 19 were used; what was used in between was drained before what was used here, though it was charged behind it.
    clock.advance(12);
    await other.refund(between);
    expect(await ask({ group: 'pace', cost: 14 }, other)).toMatchObject({ allowed: false });
  });

  it('should have units of a token bucket drain from the start once some of them were given back', async () => {
    const taken = await askOften(7, { group: 'pace' });
    const used = taken.filter(({ source }) => source === 'local');
    expect(used).toHaveLength(5);
    for (const decision of used) await engine.refund(decision);
    clock.advance(6);
    // All of the five have drained, since the six before them are there no more to drain first.
    expect(await ask({ group: 'pace' })).toMatchObject({ source: 'store' });
  });

  it('should grant nothing more after this process has blocked or forgotten the key', async () => {
    await askOften(12);
    await engine.block({ account: 'x' }, { for: '1m' });
    expect(await ask()).toMatchObject({ allowed: false, reason: 'blocked' });
    await engine.unblock({ account: 'x' });
    expect(await ask()).toMatchObject({ allowed: true, source: 'store' });
    await askOften(12);
    await engine.forget({ account: 'x' });
    expect(await ask()).toMatchObject({ source: 'store', remaining: 99 });
  });

  it('should not keep what was taken before this process blocked the key, and arrives after', async () => {
    let release: () => void = () => undefined;
    let travels = 0;
    const onItsWay = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The fourth way is that of the reply to the second request, which takes units ahead.
    const far = memoryStore(clock, () => (++travels === 4 ? onItsWay : Promise.resolve()));
    const other = createDistributedEngine(policy, { store: far, clock });
    await ask({}, other);
    const late = ask({}, other);
    await settled();
    await other.block({ account: 'x' }, { for: '1m' });
    release();
    expect(await late).toMatchObject({ allowed: true, source: 'store' });
    expect(await ask({}, other)).toMatchObject({ allowed: false, reason: 'blocked' });
  });

  it('should notice within a second that another process has blocked the key', async () => {
    await askOften(12);
    await createDistributedEngine(policy, { store, clock }).block({ account: 'x' }, { for: '1m' });
    expect(await ask()).toMatchObject({ allowed: true, source: 'local' });
    clock.advance(1000);
    expect(await ask()).toMatchObject({ allowed: false, reason: 'blocked', source: 'store' });
  });

  it('should take a refund of what was granted here back to the store, once', async () => {
    const decisions = await askOften(12);
    const own = decisions.findLast(({ source }) => source === 'local') as DistributedDecision;
    await engine.refund(own);
    await engine.refund(own);
    await engine.returnPrefetched();
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 89 });
  });

  it('should settle and cancel what was granted here', async () => {
    await askOften(12);
    const cancelled = await engine.tryAcquire({ group: 'read', account: 'x' });
    const settledAt = await engine.acquire({ group: 'read', account: 'x' });
    expect([cancelled.source, settledAt.source]).toEqual(['local', 'local']);
    expect([cancelled.allowed, cancelled.fence, await cancelled.cancel(), await cancelled.cancel()]).toEqual([
      true,
      undefined,
      true,
      false,
    ]);
    expect([await settledAt.settle(4), await settledAt.release()]).toEqual([true, true]);
    await engine.returnPrefetched();
    expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 84 });
  });

  it('should pay a debt with what was taken ahead', async () => {
    await askOften(12);
    const admission = await engine.tryAcquire({ group: 'read', account: 'x' });
    expect(admission.source).toBe('local');
    await admission.settle(95);
    await settled();
    expect(counts()).toMatchObject({ returned: 7 });
    expect(await ask()).toMatchObject({ allowed: false, source: 'store' });
  });

  it('should last while the store fails, and then be what the policy says', async () => {
    await askOften(12);
    const { taken = 0, used = 0 } = counts() ?? {};
    store.isDown = true;
    const held = await askOften(taken - used);
    expect(new Set(held.map(({ source }) => source))).toEqual(new Set(['local']));
    const asked = store.asked;
    expect(await ask()).toMatchObject({ allowed: false, reason: 'store-failure', source: 'fallback' });
    expect(store.asked).toBe(asked + 1);
    // What was asked for may have been charged.
    const { taken: more = 0, used: all, lapsed = 0 } = counts() ?? {};
    expect([all, lapsed]).toEqual([taken, more - taken]);
  });

  it('should not ask twice for every request where less is left than it would take', async () => {
    const other = createDistributedEngine(policy, { store, clock });
    await askOften(31);
    await ask({ cost: 63 }, other);
    const { asked } = store;
    expect((await askOften(6)).every(({ allowed }) => allowed)).toBe(true);
    expect(store.asked - asked).toBe(7);
    expect(await ask()).toMatchObject({ allowed: false });
  });

  it('should not ask twice for every request of a key that has nothing left', async () => {
    await askOften(101);
    const { asked } = store;
    await askOften(50);
    expect(store.asked - asked).toBe(50);
  });
});

describe('the field of a policy', () => {
  const policyWith = (fields: object): PolicyDocument =>
    ({
      version: 1,
      limits: { l: { algorithm: 'fixed-window', quota: 10, ...fields } },
      groups: { g: { limits: ['l'] } },
      unmatched: 'deny',
    }) as never;

  it.each<[object, string]>([
    [{ window: '1m', prefetch: { share: 0 } }, 'limits.l.prefetch.share'],
    [{ window: '1m', prefetch: { share: 1.1 } }, 'limits.l.prefetch.share'],
    [{ window: '1m', prefetch: {} }, 'limits.l.prefetch.share'],
    [{ window: '1m', prefetch: 0.1 }, 'limits.l.prefetch'],
    [{ window: '1m', prefetch: { share: 0.1, life: '1s' } }, 'limits.l.prefetch.life'],
    [{ algorithm: 'concurrency', prefetch }, 'limits.l.prefetch'],
  ])('should not be %j', (fields, path) => {
    const faults = (): unknown => parsePolicy(policyWith(fields));
    expect(faults).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ path })] }));
  });

  it('should mean nothing to an engine in process, and change no usage when it changes', () => {
    const engine = createEngine(policyWith({ window: '1m', prefetch }), { clock: manualClock() });
    for (let i = 0; i < 3; i++) engine.check({ group: 'g' });
    const { changes, usage } = engine.reload(policyWith({ window: '1m' }));
    expect(changes.map((change) => change.path)).toEqual(['limits.l.prefetch']);
    expect(usage).toMatchObject([{ limit: 'l', usage: 'kept' }]);
    expect(engine.check({ group: 'g' }).remaining).toBe(6);
  });
});
