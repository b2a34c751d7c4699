import {
  type BlockOptions,
  createLimiter,
  type Decision,
  fixedWindow,
  type Limiter,
  type LimiterOptions,
  type ManualClock,
  manualClock,
  type Plan,
  PolicyError,
  slidingWindow,
  tokenBucket,
} from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

/** One call: instant, cost -> allowed, units left afterwards, instant to try again. */
type Row = [now: number, cost: number, allowed: boolean, left: number, retryAt?: number];

const never = Number.POSITIVE_INFINITY;
const fixed = fixedWindow({ quota: 3, window: 1000 });
const PLANS: readonly (readonly [name: string, plan: Plan])[] = [
  ['a fixed window', fixed],
  ['an aligned fixed window', fixedWindow({ quota: 3, window: 1000, anchor: 'epoch' })],
  ['a sliding window', slidingWindow({ quota: 3, window: 1000 })],
  ['a token bucket', tokenBucket({ quota: 3, window: 1000 })],
];

describe('checking a key', () => {
  it.each<[string, Plan, Row[]]>([
    [
      'count a fixed window from first use',
      fixed,
      [
        [400, 2, true, 1],
        [500, 2, false, 1, 1400],
        [500, 1, true, 0],
        [1399, 1, false, 0, 1400],
        [1400, 3, true, 0],
      ],
    ],
    [
      'count an aligned window from the epoch',
      fixedWindow({ quota: 3, window: 1000, anchor: 'epoch' }),
      [
        [400, 3, true, 0],
        [999, 1, false, 0, 1000],
        [1000, 3, true, 0],
        [1000, 4, false, 0, never],
      ],
    ],
    [
      'weigh the window before in a sliding window',
      slidingWindow({ quota: 4, window: 100 }),
      [
        [50, 4, true, 0],
        [99, 1, false, 0, 124],
        [123, 1, false, 0, 124],
        [124, 1, true, 0],
        [124, 1, false, 0, 149],
      ],
    ],
    [
      'save up a burst and pay it out unit by unit',
      tokenBucket({ quota: 10, window: 1000, burst: 3 }),
      [
        [0, 3, true, 0],
        [0, 1, false, 0, 100],
        [100, 1, true, 0],
        [60_000, 3, true, 0],
        [60_000, 2, false, 0, 60_200],
      ],
    ],
    [
      'refuse for ever what never fits',
      tokenBucket({ quota: 10, window: 1000, burst: 3 }),
      [
        [0, 4, false, 3, never],
        [9e9, 4, false, 3, never],
        [9e9, 3, true, 0],
      ],
    ],
    [
      'refuse everything when the quota is 0',
      fixedWindow({ quota: 0, window: 1000 }),
      [
        [0, 1, false, 0, never],
        [5000, 0, false, 0, never],
      ],
    ],
    [
      'drop fractions of a millisecond',
      fixed,
      [
        [0.9, 3, true, 0],
        [999.999, 1, false, 0, 1000],
        [1000.001, 1, true, 2],
      ],
    ],
  ])('should %s', (_title, plan, rows) => {
    const limiter = createLimiter(plan);
    for (const [now, cost, allowed, remaining, retryAt] of rows) {
      expect(limiter.check('key', { now, cost })).toMatchObject({
        allowed,
        remaining,
        retryAt,
        at: Math.floor(now),
      });
    }
  });

  it('should take one unit at the present of its clock unless told otherwise', () => {
    const clock = manualClock(5000);
    const limiter = createLimiter(fixed, { clock });
    expect(limiter.check('key')).toMatchObject({ at: 5000, remaining: 2 });
    clock.advance('500ms');
    expect(limiter.check('key', {})).toMatchObject({ at: 5500, remaining: 1, resetAt: 6000 });
    expect(limiter.check('key', { now: 5600 })).toMatchObject({ at: 5600, remaining: 0 });
  });

  it('should read the machine’s clock if it gets none', () => {
    const before = Date.now();
    const { at } = createLimiter(fixed).check('key');
    expect(at >= before && at <= Date.now()).toBe(true);
  });

  it.each(PLANS)('should keep keys apart in %s', (_name, plan) => {
    const limiter = createLimiter(plan);
    expect(['a', 'b', 'a', 'a', 'b', 'a'].map((key) => limiter.check(key, { now: 0 }).remaining)).toEqual([
      2, 2, 1, 0, 1, 0,
    ]);
  });

  it('should answer a cost of 0 without making a row, and count it', () => {
    const limiter = createLimiter(fixed, { clock: manualClock() });
    expect(limiter.check('key', { cost: 0 })).toMatchObject({
      allowed: true,
      remaining: 3,
      quota: 3,
      resetAt: 0,
    });
    expect(limiter.stats()).toMatchObject({ keys: 0, allowed: 1, denied: 0 });
    limiter.check('key', { cost: 3 });
    expect(limiter.check('key', { cost: 0 })).toMatchObject({ allowed: true, remaining: 0, resetAt: 1000 });
  });
});

