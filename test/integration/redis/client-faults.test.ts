/** What may happen to those who ask: clocks that are wrong, a process that is busy, a store that never answers. */

import { isHeadgateError } from 'headgate';
import type { Store } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';
import { build, endure, serve } from '../../fixtures/faults.ts';
import { lacksServer } from '../../fixtures/redis.ts';
import { sleep } from '../../fixtures/sleep.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const BUSY = 5000;

describe.skipIf(lacksServer())('a process', () => {
  it('should not matter what time it thinks it is', async () => {
    const { client } = await serve();
    const store = redisStore({ client });
    const engines = [-3_600_000, 0, 3_600_000].map(
      (by) => build(client, { store, clock: { now: () => Date.now() + by } }).engine,
    );
    const answers = [];
    for (const engine of engines) answers.push(await engine.check({ group: 'shared', account: 'y' }));
    const [{ limits: [first] = [] } = { limits: [] }] = answers;
    expect(answers.map(({ remaining, limits }) => [remaining, limits[0]?.resetAt])).toEqual([
      [49, first?.resetAt],
      [48, first?.resetAt],
      [47, first?.resetAt],
    ]);
    expect(Math.abs((answers[2]?.at ?? 0) - Date.now())).toBeLessThan(1000);
    // Leases and places neither.
    const call = { group: 'line', account: 'y' } as const;
    const [slow, , fast] = engines;
    const held = await slow?.tryAcquire({ ...call, cost: { permits: 2 } });
    const waiting = fast?.acquire(call);
    await sleep(100);
    expect((await fast?.tryAcquire(call))?.allowed).toBe(false);
    expect(await held?.release()).toBe(true);
    expect((await waiting)?.allowed).toBe(true);
    for (const [i, by] of ['- 1 h', 'right', '+ 1 h'].entries()) {
      const engine = engines[i];
      if (engine !== undefined) await endure(engine, { name: `client clock ${by}`, ms: 200 });
    }
  });

  it('should be answered by itself where the store never settles', async () => {
    const { client } = await serve();
    const store = redisStore({ client });
    let isHanging = false;
    const unless =
      <A extends unknown[], T>(act: (...args: A) => Promise<T>) =>
      (...args: A): Promise<T> =>
        isHanging ? new Promise(() => undefined) : act(...args);
    const hanging: Partial<Store> = {
      decide: unless((...args) => store.decide(...args)),
      forget: unless((...args) => store.forget(...args)),
      release: unless((...args) => store.release(...args)),
    };
    const { engine } = build(client, { store: storeOver(store, hanging) });
    const { during } = await endure(engine, {
      ...{ name: 'a promise that never settles', ms: 1000 },
      begin: async () => {
        const held = await engine.tryAcquire({ group: 'line', account: 'y' });
        isHanging = true;
        for (const act of [() => held.release(), () => engine.forget({ account: 'y' })])
          await expect(act()).rejects.toSatisfy((error) => isHeadgateError(error, 'StoreError'));
      },
      end: () => {
        isHanging = false;
      },
    });
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
  });

  it('should not blame the store when it was busy for 5 s itself', async () => {
    const { client } = await serve();
    const { engine, events } = build(client);
    let lost: unknown;
    const { during } = await endure(engine, {
      ...{ name: 'event loop blocked for 5 s', ms: BUSY + 600, isExact: true },
      begin: async () => {
        const held = await engine.tryAcquire({ group: 'line', account: 'y' });
        held.signal.addEventListener('abort', () => {
          lost = held.signal.reason;
        });
        const pending = Array.from({ length: 20 }, () => engine.check({ group: 'lenient', account: 'y' }));
        await sleep(0);
        for (const end = Date.now() + BUSY; Date.now() < end; );
        const answers = await Promise.all(pending);
        expect(answers.map(({ source }) => source)).toEqual(answers.map(() => 'store'));
        // Its lease has run out meanwhile, and it is told so.
        await sleep(20);
        expect(isHeadgateError(lost, 'LeaseError')).toBe(true);
        expect(await held.release()).toBe(false);
      },
    });
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
    expect(events).toEqual([]);
  });

  it('should keep a share of the quota to itself while the store fails, where the limit says so', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    await server.kill();
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await engine.check({ group: 'shared', account: 'x' }));
    expect(answers.map(({ source, allowed, remaining }) => [source, allowed, remaining])).toEqual([
      ...[4, 3, 2, 1, 0].map((left) => ['local', true, left]),
      ['local', false, 0],
    ]);
    await engine.refund(answers[0] as (typeof answers)[0]);
    expect((await engine.check({ group: 'shared', account: 'x' })).allowed).toBe(true);
    await engine.run({ group: 'call', account: 'x' }, async (admission) => {
      expect(admission.source).toBe('local');
      expect((await engine.tryAcquire({ group: 'call', account: 'x' })).reason).toBe('concurrency');
    });
  });
});
