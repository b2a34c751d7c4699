/** Replies that come when the caller has been told something else. */

import {
  createDistributedEngine,
  type DistributedEngineOptions,
  type Store,
  type StoreReply,
} from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { sleep, until } from '../../fixtures/sleep.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const reads = { algorithm: 'token-bucket', quota: 10, window: '1h', per: 'account' } as const;
const policy = {
  version: 1,
  limits: {
    strict: reads,
    lenient: { ...reads, onStoreFailure: 'allow' },
    shared: { ...reads, onStoreFailure: 'local' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '10s' },
    loose: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '10s', onStoreFailure: 'allow' },
  },
  groups: {
    strict: { limits: ['strict'] },
    lenient: { limits: ['lenient'] },
    shared: { limits: ['shared'] },
    call: { limits: ['strict', 'calls'] },
    loose: { limits: ['lenient', 'loose'] },
    line: { limits: ['strict', 'calls'], queue: { size: 3, timeout: '20s' } },
    pace: { limits: ['strict'], queue: { size: 3, timeout: '20s' } },
  },
  unmatched: 'deny',
} as const;

const DEADLINE = 400;

/** The next replies of a store are kept back until they are let go. */
interface Gate {
  isShut: boolean;
  /** Lets go what is kept back, and waits for what that has the engine do. */
  open(): Promise<void>;
  /** Lets go the first one that grants something. */
  letOneGo(): Promise<void>;
}

function gated(store: Store): [Store, Gate] {
  let kept: { readonly reply: StoreReply; go(): void }[] = [];
  const effects: Promise<unknown>[] = [];
  const follow = <T>(effect: Promise<T>): Promise<T> => {
    effects.push(effect);
    return effect;
  };
  const gate: Gate = {
    isShut: false,
    open: async () => {
      gate.isShut = false;
      for (const { go } of kept) go();
      kept = [];
      await sleep(0);
      await Promise.all(effects);
    },
    letOneGo: async () => {
      kept.find(({ reply }) => reply.agreed)?.go();
      await sleep(0);
    },
  };
  const over = storeOver(store, {
    decide: async (request) => {
      const isKept = gate.isShut;
      const reply = await store.decide(request);
      if (isKept) await new Promise<void>((go) => kept.push({ reply, go }));
      return reply;
    },
    correct: (...args) => follow(store.correct(...args)),
    release: (...args) => follow(store.release(...args)),
    leave: (...args) => follow(store.leave(...args)),
  });
  return [over, gate];
}