describe('peeking', () => {
  it.each(PLANS)(
    'should say what a check of %s would, before the charge, and change nothing',
    (_name, plan) => {
      const clock = manualClock(1234);
      const [limiter, twin] = [createLimiter(plan, { clock }), createLimiter(plan, { clock })];
      for (const cost of [2, 2, 1, 1, 4, 0]) {
        const peeked = limiter.peek('key', { cost });
        expect(limiter.peek('key', { cost })).toEqual(peeked);
        const checked = limiter.check('key', { cost });
        const charge = checked.allowed ? cost : 0;
        expect([peeked.allowed, peeked.reason, peeked.retryAt, peeked.remaining]).toEqual([
          checked.allowed,
          checked.reason,
          checked.retryAt,
          checked.remaining + charge,
        ]);
        expect(twin.check('key', { cost })).toEqual(checked);
        clock.advance(100);
      }
      expect(limiter.stats()).toEqual(twin.stats());
    },
  );

  it.each(PLANS)('should put nothing right of %s, even if the clock was set back', (_name, plan) => {
    const limiter = createLimiter(plan);
    limiter.check('key', { now: 1_000_000, cost: 3 });
    expect(limiter.peek('key', { now: 5000 })).toMatchObject({ allowed: false, remaining: 0 });
    expect(limiter.peek('key', { now: 1_000_000 })).toMatchObject({ allowed: false, remaining: 0 });
    // A check does: the key is full as of then, and what lay ahead is gone.
    expect(limiter.check('key', { now: 5000 }).allowed).toBe(false);
    expect(limiter.peek('key', { now: 1_000_000 }).allowed).toBe(true);
  });

  it('should make no row, and not count', () => {
    const limiter = createLimiter(fixed);
    limiter.peek('key');
    expect(limiter.stats()).toEqual({
      keys: 0,
      maxKeys: 10_000,
      evicted: 0,
      joined: 0,
      inherited: 0,
      blocks: 0,
      allowed: 0,
      denied: 0,
    });
  });
});

