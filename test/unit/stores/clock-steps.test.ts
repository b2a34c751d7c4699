/** What becomes of lengths of time when the machine's clock is set back. */

import { StoreError } from 'headgate';
import { createDistributedEngine, type Store } from 'headgate/distributed';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const HOUR = 3_600_000;
const policy = {
  version: 1,
  limits: { calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m' } },
  groups: { call: { limits: ['calls'] }, line: { limits: ['calls'], queue: { size: 5 } } },
  unmatched: 'deny',
} as const;
const down = new StoreError({ code: 'busy', path: 'store', value: undefined, message: 'busy' });
const call = { group: 'call', account: 'x' } as const;

describe('a machine whose clock is set back by an hour', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_760_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function set(methods: (store: Store) => Partial<Store>) {
    const present = Date.now();
    const store = new MemoryStore({ clock: { now: () => present } });
    return createDistributedEngine(policy, { store: storeOver(store, methods(store)) });
  }

  it('should leave the store alone for no longer than it was to', async () => {
    let isDown = true;
    const engine = set((store) => ({
      decide: (request) => (isDown ? Promise.reject(down) : store.decide(request)),
    }));
    for (let i = 0; i < 5; i++) await engine.peek(call);
    expect(engine.stats().store.leftAloneUntil).toBe(Date.now() + 1000);
    isDown = false;
    vi.setSystemTime(Date.now() - HOUR);
    await vi.advanceTimersByTimeAsync(999);
    expect((await engine.peek(call)).source).toBe('fallback');
    await vi.advanceTimersByTimeAsync(2);
    expect((await engine.peek(call)).source).toBe('store');
  });

  it('should wait in line for no longer than it was to', async () => {
    const engine = set(() => ({}));
    await engine.tryAcquire(call);
    let told: string | undefined;
    const waiting = engine.acquire({ ...call, group: 'line' }, { timeout: '5s' });
    waiting.then(({ reason }) => {
      told = reason;
    });
    await vi.advanceTimersByTimeAsync(1000);
    vi.setSystemTime(Date.now() - HOUR);
    await vi.advanceTimersByTimeAsync(3900);
    expect(told).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toBe('queue-timeout');
  });

  it('should say that a lease is lost when it is, though nobody can tell it so', async () => {
    const engine = set(() => ({ renew: () => new Promise(() => undefined) }));
    const admission = await engine.tryAcquire(call);
    const stop = admission.keep();
    const { signal } = admission;
    vi.setSystemTime(Date.now() - HOUR);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1001);
    expect(signal.aborted).toBe(true);
    stop();
  });
});
