/**
 * Several limits as one: a request passes all of them or leaves no trace in any. Every law has to find out engines that
 * deny everything or admit everything.
 */

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  createEngine,
  type Decision,
  type Descriptor,
  type Engine,
  type EngineOptions,
  type LimitDocument,
  manualClock,
  type PolicyDocument,
} from 'headgate';
import type { Oracle, Terms } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { gcra, windowCounters, windowLog } from '../fixtures/oracles.ts';

type Create = (policy: PolicyDocument, options: EngineOptions) => Engine;

/** A limit as these tests make them: every number is there, and its window is in milliseconds. */
type Limit = LimitDocument & Terms & { readonly unit: string; readonly per?: string | readonly string[] };

const quota = fc.integer({ min: 1, max: 12 });
const shared = {
  quota,
  window: fc.constantFrom(1, 7, 10, 333, 1000),
  unit: fc.constantFrom('requests', 'requests', 'tokens'),
  per: fc.constantFrom(undefined, 'a', 'b', ['a', 'b'], ['b', 'a']),
};
const limit = fc
  .oneof(
    fc.record({
      ...shared,
      algorithm: fc.constant('fixed-window'),
      anchor: fc.constantFrom('first-use', 'epoch'),
    }),
    fc.record({ ...shared, algorithm: fc.constant('sliding-window') }),
    fc.record({ ...shared, algorithm: fc.constant('token-bucket'), burst: quota }),
  )
  .map(({ per, ...rest }) => ({ ...rest, ...(per !== undefined && { per }) }) as Limit);
const limits = fc.array(limit, { minLength: 1, maxLength: 5 });

/** A request, and how long after the one before it comes. */
interface Step {
  readonly wait: number;
  readonly a: string;
  readonly b: string;
  readonly cost: { readonly requests: number; readonly tokens: number };
}

const cost = fc.oneof(fc.constantFrom(1, 1, 0), fc.nat(13));
const who = fc.constantFrom('x', 'y');
const wait = fc.oneof(fc.constant(0), fc.constantFrom(1, 6, 7, 9, 10, 333, 1000), fc.nat(2000));
const step: fc.Arbitrary<Step> = fc.record({
  wait,
  a: who,
  b: who,
  cost: fc.record({ requests: cost, tokens: cost }),
});
const steps = fc.array(step, { maxLength: 40, size: '+1' });
const starts = fc.constantFrom(0, 0, 1, 1_760_000_000_123);

/** Limits that the group does not have. They make both units known, and share a row with those that it has. */
const BYSTANDERS: PolicyDocument['limits'] = {
  m: { algorithm: 'fixed-window', quota: 1, window: 1, unit: 'tokens' },
  n: { algorithm: 'token-bucket', quota: 1, window: 1, per: 'a' },
};

function policyOf(members: readonly Limit[], order = members.map((_, i) => i)): PolicyDocument {
  return {
    version: 1,
    limits: { ...Object.fromEntries(members.map((member, i) => [`l${i}`, member])), ...BYSTANDERS },
    groups: { g: { limits: order.map((i) => `l${i}`) } },
    unmatched: 'deny',
  };
}

function descriptorOf({ a, b, cost: units }: Step): Descriptor {
  return { group: 'g', a, b, cost: units };
}

function capacityOf({ quota, burst }: Terms): number {
  return burst ?? quota;
}

function drainOf(terms: Terms): number {
  return Math.max(2 * terms.window, Math.ceil((capacityOf(terms) * terms.window) / terms.quota));
}

function oracleOf(member: Limit): Oracle {
  if (member.algorithm === 'token-bucket') return gcra(member.quota);
  if (member.algorithm === 'sliding-window') return windowCounters();
  return windowLog('anchor' in member && member.anchor === 'epoch' ? 'epoch' : 'first-use');
}

/** The limits one by one, each with a BigInt oracle for every key. */
class Alone {
  readonly #members: readonly Limit[];
  readonly #oracles: readonly Map<string, Oracle>[];

