/** Replies that come when the caller has been told something else, or has asked again. */

import { manualClock, StoreError } from 'headgate';
import { createDistributedEngine, type StoreReply } from 'headgate/distributed';
import { expect, it } from 'vitest';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const policy = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1h', per: 'account' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '1h' },
    own: { algorithm: 'fixed-window', quota: 10, window: '1s', per: 'account', onStoreFailure: 'local' },
    seats: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '1h', onStoreFailure: 'local' },
  },
  groups: {
    read: { limits: ['reads'], queue: { size: 9, timeout: '1m' } },
    call: { limits: ['reads', 'calls'], queue: { size: 9, timeout: '1m' } },
    own: { limits: ['own', 'seats'], queue: { size: 9, timeout: '1m' } },
  },
  unmatched: 'deny',
} as const;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const clock = manualClock(1_760_000_000_000);
  const memory = new MemoryStore({ clock });
  /** What becomes of the calls that are made from now on. */
  const way = { isDown: false, holdsCalls: false, holdsReplies: false };
  const held: { readonly reply: StoreReply | undefined; go(): void }[] = [];
  let calls = 0;
  const hold = (reply?: StoreReply): Promise<void> => new Promise((go) => held.push({ reply, go }));
  const store = storeOver(memory, {
    decide: async (request) => {
      const { holdsCalls, holdsReplies } = way;
      if (way.isDown)
        throw new StoreError({ code: 'busy', path: 'store', value: undefined, message: 'busy' });
      if (holdsCalls) await hold();
      // A server that knows nothing of earlier calls: each is done.
      const reply = await memory.decide({ ...request, id: `${request.id}.${++calls}` });
      if (holdsReplies) await hold(reply);
      return reply;
    },
  });
  const engine = createDistributedEngine(policy, { store, clock, localShare: 0.1 });
  const other = createDistributedEngine(policy, { store: memory, clock });
  return {
    ...{ clock, engine, other, way, held },
    places: () => [...memory.lines.values()].reduce((sum, { size }) => sum + size, 0),
    left: async (group: 'read' | 'call' | 'own') => {
      const { limits } = await other.peek({ group, account: 'x' });
      return limits.map(({ remaining }) => remaining);
    },
    pass: async (length: number) => {
      for (let passed = 0; passed < length; passed += 25) {
        clock.advance(25);
        await settle();
      }
    },
    letGo: async () => {
      for (const { go } of held.splice(0)) go();
      await settle();
    },
  };
}

it('should all be given back when whoever waits gives up, be they many', async () => {
  const { engine, other, way, held, left, pass, letGo } = setUp();
  const all = await other.check({ group: 'read', account: 'x', cost: 10 });
  const controller = new AbortController();
  const waiting = engine.acquire({ group: 'read', account: 'x', cost: 4 }, { signal: controller.signal });
  const ended = expect(waiting).rejects.toBe('enough');
  await settle();
  way.holdsReplies = true;
  await other.refund(all);
  while (held.length < 4) await pass(25);
  expect(held.map(({ reply }) => reply?.agreed)).toEqual([true, true, false, false]);
  await letGo();
  expect(await left('read')).toEqual([2]);
  controller.abort('enough');
  await ended;
  await settle();
  expect(await left('read')).toEqual([10]);
});

it('should be given back when whoever waits is denied for good', async () => {
  const { engine, other, way, held, left, pass, letGo } = setUp();
  const all = await other.check({ group: 'read', account: 'x', cost: 10 });
  const waiting = engine.acquire({ group: 'read', account: 'x', cost: 6 });
  await settle();
  way.holdsReplies = true;
  await other.refund(all);
  while (held.length < 2) await pass(25);
  expect(held.map(({ reply }) => reply?.agreed)).toEqual([true, false]);
  await other.block({ account: 'x' }, { for: '1h' });
  await letGo();
  way.holdsReplies = false;
  await pass(1100);
  expect((await waiting).reason).toBe('blocked');
  await other.unblock({ account: 'x' });
  expect(await left('read')).toEqual([10]);
});

it('should leave no permit held when whoever waits is let through without the store', async () => {
  const { engine, other, way, held, left, pass, letGo } = setUp();
  const seats = await other.tryAcquire({ group: 'own', account: 'x', cost: { permits: 2 } });
  way.isDown = true;
  const mine = await engine.tryAcquire({ group: 'own', account: 'x' });
  expect(mine).toMatchObject({ allowed: true, source: 'local' });
  way.isDown = false;
  const waiting = engine.acquire({ group: 'own', account: 'x' });
  await settle();
  way.holdsReplies = true;
  await seats.release();
  while (held.length < 1) await pass(25);
  way.isDown = true;
  await pass(275);
  await letGo();
  expect(await left('own')).toEqual([8, 1]);
  await mine.release();
  await pass(1000);
  expect(await waiting).toMatchObject({ allowed: true, source: 'local' });
  expect(await left('own')).toEqual([10, 2]);
});

/** Somebody who waited and was admitted, while an earlier look is still on its way. */
async function admittedWithALookUnderWay() {
  const { engine, other, way, held, left, pass, letGo } = setUp();
  const calls = await other.tryAcquire({ group: 'call', account: 'x', cost: { permits: 2 } });
  const waiting = engine.acquire({ group: 'call', account: 'x' });
  await settle();
  way.holdsCalls = true;
  while (held.length < 1) await pass(25);
  way.holdsCalls = false;
  await pass(275);
  await calls.release();
  await pass(200);
  const admission = await waiting;
  return { admission, left, letGo };
}

it('should be given back when it is of a look that ran after the lease had ended', async () => {
  const { admission, left, letGo } = await admittedWithALookUnderWay();
  expect([admission.source, await admission.release(), await left('call')]).toEqual(['store', true, [8, 2]]);
  await letGo();
  expect(await left('call')).toEqual([8, 2]);
});

it('should be left alone when it is of a look that has found the lease', async () => {
  const { admission, left, letGo } = await admittedWithALookUnderWay();
  await letGo();
  expect([await left('call'), await admission.release(), await left('call')]).toEqual([[8, 1], true, [8, 2]]);
});

it('should leave whoever waits one place at most, however long the store was away', async () => {
  const { engine, other, way, held, places, pass, letGo } = setUp();
  const calls = await other.tryAcquire({ group: 'call', account: 'x', cost: { permits: 2 } });
  const waiting = engine.acquire({ group: 'call', account: 'x' });
  await settle();
  way.holdsCalls = true;
  await pass(5000);
  expect([held.length > 4, places()]).toEqual([true, 1]);
  way.holdsCalls = false;
  await letGo();
  expect(places()).toBeLessThanOrEqual(1);
  await calls.release();
  await pass(1200);
  expect((await waiting).source).toBe('store');
  expect(places()).toBe(0);
});
