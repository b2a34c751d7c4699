/** Whatever sequence of policies is put in force, usage is neither minted nor lost, and nobody else notices. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LimitDecision, PolicyDocument } from 'headgate';
import { describe, it } from 'vitest';
import {
  type Ask,
  asksFor,
  FEW_KEYS,
  histories,
  MANY_KEYS,
  type Move,
  Player,
} from '../fixtures/engine-histories.ts';
import {
  GROUP_NAMES,
  type Numbers,
  numbers,
  orders,
  policyOf,
  RATES,
  reordered,
  strangers,
  windowSets,
} from '../fixtures/policy-versions.ts';
import { runs } from '../fixtures/runs.ts';

const KEPT = { groups: GROUP_NAMES, keys: FEW_KEYS };
const CROWDED = { groups: GROUP_NAMES, keys: MANY_KEYS };

/** Quotas as tiers give them. */
function grants({ burst, bucket, ...quotas }: Numbers) {
  return { ...quotas, bucket: { quota: bucket, burst } };
}

describe('a reload', () => {
  it.each([
    ['below the bound', KEPT, 64],
    ['at maxKeys', CROWDED, 3],
  ])('should change quotas and bursts as a change of tier does, %s', (_title, options, maxKeys) => {
    const versions = fc.array(numbers, { minLength: 2, maxLength: 4 });
    const history = fc.array(fc.tuple(histories({ ...options, maxLength: 12 }), fc.nat({ max: 3 }), orders), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(versions, windowSets, history, (versions, windows, history) => {
        const first = versions[0] as Numbers;
        const tiers = Object.fromEntries(versions.map((version, i) => [`t${i}`, grants(version)]));
        const reloaded = new Player(policyOf(first, windows), { maxKeys });
        const tiered = new Player({ ...policyOf(first, windows), tiers }, { maxKeys });
        let tier = 't0';
        for (const [moves, next, order] of history) {
          for (const move of moves)
            assert.equal(
              reloaded.play(move),
              tiered.play('ask' in move ? { ...move, ask: { ...move.ask, tier } } : move),
            );
          const i = next % versions.length;
          tier = `t${i}`;
          reloaded.engine.reload(reordered(policyOf(versions[i] as Numbers, windows), order));
        }
      }),
      { numRuns: runs(200, 4000) },
    );
  });

  it('should not change what other limits decide', () => {
    const history = fc.array(fc.tuple(histories({ ...KEPT, maxLength: 12 }), strangers, orders), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(numbers, windowSets, history, (quotas, windows, history) => {
        const policy = policyOf(quotas, windows);
        const [reloaded, left] = [new Player(policy), new Player(policy)];
        for (const [moves, others, order] of history) {
          for (const move of moves) assert.equal(reloaded.play(move), left.play(move));
          const limits = { ...others, ...policy.limits };
          const groups = { stranger: { limits: Object.keys(others) }, ...policy.groups };
          reloaded.engine.reload(reordered({ ...policy, limits, groups }, order), {
            carry: Object.fromEntries(Object.keys(others).map((name) => [name, 'reset'])),
          });
        }
      }),
      { numRuns: runs(200, 4000) },
    );
  });

  it('should leave no more than before when windows and anchors change, and nothing when they change back', () => {
    const history = histories({ ...CROWDED, maxLength: 40 });
    const flips = fc.array(fc.tuple(windowSets, fc.boolean()), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(numbers, windowSets, history, flips, (quotas, windows, history, flips) => {
        const player = new Player(policyOf(quotas, windows), { maxKeys: 5 });
        const other = new Player(policyOf(quotas, windows), { maxKeys: 5 });
        for (const move of history) {
          player.play(move);
          other.play(move);
        }
        const asks = asksFor(CROWDED);
        for (const [windows, isTurned] of flips) {
          const left = remainders(player, asks);
          player.engine.reload(turned(policyOf(quotas, windows), isTurned));
          assertNoMore(remainders(player, asks), left);
        }
        player.engine.reload(policyOf(quotas, windows));
        for (const later of LATER)
          assertNoMore(remainders(player, asks, later), remainders(other, asks, later));
      }),
      { numRuns: runs(200, 4000) },
    );
  });

  it('should admit no more than the largest quota in any window, nor than what drains of the slowest full bucket', () => {
    const history = fc.array(
      fc.tuple(histories({ ...KEPT, waits: [0, 0, 1, 3, 9, 25], maxLength: 12 }), numbers),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(windowSets, history, (windows, history) => {
        const player = new Player(policyOf((history[0] as [unknown, Numbers])[1], windows));
        const admitted: Admitted[] = [];
        for (const [moves, quotas] of history) {
          player.engine.reload(policyOf(quotas, windows));
          for (const move of moves.filter(isCounted)) {
            const answer = player.play(move);
            if ('ask' in move) admitted.push(...admittedBy(answer));
          }
        }
        assertBounds(admitted, windows.bucket, history.length);
      }),
      { numRuns: runs(200, 4000) },
    );
  });

  it('should give back and settle what was decided before it only where the usage is kept', () => {
    const history = histories({ ...KEPT, maxLength: 20 });
    const after = fc.array(
      fc.record({ does: fc.constantFrom('refund' as const, 'cancel' as const), which: fc.nat({ max: 50 }) }),
      { minLength: 1, maxLength: 10 },
    );
    fc.assert(
      fc.property(
        numbers,
        windowSets,
        history,
        after,
        fc.constantFrom('reset', 'gone', 'back', 'window'),
        (quotas, windows, history, after, how) => {
          const policy = policyOf(quotas, windows);
          const player = new Player(policy);
          for (const move of history) player.play(move);
          const asks = asksFor(KEPT);
          if (how === 'reset') player.engine.reload(policy, { carry: 'reset' });
          else if (how === 'window') player.engine.reload(policyOf(quotas, mapped(windows)));
          else {
            player.engine.reload({ version: 1, limits: {}, groups: {}, unmatched: 'allow' });
            if (how === 'back') player.engine.reload(policy);
          }
          const see = (): string[] => (how === 'gone' ? [] : remainders(player, asks).map(String));
          const before = see();
          for (const move of after) player.play(move);
          assert.deepEqual(see(), before);
        },
      ),
      { numRuns: runs(150, 3000) },
    );
  });
});