  constructor(members: readonly Limit[]) {
    this.#members = members;
    this.#oracles = members.map(() => new Map());
  }

  /** Whether each limit agrees. */
  agree(step: Step, now: number): boolean[] {
    return this.#members.map((member, i) =>
      this.#oracle(i, member, step).conforms(member, now, costOf(member, step)),
    );
  }

  charge(step: Step, now: number): void {
    this.#members.forEach((member, i) => {
      this.#oracle(i, member, step).charge(member, now, costOf(member, step));
    });
  }

  #oracle(i: number, member: Limit, step: Step): Oracle {
    const fields = [member.per ?? []].flat().sort();
    const key = JSON.stringify(fields.map((field) => (field === 'a' ? step.a : step.b)));
    const oracles = this.#oracles[i] ?? new Map<string, Oracle>();
    const oracle = oracles.get(key) ?? oracleOf(member);
    oracles.set(key, oracle);
    return oracle;
  }
}

function costOf({ unit }: Limit, { cost: units }: Step): number {
  return unit === 'tokens' ? units.tokens : units.requests;
}

/** All that can be seen of an engine from outside, but for the counts of its decisions. */
function probe(engine: Engine, now: number): unknown {
  const pairs = ['x', 'y'].flatMap((a) => ['x', 'y'].map((b) => ({ a, b })));
  const peeks = pairs.map((pair) =>
    engine.peek({ group: 'g', ...pair, cost: { requests: 1, tokens: 1 } }, { now }),
  );
  return [peeks, engine.stats().partitions];
}

/** The engine limits at all: units pass one by one, and not for ever. */
function assertLimits(create: Create, members: readonly Limit[]): void {
  const engine = create(policyOf(members), { clock: manualClock() });
  const request = { group: 'g', a: 'x', b: 'x', cost: { requests: 1, tokens: 1 } };
  let passed = 0;
  while (passed <= 12 && engine.check(request).allowed) passed++;
  assert.equal(passed, Math.min(...members.map(capacityOf)), 'units that pass at once');
}

/** Throws unless the engines that `create` makes keep what the law says. */
type Law = (create: Create, runs: fc.Parameters<unknown>) => void;

