/**
 * State at its bound: whatever other keys do, eviction gives nobody quota back, and below the bound keys know nothing
 * of each other. Every law has to find out limiters that evict plainly, deny everything or admit everything.
 */

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  createLimiter,
  type Decision,
  fixedWindow,
  type Limiter,
  type LimiterOptions,
  manualClock,
  type Plan,
  slidingWindow,
  tokenBucket,
} from 'headgate';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { Inquiry } from '../../src/limiter/inquiry.ts';
import { RateQuestion } from '../../src/limiter/rate-question.ts';
import { Row } from '../../src/partition/row.ts';
import { PartitionTable } from '../../src/partition/table.ts';

type RatePlan = Plan & { readonly window: number };
type Create = (plan: Plan, options: LimiterOptions) => Limiter;

/** Shown by its numbers when a property fails. */
function shown<P extends RatePlan>(plan: P): P {
  const { algorithm, quota, window, burst } = plan;
  const text = `${algorithm.kind}, ${quota} per ${window} ms${burst === undefined ? '' : `, burst ${burst}`}`;
  return { ...plan, [fc.toStringMethod]: () => text };
}

const quota = fc.integer({ min: 1, max: 12 });
const window = fc.constantFrom(1, 7, 10, 333, 1000);
const epoch = fc.constant('epoch' as const);
const PLANS: Readonly<Record<string, fc.Arbitrary<RatePlan>>> = {
  'a fixed window': fc.record({ quota, window }).map((options) => shown(fixedWindow(options))),
  'an aligned fixed window': fc
    .record({ quota, window, anchor: epoch })
    .map((options) => shown(fixedWindow(options))),
  'a sliding window': fc.record({ quota, window }).map((options) => shown(slidingWindow(options))),
  'a token bucket': fc.record({ quota, window, burst: quota }).map((options) => shown(tokenBucket(options))),
};
const anyPlan = fc.oneof(...Object.values(PLANS));

function capacityOf(plan: Plan): number {
  return plan.burst ?? plan.quota;
}

/** How long full usage takes to vanish, at most. */
function drainOf(plan: RatePlan): number {
  return Math.max(2 * plan.window, Math.ceil((capacityOf(plan) * plan.window) / plan.quota));
}

// What others would do.

/** Keeps the `maxKeys` last used keys and nothing else. */
const evictsPlainly: Create = (plan, { maxKeys = 1, clock = manualClock() }) => {
  const limiters = new LRUCache<string, Limiter>({ max: maxKeys });
  const owners = new WeakMap<Decision, Limiter>();
  const of = (key: string): Limiter => limiters.get(key) ?? createLimiter(plan, { clock, maxKeys: 1 });
  return {
    ...createLimiter(plan),
    check: (key, options) => {
      const limiter = of(key);
      const decision = limiter.check(key, options);
      owners.set(decision, limiter);
      if (decision.allowed && options?.cost !== 0) limiters.set(key, limiter);
      return decision;
    },
    peek: (key, options) => of(key).peek(key, options),
    refund: (decision, options) => owners.get(decision)?.refund(decision, options),
    forget: (key) => limiters.delete(key),
    stats: () => ({ ...createLimiter(plan).stats(), keys: limiters.size, maxKeys }),
  };
};

/** Keeps nothing, and always gives this answer. */
const answers =
  (allowed: boolean): Create =>
  (plan, options) => {
    const limiter = createLimiter(plan, options);
    const ask: Limiter['check'] = (key, request) => {
      const decision = limiter.peek(key, { ...request, cost: 0 });
      return {
        ...decision,
        allowed,
        ...(allowed ? {} : { reason: 'quota' as const, retryAt: decision.at + 1 }),
      };
    };
    return {
      ...createLimiter(plan),
      check: ask,
      peek: ask,
      refund: () => {},
      forget: () => false,
      stats: () => limiter.stats(),
    };
  };

// What is tried.

/** A limiter at its bound, and all it has let through. */
interface Real {
  readonly limiter: Limiter;
  readonly charged: Map<string, Decision[]>;
}

/** What every key may expect, worked out without any other key. */
interface Model {
  readonly plan: RatePlan;
  readonly expectations: Map<string, Expectation>;
  now: number;
}

/** One key by itself: what it was granted, and until when its last refusals stand. */
interface Expectation {
  /** Fed with what the bounded limiter admits, it knows what the key has used. */
  exact: Limiter;
  readonly decisions: Map<Decision, Decision>;
  /** Units by instant, refunds taken off. */
  grants: { readonly at: number; units: number }[];
  hasRefunds: boolean;
  /** For each cost that was denied, the promised instant. */
  denials: { readonly cost: number; readonly retryAt: number }[];
}

