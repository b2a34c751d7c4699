/** Settling what was admitted, before a store that fails in part. */

import { manualClock, StoreError } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { expect, it } from 'vitest';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const count = { algorithm: 'fixed-window', quota: 100, window: '1h', per: 'account' } as const;
const policy = {
  version: 1,
  limits: { asked: { ...count, unit: 'input' }, told: { ...count, unit: 'output' } },
  groups: { ask: { limits: ['asked', 'told'] } },
  unmatched: 'deny',
} as const;

it.each([
  ['refund', [90, 70]],
  ['charge', [95, 90]],
] as const)('should correct the other units and tell of it when a %s fails', async (failing, left) => {
  const clock = manualClock(1_760_000_000_000);
  const store = new MemoryStore({ clock });
  const down = new StoreError({ code: 'busy', path: 'store', value: undefined, message: 'busy' });
  const engine = createDistributedEngine(policy, {
    clock,
    store: storeOver(store, {
      correct: async (id, how, ...rest) => {
        if (how === failing) throw down;
        return store.correct(id, how, ...rest);
      },
    }),
  });
  const ask = { group: 'ask', account: 'x' } as const;
  const admission = await engine.tryAcquire({ ...ask, cost: { input: 10, output: 10 } });
  await expect(admission.settle({ input: 5, output: 30 })).rejects.toBe(down);
  const { limits } = await engine.peek({ ...ask, cost: { input: 0, output: 0 } });
  expect(limits.map(({ remaining }) => remaining)).toEqual(left);
});
