/** Permits in a store, as adapters hold them: what they say of themselves, and how they are kept. */

import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { storeAt } from '../../fixtures/store-at.ts';

const LEASE = 300;
const policy = {
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: LEASE },
    tried: { algorithm: 'concurrency', quota: 9, per: 'account', lease: LEASE, mode: 'shadow' },
    reads: { algorithm: 'fixed-window', quota: 9, window: '1h', per: 'account' },
  },
  groups: {
    call: { limits: ['calls'], queue: { size: 3 } },
    trial: { limits: ['tried'] },
    read: { limits: ['reads'] },
  },
  unmatched: 'deny',
} as const;

describe.skipIf(lacksServer())('an admission', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;
  let engine: ReturnType<typeof build>;
  const clock = manualClock(1_760_000_000_000);
  const build = () => {
    const store = storeAt(redisStore({ client, prefix: `p${turn++}` }), clock);
    return createDistributedEngine(policy, { store, clock, deadline: '1h' });
  };
  beforeEach(() => {
    engine = build();
  });
  const ask = (group: 'call' | 'trial' | 'read') => engine.tryAcquire({ group, account: 'x' });
  const left = async (group: 'call' | 'trial') =>
    (await engine.peek({ group, account: 'x' })).limits[0]?.remaining;
  /** Time in which what is asked is answered, however long that takes: a reply comes after those to what was asked before. */
  const pass = async (length: number) => {
    for (const end = clock.now() + length; clock.now() < end; ) {
      clock.advance(LEASE / 10);
      await left('call');
    }
  };

  it('should hold permits until they are released, and none where it has none', async () => {
    const [call, read] = [await ask('call'), await ask('read')];
    const denied = await ask('call');
    expect([call, read, denied].map(({ holdsPermits }) => holdsPermits)).toEqual([true, false, false]);
    await call.release();
    expect(call.holdsPermits).toBe(false);
  });

  it('should hold permits of shadow limits alone, which nobody misses when they are lost', async () => {
    const trial = await ask('trial');
    expect([trial.holdsPermits, trial.fence, trial.expiresAt, await left('trial')]).toEqual([
      true,
      undefined,
      undefined,
      8,
    ]);
    const { signal } = trial;
    const stop = trial.keep();
    await pass(2.5 * LEASE);
    expect([signal.aborted, await left('trial')]).toEqual([false, 8]);
    stop();
    await pass(1.5 * LEASE);
    expect([signal.aborted, await left('trial'), await trial.renew()]).toEqual([false, 9, true]);
    expect([await trial.release(), await trial.release()]).toEqual([true, false]);
  });

  it('should be kept until that is called off', async () => {
    const call = await ask('call');
    const stop = call.keep();
    await pass(2.5 * LEASE);
    expect([call.signal.aborted, await left('call')]).toEqual([false, 0]);
    stop();
    await pass(1.5 * LEASE);
    expect([call.signal.aborted, await left('call')]).toEqual([true, 1]);
  });

  it('should have a signal made only if it has to wait, and be given up by it', async () => {
    const controller = new AbortController();
    const made = vi.fn(() => controller.signal);
    const first = await engine.acquire({ group: 'call', account: 'x' }, { signal: made });
    expect([first.allowed, made.mock.calls.length]).toEqual([true, 0]);
    const second = engine.acquire({ group: 'call', account: 'x' }, { signal: made });
    await vi.waitUntil(() => made.mock.calls.length > 0);
    controller.abort('gone');
    await expect(second).rejects.toBe('gone');
    expect(made).toHaveBeenCalledOnce();
    expect(await client.keys(`p${turn - 1}:*:queue`)).toEqual([]);
  });
});
