/** What is decided does not depend on what is tried beside it. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LimitDocument, PolicyDocument } from 'headgate';
import { describe, it } from 'vitest';
import { FEW_KEYS, histories, MANY_KEYS, Player } from '../fixtures/engine-histories.ts';
import { GROUP_NAMES, limitsOf, numbers, policyOf, windowSets } from '../fixtures/policy-versions.ts';
import { runs } from '../fixtures/runs.ts';

const candidates: fc.Arbitrary<object | undefined> = fc.option(
  fc.record(
    {
      quota: fc.nat({ max: 4 }),
      window: fc.constantFrom(5, 50),
      algorithm: fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket'),
    },
    { requiredKeys: ['quota'] },
  ),
  { nil: undefined },
);

/** The policy with a candidate beside some limits, and each limit a second time as a shadow, first or last in its groups. */
function withShadows(
  policy: PolicyDocument,
  tried: readonly (object | undefined)[],
  twins: PolicyDocument['limits'],
  isFirst: boolean,
) {
  const limits = Object.entries(policy.limits).flatMap(([name, limit], i): [string, LimitDocument][] => {
    const candidate = tried[i];
    const {
      algorithm: _,
      window: __,
      ...quota
    } = (candidate ?? {}) as { algorithm?: string; window?: number };
    const own = limit.algorithm === 'concurrency' ? quota : candidate;
    const twin = { ...(twins[name] as LimitDocument), mode: 'shadow' as const };
    return [
      [name, (candidate === undefined ? limit : { ...limit, candidate: own }) as LimitDocument],
      [`${name}-twin`, twin],
    ];
  });
  const groups = Object.entries(policy.groups).map(([name, group]) => {
    const shadows = group.limits.map((limit) => `${limit}-twin`);
    return [
      name,
      { ...group, limits: isFirst ? [...shadows, ...group.limits] : [...group.limits, ...shadows] },
    ];
  });
  return {
    ...policy,
    limits: Object.fromEntries(limits),
    groups: Object.fromEntries(groups),
  } as PolicyDocument;
}

function enforced(answer: string): string {
  if (!answer.startsWith('{')) return answer;
  const decision = JSON.parse(answer);
  return JSON.stringify({
    ...decision,
    limits: decision.limits.filter(({ mode }: { mode: string }) => mode === 'enforce'),
  });
}

describe('shadow limits and candidates', () => {
  it.each([
    ['below the bound', FEW_KEYS, 64],
    ['at maxKeys', MANY_KEYS, 3],
  ])('should change nothing about what is enforced, %s', (_title, keys, maxKeys) => {
    const moves = histories({ groups: GROUP_NAMES, keys, maxLength: 60 });
    const tried = fc.array(candidates, { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(numbers, numbers, windowSets, moves, tried, fc.boolean(), fc.boolean(), (...drawn) => {
        const [quotas, others, windows, moves, tried, isFirst, isWoken] = drawn;
        const policy = policyOf(quotas, windows);
        const plain = new Player(policy, { maxKeys });
        const shadowed = new Player(withShadows(policy, tried, limitsOf(others, windows), isFirst), {
          maxKeys,
        });
        // Somebody who listens must not change anything either.
        if (isWoken) {
          shadowed.engine.on('near-limit', () => {});
          shadowed.engine.on('evicted', () => {});
        }
        for (const move of moves) assert.equal(enforced(shadowed.play(move)), enforced(plain.play(move)));
        const [a, b] = [plain, shadowed].map(({ engine }) => engine.stats());
        assert.deepEqual([b?.allowed, b?.denied, b?.leases], [a?.allowed, a?.denied, a?.leases]);
        for (const [name, counts] of Object.entries(a?.partitions ?? {}))
          assert.deepEqual(b?.partitions[name], counts);
      }),
      { numRuns: runs(150, 3000) },
    );
  });

  it('should count every decision once, and agree where a twin has the same numbers', () => {
    const moves = histories({ groups: ['keyed', 'one', 'epoch'], keys: FEW_KEYS, maxLength: 60 });
    fc.assert(
      fc.property(numbers, windowSets, moves, (quotas, windows, moves) => {
        const policy = policyOf(quotas, windows);
        const player = new Player(withShadows(policy, [], policy.limits, false));
        const counts = new Map<string, number>();
        for (const move of moves) {
          const answer = player.play(move);
          if (!('ask' in move) || !answer.startsWith('{')) continue;
          const { limits } = JSON.parse(answer);
          for (const { name, mode } of limits)
            if (mode === 'shadow') counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        for (const [name, { agreed, wouldDeny, wouldAllow }] of Object.entries(
          player.engine.stats().shadows,
        )) {
          assert.equal(agreed + wouldDeny + wouldAllow, counts.get(name) ?? 0);
          assert.deepEqual([wouldDeny, wouldAllow], [0, 0], name);
        }
      }),
      { numRuns: runs(100, 2000) },
    );
  });
});