function expectationOf({ plan, expectations }: Model, key: string): Expectation {
  const fresh = (): Expectation => ({
    exact: createLimiter(plan, { maxKeys: 1, clock: manualClock() }),
    decisions: new Map(),
    grants: [],
    hasRefunds: false,
    denials: [],
  });
  const expectation = expectations.get(key) ?? fresh();
  expectations.set(key, expectation);
  return expectation;
}

/**
 * Whether what a key is granted never exceeds what it would be granted by itself. A window that begins with its first
 * use is the exception: a key that inherits one gets a new one when that ends. What holds for it is the bound.
 */
function hasOwnWindows(plan: Plan): boolean {
  return plan.algorithm.kind !== 'fixed-window' || ('anchor' in plan && plan.anchor === 'epoch');
}

type Command = fc.Command<Model, Real>;

class Check implements Command {
  readonly key: string;
  readonly cost: number;

  constructor(key: string, cost: number) {
    this.key = key;
    this.cost = cost;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { limiter, charged }: Real): void {
    const { key, cost } = this;
    const { plan, now } = model;
    const expectation = expectationOf(model, key);
    const decision = limiter.check(key, { now, cost });
    if (!decision.allowed) {
      assert.ok(decision.retryAt !== undefined && decision.retryAt > now, 'a denial says when to come back');
      assert.equal(decision.retryAt === Number.POSITIVE_INFINITY, cost > capacityOf(plan));
      expectation.denials.push({ cost, retryAt: decision.retryAt });
      return;
    }
    for (const denial of expectation.denials) {
      assert.ok(cost < denial.cost || now >= denial.retryAt, `passed before ${denial.retryAt}`);
    }
    charged.set(key, [...(charged.get(key) ?? []), decision]);
    expectation.grants.push({ at: now, units: cost });
    if (hasOwnWindows(plan)) {
      const exact = expectation.exact.check(key, { now, cost });
      assert.ok(exact.allowed, 'the key by itself would be denied');
      assert.ok(decision.remaining <= exact.remaining, 'the key has more left than by itself');
      expectation.decisions.set(decision, exact);
    } else {
      const since = now - plan.window;
      const units = expectation.grants.reduce((sum, grant) => sum + (grant.at > since ? grant.units : 0), 0);
      const most = 2 * plan.quota - (expectation.hasRefunds ? 0 : 1);
      assert.ok(units <= most, `${units} units within ${plan.window} ms, at most ${most}`);
    }
  }

  toString(): string {
    return `check ${this.key}, cost ${this.cost}`;
  }
}

class Wait implements Command {
  readonly by: number;

  constructor(by: number) {
    this.by = by;
  }

  check(): boolean {
    return true;
  }

  run(model: Model): void {
    model.now += this.by;
  }

  toString(): string {
    return `wait ${this.by}`;
  }
}

class Forget implements Command {
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { limiter, charged }: Real): void {
    const { plan, now } = model;
    limiter.forget(this.key);
    model.expectations.delete(this.key);
    assert.equal(limiter.peek(this.key, { now }).remaining, capacityOf(plan), 'a forgotten key is fresh');
    // What was charged before may still be refunded, to no effect.
    for (const decision of charged.get(this.key) ?? []) limiter.refund(decision, { now });
    charged.delete(this.key);
    assert.equal(limiter.peek(this.key, { now }).remaining, capacityOf(plan));
  }

  toString(): string {
    return `forget ${this.key}`;
  }
}

class Refund implements Command {
  readonly key: string;
  readonly which: number;

  constructor(key: string, which: number) {
    this.key = key;
    this.which = which;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { limiter, charged }: Real): void {
    const { now } = model;
    const decisions = charged.get(this.key) ?? [];
    const decision = decisions[this.which % Math.max(1, decisions.length)];
    if (decision === undefined) return;
    const expectation = expectationOf(model, this.key);
    const exact = expectation.decisions.get(decision);
    if (exact !== undefined) expectation.exact.refund(exact, { now });
    const grant = expectation.grants[decisions.indexOf(decision)];
    if (grant !== undefined) grant.units = 0;
    expectation.hasRefunds = true;
    expectation.denials = [];
    const others = [...model.expectations.keys()].filter((key) => key !== this.key);
    const before = others.map((key) => limiter.peek(key, { now }));
    limiter.refund(decision, { now });
    assert.deepEqual(
      others.map((key) => limiter.peek(key, { now })),
      before,
      'a refund is nobody else’s business',
    );
  }