/** Runs `holds` on random limits, and whatever else is drawn. */
function forLimits<T extends object>(
  create: Create,
  runs: fc.Parameters<unknown>,
  drawn: { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (members: readonly Limit[], values: T) => void,
): void {
  const cases = fc.record({ members: limits, values: fc.record(drawn) });
  const property = fc.property(cases, ({ members, values }) => {
    assertLimits(create, members);
    holds(members, values as T);
  });
  fc.assert(property, runs as fc.Parameters<[unknown]>);
}

const LAWS: Readonly<Record<string, Law>> = {
  'admit what each limit alone admits, and charge all or none': (create, runs) =>
    forLimits<{ start: number; steps: readonly Step[] }>(
      create,
      runs,
      { start: starts, steps },
      (members, drawn) => {
        const engine = create(policyOf(members), {});
        const alone = new Alone(members);
        let now = drawn.start;
        for (const step of drawn.steps) {
          now += step.wait;
          const verdicts = alone.agree(step, now);
          const decision = engine.check(descriptorOf(step), { now });
          assert.deepEqual(
            decision.limits.map((one) => one.allowed),
            verdicts,
            'exactly the limits that refuse are reported',
          );
          assert.equal(decision.allowed, !verdicts.includes(false));
          if (decision.allowed) alone.charge(step, now);
          else assertRetry(members, alone, step, decision);
        }
      },
    ),

  'decide alike in whatever order the limits are': (create, runs) => {
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5, maxLength: 5 });
    forLimits<{ start: number; steps: readonly Step[]; order: number[] }>(
      create,
      runs,
      { start: starts, steps, order: orders },
      (members, { start, steps, order }) => {
        const shuffled = order.filter((i) => i < members.length);
        const [engine, other] = [create(policyOf(members), {}), create(policyOf(members, shuffled), {})];
        let now = start;
        for (const step of steps) {
          now += step.wait;
          const [ours, theirs] = [engine, other].map((each) => each.check(descriptorOf(step), { now }));
          assert.ok(ours && theirs);
          assert.deepEqual(
            [ours.allowed, ours.retryAt, ours.reason],
            [theirs.allowed, theirs.retryAt, theirs.reason],
          );
          const sorted = [...theirs.limits].sort((one, two) => one.name.localeCompare(two.name));
          assert.deepEqual(sorted, ours.limits);
        }
      },
    );
  },

  'leave no trace of a denied request': (create, runs) =>
    forLimits<{ start: number; steps: readonly Step[] }>(
      create,
      runs,
      { start: starts, steps },
      (members, drawn) => {
        // The twin never hears of what was denied.
        const [engine, twin] = [create(policyOf(members), {}), create(policyOf(members), {})];
        let now = drawn.start;
        for (const step of drawn.steps) {
          now += step.wait;
          const before = probe(engine, now);
          const decision = engine.check(descriptorOf(step), { now });
          if (decision.allowed) assert.deepEqual(twin.check(descriptorOf(step), { now }), decision);
          else assert.deepEqual(probe(engine, now), before);
          assert.deepEqual(probe(twin, now), probe(engine, now));
        }
      },
    ),

  'keep the promise to the millisecond': (create, runs) =>
    forLimits<{ start: number; steps: readonly Step[] }>(
      create,
      runs,
      { start: starts, steps },
      (members, drawn) => {
        const engine = create(policyOf(members), {});
        let now = drawn.start;
        for (const step of drawn.steps) {
          now += step.wait;
          const decision = engine.check(descriptorOf(step), { now });
          const { retryAt } = decision;
          if (decision.allowed) {
            assert.equal(retryAt, undefined);
            continue;
          }
          assert.ok(retryAt !== undefined && retryAt > now);
          if (retryAt === Number.POSITIVE_INFINITY) {
            const never = members.some((member) => costOf(member, step) > capacityOf(member));
            assert.ok(never && decision.reason === 'never');
            continue;
          }
          const early = engine.peek(descriptorOf(step), { now: retryAt - 1 });
          assert.deepEqual([early.allowed, early.retryAt], [false, retryAt]);
          assert.ok(engine.peek(descriptorOf(step), { now: retryAt }).allowed, `not allowed at ${retryAt}`);
          if (step.wait % 2 === 1) {
            now = retryAt;
            assert.ok(engine.check(descriptorOf(step), { now }).allowed);
          }
        }
      },
    ),

  'take a refund once, and as if the request had never come': (create, runs) =>
    forLimits<{ start: number; steps: readonly Step[]; taken: readonly boolean[] }>(
      create,
      runs,
      { start: starts, steps, taken: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }) },
      (members, { start, steps, taken }) => {
        const [engine, twin] = [create(policyOf(members), {}), create(policyOf(members), {})];
        const refunded: Decision[] = [];
        const seen = (each: Engine, at: number) => (probe(each, at) as [unknown])[0];
        let now = start;
        for (const [i, step] of steps.entries()) {
          now += step.wait;
          const decision = engine.check(descriptorOf(step), { now });
          if (taken[i]) {
            engine.refund(decision, { now });
            refunded.push(decision);
          } else if (decision.allowed) {
            twin.check(descriptorOf(step), { now });
          }
          for (const again of refunded) engine.refund(again, { now });
          assert.deepEqual(seen(engine, now), seen(twin, now));
        }
      },
    ),

  'take nothing back of a charge that is over': (create, runs) =>
    forLimits<{ start: number; first: Step; steps: readonly Step[] }>(
      create,
      runs,
      { start: starts, first: step, steps },
      (members, { start, first, steps }) => {
        const engine = create(policyOf(members), {});
        const decision = engine.check(descriptorOf(first), { now: start });
        const over = start + Math.max(...members.map(drainOf));
        let now = over;
        for (const step of steps) {
          now += step.wait;
          engine.check(descriptorOf(step), { now });
        }
        const before = probe(engine, now);
        engine.refund(decision, { now });
        assert.deepEqual(probe(engine, now), before);
      },
    ),
};