describe('refunding', () => {
  let clock: ManualClock;
  beforeEach(() => {
    clock = manualClock(10_000);
  });

  it.each(PLANS)('should give a charge of %s back, once', (_name, plan) => {
    const limiter = createLimiter(plan, { clock });
    const decision = limiter.check('key', { cost: 2 });
    limiter.check('key');
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(2);
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(2);
  });

  it.each(PLANS)('should give back nothing of a denied decision of %s', (_name, plan) => {
    const limiter = createLimiter(plan, { clock });
    limiter.check('key', { cost: 2 });
    limiter.refund(limiter.check('key', { cost: 2 }));
    expect(limiter.peek('key').remaining).toBe(1);
  });

  it.each<[string, (limiter: Limiter) => Decision]>([
    ['a peek', (limiter) => limiter.peek('key')],
    ['a cost of 0', (limiter) => limiter.check('key', { cost: 0 })],
  ])('should give back nothing of %s', (_what, ask) => {
    const limiter = createLimiter(fixed, { clock });
    limiter.check('key', { cost: 2 });
    limiter.refund(ask(limiter));
    expect(limiter.peek('key').remaining).toBe(1);
  });

  it.each(PLANS)('should give back nothing of %s once the charge is over', (_name, plan) => {
    const limiter = createLimiter(plan, { clock });
    const decision = limiter.check('key', { cost: 3 });
    clock.advance(2000);
    limiter.check('key', { cost: 2 });
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(1);
  });

  it('should give back only what has not drained from a token bucket yet', () => {
    const limiter = createLimiter(tokenBucket({ quota: 10, window: 1000 }), { clock });
    const decision = limiter.check('key', { cost: 4 });
    limiter.check('key', { cost: 6 });
    clock.advance(300);
    expect(limiter.peek('key').remaining).toBe(3);
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(4);
  });

  it.each(PLANS)(
    'should give back nothing of what others used of %s after the key was forgotten',
    (_name, plan) => {
      const limiter = createLimiter(plan, { clock });
      const decision = limiter.check('key', { cost: 2 });
      limiter.forget('key');
      limiter.check('key', { cost: 2 });
      limiter.refund(decision);
      expect(limiter.peek('key').remaining).toBe(1);
    },
  );

  it.each(PLANS)('should give back nothing from the remnant of %s', (_name, plan) => {
    const limiter = createLimiter(plan, { clock, maxKeys: 1 });
    const decision = limiter.check('key', { cost: 2 });
    limiter.check('other', { cost: 1 });
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(1);
  });

  it('should take the instant it is given', () => {
    const limiter = createLimiter(tokenBucket({ quota: 10, window: 1000 }), { clock });
    const decision = limiter.check('key', { cost: 4 });
    limiter.refund(decision, { now: 10_300 });
    expect(limiter.peek('key', { now: 10_300 }).remaining).toBe(10);
    expect(limiter.peek('key', { now: 10_000 }).remaining).toBe(7);
  });

  it.each<[string, (decision: Decision, other: Limiter) => unknown, string]>([
    ['a copy', (decision) => ({ ...decision }), 'no-decision'],
    ['a copy by way of JSON', (decision) => JSON.parse(JSON.stringify(decision)), 'no-decision'],
    ['a decision of another limiter', (_decision, other) => other.check('key'), 'foreign-decision'],
    ['one of its limits', (decision) => decision.limits[0], 'no-decision'],
    ['an object made to inherit from one', (decision) => Object.create(decision), 'no-decision'],
    ['nothing', () => undefined, 'no-decision'],
    ['null', () => null, 'no-decision'],
    ['a key', () => 'key', 'no-decision'],
  ])('should refuse %s', (_what, made, code) => {
    const [limiter, other] = [createLimiter(fixed, { clock }), createLimiter(fixed, { clock })];
    const decision = limiter.check('key', { cost: 3 });
    const wrong = made(decision, other) as Decision;
    expect(() => limiter.refund(wrong)).toThrow(
      expect.objectContaining({ name: 'DescriptorError', code, path: 'decision' }),
    );
    expect(limiter.peek('key').remaining).toBe(0);
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(3);
  });

  it('should keep the charge when the instant is wrong, and give it back later', () => {
    const limiter = createLimiter(fixed, { clock });
    const decision = limiter.check('key', { cost: 3 });
    expect(() => limiter.refund(decision, { now: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'bad-instant' }),
    );
    expect(limiter.peek('key').remaining).toBe(0);
    limiter.refund(decision);
    expect(limiter.peek('key').remaining).toBe(3);
  });
});

