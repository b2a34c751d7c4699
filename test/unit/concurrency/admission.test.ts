import {
  type Admission,
  createEngine,
  createSemaphore,
  definePolicy,
  type Engine,
  LeaseError,
} from 'headgate';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';

const LEASE = 1_000;

const policy = definePolicy({
  version: 1,
  limits: {
    requests: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'account' },
    tokens: { algorithm: 'fixed-window', quota: 100, window: '1m', unit: 'tokens', per: 'account' },
    running: { algorithm: 'concurrency', quota: 2, per: 'account', lease: LEASE },
    nested: { algorithm: 'concurrency', quota: 1, per: ['account', 'call'], lease: '1h' },
    endless: { algorithm: 'concurrency', quota: 1, per: 'account' },
  },
  groups: {
    work: { limits: ['requests', 'tokens', 'running'], queue: { size: 10 } },
    nested: { limits: ['nested', 'running'] },
    endless: { limits: ['endless'] },
    rates: { limits: ['requests', 'tokens'] },
    free: { limits: [] },
  },
  unmatched: 'deny',
});
type Asking = Engine<typeof policy>;

const work = { group: 'work', account: 'x', cost: { requests: 2, tokens: 40 } } as const;
const rates = { ...work, group: 'rates' } as const;

function setUp(): { clock: ManualClock; engine: Asking } {
  const clock = manualClock();
  return { clock, engine: createEngine(policy, { clock }) };
}

/** What is left of `requests` and of `tokens`, and how many permits of `running` are held. */
function state(engine: Asking): (number | undefined)[] {
  const { limits } = engine.peek({ ...rates, cost: { tokens: 0 } });
  return [...limits.map(({ remaining }) => remaining), engine.stats().permits.running?.held];
}

/** What every method answers, in this order. */
type Answers = [release: boolean, renew: boolean, settle: boolean, cancel: boolean];

const METHODS: readonly [string, (admission: Admission) => unknown][] = [
  ['release', (admission) => admission.release()],
  ['renew', (admission) => admission.renew()],
  ['settle', (admission) => admission.settle({ tokens: 10 })],
  ['cancel', (admission) => admission.cancel()],
  ['Symbol.dispose', (admission) => admission[Symbol.dispose]()],
  ['Symbol.asyncDispose', (admission) => admission[Symbol.asyncDispose]()],
];

describe('each method, asked first', () => {
  const having =
    (first: (admission: Admission) => unknown) =>
    ({ engine }: { engine: Asking }): Admission => {
      const admission = engine.tryAcquire(work);
      first(admission);
      return admission;
    };
  it.each<[string, come: (setUp: { clock: ManualClock; engine: Asking }) => Admission, Answers]>([
    ['an admission with a permit', ({ engine }) => engine.tryAcquire(work), [true, true, true, true]],
    ['an admission to rates alone', ({ engine }) => engine.tryAcquire(rates), [true, true, true, true]],
    [
      'an admission to nothing',
      ({ engine }) => engine.tryAcquire({ group: 'free' }),
      [true, true, true, true],
    ],
    [
      'a denial',
      ({ engine }) => {
        engine.tryAcquire({ ...rates, cost: { requests: 9, tokens: 1 } });
        return engine.tryAcquire(work);
      },
      [false, false, false, false],
    ],
    [
      'an admission whose lease has expired',
      ({ clock, engine }) => {
        const admission = engine.tryAcquire(work);
        clock.advance(LEASE);
        return admission;
      },
      [false, false, true, true],
    ],
    ['one that was released', having((admission) => admission.release()), [false, false, true, false]],
    ['one that was settled', having((admission) => admission.settle({})), [true, true, false, false]],
    ['one that was cancelled', having((admission) => admission.cancel()), [false, false, false, false]],
  ])('should answer for %s', (_title, come, answers) => {
    const found = METHODS.slice(0, 4).map(([, ask]) => ask(come(setUp())));
    expect(found).toEqual(answers);
  });

  it.each(METHODS)('should change nothing by %s of a denial', async (_name, ask) => {
    const { clock, engine } = setUp();
    const [first, second] = [engine.tryAcquire(work), engine.tryAcquire(work)];
    const before = [state(engine), engine.stats().leases];
    const denied = engine.tryAcquire(work);
    expect(denied).toMatchObject({ allowed: false, fence: undefined, expiresAt: undefined });
    expect(denied.signal.aborted).toBe(false);
    await ask(denied);
    expect([state(engine), engine.stats().leases]).toEqual(before);
    expect([first.release(), second.release(), clock.nextWake]).toEqual([true, true, undefined]);
  });

  it.each<[string, left: number[]]>([
    ['release', [8, 60, 0]],
    ['renew', [8, 60, 1]],
    ['settle', [8, 90, 1]],
    ['cancel', [10, 100, 0]],
    ['Symbol.dispose', [8, 60, 0]],
    ['Symbol.asyncDispose', [8, 60, 0]],
  ])('should leave what it leaves by %s of an admission', async (name, left) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(work);
    expect(state(engine)).toEqual([8, 60, 1]);
    for (const [each, ask] of METHODS) if (each === name) await ask(admission);
    expect(state(engine)).toEqual(left);
  });
});