  toString(): string {
    return `refund ${this.which} of ${this.key}`;
  }
}

function commandsFor(plan: RatePlan, keys: readonly string[]): fc.Arbitrary<Iterable<Command>> {
  const capacity = capacityOf(plan);
  const drain = drainOf(plan);
  const key = fc.constantFrom(...keys);
  const cost = fc.oneof(fc.constantFrom(1, capacity, capacity), fc.integer({ min: 1, max: capacity + 1 }));
  const wait = fc.oneof(
    fc.constantFrom(1, plan.window - 1, plan.window, plan.window + 1, Math.floor(plan.window / 3), drain),
    fc.nat(drain),
  );
  const check = fc.tuple(key, cost).map(([who, units]) => new Check(who, units));
  return fc.commands(
    [check, check, wait.map((by) => new Wait(by)), key.map((who) => new Forget(who)), refunds(key)],
    { maxCommands: 60, size: '+1' },
  );
}

function refunds(key: fc.Arbitrary<string>): fc.Arbitrary<Refund> {
  return fc.tuple(key, fc.nat(20)).map(([who, which]) => new Refund(who, which));
}

const numbered = (count: number, prefix = 'key_'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const starts = fc.constantFrom(0, 0, 1, 1_760_000_000_123);
const seeds = fc.nat(2 ** 32 - 1);

/** Throws unless the limiters that `create` makes keep what the law says. */
type Law = (create: Create, plans: fc.Arbitrary<RatePlan>, runs: fc.Parameters<unknown>) => void;

const LAWS: Readonly<Record<string, Law>> = {
  'give nobody quota back, whatever other keys do': (create, plans, runs) => {
    const cases = fc
      .tuple(plans, fc.integer({ min: 1, max: 8 }), starts, seeds)
      .chain(([plan, maxKeys, start, seed]) =>
        fc.record({
          plan: fc.constant(plan),
          maxKeys: fc.constant(maxKeys),
          start: fc.constant(start),
          seed: fc.constant(seed),
          commands: commandsFor(plan, numbered(maxKeys + 3)),
        }),
      );
    fc.assert(
      fc.property(cases, ({ plan, maxKeys, start, seed, commands }) => {
        const model: Model = { plan, expectations: new Map(), now: start };
        const clock = { now: () => model.now };
        const limiter = create(plan, { maxKeys, seed, clock });
        fc.modelRun(() => ({ model, real: { limiter, charged: new Map() } }), commands);
        assert.ok(limiter.stats().keys <= maxKeys);
      }),
      runs as fc.Parameters<[unknown]>,
    );
  },

  'decide as for the key alone as long as there is room': (create, plans, runs) => {
    const step = fc.record({
      which: fc.nat(7),
      does: fc.constantFrom('check', 'check', 'check', 'peek', 'refund', 'forget'),
      wait: fc.oneof(fc.constant(0), fc.integer({ min: -20, max: 500 })),
      cost: fc.nat(13),
    });
    const cases = fc.record({
      plan: plans,
      maxKeys: fc.integer({ min: 1, max: 8 }),
      start: starts,
      steps: fc.array(step, { maxLength: 60, size: '+1' }),
    });
    fc.assert(
      fc.property(cases, ({ plan, maxKeys, start, steps }) => {
        const clock = manualClock(start);
        const together = create(plan, { maxKeys, clock });
        const alone = Array.from({ length: maxKeys }, () => createLimiter(plan, { maxKeys: 1, clock }));
        const last = new Map<number, readonly [Decision, Decision]>();
        for (const { which, does, wait, cost } of steps) {
          const key = which % maxKeys;
          clock.set(Math.max(0, clock.now() + wait));
          const own = alone[key] ?? together;
          const name = `key_${key}`;
          const [ours, theirs] = last.get(key) ?? [];
          if (does === 'forget') {
            assert.equal(together.forget(name), own.forget(name));
          } else if (does === 'refund' && ours !== undefined && theirs !== undefined) {
            together.refund(ours);
            own.refund(theirs);
          } else if (does === 'check') {
            const pair = [together.check(name, { cost }), own.check(name, { cost })] as const;
            assert.deepEqual(...pair);
            last.set(key, pair);
          }
          assert.deepEqual(together.peek(name, { cost }), own.peek(name, { cost }));
        }
        const { keys, evicted } = together.stats();
        assert.equal(evicted, 0);
        assert.equal(
          keys,
          alone.reduce((sum, limiter) => sum + limiter.stats().keys, 0),
        );
      }),
      runs as fc.Parameters<[unknown]>,
    );
  },

  'deny a spent key before its time after a flood of others': (create, plans, runs) => {
    const cases = fc.record({
      plan: plans.filter((plan) => drainOf(plan) > 2),
      maxKeys: fc.constantFrom(1, 2, 3, 8, 50),
      start: starts,
      seed: seeds,
      spreads: fc.boolean(),
      comesBack: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ plan, maxKeys, start, seed, spreads, comesBack }) => {
        const clock = manualClock(start);
        const limiter = create(plan, { maxKeys, seed, clock });
        assert.ok(limiter.check('spent', { cost: capacityOf(plan) }).allowed);
        const { allowed, retryAt } = limiter.check('spent');
        assert.ok(!allowed && retryAt !== undefined && retryAt > start && retryAt <= start + drainOf(plan));
        const others = numbered(10 * maxKeys);
        for (const [i, other] of others.entries()) {
          if (spreads) clock.set(start + Math.floor(((retryAt - 1 - start) * i) / others.length));
          limiter.check(other);
          if (comesBack && i % (maxKeys + 1) === 0)
            assert.ok(!limiter.check('spent').allowed, 'passed in between');
        }
        clock.set(retryAt - 1);
        assert.ok(!limiter.check('spent').allowed, `passed before ${retryAt}`);
        clock.set(retryAt + 2 * drainOf(plan));
        assert.ok(limiter.check('spent').allowed, 'locked out');
        assert.ok(limiter.stats().keys <= maxKeys);
      }),
      runs as fc.Parameters<[unknown]>,
    );
  },

  'survive any steps of the clock, and lock no key out': (create, plans, runs) => {
    const cases = plans.chain((plan) =>
      fc.record({
        plan: fc.constant(plan),
        maxKeys: fc.integer({ min: 1, max: 8 }),
        seed: seeds,
        steps: fc.array(
          fc.record({
            key: fc.nat(11),
            step: fc.oneof(
              fc.integer({ min: -5 * drainOf(plan), max: 5 * drainOf(plan) }),
              fc.constantFrom(-86_400_000, 86_400_000, 31_536_000_000, 0),
            ),
            cost: fc.nat(capacityOf(plan) + 1),
          }),
          { maxLength: 60, size: '+1' },
        ),
      }),
    );
    fc.assert(
      fc.property(cases, ({ plan, maxKeys, seed, steps }) => {
        const start = 1_760_000_000_000;
        const clock = manualClock(start);
        const limiter = create(plan, { maxKeys, seed, clock });
        const capacity = capacityOf(plan);
        assert.ok(limiter.check('key_0', { cost: capacity }).allowed);
        assert.ok(!limiter.check('key_0').allowed);
        let forward = 0;
        const units = new Map([['key_0', capacity]]);
        for (const { key, step, cost } of steps) {
          clock.set(Math.max(0, clock.now() + step));
          forward += Math.max(0, step);
          const name = `key_${key}`;
          if (!limiter.check(name, { cost }).allowed) continue;
          units.set(name, (units.get(name) ?? 0) + cost);
        }
        const most =
          capacity +
          Math.floor((plan.quota * forward) / plan.window) +
          plan.quota * (1 + Math.ceil(forward / plan.window));
        for (const [name, taken] of units) assert.ok(taken <= most, `${name} took ${taken}, at most ${most}`);
        for (const name of numbered(12)) {
          limiter.check(name, { cost: capacity });
          clock.set(clock.now() + 2 * drainOf(plan));
          assert.ok(limiter.check(name, { cost: capacity }).allowed, `${name} is locked out`);
        }
      }),
      runs as fc.Parameters<[unknown]>,
    );
  },
};