const LATER = [0, 1, 9, 26, 101, 334, 700];

function isCounted(move: Move): boolean {
  return 'ask' in move || move.does === 'wait';
}

function mapped(windows: ReturnType<typeof windowSets.generate>['value']): typeof windows {
  return Object.fromEntries(
    Object.entries(windows).map(([name, ms]) => [name, ms + 1]),
  ) as unknown as typeof windows;
}

/** The same with the anchors of fixed windows swapped. */
function turned(policy: PolicyDocument, isTurned: boolean): PolicyDocument {
  if (!isTurned) return policy;
  const { fixed, epoch, shared } = policy.limits;
  const limits = {
    ...policy.limits,
    fixed: { ...fixed, anchor: 'epoch' },
    shared: { ...shared, anchor: 'epoch' },
    epoch: { ...epoch, anchor: 'first-use' },
  };
  return { ...policy, limits } as PolicyDocument;
}

/** What is left of each rate, for each request. */
function remainders({ engine, clock }: Player, asks: readonly Ask[], later = 0): number[] {
  const now = clock.now() + later;
  return asks.flatMap((ask) =>
    engine
      .peek({ ...ask }, { now })
      .limits.filter(({ kind }) => kind !== 'concurrency')
      .map(({ remaining }) => remaining),
  );
}

function assertNoMore(now: readonly number[], before: readonly number[]): void {
  assert.equal(now.length, before.length);
  now.forEach((left, i) => {
    assert.ok(left <= (before[i] as number), `${left} left, of ${before[i]} before`);
  });
}

interface Admitted extends LimitDecision {
  readonly at: number;
}

function admittedBy(answer: string): Admitted[] {
  if (!answer.startsWith('{')) return [];
  const { allowed, at, limits } = JSON.parse(answer);
  return allowed ? limits.map((limit: LimitDecision) => ({ ...limit, at })) : [];
}

function assertBounds(admitted: readonly Admitted[], bucketWindow: number, reloads: number): void {
  const by = groupedBy(
    admitted.filter(({ cost }) => cost > 0),
    ({ name, key }) => `${name} ${key}`,
  );
  for (const each of by.values()) {
    const { name, window = 0 } = each[0] as Admitted;
    if (name === 'bucket') {
      // A bucket keeps its time to drain, so that is what adds up: a unit takes as long as it did when it was taken.
      const drain = Math.max(...each.map(({ burst = 0, quota }) => (burst * bucketWindow) / quota));
      each.forEach((first, i) => {
        let time = 0;
        for (const { at, cost, quota } of each.slice(i)) {
          time += (cost * bucketWindow) / quota;
          // A change of quota may move what drains by less than a millisecond.
          assert.ok(time <= drain + at - first.at + reloads + 1e-6, `${time} ms of ${name} at ${at}`);
        }
      });
    } else if (RATES.includes(name as 'fixed')) {
      const windowOf = ({ at, resetAt }: Admitted): number =>
        name === 'fixed' || name === 'shared' ? (resetAt ?? 0) : Math.floor(at / window);
      for (const inside of groupedBy(each, windowOf).values()) {
        const units = inside.reduce((sum, { cost }) => sum + cost, 0);
        assert.ok(
          units <= Math.max(...inside.map(({ quota }) => quota)),
          `${units} units of ${name} in a window`,
        );
      }
    }
  }
}

function groupedBy<T, K>(all: readonly T[], keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}