describe('the end of a lease', () => {
  it.each<[string, (admission: Admission) => unknown]>([
    ['release', (admission) => admission.release()],
    ['cancel', (admission) => admission.cancel()],
    ['using', (admission) => admission[Symbol.dispose]()],
    ['await using', (admission) => admission[Symbol.asyncDispose]()],
  ])('should come once by %s, whatever is asked afterwards', async (_title, end) => {
    const { engine } = setUp();
    const [admission, other] = [engine.tryAcquire(work), engine.tryAcquire(work)];
    await end(admission);
    for (const [, ask] of METHODS.filter(([name]) => name !== 'settle')) await ask(admission);
    expect([engine.stats().permits.running?.held, other.renew()]).toEqual([1, true]);
    expect(engine.stats().leases).toEqual({ granted: 2, released: 1, expired: 0 });
  });

  it('should free nothing when it is released too late, whoever holds the permit by then', () => {
    const { clock, engine } = setUp();
    const late = engine.tryAcquire(work);
    clock.advance(LEASE - 1);
    expect(state(engine)).toEqual([8, 60, 1]);
    clock.advance(1);
    engine.tryAcquire({ ...work, cost: { tokens: 0 } });
    engine.tryAcquire({ ...work, cost: { tokens: 0 } });
    expect([late.release(), late.renew(), engine.stats().permits.running?.held]).toEqual([false, false, 2]);
    expect(engine.stats().leases).toEqual({ granted: 3, released: 0, expired: 1 });
  });

  it('should be put off by renewing until the very instant, and by nothing from there on', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(work);
    clock.advance(LEASE - 1);
    expect([admission.renew(), admission.expiresAt]).toEqual([true, 2 * LEASE - 1]);
    clock.advance(LEASE);
    expect([admission.renew(), admission.expiresAt]).toEqual([false, 2 * LEASE - 1]);
    expect(engine.stats().leases).toEqual({ granted: 1, released: 0, expired: 1 });
  });

  it('should come with the shortest lease of several limits, for all of them at once', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire({ group: 'nested', account: 'x', call: 'c' });
    expect(admission.expiresAt).toBe(LEASE);
    clock.advance(LEASE);
    const { permits } = engine.stats();
    expect([permits.running, permits.nested]).toEqual([
      { keys: 0, held: 0 },
      { keys: 0, held: 0 },
    ]);
  });

  it('should never come by time without a lease', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire({ group: 'endless', account: 'x' });
    clock.advance('365d');
    expect([admission.expiresAt, admission.renew(), admission.expiresAt]).toEqual([
      undefined,
      true,
      undefined,
    ]);
    expect([admission.release(), admission.renew()]).toEqual([true, false]);
  });

  it.each<[string, end: (admission: Admission, clock: ManualClock) => unknown]>([
    ['released', (admission) => admission.release()],
    ['cancelled', (admission) => admission.cancel()],
    ['disposed of', (admission) => admission[Symbol.dispose]()],
    ['lost', (_admission, clock) => clock.advance(LEASE)],
  ])('should make its id anybody’s again when it is %s', (_title, end) => {
    const clock = manualClock();
    const semaphore = createSemaphore({ quota: 2, lease: LEASE, clock });
    const admission = semaphore.tryAcquire('a', { id: 'job' });
    expect(semaphore.tryAcquire('a', { id: 'job' })).toBe(admission);
    end(admission, clock);
    const next = semaphore.tryAcquire('a', { id: 'job' });
    expect([next === admission, next.allowed, semaphore.held('a')]).toEqual([false, true, 1]);
  });
});