describe.each(Object.entries(PLANS))('a limiter of %s at its bound', (_name, plans) => {
  it.each(Object.entries(LAWS))('should %s', (_title, law) => {
    law(createLimiter, plans, { numRuns: 150 });
  });
});

describe('a limiter that is none', () => {
  const breaks = (law: Law, create: Create): boolean => {
    try {
      law(create, anyPlan, { numRuns: 150, endOnFailure: true });
      return false;
    } catch {
      return true;
    }
  };
  const broken = (create: Create): string[] =>
    Object.entries(LAWS).flatMap(([title, law]) => (breaks(law, create) ? [title] : []));

  it('should be found out if it evicts plainly, by the flood and by the model', () => {
    const found = broken(evictsPlainly);
    expect(found).toContain('give nobody quota back, whatever other keys do');
    expect(found).toContain('deny a spent key before its time after a flood of others');
    expect(found).not.toContain('decide as for the key alone as long as there is room');
  });

  it.each([
    ['denies', false],
    ['admits', true],
  ])('should be found out by every law if it %s everything', (_what, allowed) => {
    expect(broken(answers(allowed))).toEqual(Object.keys(LAWS));
  });
});

describe('an over-limit key behind a flood', () => {
  const FLOOD: readonly (readonly [name: string, plan: Plan])[] = [
    ['a fixed window', fixedWindow({ quota: 5, window: '1m' })],
    ['an aligned fixed window', fixedWindow({ quota: 5, window: '1m', anchor: 'epoch' })],
    ['a sliding window', slidingWindow({ quota: 5, window: '1m' })],
    ['a token bucket', tokenBucket({ quota: 5, window: '1m' })],
  ];
  const maxKeys = 1000;

  /** Spends a key, floods the limiter with ten times as many others as it keeps, and asks for the key again. */
  function afterFlood(create: Create, plan: Plan): { readonly retryAt: number; readonly again: Decision } {
    const clock = manualClock(1_760_000_000_000);
    const limiter = create(plan, { maxKeys, clock });
    limiter.check('over', { cost: 5 });
    const { retryAt = 0 } = limiter.check('over');
    for (const other of numbered(10 * maxKeys)) limiter.check(other);
    clock.set(retryAt - 1);
    return { retryAt, again: limiter.check('over') };
  }

  it.each(FLOOD)('should still be denied by %s', (_name, plan) => {
    const { retryAt, again } = afterFlood(createLimiter, plan);
    expect(again).toMatchObject({ allowed: false, reason: 'quota', remaining: 0 });
    expect(again.retryAt).toBeGreaterThanOrEqual(retryAt);
  });

  it.each(FLOOD)('should pass where eviction is plain, with %s', (_name, plan) => {
    expect(afterFlood(evictsPlainly, plan).again).toMatchObject({ allowed: true, remaining: 4 });
  });
});