describe('blocking', () => {
  it('should deny with the end of the block, and leave usage as it was', () => {
    const clock = manualClock();
    const limiter = createLimiter(fixed, { clock });
    limiter.check('key', { cost: 2 });
    limiter.block('key', { for: 500, reason: 'abuse' });
    for (const cost of [0, 1]) {
      expect(limiter.check('key', { cost })).toMatchObject({
        allowed: false,
        reason: 'blocked',
        limit: 'default',
        remaining: 0,
        resetAt: 1000,
        retryAt: 500,
      });
    }
    expect(limiter.check('other').allowed).toBe(true);
    clock.set(499);
    expect(limiter.check('key').allowed).toBe(false);
    clock.set(500);
    expect(limiter.check('key')).toMatchObject({ allowed: true, remaining: 0 });
  });

  it.each<[string, BlockOptions, number, Partial<Decision>]>([
    ['the block if it ends later', { until: 5000 }, 1, { reason: 'blocked', retryAt: 5000 }],
    ['the quota if it is back later', { until: 500 }, 1, { reason: 'blocked', retryAt: 1000 }],
    ['never if the cost never fits', { until: 5000 }, 4, { reason: 'never', retryAt: never }],
    ['the quota if the block has ended', { until: 0 }, 1, { reason: 'quota', retryAt: 1000 }],
  ])('should make a spent key wait for %s', (_what, block, cost, decision) => {
    const limiter = createLimiter(fixed, { clock: manualClock() });
    limiter.check('key', { cost: 3 });
    limiter.block('key', block);
    expect(limiter.check('key', { cost })).toMatchObject({ allowed: false, ...decision });
  });

  it('should leave nothing, whatever is asked for', () => {
    const limiter = createLimiter(fixed, { clock: manualClock() });
    limiter.block('key', { for: 5000 });
    const left = [0, 1, 4].map((cost) => limiter.check('key', { cost }));
    expect(left.map(({ reason, remaining }) => [reason, remaining])).toEqual([
      ['blocked', 0],
      ['blocked', 0],
      ['never', 0],
    ]);
  });

  it('should end when it is lifted', () => {
    const clock = manualClock();
    const limiter = createLimiter(fixed, { clock });
    expect(limiter.unblock('key')).toBe(false);
    limiter.block('key', { for: '1h' });
    expect([limiter.unblock('key'), limiter.unblock('key')]).toEqual([true, false]);
    expect(limiter.check('key')).toMatchObject({ allowed: true, remaining: 2 });
    limiter.block('key', { for: 10 });
    clock.advance(10);
    expect(limiter.unblock('key')).toBe(false);
  });

  it('should outlive the memory of what the key has used', () => {
    const limiter = createLimiter(fixed, { clock: manualClock() });
    limiter.check('key', { cost: 3 });
    limiter.block('key', { for: 100 });
    expect(limiter.forget('key')).toBe(true);
    expect(limiter.check('key').reason).toBe('blocked');
    expect(limiter.check('key', { now: 100 })).toMatchObject({ allowed: true, remaining: 2 });
  });

  it('should refuse one block too many, and keep the others', () => {
    const limiter = createLimiter(fixed, { clock: manualClock(), maxBlocks: 2 });
    limiter.block('a', { for: '1m' });
    limiter.block('b', { for: '1m' });
    expect(() => limiter.block('c', { for: '1m' })).toThrow(
      expect.objectContaining({ name: 'DescriptorError', code: 'too-many-blocks', value: 'c' }),
    );
    expect(['a', 'b', 'c'].map((key) => limiter.check(key).allowed)).toEqual([false, false, true]);
  });

  it.each<[string, unknown, unknown, string]>([
    ['no options', 'key', undefined, 'for'],
    ['no end', 'key', { reason: 'abuse' }, 'for'],
    ['a wrong length', 'key', { for: 'soon' }, 'for'],
    ['a wrong instant', 'key', { until: Number.NaN }, 'until'],
    ['no key', '', { for: '1m' }, 'key'],
    ['a key that is no text', 7, { for: '1m' }, 'key'],
  ])('should refuse %s', (_what, key, options, path) => {
    const limiter = createLimiter(fixed, { clock: manualClock() });
    expect(() => limiter.block(key as string, options as BlockOptions)).toThrow(
      expect.objectContaining({ name: 'DescriptorError', path }),
    );
    expect(limiter.stats().blocks).toBe(0);
  });
});

describe('forgetting', () => {
  it.each(PLANS)('should make a key of %s as good as new', (_name, plan) => {
    const limiter = createLimiter(plan, { clock: manualClock(777) });
    const [other, fresh] = [limiter.check('other', { cost: 3 }), limiter.peek('never seen')];
    limiter.check('key', { cost: 3 });
    expect([limiter.forget('key'), limiter.forget('key'), limiter.forget('never seen')]).toEqual([
      true,
      false,
      false,
    ]);
    expect({ ...limiter.peek('key'), limits: [] }).toEqual({ ...fresh, limits: [] });
    expect(limiter.peek('other').remaining).toBe(other.remaining);
    expect(limiter.check('key', { cost: 3 }).allowed).toBe(true);
  });

  it.each(PLANS)('should reach usage of %s that lives on in the remnant', (_name, plan) => {
    const limiter = createLimiter(plan, { clock: manualClock(777), maxKeys: 1 });
    limiter.check('key', { cost: 3 });
    limiter.check('other');
    expect(limiter.peek('key').remaining).toBe(0);
    expect(limiter.forget('key')).toBe(true);
    expect(limiter.peek('key').remaining).toBe(3);
  });
});

describe('the counts of a limiter', () => {
  it('should be of checks, rows, evictions and blocks', () => {
    const limiter = createLimiter(fixed, { clock: manualClock(), maxKeys: 1 });
    // `b` takes the row of `a`, whose usage then stands against `c`, since a remnant of one row is everybody's.
    const allowed = ['a', 'a', 'a', 'a', 'b', 'c'].map((key) => limiter.check(key).allowed);
    expect(allowed).toEqual([true, true, true, false, true, false]);
    limiter.block('d', { for: '1m' });
    limiter.check('d');
    expect(limiter.stats()).toEqual({
      keys: 1,
      maxKeys: 1,
      evicted: 1,
      joined: 1,
      inherited: 0,
      blocks: 1,
      allowed: 4,
      denied: 3,
    });
    expect(limiter.check('c', { now: 1000 })).toMatchObject({ allowed: true, remaining: 2 });
    expect(limiter.stats()).toMatchObject({ keys: 1, evicted: 2, joined: 1, inherited: 0, allowed: 5 });
  });
});

