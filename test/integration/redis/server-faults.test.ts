/** What may happen to what a server keeps, while requests go on. */

import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';
import { build, endure, PATIENT, serve } from '../../fixtures/faults.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { lacksShift, startShiftedServer } from '../../fixtures/shifted-server.ts';
import { sleep } from '../../fixtures/sleep.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const strict = { group: 'strict', account: 'x' } as const;
const shared = { group: 'shared', account: 'y' } as const;

describe.skipIf(lacksServer())('a server that', () => {
  it.concurrent('should forget its scripts all the time', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    const look = ioredis(server.port);
    let flushing: NodeJS.Timeout | undefined;
    const { during } = await endure(engine, {
      ...{ name: 'SCRIPT FLUSH every 10 ms', ms: 1000, isExact: true },
      begin: () => {
        flushing = setInterval(() => void look.script('FLUSH'), 10);
      },
      end: () => clearInterval(flushing),
    });
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
  });

  it.concurrent('should be a replica for a while, which takes no writes: no denial of a limit, and told apart', async () => {
    const { server, client } = await serve();
    const primary = await startServer();
    const look = ioredis(server.port);
    const { engine, events } = build(client);
    const { during } = await endure(engine, {
      ...{ name: 'a read-only replica', ms: 1500 },
      begin: () => look.replicaof('127.0.0.1', `${primary.port}`),
      end: async () => {
        await expect(engine.block({ account: 'x' }, { for: '1h' })).rejects.toMatchObject({
          code: expect.stringMatching(/read-only|left-alone/),
        });
        await look.replicaof('NO', 'ONE');
      },
    });
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
    expect(events).toContain('read-only');
  });

  it.concurrent('should be out of memory, and change nothing then', async () => {
    const { server, client } = await serve();
    const { engine, events } = build(client);
    const look = ioredis(server.port);
    const { during } = await endure(engine, {
      ...{ name: 'maxmemory, noeviction', ms: 1500, isExact: true },
      begin: () => look.config('SET', 'maxmemory', '1'),
      end: () => look.config('SET', 'maxmemory', '0'),
    });
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
    expect(events).toContain('out-of-memory');
    expect(events.filter((event) => event.startsWith('evicting'))).toEqual([]);
  });

  it.concurrent('should evict: a fresh limit for whoever it hits, of which it warns once', async () => {
    const { server, client } = await serve([
      '--maxmemory-policy',
      'allkeys-lru',
      '--maxmemory-samples',
      '10',
    ]);
    const look = ioredis(server.port);
    const { engine, patient, events, prefix } = build(client);
    const used = Number(/used_memory:(\d+)/.exec(await look.info('memory'))?.[1]);
    await look.config('SET', 'maxmemory', `${used + 400_000}`);
    await patient.check({ ...shared, cost: 50 });
    expect((await patient.check(shared)).allowed).toBe(false);
    const { during } = await endure(engine, {
      ...{ name: 'maxmemory, allkeys-lru', ms: 1500 },
      begin: async () => {
        // For as long as it takes: a server tells ages apart by whole seconds, and picks by chance among equals.
        for (let i = 0; (await look.exists(`${prefix}:{account=y}`)) > 0; i += 50) {
          const others = Array.from(
            { length: 50 },
            (_, j) => ({ group: 'strict', account: `o${i + j}` }) as const,
          );
          await Promise.all(others.map((other) => patient.check(other)));
        }
      },
    });
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
    expect(await patient.check(shared)).toMatchObject({ allowed: true, remaining: 49 });
    expect(events).toEqual(['evicting allkeys-lru']);
    // Asked once, not by every decision.
    expect(await look.info('commandstats')).toMatch(/cmdstat_info:calls=[1-9],/);
  });

  it.concurrent('should not be waited for while it is asked whether it evicts, nor be blamed if it does not tell', async () => {
    const { server, client } = await serve(['--maxmemory-policy', 'allkeys-lru', '--maxmemory', '100mb']);
    const look = ioredis(server.port);
    await look.call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '+@all', '-info');
    const plain = ioredis(server.port, {
      ...{ username: 'plain', password: 'any', enableReadyCheck: false },
      ...PATIENT,
    });
    const { patient, events } = build(plain, { deadline: '20s' });
    expect(await patient.check(strict)).toMatchObject({ allowed: true, source: 'store' });
    await sleep(50);
    expect(events).toEqual([]);
    const slow = redisStore({ client, prefix: 'slow' });
    slow.evictionPolicy = () => new Promise(() => undefined);
    const other = build(client, { store: slow });
    expect(await other.patient.check(strict)).toMatchObject({ allowed: true, source: 'store' });
    const told = build(client);
    await told.engine.check(strict);
    await expect.poll(() => told.events).toEqual(['evicting allkeys-lru']);
  });

  it.concurrent('should lose everything again and again', async () => {
    const { server, client } = await serve();
    const { engine, patient } = build(client);
    const look = ioredis(server.port);
    const { during } = await endure(engine, {
      ...{ name: 'FLUSHALL', ms: 500 },
      begin: () => look.flushall(),
      end: () => look.flushall(),
    });
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
    await patient.check(shared);
    await look.flushall();
    expect((await patient.check(shared)).remaining).toBe(49);
  });

  it.concurrent('should hold something else, or keep it for ever', async () => {
    const { server, client } = await serve();
    const { engine, patient, events, prefix } = build(client);
    const look = ioredis(server.port);
    const { during } = await endure(engine, {
      ...{ name: 'a key of another type', ms: 500 },
      begin: () => look.set(`${prefix}:{account=x}`, 'something else'),
    });
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
    expect(events).toEqual(['reset']);
    const persisted = await endure(engine, {
      ...{ name: 'a TTL that was removed', ms: 300 },
      begin: () => look.persist(`${prefix}:{account=x}`),
    });
    expect(persisted.during.outcomes).toEqual({ 'store ok': persisted.during.calls });
    const lenient = { group: 'lenient', account: 'y', cost: 10_000 } as const;
    await patient.check(lenient);
    await look.persist(`${prefix}:{account=y}`);
    await patient.check(lenient);
    expect(await look.pttl(`${prefix}:{account=y}`)).toBeGreaterThan(0);
  });
});