describe('garbage in the cells of a table', () => {
  const bits = fc
    .bigInt({ min: 0n, max: 2n ** 64n - 1n })
    .map((word) => new Float64Array(BigUint64Array.of(word).buffer)[0] ?? 0);
  const edges = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, -1, 0.5, 1e300, 0];
  const now = 1_000_000;
  const near = fc.integer({ min: now - 3000, max: now + 3000 });
  const garbage = fc.array(fc.oneof(fc.constantFrom(...edges), bits, near, fc.nat(24)), {
    minLength: 12,
    maxLength: 30,
  });

  it.each(Object.entries(PLANS))('should neither throw nor lock a key of %s out', (_name, plans) => {
    const cases = fc.record({
      plan: plans,
      maxKeys: fc.integer({ min: 1, max: 4 }),
      garbage,
      who: fc.nat(7),
    });
    fc.assert(
      fc.property(cases, ({ plan, maxKeys, garbage, who }) => {
        const table = new PartitionTable([plan], { maxKeys, maxBlocks: 1, seed: [1, 2] });
        const row = new Row(table);
        const slot = { name: 'default', kind: plan.algorithm.kind, unit: 'requests' };
        const question = new RateQuestion(slot, row, plan);
        const inquiry = new Inquiry({}, 'default', [question]);
        const capacity = capacityOf(plan);
        const ask = (key: string, at: number, cost: number): boolean => {
          row.key = key;
          question.cost = cost;
          return inquiry.decide(at, 'charge');
        };
        const keys = numbered(maxKeys + 4);
        for (const key of keys) ask(key, now, 1);
        // The first row is never written: it means "fresh".
        for (let i = plan.algorithm.cells; i < table.cells.length; i++) {
          table.cells[i] = garbage[i % garbage.length] ?? 0;
        }
        const key = `key_${who % keys.length}`;
        const later = now + 6 * drainOf(plan);
        let isDenied = false;
        for (let at = now; at <= later; at += 2 * drainOf(plan)) {
          const wasDenied = isDenied;
          isDenied = !ask(key, at, capacity);
          assert.ok(!(wasDenied && isDenied), `${key} is locked out for more than two drains`);
        }

        for (const other of [...keys, ...keys.reverse()]) ask(other, later, 1);
        table.forget(key, later);
        assert.ok(ask(key, later, capacity), 'a forgotten key is fresh');
        assert.ok(!ask(key, later, 1), 'a forgotten key is limited');
        for (const other of numbered(100, 'late_')) ask(other, later, 1);
        assert.ok(table.stats().keys <= maxKeys);
      }),
      { numRuns: 500 },
    );
  });
});