/** What a caller can find out about a limiter without changing it. */
function observe(limiter: Limiter): unknown {
  return [limiter.stats(), ...['key', 'other', 'blocked'].map((key) => limiter.peek(key, { now: 5000 }))];
}

describe('a call that makes no sense', () => {
  const bad = (value: unknown) => value as never;
  let limiter: Limiter;
  let clock: ManualClock;
  beforeEach(() => {
    clock = manualClock(5000);
    limiter = createLimiter(fixed, { clock, maxKeys: 2 });
    limiter.check('key', { cost: 2 });
    limiter.block('blocked', { for: '1m' });
  });

  const KEYS = ['', undefined, null, 7, Number.NaN, 7n, {}, ['key'], Symbol('key'), 'x'.repeat(513)];
  const COSTS = [Number.NaN, -1, 1.5, '3', Number.POSITIVE_INFINITY, 3n, null, {}, 2 ** 53, '', true];
  const INSTANTS = [Number.NaN, '5000', -1, Number.POSITIVE_INFINITY, 2 ** 53, 5000n, new Date(5000), true];

  it.each<[string, string, readonly unknown[], (value: unknown) => unknown]>([
    ['a wrong key', 'key', KEYS, (key) => limiter.check(bad(key))],
    ['a peek at a wrong key', 'key', KEYS, (key) => limiter.peek(bad(key))],
    ['forgetting a wrong key', 'key', KEYS, (key) => limiter.forget(bad(key))],
    ['unblocking a wrong key', 'key', KEYS, (key) => limiter.unblock(bad(key))],
    ['a wrong cost', 'cost', COSTS, (cost) => limiter.check('key', { cost: bad(cost) })],
    ['a peek with a wrong cost', 'cost', COSTS, (cost) => limiter.peek('key', { cost: bad(cost) })],
    ['a wrong instant', 'now', INSTANTS, (now) => limiter.check('key', { now: bad(now) })],
    [
      'a wrong clock',
      'now',
      [...INSTANTS, undefined, null],
      (now) => {
        clock.now = () => bad(now);
        return limiter.check('key');
      },
    ],
  ])('should be refused, naming the field, and change nothing: %s', (_what, path, values, call) => {
    const before = observe(limiter);
    for (const value of values) {
      expect(() => call(value)).toThrow(
        expect.objectContaining({ name: path === 'cost' ? 'CostError' : 'DescriptorError', path, value }),
      );
      expect(observe(limiter)).toEqual(before);
    }
  });

  it('should not be charged when the clock itself throws', () => {
    const broken = createLimiter(fixed, {
      clock: {
        now: () => {
          throw new Error('no battery');
        },
      },
    });
    expect(() => broken.check('key')).toThrow('no battery');
    expect(broken.peek('key', { now: 0 }).remaining).toBe(3);
    expect(broken.stats()).toMatchObject({ keys: 0, allowed: 0, denied: 0 });
  });
});