/** The decision says when all limits agree, and for each limit when it does. */
function assertRetry(members: readonly Limit[], alone: Alone, step: Step, decision: Decision): void {
  const { at, retryAt, limits: own } = decision;
  assert.ok(retryAt !== undefined && retryAt > at);
  assert.equal(retryAt, Math.max(...own.map((one) => one.retryAt ?? at)), 'the latest of all');
  const [blocking] = own.filter((one) => !one.allowed && one.retryAt === retryAt);
  assert.deepEqual([decision.limit, decision.reason], [blocking?.name, blocking?.reason]);
  own.forEach((one, i) => {
    const member = members[i];
    if (one.allowed || member === undefined) return;
    assert.equal(one.retryAt === Number.POSITIVE_INFINITY, costOf(member, step) > capacityOf(member));
    if (one.retryAt === undefined || one.retryAt === Number.POSITIVE_INFINITY) return;
    assert.ok(!alone.agree(step, one.retryAt - 1)[i], `${one.name} agrees before ${one.retryAt}`);
    assert.ok(alone.agree(step, one.retryAt)[i], `${one.name} does not agree at ${one.retryAt}`);
  });
}

describe('an engine with several limits', () => {
  it.each(Object.entries(LAWS))('should %s', (_title, law) => {
    law(createEngine, { numRuns: 200 });
  });
});

describe('an engine that is none', () => {
  const answers =
    (allowed: boolean): Create =>
    (policy, options) => {
      const engine = createEngine(policy, options);
      const ask: Engine['check'] = (descriptor, at) => {
        const decision = engine.peek(descriptor, at);
        if (decision.allowed === allowed) return decision;
        const verdict = allowed
          ? { allowed, reason: 'ok' as const, retryAt: undefined }
          : { allowed, reason: 'quota' as const, retryAt: decision.at + 1 };
        return { ...decision, ...verdict, limits: decision.limits.map((one) => ({ ...one, ...verdict })) };
      };
      return {
        ...engine,
        policy,
        check: ask,
        peek: ask,
        explain: (descriptor, at) => engine.explain(descriptor, at),
        refund: () => {},
        block: () => {},
        unblock: () => false,
        forget: () => false,
        stats: () => engine.stats(),
      };
    };

  it.each([
    ['denies', false],
    ['admits', true],
  ])('should be found out by every law if it %s everything', (_what, allowed) => {
    const fooled = Object.entries(LAWS).filter(([, law]) => {
      try {
        law(answers(allowed), { numRuns: 50, endOnFailure: true });
        return true;
      } catch {
        return false;
      }
    });
    expect(fooled.map(([title]) => title)).toEqual([]);
  });
});

