/** What one process can tell of its decisions, and how it ends. */

import {
  createEngine,
  type Explanation,
  isHeadgateError,
  type LimitExplanation,
  type PolicyDocument,
} from 'headgate';
import {
  createDistributedEngine,
  type DistributedEngineOptions,
  type DistributedEventName,
  type Store,
} from 'headgate/distributed';
import { instrument } from 'headgate/opentelemetry';
import { redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { openTarget } from '../../fixtures/scrape.ts';
import { until } from '../../fixtures/sleep.ts';
import { storeAt } from '../../fixtures/store-at.ts';

const START = 1_700_000_000_000;
const DEADLINE = '10s';

const policy = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 4, window: '1m', per: 'account', candidate: { quota: 3 } },
    bytes: {
      algorithm: 'token-bucket',
      quota: 10,
      window: '1s',
      per: 'account',
      unit: 'bytes',
      mode: 'shadow',
    },
    calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m' },
    mine: { algorithm: 'fixed-window', quota: 20, window: '1m', per: 'account', onStoreFailure: 'local' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads', 'bytes'] },
    call: { limits: ['calls'], queue: { size: 9, timeout: '10s' } },
    mine: { limits: ['mine'] },
    free: { limits: [] },
  },
  tiers: { free: { reads: 3 } },
  unmatched: 'deny',
} as const satisfies PolicyDocument;

const read = { group: 'read', account: 'x', cost: { requests: 1, bytes: 4 } } as const;
const call = { group: 'call', account: 'x' } as const;

