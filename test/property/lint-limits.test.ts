import fc from 'fast-check';
import { lintPolicy } from 'headgate/lint';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/engine.ts';
import type { Decision } from '../../src/limiter/decision.ts';
import type { LimitDocument, PolicyDocument } from '../../src/policy/document.ts';

const small = fc.integer({ min: 1, max: 12 });
const rate: fc.Arbitrary<LimitDocument> = fc
  .record({
    kind: fc.constantFrom('first-use', 'epoch', 'sliding-window', 'token-bucket'),
    quota: small,
    factor: fc.constantFrom(1, 1, 1, 2, 3, 5, 8),
    window: fc.constantFrom(1, 4, 4, 8, 8, 12),
    burst: fc.option(small, { nil: undefined }),
    per: fc.constantFrom('account', 'account', ['account', 'call']),
  })
  .map(({ kind, quota, factor, window, burst, per }): LimitDocument => {
    const base = { quota: quota * factor, window, per };
    if (kind === 'sliding-window') return { algorithm: 'sliding-window', ...base };
    if (kind === 'token-bucket')
      return {
        algorithm: 'token-bucket',
        ...base,
        ...(burst === undefined ? {} : { burst: burst * factor }),
      };
    return { algorithm: 'fixed-window', ...base, anchor: kind === 'epoch' ? 'epoch' : 'first-use' };
  });
const permits = fc
  .record({ quota: small, per: fc.constantFrom('account', ['account', 'call']) })
  .map((fields): LimitDocument => ({ algorithm: 'concurrency', ...fields }));

/** Two limits that two groups have, one of them perhaps alone in a third, and tiers. */
const pairedPolicy = fc
  .record({
    pair: fc.oneof({ arbitrary: fc.tuple(rate, rate), weight: 5 }, fc.tuple(permits, permits)),
    isAlone: fc.constantFrom(undefined, undefined, 'one' as const, 'two' as const),
    grants: fc.array(fc.tuple(fc.option(small), fc.option(small)), { maxLength: 2 }),
    leave: fc.nat(2),
  })
  .map(({ pair: [one, two], isAlone, grants, leave }): PolicyDocument => {
    const tiers = grants.map(([a, b], i) => [
      `t${i}`,
      { ...(a === null ? {} : { one: a }), ...(b === null ? {} : { two: b }) },
    ]);
    const groups = {
      main: { limits: ['one', 'two'] },
      other: {
        limits: ['two', 'one'],
        ...(one.algorithm === 'concurrency' && leave > 0 ? { leave: { one: leave } } : {}),
      },
      ...(isAlone === undefined ? {} : { alone: { limits: [isAlone] } }),
    };
    return { version: 1, limits: { one, two }, groups, tiers: Object.fromEntries(tiers), unmatched: 'deny' };
  });

/** How long after the one before a request comes: a share of the windows, and some milliseconds. */
const wait = fc.record({
  one: fc.constantFrom(0, 0, 0, 1, 2),
  two: fc.constantFrom(0, 0, 0, 1, 2),
  more: fc.constantFrom(-1, 0, 0, 0, 1, 2, 3),
});

/** Requests that come where windows begin and end, most of them as often as they pass. */
const requests = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(undefined), wait),
    times: fc.constantFrom(1, 2, 100),
    cost: fc.constantFrom(1, 1, 1, 1, 2, 5, 12),
    call: fc.constantFrom('c1', 'c1', 'c2'),
    group: fc.constantFrom('main', 'main', 'other', 'alone'),
    ends: fc.boolean(),
  }),
  { minLength: 10, maxLength: 60 },
);
type Requests = typeof requests extends fc.Arbitrary<infer T> ? T : never;