describe('another quota for the same key', () => {
  const terms = { quota: 'custom', window: 1000, per: 'key' } as const;
  const ALGORITHMS: readonly (readonly [name: string, limit: LimitDocument])[] = [
    ['a fixed window', { algorithm: 'fixed-window', ...terms }],
    ['an aligned fixed window', { algorithm: 'fixed-window', ...terms, anchor: 'epoch' }],
    ['a sliding window', { algorithm: 'sliding-window', ...terms }],
    ['a token bucket', { algorithm: 'token-bucket', ...terms }],
  ];
  const BURST_OF_ITS_OWN: LimitDocument = { algorithm: 'token-bucket', ...terms, burst: 20 };

  /** Three ways to give somebody another quota: what the descriptor has to say for it. */
  const SOURCES: readonly (readonly [name: string, of: (quota: number) => Record<string, unknown>])[] = [
    ['tiers', (quota) => ({ tier: `t${quota}` })],
    ['overrides', (quota) => ({ plan: `p${quota}` })],
    ['descriptors', (quota) => ({ quotas: { l: quota } })],
  ];
  const QUOTAS = [1, 10, 100, 1000];

  function engineOf(limit: LimitDocument): Engine {
    const policy: PolicyDocument = {
      version: 1,
      limits: { l: limit },
      groups: { g: { limits: ['l'] } },
      tiers: Object.fromEntries(QUOTAS.map((quota) => [`t${quota}`, { l: quota }])),
      overrides: QUOTAS.map((quota) => ({ limit: 'l', where: { plan: `p${quota}` }, quota })),
      unmatched: 'deny',
    };
    return createEngine(policy);
  }

  describe.each(SOURCES)('by %s', (_source, grant) => {
    it.each(ALGORITHMS)('should give nothing back of %s when it is cut and restored', (_name, limit) => {
      const engine = engineOf(limit);
      const request = (quota: number, cost = 1) => ({ group: 'g', key: 'k', ...grant(quota), cost });
      const now = 1_760_000_000_000;
      assert.ok(engine.check(request(100, 100), { now }).allowed);
      const spent = engine.check(request(100), { now });
      expect(spent).toMatchObject({ allowed: false, remaining: 0 });
      for (const quota of [10, 100, 1, 100, 1000, 100]) {
        const remaining = quota === 1000 && limit.algorithm !== 'token-bucket' ? 900 : 0;
        expect(engine.peek(request(quota), { now })).toMatchObject({ remaining });
        if (remaining === 0) expect(engine.check(request(quota), { now }).allowed).toBe(false);
        expect(engine.check(request(100), { now })).toEqual(spent);
      }
      const { retryAt = 0 } = spent;
      engine.check(request(1), { now: retryAt - 1 });
      expect(engine.check(request(100), { now: retryAt - 1 }).allowed).toBe(false);
      expect(engine.check(request(100), { now: retryAt }).allowed).toBe(true);
    });

    it('should keep the drain of a bucket with a burst of its own: from 10 to 100 and back mints nothing', () => {
      const engine = engineOf(BURST_OF_ITS_OWN);
      const request = (quota: number) => ({ group: 'g', key: 'k', ...grant(quota), cost: 1 });
      const now = 1_760_000_000_000;
      for (let i = 0; i < 20; i++) assert.ok(engine.check(request(10), { now }).allowed);
      const spent = engine.check(request(10), { now });
      // Two seconds of drain are ten times what this quota ever makes by itself, and still no mistake.
      expect(engine.check(request(1000), { now })).toMatchObject({ allowed: false, resetAt: now + 2000 });
      expect(engine.check(request(100), { now })).toMatchObject({ allowed: false, resetAt: now + 2000 });
      expect(engine.check(request(10), { now })).toEqual(spent);
      expect(engine.check(request(10), { now: now + 99 }).allowed).toBe(false);
      expect(engine.check(request(10), { now: now + 100 }).allowed).toBe(true);
    });

    it('should never be worth more than a millisecond of drain a change', () => {
      const change = fc.record({
        quota: fc.constantFrom(...QUOTAS),
        wait: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5000)),
        cost: fc.integer({ min: 1, max: 20 }),
      });
      fc.assert(
        fc.property(fc.array(change, { maxLength: 40, size: '+1' }), starts, (changes, start) => {
          const engine = engineOf(BURST_OF_ITS_OWN);
          const oracle = gcra(1000);
          let [now, slack, last, isFirst] = [start, 0, 0, true];
          for (const { quota, wait, cost } of changes) {
            now += wait;
            if (quota !== last) slack++;
            last = quota;
            const terms = { quota, window: 1000, burst: 20 };
            const { allowed } = engine.check({ group: 'g', key: 'k', ...grant(quota), cost }, { now });
            if (isFirst) assert.ok(allowed, 'a fresh key is granted its burst');
            isFirst = false;
            if (allowed) {
              assert.ok(oracle.conforms(terms, now + slack, cost), 'minted');
              oracle.charge(terms, now, cost);
            } else {
              assert.ok(now < slack || !oracle.conforms(terms, now - slack, cost), 'lost');
            }
          }
        }),
        { numRuns: 200 },
      );
    });
  });
});
