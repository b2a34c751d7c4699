/** Batches and pools of several engines that share a server, in real time. */

import { runBatch } from 'headgate/batch';
import { createDistributedEngine } from 'headgate/distributed';
import { createPool } from 'headgate/pool';
import { redisStore } from 'headgate/redis';
import type { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { sleep, until } from '../../fixtures/sleep.ts';

const LEASE = 1200;
const policy = {
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota: 3, per: 'account', lease: LEASE },
    starts: { algorithm: 'fixed-window', quota: 1000, window: '1h', per: 'account' },
    pace: { algorithm: 'token-bucket', quota: 1, window: 150, per: 'number' },
    lines: { algorithm: 'concurrency', quota: 1, per: 'number', lease: '30s' },
  },
  groups: {
    call: { limits: ['starts', 'calls'], queue: { size: 10 } },
    text: { limits: ['pace'], queue: { size: 100 } },
    dial: { limits: ['lines'], queue: { size: 100 } },
    now: { limits: ['lines'] },
  },
  unmatched: 'deny',
} as const;

const descriptor = { group: 'call', account: 'x' } as const;
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe.skipIf(lacksServer())('engines that share a server', async () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): unknown => rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  afterAll(async () => {
    await sleep(50);
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });

  const server = lacksServer() ? undefined : await startServer();
  const clients = [ioredis(server?.port ?? 0), ioredis(server?.port ?? 0)];
  let turn = 0;
  let one: ReturnType<typeof engine>;
  let other: ReturnType<typeof engine>;
  function engine(client: Redis, prefix: string) {
    return createDistributedEngine(policy, { store: redisStore({ client, prefix }), deadline: '20s' });
  }
  beforeEach(() => {
    const prefix = `b${turn++}`;
    [one, other] = clients.map((client) => engine(client, prefix)) as [typeof one, typeof other];
  });
  const usage = async () => {
    const { limits } = await one.peek(descriptor);
    return { used: 1000 - (limits[0]?.remaining ?? 0), held: 3 - (limits[1]?.remaining ?? 0) };
  };

  describe('runBatch', () => {
    it('should run no more at once over all engines than the quota, and give everything back', async () => {
      let [running, most] = [0, 0];
      const work = async (i: number): Promise<number> => {
        most = Math.max(most, ++running);
        // The last of them may have nobody beside them.
        if (most < 3) await until(() => most >= 3);
        await sleep(20);
        running--;
        return i;
      };
      const batches = [one, other].map((each) => runBatch(each, numbers(12), work, { descriptor }));
      const results = await Promise.all(batches);
      const all = numbers(12).map((value) => ({ status: 'fulfilled', value }));
      expect(results).toEqual([all, all]);
      expect([most, await usage()]).toEqual([3, { used: 24, held: 0 }]);
    });

    it('should keep permits for as long as workers and sources take', async () => {
      const held: number[] = [];
      async function* slow(): AsyncGenerator<number> {
        await sleep(2.5 * LEASE);
        held.push((await usage()).held);
        yield 1;
      }
      const work = async (_item: number, { admission }: { admission: { signal: AbortSignal } }) => {
        const { signal } = admission;
        await sleep(2.5 * LEASE);
        held.push((await usage()).held);
        return signal.aborted;
      };
      const results = await runBatch(one, slow(), work, { descriptor });
      expect(results).toEqual([{ status: 'fulfilled', value: false }]);
      // The second is the item that was looked for in vain.
      expect([held[0], await usage()]).toEqual([1, { used: 1, held: 0 }]);
      expect(held[1]).toBeGreaterThanOrEqual(1);
    });

    it('should stop on abort, and give back what it had for the next item', async () => {
      const controller = new AbortController();
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
      };
      const batch = runBatch(one, source, () => undefined, { descriptor, signal: controller.signal });
      const rejected = expect(batch).rejects.toBe('stop');
      await until(async () => (await usage()).held > 0);
      controller.abort('stop');
      await rejected;
      expect(await usage()).toEqual({ used: 0, held: 0 });
    });

    it('should be denied by a store that fails, after what runs has ended', async () => {
      const failing = await startServer();
      const engine = createDistributedEngine(policy, {
        store: redisStore({ client: ioredis(failing.port, { retryStrategy: () => 50 }) }),
      });
      const ended: number[] = [];
      const work = async (i: number): Promise<void> => {
        if (i === 2) await failing.kill();
        await sleep(50);
        ended.push(i);
      };
      const batch = runBatch(engine, numbers(9), work, { descriptor });
      await expect(batch).rejects.toMatchObject({ name: 'DeniedError', code: 'store-failure' });
      expect(ended.sort()).toEqual([0, 1, 2]);
    });
  });

  describe('createPool', () => {
    const pooled = (group: 'text' | 'dial' | 'now', n: number) =>
      [one, other].map((each) =>
        createPool(each, { group, field: 'number', members: numbers(n).map((i) => `+1555${i}`) }),
      );

    it.each(['dial', 'now'] as const)(
      'should find the member that is free, whoever takes the others at the same time (%s)',
      async (group) => {
        const pools = pooled(group, 6);
        const taken = await Promise.all([...pools, ...pools, ...pools].map((pool) => pool.acquire({})));
        expect(new Set(taken.map(({ member }) => member)).size).toBe(6);
        expect(taken.map(({ admission }) => admission.allowed)).not.toContain(false);
        for (const { admission } of taken) expect(await admission.release()).toBe(true);
      },
    );

    it('should wait where no member is free, and take the one that is first', async () => {
      const [pool, rival] = pooled('dial', 2);
      const first = await pool?.acquire();
      const second = await rival?.acquire();
      expect(first?.member).not.toBe(second?.member);
      let isOver = false;
      const third = pool?.acquire().finally(() => {
        isOver = true;
      });
      await sleep(100);
      expect(isOver).toBe(false);
      await Promise.all([first?.admission.release(), second?.admission.release()]);
      expect((await third)?.admission.allowed).toBe(true);
    });

    it('should keep every rate over all pools, and use all members', async () => {
      const pools = pooled('text', 3);
      const sent = await Promise.all(pools.flatMap((pool) => numbers(6).map(() => pool.acquire())));
      const times = new Map<string, number[]>();
      for (const { member, admission } of sent)
        times.set(
          member,
          [...(times.get(member) ?? []), admission.at].sort((a, b) => a - b),
        );
      expect(times.size).toBe(3);
      for (const at of times.values())
        for (const [i, each] of at.slice(1).entries())
          expect(each - (at[i] ?? 0)).toBeGreaterThanOrEqual(150);
      expect(sent).toHaveLength(12);
    });

    it('should go round one after the other', async () => {
      const [pool] = pooled('dial', 3);
      const members: (string | undefined)[] = [];
      for (let i = 0; i < 6; i++) {
        const taken = await pool?.acquire();
        members.push(taken?.member);
        await taken?.admission.release();
      }
      expect(members).toEqual([...members.slice(0, 3), ...members.slice(0, 3)]);
      expect(new Set(members).size).toBe(3);
    });

    it('should move what waits for a member on when that is removed', async () => {
      const [pool, rival] = pooled('dial', 1);
      const held = await rival?.acquire();
      const waiting = pool?.acquire();
      await sleep(100);
      pool?.remove('+15550');
      pool?.add('+15559');
      await held?.admission.release();
      expect((await waiting)?.member).toBe('+15559');
      expect((await one.peek({ group: 'dial', number: '+15550' })).remaining).toBe(1);
    });

    it('should answer at once that nobody is free where nobody is to wait', async () => {
      const [pool, rival] = pooled('dial', 2);
      await Promise.all([rival?.acquire(), rival?.acquire()]);
      const denied = await pool?.acquire({}, { timeout: 0 });
      expect(denied?.admission).toMatchObject({ allowed: false, reason: 'queue-timeout' });
    });

    it('should return the denial of a store that fails, and refuse an empty pool', async () => {
      const failing = await startServer();
      const client = ioredis(failing.port, { retryStrategy: () => 50 });
      const engine = createDistributedEngine(policy, { store: redisStore({ client }) });
      const pool = createPool(engine, { group: 'now', field: 'number', members: ['1', '2'] });
      await failing.kill();
      const { admission } = await pool.acquire();
      expect(admission).toMatchObject({ allowed: false, reason: 'store-failure', source: 'fallback' });
      pool.remove('1');
      pool.remove('2');
      await expect(pool.acquire()).rejects.toMatchObject({ code: 'empty-pool' });
    });
  });
});
