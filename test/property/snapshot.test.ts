/** A snapshot taken at any moment, and taken in, changes nothing that is decided later. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { asksFor, FEW_KEYS, histories, MANY_KEYS, Player } from '../fixtures/engine-histories.ts';
import {
  GROUP_NAMES,
  numbers,
  orders,
  policyOf,
  reordered,
  strangers,
  windowSets,
} from '../fixtures/policy-versions.ts';
import { runs } from '../fixtures/runs.ts';

/** Permits stay behind, so nobody asks for any. */
const RATES = GROUP_NAMES.filter((group) => group !== 'held');
const KEPT = { groups: RATES, keys: FEW_KEYS };
const CROWDED = { groups: RATES, keys: MANY_KEYS };

describe('a snapshot', () => {
  it.each([
    ['below the bound', KEPT, [64]],
    ['at maxKeys, with what was evicted', CROWDED, [1, 2, 3, 5]],
  ])('should go on as if nothing had happened, %s', (_title, options, bounds) => {
    const history = fc.array(histories({ ...options, maxLength: 15 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(numbers, windowSets, strangers, history, fc.constantFrom(...bounds), (...drawn) => {
        const [quotas, windows, others, history, maxKeys] = drawn;
        const base = policyOf(quotas, windows);
        const policy = { ...base, limits: { ...others, ...base.limits } };
        const [restored, left] = [policy, policy].map((each) => new Player(each, { maxKeys })) as [
          Player,
          Player,
        ];
        for (const moves of history) {
          for (const move of moves) assert.equal(restored.play(move), left.play(move));
          restored.restart();
          left.forgetAnswers();
        }
        const asks = asksFor(options);
        assert.deepEqual(restored.outlook(asks), left.outlook(asks));
      }),
      { numRuns: runs(150, 10_000) },
    );
  });

  it.each([
    ['below the bound', KEPT, 64],
    ['at maxKeys', CROWDED, 3],
  ])('should be taken in by another policy as a reload takes usage over, %s', (_title, options, maxKeys) => {
    const version = fc.record({ quotas: numbers, windows: windowSets, others: strangers, order: orders });
    const moves = histories({ ...options, maxLength: 40 });
    fc.assert(
      fc.property(version, version, moves, moves, (first, second, past, future) => {
        const [before, after] = [first, second].map(({ quotas, windows, others, order }) => {
          const base = policyOf(quotas, windows);
          return reordered({ ...base, limits: { ...others, ...base.limits } }, order);
        }) as [ReturnType<typeof policyOf>, ReturnType<typeof policyOf>];
        const [restored, reloaded] = [new Player(before, { maxKeys }), new Player(before, { maxKeys })];
        for (const move of past) assert.equal(restored.play(move), reloaded.play(move));
        const report = reloaded.engine.reload(after);
        const { restored: taken } = restored.restart(after);
        reloaded.forgetAnswers();
        const isRate = ({ limit }: { limit: string }): boolean =>
          (after.limits[limit] ?? before.limits[limit])?.algorithm !== 'concurrency';
        assert.deepEqual(taken?.usage.filter(isRate), report.usage.filter(isRate));
        for (const move of future) assert.equal(restored.play(move), reloaded.play(move));
        const asks = asksFor(options);
        assert.deepEqual(restored.outlook(asks), reloaded.outlook(asks));
      }),
      { numRuns: runs(150, 3000) },
    );
  });

  it('should give nobody quota back where there is less room for keys, or more', () => {
    const room = fc.constantFrom(1, 2, 3, 4, 7, 64);
    const moves = histories({ ...CROWDED, maxLength: 40 });
    fc.assert(
      fc.property(numbers, windowSets, moves, room, room, (quotas, windows, moves, room, other) => {
        const player = new Player(policyOf(quotas, windows), { maxKeys: room });
        for (const move of moves) player.play(move);
        const asks = asksFor(CROWDED);
        const left = (): number[] =>
          asks.flatMap((ask) => player.engine.peek({ ...ask }).limits.map(({ remaining }) => remaining));
        const before = left();
        player.restart(undefined, { maxKeys: other });
        left().forEach((units, i) => {
          assert.ok(units <= (before[i] as number), `${units} left, of ${before[i]} before`);
        });
      }),
      { numRuns: runs(150, 3000) },
    );
  });
});
