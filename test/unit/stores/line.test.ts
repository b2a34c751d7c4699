/** Those who wait, before a store that does not do as it is told. */

import { manualClock } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { expect, it } from 'vitest';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { storeOver } from '../../fixtures/store-over.ts';

it('should count a denial for good once, also where the store has kept the place', async () => {
  const clock = manualClock(1_760_000_000_000);
  const store = new MemoryStore({ clock });
  const keeping = storeOver(store, {
    decide: ({ line, ...request }) => store.decide({ ...request, line: line && { ...line, patience: 3000 } }),
  });
  const policy = {
    version: 1,
    limits: { calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m' } },
    groups: { call: { limits: ['calls'], queue: { size: 9 } } },
    unmatched: 'deny',
  } as const;
  const engine = createDistributedEngine(policy, { store: keeping, clock });
  const call = { group: 'call', account: 'x' } as const;
  await engine.tryAcquire(call);
  const denied = await engine.acquire(call, { timeout: 0 });
  expect([denied.reason, engine.stats().denied]).toEqual(['queue-timeout', 1]);
});