describe('making a limiter', () => {
  const faultsOf = (plan: unknown, options?: unknown): unknown => {
    try {
      createLimiter(plan as Plan, options as LimiterOptions);
    } catch (error) {
      if (error instanceof PolicyError)
        return error.faults.map(({ code, path, message }) => [code, path, message]);
      throw error;
    }
    return [];
  };

  it.each<[string, unknown, string, string, RegExp]>([
    [
      'no keys',
      { maxKeys: 0 },
      'bad-option',
      'maxKeys',
      /^0 is no maxKeys; give an integer from 1 to 16777216$/,
    ],
    ['half a key', { maxKeys: 1.5 }, 'bad-option', 'maxKeys', /^1\.5 /],
    ['NaN keys', { maxKeys: Number.NaN }, 'bad-option', 'maxKeys', /^NaN /],
    ['keys in words', { maxKeys: '10' }, 'bad-option', 'maxKeys', /^"10" /],
    ['more keys than there may be', { maxKeys: 2 ** 24 + 1 }, 'bad-option', 'maxKeys', /16777216/],
    ['no blocks', { maxBlocks: 0 }, 'bad-option', 'maxBlocks', /^0 /],
    ['a negative seed', { seed: -1 }, 'bad-option', 'seed', /from 0 to 4294967295/],
    ['a seed of more than 32 bits', { seed: 2 ** 32 }, 'bad-option', 'seed', /4294967295/],
    ['a seed in words', { seed: 'abc' }, 'bad-option', 'seed', /^"abc" /],
    ['a clock that is a function', { clock: () => 0 }, 'bad-option', 'clock', /a method now\(\)/],
    ['a clock that is a class', { clock: Date }, 'bad-option', 'clock', /a method now\(\)/],
    ['a clock without hands', { clock: {} }, 'bad-option', 'clock', /a method now\(\)/],
    ['a name in upper case', { name: 'Reads' }, 'bad-name', 'name', /^"Reads" is not a name: /],
    ['an empty name', { name: '' }, 'bad-name', 'name', /^"" is not/],
    ['a name of 65 letters', { name: 'a'.repeat(65) }, 'bad-name', 'name', /is not a name/],
    ['a name that ends the line', { name: 'reads\r\nSet-Cookie: a=b' }, 'bad-name', 'name', /is not a name/],
    ['a name with a quote', { name: 'a"b' }, 'bad-name', 'name', /is not a name/],
    ['a name that is no text', { name: 7 }, 'bad-name', 'name', /^7 is not/],
    ['a name that is a list of one', { name: ['reads'] }, 'bad-name', 'name', /^a list of 1 is not/],
    ['a unit with a space', { unit: 'API calls' }, 'bad-name', 'unit', /is not a name/],
    ['a unit that every object has', { unit: 'constructor' }, 'bad-name', 'unit', /is not a name/],
    ['an unknown option', { maxkeys: 10 }, 'unknown-field', 'maxkeys', /did you mean "maxKeys"\?/],
    ['another', { nmae: 'reads' }, 'unknown-field', 'nmae', /did you mean "name"\?/],
  ])('should be refused, naming the option: %s', (_what, options, code, path, message) => {
    expect(faultsOf(fixed, options)).toEqual([[code, path, expect.stringMatching(message)]]);
  });

  it('should be refused with all faults at once', () => {
    const options = { maxKeys: 0, maxBlocks: -1, seed: 0.5, clock: 7, name: 'A', unit: '' };
    expect(faultsOf(fixed, options)).toEqual(
      ['maxKeys', 'maxBlocks', 'seed', 'clock', 'name', 'unit'].map((path) => [
        expect.any(String),
        path,
        expect.any(String),
      ]),
    );
  });

  it.each<[string, unknown]>([
    ['the options of one', { quota: 3, window: 1000 }],
    ['a builder', fixedWindow],
    ['nothing', undefined],
    ['null', null],
    ['a number', 600],
    ['an algorithm that cannot answer', { algorithm: { kind: 'none' }, quota: 3 }],
  ])('should be refused without a plan: %s', (_what, plan) => {
    expect(faultsOf(plan)).toEqual([
      ['bad-plan', 'plan', expect.stringMatching(/is no plan; give what fixedWindow/)],
    ]);
  });

  it.each<[string, LimiterOptions]>([
    ['nothing', {}],
    ['what is not set', { maxKeys: undefined, name: undefined } as unknown as LimiterOptions],
    ['the least', { maxKeys: 1, maxBlocks: 1, seed: 0, name: 'a', unit: 'b' }],
    ['the most', { maxKeys: 2 ** 24, maxBlocks: 2 ** 24, seed: 2 ** 32 - 1, name: 'a'.repeat(64) }],
  ])('should take %s', (_what, options) => {
    expect(createLimiter(fixed, options).peek('key').remaining).toBe(3);
  });

  it('should make the choice of remnant rows repeatable with a seed, and only then', () => {
    const remnants = (seed?: number): string => {
      const limiter = createLimiter(fixed, { maxKeys: 64, ...(seed !== undefined && { seed }) });
      for (let i = 0; i < 96; i++) limiter.check(`key_${i}`, { now: 0, cost: 3 });
      return Array.from({ length: 200 }, (_, i) => limiter.peek(`other_${i}`, { now: 0 }).remaining).join('');
    };
    expect(remnants(1)).toBe(remnants(1));
    expect(remnants(1)).not.toBe(remnants(2));
    expect(remnants()).not.toBe(remnants());
  });
});