describe.skipIf(lacksShift())('a server whose clock steps', () => {
  const HOUR = 3600;
  const limits = {
    minute: { algorithm: 'token-bucket', quota: 5, window: '1m', per: 'account' },
    slide: { algorithm: 'sliding-window', quota: 5, window: '1m', per: 'account' },
    hour: { algorithm: 'fixed-window', quota: 5, window: '1h', per: 'account' },
    seats: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '1s' },
  } as const;
  const groups = {
    minute: { limits: ['minute'] },
    slide: { limits: ['slide'] },
    hour: { limits: ['hour'] },
    seat: { limits: ['seats'], queue: { size: 5, timeout: '5s' } },
  } as const;
  const policy = { version: 1, limits, groups, unmatched: 'deny' } as const;
  const lengths = { minute: 60_000, slide: 60_000, hour: 3_600_000 };
  const names = ['minute', 'slide', 'hour'] as const;

  it.concurrent('should go on while it steps forward and back by an hour', async () => {
    const server = await startShiftedServer();
    const { engine } = build(ioredis(server.port, PATIENT));
    for (const [name, by] of [
      ['server clock + 1 h', HOUR],
      ['server clock - 1 h', 0],
      ['server clock - 1 h again', -HOUR],
    ] as const) {
      const { during } = await endure(engine, { name, ms: 400, begin: () => server.shift(by) });
      expect(during.outcomes).toEqual({ 'store ok': during.calls });
    }
  });

  it.concurrent('should pass limits on when it steps forward, and mint nothing and lock nobody out when back', async () => {
    const server = await startShiftedServer();
    const client = ioredis(server.port);
    const engine = createDistributedEngine(policy, { store: redisStore({ client }), deadline: '20s' });
    const spend = async (): Promise<number[]> =>
      Promise.all(
        names.map(async (group) => {
          const all = await Promise.all(
            Array.from({ length: 8 }, () => engine.check({ group, account: 'x' })),
          );
          return all.filter(({ allowed }) => allowed).length;
        }),
      );
    expect(await spend()).toEqual([5, 5, 5]);
    expect(await spend()).toEqual([0, 0, 0]);
    server.shift(HOUR + 1);
    expect(await spend()).toEqual([5, 5, 5]);

    server.shift(0);
    expect(await spend()).toEqual([0, 0, 0]);
    for (const [group, most] of [
      ['minute', lengths.minute],
      // Full until the end of the next aligned window, and a window begun an hour ahead is not known to be wrong.
      ['slide', 2 * lengths.slide],
      ['hour', 2 * lengths.hour + 1000],
    ] as const) {
      const { at, retryAt = 0 } = await engine.peek({ group, account: 'x' });
      expect(retryAt - at).toBeGreaterThan(0);
      expect(retryAt - at).toBeLessThanOrEqual(most);
      server.shift(Math.ceil((retryAt - at) / 1000) + 1);
      expect((await engine.check({ group, account: 'x' })).allowed).toBe(true);
      server.shift(0);
    }
  });

  it.concurrent('should not have a dead waiter hold up the line for as long as it stepped back', async () => {
    const server = await startShiftedServer();
    const store = redisStore({ client: ioredis(server.port) });
    const engine = createDistributedEngine(policy, { store, deadline: '20s' });
    const seat = { group: 'seat', account: 'x' } as const;
    server.shift(HOUR);
    const held = await engine.tryAcquire({ ...seat, cost: { permits: 2 } });
    let isDead = false;
    const dead = createDistributedEngine(policy, {
      store: storeOver(store, {
        decide: (request) => (isDead ? new Promise(() => undefined) : store.decide(request)),
      }),
    });
    dead.acquire(seat, { priority: 7 }).catch(() => undefined);
    await sleep(50);
    isDead = true;
    server.shift(0);
    expect(await held.release()).toBe(true);
    expect((await engine.acquire(seat, { timeout: '2s' })).allowed).toBe(true);
  });
});