describe.skipIf(lacksServer())('a distributed engine', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;

  const storeOf = (prefix = `s${turn++}`): Store => redisStore({ client, prefix });
  function engine(options: Partial<DistributedEngineOptions> = {}) {
    return createDistributedEngine(policy, { store: storeOf(), deadline: DEADLINE, ...options });
  }
  const failing = (error: () => Promise<never> = () => Promise.reject(new Error('down'))): Store => ({
    ...storeAt(storeOf(), { now: () => START }),
    decide: error,
  });

  it('should count what it decides, and how shadow limits agree, as an engine in process does', async () => {
    const [one, other] = [engine(), createEngine(policy, { clock: manualClock(START) })];
    for (let i = 0; i < 5; i++) {
      await one.check(read, { now: START });
      other.check(read);
      await one.tryAcquire(call);
      other.tryAcquire(call);
    }
    await one.check({ method: 'GET', path: '/', account: 'x' });
    await one.check({ group: 'free' });
    other.check({ method: 'GET', path: '/', account: 'x' });
    other.check({ group: 'free' });
    await one.peek(read);
    await one.explain(read);
    const { allowed, denied, shadows } = other.stats();
    expect(one.stats()).toEqual({
      ...{ allowed, denied, shadows },
      sources: { store: 10, local: 2, fallback: 0 },
      prefetch: {},
      waiting: 0,
      store: { failures: 0, leftAloneUntil: undefined },
      denialCache: { size: 0, hits: 0 },
      listenerErrors: 0,
    });
    expect(shadows['reads.candidate']).toEqual({ agreed: 4, wouldDeny: 1, wouldAllow: 0 });
    expect(shadows.bytes).toEqual({ agreed: 3, wouldDeny: 2, wouldAllow: 0 });
    expect([allowed, denied]).toEqual([6, 6]);
  });

  it('should tell what the store does, and what is decided while it fails', async () => {
    const clock = manualClock(START);
    const seen: string[] = [];
    const sync: string[] = [];
    const one = engine({ store: failing(), clock, onStoreEvent: ({ type }) => sync.push(type) });
    one.on('store', ({ type, until }) => seen.push(until === undefined ? type : `${type} ${until - START}`));
    one.on('allowed', ({ decision: { source }, shadows }) =>
      seen.push(`allowed ${source} ${shadows.length}`),
    );
    one.on('denied', ({ decision: { source, reason } }) => seen.push(`denied ${source} ${reason}`));
    for (let i = 0; i < 2; i++) {
      await settled(one.check({ group: 'mine', account: 'x' }), clock);
      await settled(one.check(read), clock);
    }
    await settled(one.tryAcquire(call), clock);
    await settled(one.tryAcquire(call), clock);
    await settled(one.check({ group: 'mine', account: 'x' }), clock);
    expect(seen.filter((each) => each !== 'failed')).toEqual([
      'allowed local 0',
      'denied fallback store-failure',
      'allowed local 0',
      'denied fallback store-failure',
      expect.stringMatching(/^left-alone \d+$/),
      'denied fallback store-failure',
      'denied fallback store-failure',
      'denied local quota',
    ]);
    expect(sync).toEqual(
      seen.map((each) => each.split(' ')[0]).filter((each) => each === 'failed' || each === 'left-alone'),
    );
    const { store, sources, shadows } = one.stats();
    expect(sources).toEqual({ store: 0, local: 3, fallback: 4 });
    expect(store).toEqual({ failures: 5, leftAloneUntil: expect.any(Number) });
    expect(shadows['reads.candidate']).toEqual({ agreed: 0, wouldDeny: 0, wouldAllow: 0 });
  });

  it('should tell of decisions, near limits, shadows, queues and reloads, after the call', async () => {
    const one = engine();
    const seen: unknown[] = [];
    const stops = [
      one.on('allowed', ({ decision: { group, remaining }, shadows }) =>
        seen.push([
          'allowed',
          group,
          remaining,
          ...shadows.map(({ limit, verdict }) => `${limit} ${verdict}`),
        ]),
      ),
      one.on('denied', ({ decision: { group, reason } }) => seen.push(['denied', group, reason])),
      one.on('near-limit', ({ limit, key, used, of }) => seen.push(['near-limit', limit, key, used, of])),
      one.on('queued', ({ group }) => seen.push(['queued', group])),
      one.on('granted', ({ admission, waited }) => seen.push(['granted', admission.allowed, waited >= 0])),
      one.on('reloaded', ({ report }) => seen.push(['reloaded', report.text])),
    ];
    for (let i = 0; i < 4; i++) await one.check(read, { now: START });
    const held = await one.tryAcquire(call);
    await one.tryAcquire(call);
    const waiting = one.acquire(call);
    await until(() => one.stats().waiting > 0);
    await held.release();
    await (await waiting).release();
    one.reload({ ...policy, unmatched: 'allow' });
    await Promise.resolve();
    expect(seen).toEqual([
      ['allowed', 'read', 3, 'reads.candidate agreed', 'bytes agreed'],
      ['allowed', 'read', 2, 'reads.candidate agreed', 'bytes agreed'],
      ['allowed', 'read', 1, 'reads.candidate agreed', 'bytes wouldDeny'],
      ['allowed', 'read', 0, 'reads.candidate wouldDeny', 'bytes wouldDeny'],
      ['near-limit', 'reads', 'x', 4, 4],
      ['allowed', 'call', 0],
      ['near-limit', 'calls', 'x', 1, 1],
      ['denied', 'call', 'concurrency'],
      ['queued', 'call'],
      ['allowed', 'call', 0],
      ['near-limit', 'calls', 'x', 1, 1],
      ['granted', true, true],
      ['reloaded', expect.stringContaining('~ unmatched: "deny" -> "allow"')],
    ]);
    for (const stop of stops) stop();
    await one.check({ group: 'mine', account: 'x' });
    await Promise.resolve();
    expect(seen).toHaveLength(13);
  });

  it('should have metrics of its own, and those that an engine in process has of decisions', async () => {
    const target = await openTarget();
    const one = engine({ denialCache: 5 });
    const stop = instrument(one, { meter: target.meter });
    for (let i = 0; i < 6; i++) await one.check(read);
    await Promise.resolve();
    const samples = (await target.samples()).map(({ name, labels, value }) => [
      name.replace('headgate_', ''),
      Object.values(labels).join(' '),
      value,
    ]);
    stop();
    await target.close();
    expect(samples).toEqual(
      expect.arrayContaining([
        ['decisions_total', 'read reads allowed ok', 4],
        ['decisions_total', 'read reads denied quota', 2],
        ['near_limit_total', 'read reads', 1],
        ['shadow_decisions_total', 'reads.candidate would-deny', 1],
        ['decisions_made_total', 'store', 5],
        ['decisions_made_total', 'local', 1],
        ['decisions_made_total', 'fallback', 0],
        ['denials_kept', '', 1],
        ['denials_found_total', '', 1],
        ['store_failures_total', '', 0],
        ['store_left_alone', '', 0],
        ['queue_length', '', 0],
        ['listener_errors_total', '', 0],
      ]),
    );
    expect(samples.map(([name]) => name)).not.toContain('keys');
  });

  it('should survive its listeners, and know its events', async () => {
    const one = engine();
    const errors: unknown[] = [];
    one.on('allowed', () => {
      throw new Error('mine');
    });
    one.on('listener-error', ({ event, error }) => errors.push([event, String(error)]));
    expect((await one.check({ group: 'free' })).allowed).toBe(true);
    await Promise.resolve();
    await Promise.resolve();
    expect([errors, one.stats().listenerErrors]).toEqual([[['allowed', 'Error: mine']], 1]);
    expect(() => one.on('evicted' as DistributedEventName, () => undefined)).toThrow(
      expect.objectContaining({ code: 'unknown-event' }),
    );
  });

  it('should explain a decision as an engine in process does', async () => {
    const clock = manualClock(START);
    const store = storeAt(storeOf(), clock);
    const one = engine({ store, clock });
    const other = createEngine(policy, { clock });
    const request = {
      method: 'GET',
      path: '/v1//calls?x=1',
      tier: 'free',
      ...read,
      group: undefined,
    } as const;
    const { group: _, ...routed } = request;
    for (let i = 0; i < 5; i++) {
      const [remote, local] = [await one.explain(routed), other.explain(routed)];
      expect(plain(remote)).toEqual(plain(local));
      expect(remote.text).toBe(`${local.text}\nsource   store`);
      expect([remote.source, remote.decision.source]).toEqual(['store', 'store']);
      await one.check(routed);
      other.check(routed);
    }
    await one.tryAcquire(call);
    other.tryAcquire(call);
    expect(plain(await one.explain(call))).toEqual(plain(other.explain(call)));
    const unmatched = { method: 'PUT', path: '/', account: 'x' } as const;
    expect((await one.explain(unmatched)).text).toBe(`${other.explain(unmatched).text}\nsource   local`);
    expect(await one.explain(read)).toMatchObject({ limits: [{ used: 3 }, { used: 3 }, { used: 8 }] });
  });

  it('should explain what it would decide while the store fails', async () => {
    const clock = manualClock(START);
    const one = engine({ store: failing(), clock });
    await settled(one.check({ group: 'mine', account: 'x' }), clock);
    const mine = await settled(one.explain({ group: 'mine', account: 'x' }), clock);
    expect(mine).toMatchObject({ source: 'local', limits: [{ used: 1, quota: 2, quotaFrom: 'limit' }] });
    const other = await settled(one.explain({ ...read, tier: 'free' }), clock);
    expect(other).toMatchObject({ source: 'fallback', limits: [{ used: 0, quotaFrom: 'tier' }, {}, {}] });
    expect(other.text).toContain('denied (store-failure)');
  });

  it('should end all waiting when it is disposed of, admit nobody later, and take back what is held', async () => {
    const clock = manualClock(START);
    const prefix = `s${turn++}`;
    const one = engine({ store: storeOf(prefix), clock });
    const held = await one.tryAcquire(call);
    const waiting = [one.acquire(call), one.acquire(call, { priority: 3 }), one.run(call, () => 1)].map(
      (each) => each.catch((error: unknown) => isHeadgateError(error) && error.code),
    );
    await until(() => one.stats().waiting === 3);
    one.dispose();
    expect(await Promise.all(waiting)).toEqual(['disposed', 'disposed', 'disposed']);
    expect(await client.keys(`${prefix}:*queue`)).toEqual([]);
    expect(one.stats().waiting).toBe(0);
    // The timer of the latest calls runs on, for nobody.
    clock.advance(DEADLINE);
    expect(clock.nextWake).toBeUndefined();
    for (const later of [one.acquire(call), one.tryAcquire(call), one.run(call, () => 1)])
      await expect(later).rejects.toMatchObject({ code: 'disposed' });
    expect((await one.check({ group: 'mine', account: 'x' })).allowed).toBe(true);
    expect([await held.renew(), await held.release()]).toEqual([true, true]);
    expect((await engine({ store: storeOf(prefix) }).tryAcquire(call)).allowed).toBe(true);
    clock.advance(DEADLINE);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should give back what it is granted too late for one who was disposed of meanwhile', async () => {
    const prefix = `s${turn++}`;
    const store = storeOf(prefix);
    let hold: Promise<void> | undefined;
    const slow: Store = {
      ...storeAt(store, { now: () => START }),
      leave: (line, row) => store.leave(line, row),
      decide: async (request) => {
        const reply = await store.decide(request);
        await hold;
        return reply;
      },
      release: (...args) => store.release(...args),
    };
    const one = engine({ store: slow });
    const held = await one.tryAcquire(call);
    const waiting = one.acquire(call).catch((error: unknown) => isHeadgateError(error) && error.code);
    await until(() => one.stats().waiting > 0);
    let open = (): void => undefined;
    hold = new Promise((resolve) => {
      open = resolve;
    });
    await held.release();
    const sets = async (): Promise<number> => client.zcard(`${prefix}:{account=x}:calls:leases`);
    while ((await sets()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    one.dispose();
    open();
    expect(await waiting).toBe('disposed');
    expect(await sets()).toBe(0);
  });

  it('should go on renewing what work holds that goes on after it was disposed of, and no longer', async () => {
    const clock = manualClock(START);
    const one = engine({ clock });
    let end = (): void => undefined;
    const work = one.run(call, () => new Promise<void>((resolve) => (end = resolve)));
    while (one.stats().allowed === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advance(DEADLINE);
    one.dispose();
    expect(clock.nextWake).toBe(START + 20_000);
    end();
    await work;
    clock.advance(DEADLINE);
    expect(clock.nextWake).toBeUndefined();
  });
});

/** Settles what waits by a clock that stands still. */
async function settled<T>(promise: Promise<T>, clock: ReturnType<typeof manualClock>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  promise.then(end, end);
  for (let i = 0; i < 50 && !isOver; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isOver && clock.nextWake !== undefined && clock.nextWake - clock.now() < 100)
      clock.set(clock.nextWake);
  }
  return promise;
}

/** What both kinds of engines explain alike. */
function plain({ decision: _, text: __, limits, ...story }: Explanation & { source?: unknown }): object {
  delete story.source;
  return { ...story, limits: limits.map((limit: LimitExplanation) => ({ ...limit })) };
}
