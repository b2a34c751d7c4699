/** What a distributed engine answers by itself, while its store fails. */

import { definePolicy, denialResponse, rateLimitHeaders, StoreError } from 'headgate';
import { createDistributedEngine, type Store } from 'headgate/distributed';
import { manualClock } from 'headgate/testing';
import { describe, expect, it, vi } from 'vitest';
import { settled } from '../../fixtures/virtual-time.ts';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'account' },
    days: { algorithm: 'token-bucket', quota: 10, window: '1d', per: 'account' },
    calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '3s' },
    shared: { algorithm: 'fixed-window', quota: 50, window: '1m', per: 'account', onStoreFailure: 'local' },
    lines: { algorithm: 'concurrency', quota: 9, per: 'account', lease: '3s', onStoreFailure: 'local' },
    free: { algorithm: 'fixed-window', quota: 5, window: '1m', per: 'account', onStoreFailure: 'allow' },
  },
  groups: {
    read: { limits: ['reads'] },
    both: { limits: ['reads', 'days'] },
    call: { limits: ['calls'] },
    share: { limits: ['shared'] },
    line: { limits: ['lines'] },
    free: { limits: ['free'] },
  },
  unmatched: 'deny',
  headers: ['x-ratelimit', 'retry-after', 'draft-11'],
});

function alone(methods: Partial<Store> = {}) {
  const failing = vi.fn(() =>
    Promise.reject(new StoreError({ code: 'gone', path: 'store', value: 0, message: '' })),
  );
  const store: Store = {
    algorithms: ['fixed-window', 'token-bucket'],
    isPartitioned: false,
    decide: failing,
    correct: failing,
    release: failing,
    renew: failing,
    leave: failing,
    block: failing,
    unblock: failing,
    forget: failing,
    ...methods,
  };
  const clock = manualClock(1_000_000);
  return { clock, failing, engine: createDistributedEngine(policy, { store, clock }) };
}

describe('a distributed engine whose store fails', () => {
  it.each(['read', 'both', 'call'] as const)('should say when to come back to "%s"', async (group) => {
    const { engine } = alone();
    const decision = await engine.tryAcquire({ group, account: 'x' });
    expect(decision).toMatchObject({ reason: 'store-failure', source: 'fallback', retryAt: 1_001_000 });
    const { status, headers } = denialResponse(decision, engine.policyOf(decision));
    expect([status, headers]).toEqual([
      503,
      { 'Retry-After': '1', 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    ]);
  });

  it('should tell no fields of what it does not know, and those of what it knows', async () => {
    const { engine } = alone();
    const free = await engine.tryAcquire({ group: 'free', account: 'x' });
    expect([free.allowed, rateLimitHeaders(free, engine.policy)]).toEqual([true, {}]);
    const share = await engine.tryAcquire({ group: 'share', account: 'x' });
    expect(rateLimitHeaders(share, engine.policy)).toMatchObject({
      'X-RateLimit-Limit': '5',
      'X-RateLimit-Remaining': '4',
      RateLimit: expect.stringContaining('r=4'),
    });
  });

  it('should know by which policy it has decided, be it by a share of it', async () => {
    const { engine } = alone();
    for (const group of ['read', 'share', 'free'] as const) {
      const decision = await engine.tryAcquire({ group, account: 'x' });
      expect(engine.policyOf(decision)).toBe(engine.policy);
      const copy = { ...decision };
      expect(() => engine.policyOf(copy)).toThrow(expect.objectContaining({ code: 'no-decision' }));
    }
    const foreign = await alone().engine.peek({ group: 'read', account: 'x' });
    expect(() => engine.policyOf(foreign)).toThrow(expect.objectContaining({ code: 'foreign-decision' }));
  });

  it('should keep a permit of its share for as long as the work takes', async () => {
    const { clock, engine } = alone();
    const line = { group: 'line', account: 'x' } as const;
    const admission = await engine.tryAcquire(line);
    expect([admission.holdsPermits, admission.source]).toEqual([true, 'local']);
    const stop = admission.keep();
    for (let i = 0; i < 12; i++) {
      clock.advance('1s');
      await settled();
    }
    expect((await engine.tryAcquire(line)).reason).toBe('concurrency');
    stop();
    clock.advance('3s');
    expect([(await engine.tryAcquire(line)).allowed, admission.holdsPermits]).toEqual([true, false]);
  });

  it('should hold nothing on a denial, and be kept in vain', async () => {
    const { clock, engine } = alone();
    const denied = await engine.tryAcquire({ group: 'call', account: 'x' });
    denied.keep();
    // By then, nobody waits for the store any more.
    clock.advance('250ms');
    expect([denied.holdsPermits, clock.nextWake, await denied.release()]).toEqual([false, undefined, false]);
  });

  it('should decide by its share also what was asked before a reload', async () => {
    const { clock, engine } = alone({ decide: () => new Promise(() => undefined) });
    const asked = [
      engine.check({ group: 'share', account: 'x' }),
      engine.tryAcquire({ group: 'line', account: 'x' }),
    ];
    const { shared, ...limits } = policy.limits;
    engine.reload({ ...policy, limits: { ...limits, shared: { ...shared, quota: 40 } } });
    const { line: _, ...groups } = policy.groups;
    engine.reload({ ...policy, groups });
    clock.advance('250ms');
    expect((await Promise.all(asked)).map(({ source, quota, reason }) => [source, quota, reason])).toEqual([
      ['local', 5, 'ok'],
      ['fallback', 9, 'store-failure'],
    ]);
  });

  it('should ask nothing for whoever has given up before', async () => {
    const { engine, failing } = alone();
    const signal = AbortSignal.abort('early');
    await expect(engine.acquire({ group: 'call', account: 'x' }, { signal })).rejects.toBe('early');
    expect(failing).not.toHaveBeenCalled();
  });
});