describe('the signal', () => {
  it('should be the same one whenever it is asked for, and abort once, with the instant in its reason', () => {
    const { clock, engine } = setUp();
    const { signal } = engine.tryAcquire(work);
    const heard: unknown[] = [];
    signal.addEventListener('abort', () => heard.push(clock.now()));
    expect([clock.nextWake, signal.aborted]).toEqual([LEASE, false]);
    clock.advance(LEASE);
    clock.advance(LEASE);
    expect([heard, signal.reason instanceof LeaseError]).toEqual([[LEASE], true]);
    expect(signal.reason).toMatchObject({ code: 'lease-lost', value: LEASE });
  });

  it('should follow the lease when it is renewed', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(work);
    const { signal } = admission;
    expect(admission.signal).toBe(signal);
    clock.advance(600);
    admission.renew();
    clock.advance(LEASE - 1);
    expect([signal.aborted, admission.signal === signal]).toEqual([false, true]);
    clock.advance(1);
    expect([signal.aborted, clock.nextWake]).toEqual([true, undefined]);
  });

  it.each<[string, isAborted: boolean, end: (admission: Admission, clock: ManualClock) => unknown]>([
    ['a lease that was lost before', true, (_admission, clock) => clock.advance(LEASE)],
    ['a lease that was released before', false, (admission) => admission.release()],
    ['an admission that was cancelled', false, (admission) => admission.cancel()],
  ])('should say of %s whether it was lost: %s, and need no timer', (_title, isAborted, end) => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(work);
    end(admission, clock);
    engine.stats();
    expect([admission.signal.aborted, clock.nextWake]).toEqual([isAborted, undefined]);
  });

  it.each<[string, (engine: Asking) => Admission]>([
    ['rates alone', (engine) => engine.tryAcquire(rates)],
    ['no time', (engine) => engine.tryAcquire({ group: 'endless', account: 'x' })],
  ])('should never abort, nor need a timer, for %s', (_title, come) => {
    const { clock, engine } = setUp();
    const { signal } = come(engine);
    expect(clock.nextWake).toBeUndefined();
    clock.advance('365d');
    expect([signal.aborted, clock.nextWake]).toEqual([false, undefined]);
  });
});

describe('the fence', () => {
  it('should grow with every lease, over groups, keys and waiters, and be missing without one', async () => {
    const { engine } = setUp();
    const cost = { tokens: 0 };
    const held = ['x', 'x', 'y'].map((account) => engine.tryAcquire({ ...work, account, cost }));
    const waiter = engine.acquire({ ...work, cost });
    held[1]?.release();
    const last = engine.tryAcquire({ group: 'endless', account: 'x' });
    const fences = [...held, await waiter, last].map(({ fence }) => Number(fence));
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
    expect([engine.tryAcquire(rates).fence, engine.tryAcquire({ group: 'free' }).fence]).toEqual([
      undefined,
      undefined,
    ]);
    const { fence } = last;
    last.release();
    expect(last.fence).toBe(fence);
    expect(engine.tryAcquire({ group: 'endless', account: 'x' }).fence).toBeGreaterThan(Number(fence));
  });
});