describe.skipIf(lacksServer())('a reply that comes too late', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;
  let gate: Gate;
  let store: Store;
  let engine: ReturnType<typeof build>;
  let other: ReturnType<typeof build>;

  function build(store: Store, deadline: number, options: Partial<DistributedEngineOptions> = {}) {
    return createDistributedEngine(policy, { store, deadline, ...options });
  }

  async function left(group: keyof typeof policy.groups): Promise<number[]> {
    return (await other.peek({ group, account: 'x' })).limits.map(({ remaining }) => remaining);
  }

  beforeEach(async () => {
    const plain = redisStore({ client, prefix: `l${turn++}` });
    [store, gate] = gated(plain);
    engine = build(store, DEADLINE);
    other = build(plain, 20_000);
    await other.peek({ group: 'line', account: 'x' });
  });

  it('should be given back to whoever was denied', async () => {
    gate.isShut = true;
    const decision = await engine.check({ group: 'strict', account: 'x', cost: 3 });
    expect([decision.reason, await left('strict')]).toEqual(['store-failure', [7]]);
    await gate.open();
    expect(await left('strict')).toEqual([10]);
  });

  it.each(['lenient', 'shared'] as const)(
    'should stay charged to whoever was let through (%s)',
    async (group) => {
      gate.isShut = true;
      const decision = await engine.check({ group, account: 'x' });
      expect([decision.allowed, decision.source === 'store']).toEqual([true, false]);
      await gate.open();
      expect(await left(group)).toEqual([9]);
    },
  );

  it('should charge nothing for having looked', async () => {
    gate.isShut = true;
    await engine.peek({ group: 'strict', account: 'x' });
    await gate.open();
    expect(await left('strict')).toEqual([10]);
  });

  it('should leave no permit held, whatever the caller was told', async () => {
    gate.isShut = true;
    const denied = await engine.tryAcquire({ group: 'call', account: 'x' });
    const allowed = await engine.tryAcquire({ group: 'loose', account: 'x' });
    expect([denied.allowed, allowed.allowed]).toEqual([false, true]);
    expect([await left('call'), await left('loose')]).toEqual([
      [9, 1],
      [9, 1],
    ]);
    await gate.open();
    expect([await left('call'), await left('loose')]).toEqual([
      [10, 2],
      [9, 2],
    ]);
  });

  it('should not take from others the lease that they hold by the same id', async () => {
    const held = await other.tryAcquire({ group: 'call', account: 'x' }, { id: 'call-1' });
    gate.isShut = true;
    expect((await engine.tryAcquire({ group: 'call', account: 'x' }, { id: 'call-1' })).allowed).toBe(false);
    await gate.open();
    expect([await left('call'), await held.release()]).toEqual([[9, 1], true]);
  });

  it('should be there for whoever asks again by the same id', async () => {
    gate.isShut = true;
    await engine.tryAcquire({ group: 'call', account: 'x' }, { id: 'call-1' });
    await gate.open();
    const again = await engine.tryAcquire({ group: 'call', account: 'x' }, { id: 'call-1' });
    expect([again.allowed, await left('call'), await again.release()]).toEqual([true, [9, 1], true]);
  });

  it('should not be remembered as a denial of what it takes until it is given back', async () => {
    let correct = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => {
      correct = resolve;
    });
    const slow = storeOver(store, { correct: (...args) => isAsked.then(() => store.correct(...args)) });
    const caching = build(slow, DEADLINE, { denialCache: 10 });
    gate.isShut = true;
    const all = { group: 'strict', account: 'x', cost: 10 } as const;
    expect((await caching.check(all)).reason).toBe('store-failure');
    await gate.open();
    const denied = [await caching.check(all), await caching.check(all)];
    expect(denied.map(({ source, reason }) => [source, reason])).toEqual([
      ['store', 'quota'],
      ['local', 'quota'],
    ]);
    correct();
    await until(async () => (await left('strict'))[0] === 10);
    await sleep(10);
    expect(await caching.check(all)).toMatchObject({ allowed: true, source: 'store' });
  });

  it('should break nothing where the store cannot even be asked to take it back', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): unknown => rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const broken = vi.fn(() => {
      throw new Error('broken');
    });
    const throwing = build(storeOver(store, { correct: broken, release: broken, leave: broken }), DEADLINE);
    gate.isShut = true;
    await Promise.all([
      throwing.check({ group: 'strict', account: 'x' }),
      throwing.tryAcquire({ group: 'call', account: 'x' }),
    ]);
    await gate.open();
    await sleep(10);
    process.off('unhandledRejection', onRejection);
    expect([broken.mock.calls.length, rejections]).toEqual([3, []]);
  });

  it('should not leave a place in line to whoever was told that there is none', async () => {
    const line = { group: 'line', account: 'x' } as const;
    await other.tryAcquire({ ...line, cost: { permits: 2 } });
    gate.isShut = true;
    expect((await engine.acquire(line)).reason).toBe('store-failure');
    const places = async (): Promise<string[]> => client.keys(`l${turn - 1}:*queue`);
    expect(await places()).toHaveLength(1);
    await gate.open();
    expect(await places()).toEqual([]);
  });

  describe('while somebody waits', () => {
    const line = { group: 'line', account: 'x' } as const;

    /** Waits in line, until its permits come free; it does not hear of it in time. */
    async function waitUnheard(signal?: AbortSignal): Promise<ReturnType<typeof engine.acquire>> {
      const held = await other.tryAcquire({ ...line, cost: { permits: 2 } });
      const waiting = engine.acquire(line, { signal });
      await until(async () => (await client.keys(`l${turn - 1}:*queue`)).length > 0);
      gate.isShut = true;
      await held.release();
      await until(async () => (await left('call'))[1] === 1);
      return waiting;
    }

    it('should be found by the waiter that looks again, which then holds it', async () => {
      const waiting = waitUnheard();
      await until(async () => gate.isShut && (await left('call'))[1] === 1);
      await sleep(DEADLINE);
      await gate.open();
      const admission = await waiting;
      await gate.open();
      expect([admission.allowed, admission.source, await left('call')]).toEqual([true, 'store', [8, 1]]);
      expect([await admission.release(), await left('call')]).toEqual([true, [8, 2]]);
    });

    it.each(['before', 'after'])(
      'should be charged once for a rate, when it came %s the one that counts',
      async (when) => {
        const sms = { group: 'pace', account: 'x' } as const;
        const all = await other.check({ ...sms, cost: 10 });
        const waiting = engine.acquire(sms);
        await until(async () => (await client.keys(`l${turn - 1}:*queue`)).length > 0);
        gate.isShut = true;
        await other.refund(all);
        await until(async () => (await left('strict'))[0] === 9);
        await sleep(DEADLINE);
        if (when === 'before') await gate.open();
        gate.isShut = false;
        expect((await waiting).allowed).toBe(true);
        if (when === 'after') expect(await left('strict')).toEqual([8]);
        await gate.open();
        await until(async () => (await left('strict'))[0] === 9);
      },
    );

    it.each(['before', 'after'])('should be given back when it came %s the waiter gave up', async (when) => {
      const controller = new AbortController();
      const waiting = waitUnheard(controller.signal);
      const ended = expect(waiting).rejects.toBe('enough');
      await until(async () => gate.isShut && (await left('call'))[1] === 1);
      await sleep(2 * DEADLINE);
      if (when === 'before') await gate.letOneGo();
      controller.abort('enough');
      await ended;
      if (when === 'before') await until(async () => (await left('call'))[1] === 2);
      await gate.open();
      expect(await left('call')).toEqual([9, 2]);
      expect(await client.keys(`l${turn - 1}:*queue`)).toEqual([]);
    });
  });
});
