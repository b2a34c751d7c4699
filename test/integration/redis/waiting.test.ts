/** Permits and queues over several engines that share a server, in real time. */

import { isHeadgateError } from 'headgate';
import { createDistributedEngine, type DistributedAdmission, type Store } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { beforeEach, describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { sleep, until } from '../../fixtures/sleep.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const policy = {
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: 1500 },
    seats: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '30s' },
    pace: { algorithm: 'token-bucket', quota: 1, window: 100, per: 'account' },
  },
  groups: {
    call: { limits: ['calls'], queue: { size: 3, timeout: '5s' } },
    seat: { limits: ['seats'], queue: { size: 3, timeout: '30s' } },
    many: { limits: ['seats'], queue: { size: 10_000, timeout: '30s' } },
    sms: { limits: ['pace'], queue: { size: 10 } },
    now: { limits: ['calls'] },
  },
  unmatched: 'deny',
} as const;

const call = { group: 'call', account: 'x' } as const;
const seat = { group: 'seat', account: 'x' } as const;

describe.skipIf(lacksServer())('engines that share a server', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const look = ioredis(server?.port ?? 0);
  const clients = [ioredis(server?.port ?? 0), ioredis(server?.port ?? 0)];
  let turn = 0;
  let stores: Store[];
  let one: ReturnType<typeof engine>;
  let other: ReturnType<typeof engine>;

  function engine(store: Store) {
    return createDistributedEngine(policy, { store, deadline: '20s' });
  }

  beforeEach(() => {
    const prefix = `w${turn++}`;
    stores = clients.map((client) => redisStore({ client, prefix }));
    [one, other] = stores.map(engine) as [typeof one, typeof other];
  });

  const placesIn = (group: string): Promise<string[]> =>
    look.zrange(`w${turn - 1}:{account=x}:${group}:x:queue`, 0, -1);

  it('should hold no more together than the quota, and give back what is released', async () => {
    const first = await one.tryAcquire(call);
    const second = await other.tryAcquire(call);
    const third = await one.tryAcquire(call);
    expect([first.allowed, second.allowed, third.reason]).toEqual([true, true, 'concurrency']);
    expect([await second.release(), await second.release()]).toEqual([true, false]);
    expect((await one.tryAcquire(call)).allowed).toBe(true);
    expect((second.fence ?? 0) > (first.fence ?? 0)).toBe(true);
  });

  it('should take permits back when their holder is silent for a lease', async () => {
    await one.tryAcquire({ ...call, cost: { permits: 2 } });
    expect((await other.tryAcquire(call)).allowed).toBe(false);
    await sleep(1510);
    expect(await other.tryAcquire(call)).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('should give the same lease to the same id, and charge once', async () => {
    const first = await one.tryAcquire(call, { id: 'call-1' });
    const again = await other.tryAcquire(call, { id: 'call-1' });
    expect([again.allowed, again.remaining, again.expiresAt]).toEqual([true, 1, first.expiresAt]);
    expect(again.fence).toBeGreaterThan(first.fence ?? 0);
    expect([await again.release(), await first.release()]).toEqual([true, false]);
    expect((await one.tryAcquire(call, { id: 'call-1' })).remaining).toBe(1);
  });

  it('should give the same lease to the same id also if it asks for more than it holds', async () => {
    const events: string[] = [];
    const onStoreEvent = ({ type }: { type: string }): unknown => events.push(type);
    const engine = createDistributedEngine(policy, { store: stores[0] as Store, onStoreEvent });
    const first = await engine.tryAcquire(call, { id: 'call-1' });
    const again = await engine.tryAcquire({ ...call, cost: { permits: 2 } }, { id: 'call-1' });
    expect([again.allowed, again.source, again.expiresAt]).toEqual([true, 'store', first.expiresAt]);
    expect(events).toEqual([]);
    expect((await other.peek(call)).remaining).toBe(1);
    expect([await again.release(), (await other.peek(call)).remaining]).toEqual([true, 2]);
  });

  it('should keep a lease that outlasts its length while the work runs', async () => {
    await one.run(call, async (admission) => {
      await sleep(2000);
      expect(admission.signal.aborted).toBe(false);
      expect((await other.peek(call)).remaining).toBe(1);
    });
    expect((await other.peek(call)).remaining).toBe(2);
  });

  it('should abort the signal of work whose lease is lost, and let it end', async () => {
    const ended = one.run(call, async ({ signal }) => {
      for (const key of await look.keys(`w${turn - 1}:*leases`)) await look.del(key);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return signal.reason;
    });
    expect(isHeadgateError(await ended, 'LeaseError')).toBe(true);
  });

  it('should serve waiters of all engines in the order they came', async () => {
    const held = await one.tryAcquire({ ...seat, cost: { permits: 2 } });
    const order: number[] = [];
    const waiting: Promise<void>[] = [];
    const wait = async (engine: typeof one, n: number, priority: number): Promise<void> => {
      const admission = await engine.acquire({ ...seat, cost: { permits: 2 } }, { priority });
      if (admission.allowed) order.push(n);
      await admission.release();
    };
    for (const [n, [engine, priority]] of [
      [one, 0],
      [other, 0],
      [one, 7],
    ].entries()) {
      waiting.push(wait(engine as typeof one, n, priority as number));
      await until(async () => (await placesIn('seat')).length > n);
    }
    const newcomer = await other.tryAcquire({ ...seat, cost: { permits: 1 } });
    expect((await other.acquire(seat)).reason).toBe('queue-full');
    await held.release();
    await Promise.all(waiting);
    expect([newcomer.reason, ...order]).toEqual(['concurrency', 2, 0, 1]);
    expect(await look.keys(`w${turn - 1}:*queue`)).toEqual([]);
  });

  it('should serve waiters that came at once in the order they came, however many', async () => {
    const order: number[] = [];
    const held = await one.tryAcquire({ ...seat, cost: { permits: 2 } });
    const waiting = Array.from({ length: 50 }, async (_, n) => {
      const admission = await one.acquire({ group: 'many', account: 'x', cost: { permits: 2 } });
      order.push(n);
      await admission.release();
    });
    await until(async () => (await placesIn('many')).length === 50);
    await held.release();
    await Promise.all(waiting);
    expect(order).toEqual([...order.keys()]);
  });

  it('should leave no place to a waiter whose key is blocked', async () => {
    await one.tryAcquire({ ...seat, cost: { permits: 2 } });
    const waiting = [one, other].map((engine) => engine.acquire(seat));
    await until(async () => (await placesIn('seat')).length === 2);
    await one.block({ account: 'x' }, { for: '1h' });
    expect((await Promise.all(waiting)).map(({ reason }) => reason)).toEqual(['blocked', 'blocked']);
    expect(await placesIn('seat')).toEqual([]);
  });

  it.each(['queue', 'seen'])('should begin a line anew that is none (%s)', async (part) => {
    const events: string[] = [];
    const onStoreEvent = ({ type }: { type: string }): unknown => events.push(type);
    const engine = createDistributedEngine(policy, { store: stores[0] as Store, onStoreEvent });
    const held = await engine.tryAcquire({ ...seat, cost: { permits: 2 } });
    await look.set(`w${turn - 1}:{account=x}:seat:x:${part}`, 'no line');
    const waiting = engine.acquire(seat);
    await until(() => engine.stats().waiting === 1);
    await held.release();
    expect(await waiting).toMatchObject({ allowed: true, source: 'store' });
    expect(events).toEqual(['reset']);
  });

  it('should go on when more waiters have died at once than a script can clear away', async () => {
    const key = `w${turn - 1}:{account=x}:many:x`;
    const dead = Array.from({ length: 9000 }, (_, i) => `100:${10 ** 15 + i}:dead`);
    await look.zadd(`${key}:queue`, ...dead.flatMap((ticket) => [0, ticket]));
    await look.zadd(`${key}:seen`, ...dead.flatMap((ticket) => [1, ticket]));
    expect(await one.acquire({ ...seat, group: 'many' })).toMatchObject({ allowed: true, source: 'store' });
    expect(await look.exists(`${key}:queue`, `${key}:seen`)).toBe(0);
  });

  it('should leave nothing of those who give up', async () => {
    const held = await one.tryAcquire({ ...seat, cost: { permits: 2 } });
    const late = await other.acquire(seat, { timeout: 60 });
    expect([late.allowed, late.reason]).toEqual([false, 'queue-timeout']);
    const controller = new AbortController();
    const aborted = one.acquire(seat, { signal: controller.signal });
    await sleep(30);
    controller.abort('changed my mind');
    await expect(aborted).rejects.toBe('changed my mind');
    await expect(one.acquire(seat, { signal: controller.signal })).rejects.toBe('changed my mind');
    expect(await look.keys(`w${turn - 1}:*queue`)).toEqual([]);
    await held.release();
    expect((await one.peek(seat)).remaining).toBe(2);
  });

  it('should not keep a place for a waiter that has died', async () => {
    const held = await one.tryAcquire({ ...seat, cost: { permits: 2 } });
    // Takes a place and never looks again.
    const dead = engine(storeOver(stores[0] as Store, { decide: dieAfter(1, stores[0] as Store) }));
    dead.acquire(seat).catch(() => undefined);
    await until(async () => (await placesIn('seat')).length === 1);
    await held.release();
    expect((await other.tryAcquire(seat)).reason).toBe('concurrency');
    await sleep(3000);
    expect((await other.tryAcquire(seat)).allowed).toBe(true);
  });

  it('should pace what waits for a rate', async () => {
    const started = Date.now();
    const sms = { group: 'sms', account: 'x' } as const;
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, i) => (i % 2 ? one : other).acquire(sms)),
    );
    expect(answers.every(({ allowed }) => allowed)).toBe(true);
    const instants = answers.map(({ at }) => at).sort();
    const gaps = instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
    expect(Date.now() - started).toBeLessThan(5000);
  });

  it('should give charges and permits back when it is cancelled, also by `await using`', async () => {
    const seen: DistributedAdmission[] = [];
    {
      await using admission = await one.tryAcquire(call);
      seen.push(admission);
      expect((await other.peek(call)).remaining).toBe(1);
    }
    expect((await other.peek(call)).remaining).toBe(2);
    expect(await seen[0]?.cancel()).toBe(false);
  });
});

/** Answers so often, and then never again. */
function dieAfter(calls: number, store: Store): Store['decide'] {
  let left = calls;
  return (request) => (left-- > 0 ? store.decide(request) : new Promise(() => undefined));
}