describe('settle', () => {
  it.each<[string, actual: number | { [unit: string]: number }, left: number[]]>([
    ['a number, which counts requests', 5, [5, 60, 1]],
    ['a number below', 1, [9, 60, 1]],
    ['0', 0, [10, 60, 1]],
    ['one unit', { tokens: 25 }, [8, 75, 1]],
    ['several units, up and down', { requests: 7, tokens: 0 }, [3, 100, 1]],
    ['more than the quota', { requests: 12, tokens: 150 }, [0, 0, 1]],
    ['no unit', {}, [8, 60, 1]],
    ['permits, which stay', { permits: 0 }, [8, 60, 1]],
    ['more permits, which stay as well', { permits: 2 }, [8, 60, 1]],
    ['a unit that is inherited', Object.create({ tokens: 1 }), [8, 60, 1]],
  ])('should charge for %s, once', (_title, actual, left) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(work);
    expect([admission.settle(actual), state(engine)]).toEqual([true, left]);
    expect([admission.settle({ requests: 0, tokens: 0 }), admission.cancel()]).toEqual([false, false]);
    expect(state(engine)).toEqual([...left.slice(0, 2), 0]);
  });

  it.each<[string, actual: unknown, path: string]>([
    ['NaN', Number.NaN, 'cost'],
    ['-1', -1, 'cost'],
    ['half a request', 0.5, 'cost'],
    ['Infinity', Number.POSITIVE_INFINITY, 'cost'],
    ['text', '3', 'cost'],
    ['null', null, 'cost'],
    ['nothing', undefined, 'cost'],
    ['a BigInt', 3n, 'cost'],
    ['NaN tokens', { tokens: Number.NaN }, 'cost.tokens'],
    ['good requests and bad tokens', { requests: 1, tokens: -1 }, 'cost.tokens'],
    ['bad requests and good tokens', { requests: 1.5, tokens: 1 }, 'cost.requests'],
    ['tokens in text', { tokens: '3' }, 'cost.tokens'],
    ['tokens that are null', { tokens: null }, 'cost.tokens'],
    ['bad permits', { permits: -1 }, 'cost.permits'],
    ['a unit that is misspelt', { tokns: 1 }, 'cost.tokns'],
  ])('should refuse %s, change nothing, and may be called again', (_title, actual, path) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(work);
    const before = [state(engine), engine.stats()];
    expect(() => admission.settle(actual as number)).toThrow(
      expect.objectContaining({ name: 'CostError', path }),
    );
    expect([state(engine), engine.stats()]).toEqual(before);
    expect([admission.settle({ tokens: 1 }), state(engine)]).toEqual([true, [8, 99, 1]]);
  });

  it('should charge after the permits have been given back, or lost, and never after it was cancelled', () => {
    const { clock, engine } = setUp();
    const [released, lost] = [engine.tryAcquire(work), engine.tryAcquire(work)];
    released.release();
    expect([released.settle({ tokens: 10 }), state(engine)]).toEqual([true, [6, 50, 1]]);
    clock.advance(LEASE);
    expect([lost.settle({ tokens: 10 }), state(engine)]).toEqual([true, [6, 80, 0]]);
    const cancelled = engine.tryAcquire(work);
    cancelled.cancel();
    expect([cancelled.settle({ tokens: 99 }), state(engine)]).toEqual([false, [6, 80, 0]]);
  });

  it('should charge nothing more once the charges were refunded or the account forgotten', () => {
    const { engine } = setUp();
    const [refunded, forgotten] = [engine.tryAcquire(work), engine.tryAcquire(work)];
    engine.refund(refunded);
    expect([refunded.settle({ tokens: 99 }), state(engine)]).toEqual([true, [8, 60, 2]]);
    engine.forget({ account: 'x' });
    expect([forgotten.settle({ tokens: 0 }), state(engine)]).toEqual([true, [10, 100, 2]]);
  });

  it.each([
    [31, 1],
    [30, 0],
  ])(
    'should let waiters have what comes back, in the same call: of 100 tokens %i used, %i waiting',
    (tokens, waiting) => {
      const { engine } = setUp();
      const admission = engine.tryAcquire({ ...work, cost: { tokens: 100 } });
      engine.acquire({ ...work, cost: { tokens: 70 } });
      admission.settle({ tokens });
      expect([engine.stats().waiting, state(engine)]).toEqual([
        waiting,
        [8 + waiting, waiting * 69, 2 - waiting],
      ]);
    },
  );
});

describe('cancel', () => {
  it('should give back permits and charges to whoever waits, in the same call', () => {
    const { engine } = setUp();
    const [first] = [engine.tryAcquire(work), engine.tryAcquire(work)];
    engine.acquire({ ...work, cost: { tokens: 60 } });
    expect(engine.stats().waiting).toBe(1);
    expect([first?.cancel(), engine.stats().waiting, state(engine)]).toEqual([true, 0, [7, 0, 2]]);
  });

  it('should give back the permits alone of what was settled, and say so', () => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(work);
    admission.settle({ tokens: 10 });
    expect([admission.cancel(), state(engine)]).toEqual([false, [8, 90, 0]]);
    expect([admission.release(), engine.stats().leases.released]).toEqual([false, 1]);
  });

  it('should give back the charges alone when the lease was lost', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(work);
    clock.advance(LEASE);
    expect([admission.cancel(), state(engine), admission.cancel()]).toEqual([true, [10, 100, 0], false]);
    expect(engine.stats().leases).toEqual({ granted: 1, released: 0, expired: 1 });
  });

  it('should give back no charge that belongs to a window that is over', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(work);
    clock.advance('1m');
    engine.tryAcquire({ ...rates, cost: { requests: 3, tokens: 5 } });
    expect([admission.cancel(), state(engine)]).toEqual([true, [7, 95, 0]]);
  });
});