/** Every decision on these requests, of an account that is in one tier throughout. */
function* decisionsOn(
  policy: PolicyDocument,
  asked: Requests,
  tier: string | undefined,
): Generator<Decision> {
  let now = 1_000;
  const engine = createEngine(policy, { clock: { now: () => now } });
  const [one = 1, two = 1] = Object.values(policy.limits).map((limit) =>
    'window' in limit ? limit.window : 1,
  );
  const open: { release(): boolean }[] = [];
  for (const { wait, times, cost, call, group, ends } of asked) {
    if (wait !== undefined) now += Math.max(0, wait.one * Number(one) + wait.two * Number(two) + wait.more);
    if (ends) open.shift()?.release();
    const name = group in policy.groups ? group : 'main';
    const facts = { group: name, account: 'a', call, cost, ...(tier === undefined ? {} : { tier }) };
    for (let i = 0; i < times; i++) {
      const admission = engine.tryAcquire(facts);
      yield admission;
      if (!admission.allowed) break;
      open.push(admission);
    }
  }
}

/** Whether a limit was seen to deny what the other one allowed. */
function bindsAlone(weak: string, decisions: Iterable<Decision>): boolean {
  return [...decisions].some(({ limits }) => {
    const [own] = limits.filter(({ name }) => name === weak);
    return own?.allowed === false && limits.every((each) => each === own || each.allowed);
  });
}

describe('a limit', () => {
  it('should never deny what others allow, where that is claimed', () => {
    const count = { always: 0, tier: 0, bound: 0, unclaimed: 0 };
    fc.assert(
      fc.property(pairedPolicy, requests, (policy, asked) => {
        const findings = lintPolicy(policy);
        const tiers = Object.keys(policy.tiers ?? {});
        for (const weak of ['one', 'two']) {
          const isNever = findings.some(
            ({ code, path }) => code === 'never-binding-limit' && path === `limits.${weak}`,
          );
          for (const tier of [undefined, ...tiers]) {
            const isLoose = findings.some(
              ({ code, path }) => code === 'loose-tier' && path === `tiers.${tier}.${weak}`,
            );
            const isBinding = bindsAlone(weak, decisionsOn(policy, asked, tier));
            if (isNever || isLoose) expect(isBinding).toBe(false);
            if (isNever) count.always++;
            else if (isLoose) count.tier++;
            else count[isBinding ? 'bound' : 'unclaimed']++;
          }
        }
      }),
      { numRuns: 1500 },
    );
    // Neither may be rare, or the property says nothing.
    expect(count.always).toBeGreaterThan(300);
    expect(count.tier).toBeGreaterThan(150);
    expect(count.bound).toBeGreaterThan(2000);
  });

  it('should never deny what others allow, with the least quota and burst that are proven', () => {
    let bound = 0;
    fc.assert(
      fc.property(rate, rate, requests, fc.boolean(), (strong, shape, asked, isAlone) => {
        const groups = { main: { limits: ['one', 'two'] }, ...(isAlone && { alone: { limits: ['one'] } }) };
        const policyOf = (numbers: object): PolicyDocument => ({
          version: 1,
          limits: { one: { ...strong, per: 'account' }, two: { ...shape, per: 'account', ...numbers } },
          groups,
          unmatched: 'deny',
        });
        const isClaimed = (numbers: object): boolean =>
          lintPolicy(policyOf(numbers)).some(({ path }) => path === 'limits.two');
        const isBucket = shape.algorithm === 'token-bucket';
        const burst = isBucket ? { burst: 5000 } : {};
        const quota = leastOf((number) => isClaimed({ ...burst, quota: number }), 5000);
        const least = isBucket
          ? { quota, burst: leastOf((number) => isClaimed({ quota, burst: number }), 5000) }
          : { quota };
        expect(isClaimed(least)).toBe(true);
        expect(bindsAlone('two', decisionsOn(policyOf(least), asked, undefined))).toBe(false);
        const half = { ...least, quota: Math.ceil(least.quota / 3) };
        if (bindsAlone('two', decisionsOn(policyOf(half), asked, undefined))) bound++;
      }),
      { numRuns: 1500 },
    );
    expect(bound).toBeGreaterThan(300);
  });
});

/** The least number up to `most` that is claimed; all above it are. */
function leastOf(isClaimed: (number: number) => boolean, most: number): number {
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isClaimed(middle)) high = middle;
    else low = middle;
  }
  return high;
}
