import type { PolicyDocument } from 'headgate';
import { createDistributedEngine, type DistributedEngine } from 'headgate/distributed';
import { manualClock } from 'headgate/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MemoryStore, memoryStore } from '../../fixtures/rates-store.ts';

const policy: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'account' },
    tokens: { algorithm: 'token-bucket', quota: 60, burst: 5, window: '1m', per: 'account', unit: 'tokens' },
    area: { algorithm: 'sliding-window', quota: 2, window: '1m', per: 'region', missing: 'deny' },
    ahead: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'account', prefetch: { share: 0.5 } },
  },
  groups: {
    read: { limits: ['reads'] },
    again: { limits: ['reads'] },
    both: { limits: ['reads', 'tokens'] },
    area: { limits: ['area'] },
    ahead: { limits: ['ahead'] },
    queued: { limits: ['reads'], queue: { size: 1 } },
  },
  tiers: { big: { reads: 3 }, bursts: { tokens: { quota: 60, burst: 9 } } },
  unmatched: 'deny',
};

/** Whoever looks at the tests by `check` has to see the same by `tryAcquire` and `acquire`. */
const WAYS = ['check', 'tryAcquire', 'acquire'] as const;

describe.each(WAYS)('denials that are kept, by %s', (way) => {
  const clock = manualClock();
  let store: MemoryStore;
  let engine: DistributedEngine;
  const ask = (descriptor: object) => engine[way]({ group: 'read', account: 'x', ...descriptor } as never);

  beforeEach(async () => {
    clock.set(5_000_000);
    store = memoryStore(clock);
    engine = createDistributedEngine(policy, { store, clock, denialCache: 100 });
    await ask({ cost: 2 });
    expect(await ask({})).toMatchObject({ allowed: false, source: 'store' });
    store.asked = 0;
  });

  it('should be the answers that the store would give, until it may give another', async () => {
    const retryAt = clock.now() + 60_000;
    for (const elapsed of [1, 30_000, 29_998]) {
      clock.advance(elapsed);
      const { source, ...known } = JSON.parse(JSON.stringify(await ask({})));
      const plain = createDistributedEngine(policy, { store, clock });
      const { source: other, ...told } = JSON.parse(
        JSON.stringify(await plain[way]({ group: 'read', account: 'x' } as never)),
      );
      expect([source, other]).toEqual(['local', 'store']);
      expect(known).toEqual(told);
      expect(known).toMatchObject({ allowed: false, reason: 'quota', limit: 'reads', remaining: 0, retryAt });
      store.asked = 0;
    }
    clock.set(retryAt);
    expect(await ask({})).toMatchObject({ allowed: true, source: 'store' });
  });

  it.each<[string, object, boolean]>([
    ['another cost', { cost: 3 }, false],
    ['no cost', { cost: 0 }, true],
    ['another key', { account: 'y' }, true],
    ['another group', { group: 'again' }, false],
    ['another tier', { tier: 'big' }, true],
    ['a quota of its own', { quotas: { reads: 9 } }, true],
    ['another limit beside it', { group: 'both', cost: { tokens: 1 } }, false],
    ['an instant of its own', {}, false],
  ])('should not be the answer to %s', async (what, descriptor, allowed) => {
    const decision =
      what === 'an instant of its own'
        ? await engine[way]({ group: 'read', account: 'x' } as never, { now: clock.now() } as never)
        : await ask(descriptor);
    expect(decision).toMatchObject({ allowed, source: 'store' });
    expect(store.asked).toBe(1);
  });

  it('should be kept of several limits, with what each of them says', async () => {
    const both = { group: 'both', cost: { requests: 0, tokens: 5 } };
    await ask(both);
    const told = await ask(both);
    const known = await ask(both);
    expect([told.source, known.source]).toEqual(['store', 'local']);
    expect(known.limits).toEqual(told.limits);
    expect(known).toMatchObject({ allowed: false, limit: 'tokens', reason: 'quota' });
  });

  it('should be told apart by the burst that is granted', async () => {
    const both = { group: 'both', account: 'y', cost: { requests: 0, tokens: 5 } };
    for (let i = 0; i < 2; i++) await ask(both);
    expect(await ask(both)).toMatchObject({ allowed: false, source: 'local' });
    expect(await ask({ ...both, cost: { requests: 0, tokens: 4 }, tier: 'bursts' })).toMatchObject({
      allowed: true,
    });
    expect(await ask({ ...both, tier: 'bursts' })).toMatchObject({ allowed: false, source: 'store' });
  });

  it('should not be kept of what is never granted', async () => {
    for (let i = 0; i < 2; i++)
      expect(await ask({ cost: 9 })).toMatchObject({
        reason: 'never',
        retryAt: Number.POSITIVE_INFINITY,
        source: 'store',
      });
    expect(await ask({ group: 'area' })).toMatchObject({ reason: 'missing' });
  });

  it('should end where this process lifts a block', async () => {
    await engine.block({ account: 'z' }, { for: '1h' });
    expect(await ask({})).toMatchObject({ reason: 'quota', source: 'store' });
    for (const source of ['store', 'local'])
      expect(await ask({ account: 'z' })).toMatchObject({ reason: 'blocked', source });
    // What is known of another key is no block.
    expect(await ask({})).toMatchObject({ reason: 'quota', source: 'local' });
    await engine.unblock({ account: 'z' });
    expect(await ask({ account: 'z' })).toMatchObject({ allowed: true, source: 'store' });
  });

  it('should end where this process forgets or gives back', async () => {
    const other = await ask({ account: 'y' });
    await ask({});
    await engine.refund(other);
    expect(await ask({})).toMatchObject({ allowed: false, source: 'store' });
    await engine.forget({ account: 'x' });
    expect(await ask({})).toMatchObject({ allowed: true, source: 'store' });
  });

  it('should not be kept if they were made before something was given back', async () => {
    const first = await ask({ account: 'y', cost: 2 });
    // The store has denied, and the answer is on its way.
    const late = ask({ account: 'y' });
    await engine.refund(first);
    expect(await late).toMatchObject({ allowed: false });
    expect(await ask({ account: 'y' })).toMatchObject({ allowed: true, source: 'store' });
  });

  it('should not outlast a clock that is set back', async () => {
    clock.advance(10_000);
    expect(await ask({})).toMatchObject({ source: 'local' });
    clock.advance(-5000);
    expect(await ask({})).toMatchObject({ source: 'store' });
  });

  it('should last for a second where units may come back that others have taken ahead', async () => {
    const ahead = { group: 'ahead' };
    await ask({ ...ahead, cost: 2 });
    expect(await ask(ahead)).toMatchObject({ allowed: false, source: 'store' });
    clock.advance(999);
    expect(await ask(ahead)).toMatchObject({ allowed: false, source: 'local' });
    clock.advance(1);
    expect(await ask(ahead)).toMatchObject({ allowed: false, source: 'store' });
  });

  it('should not be kept where others wait', async () => {
    if (way === 'acquire') return;
    const sources = [await ask({ group: 'queued' }), await ask({ group: 'queued' })];
    expect(sources.map(({ source }) => source)).toEqual(['store', 'store']);
  });

  it('should be as many as was said', async () => {
    const small = createDistributedEngine(policy, { store, clock, denialCache: 1 });
    const deny = async (account: string) =>
      (await small[way]({ group: 'read', account, cost: 2 } as never)).source;
    for (const account of ['a', 'b']) for (let i = 0; i < 2; i++) await deny(account);
    expect([await deny('b'), await deny('a'), await deny('b')]).toEqual(['local', 'store', 'store']);
  });
});
