import {
  createSemaphore,
  DeniedError,
  LeaseError,
  manualClock,
  type Semaphore,
  type SemaphoreOptions,
} from 'headgate';
import type { ManualClock } from 'headgate/testing';
import { describe, expect, it, vi } from 'vitest';
import { countedSignal } from '../../fixtures/signals.ts';
import { inVirtualTime, settled, watch } from '../../fixtures/virtual-time.ts';

/** Options as they come from code without types. */
const untyped = (options: object): SemaphoreOptions => options as SemaphoreOptions;

function setUp(options: Partial<SemaphoreOptions> = {}): { clock: ManualClock; semaphore: Semaphore } {
  const clock = manualClock();
  return { clock, semaphore: createSemaphore({ quota: 1, queue: { size: 100 }, clock, ...options }) };
}

describe('options', () => {
  it.each<[object, paths: string[]]>([
    ...[Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, '10', null, 1e21].map((quota): [object, string[]] => [
      { quota },
      ['quota'],
    ]),
    [{}, ['quota']],
    ...[0, -1, '1 fortnight', Number.NaN, null].map((lease): [object, string[]] => [
      { quota: 1, lease },
      ['lease'],
    ]),
    [{ quota: 1, name: 'Not a name' }, ['name']],
    [{ quota: 1, maxKeys: 0 }, ['maxKeys']],
    [{ quota: 1, clock: 5 }, ['clock']],
    [{ quota: 1, queue: {} }, ['queue.size']],
    [{ quota: 1, queue: { size: -1 } }, ['queue.size']],
    [{ quota: 1, queue: { size: 1, timeout: 0 } }, ['queue.timeout']],
    [{ quota: 1, queue: { size: 1, order: 'random' } }, ['queue.order']],
    [{ quota: 1, queue: { size: 1, strategy: 'push' } }, ['queue.strategy']],
    [{ quota: 1, queu: { size: 1 } }, ['queu']],
    [{ quota: 1, queue: 5 }, ['queue']],
    [{ quota: 1, queue: { size: 1, sise: 1 } }, ['queue.sise']],
    [
      { quota: -1, lease: 0, queue: { size: 0.5, order: 1 } },
      ['quota', 'lease', 'queue.size', 'queue.order'],
    ],
  ])('should refuse %j, naming each faulty field', (options, paths) => {
    const create = (): Semaphore => createSemaphore(untyped(options));
    expect(create).toThrow(expect.objectContaining({ name: 'PolicyError' }));
    try {
      create();
    } catch (error) {
      expect(error).toMatchObject({ faults: paths.map((path) => expect.objectContaining({ path })) });
    }
  });

  it('should deny everything at quota 0, for good, rather than keep it waiting', async () => {
    const { semaphore } = setUp({ quota: 0 });
    const denied = { allowed: false, reason: 'never', retryAt: Number.POSITIVE_INFINITY };
    expect(semaphore.tryAcquire('a')).toMatchObject(denied);
    expect(await semaphore.acquire('a')).toMatchObject(denied);
    expect(semaphore.stats()).toMatchObject({ keys: 0, waiting: 0, granted: 0 });
  });
});

describe('calls', () => {
  const long = 'k'.repeat(513);
  it.each<[string, key: unknown, options: object, fault: object]>([
    ['an empty key', '', {}, { name: 'DescriptorError', code: 'missing-field', path: 'key' }],
    ['no key', undefined, {}, { name: 'DescriptorError', path: 'key' }],
    ['a number for a key', 7, {}, { name: 'DescriptorError', code: 'bad-key', path: 'key' }],
    ['a key that is too long', long, {}, { name: 'DescriptorError', code: 'key-too-long', path: 'key' }],
    ['NaN permits', 'a', { permits: Number.NaN }, { name: 'CostError', path: 'permits' }],
    ['-1 permits', 'a', { permits: -1 }, { name: 'CostError', path: 'permits' }],
    ['1.5 permits', 'a', { permits: 1.5 }, { name: 'CostError', path: 'permits' }],
    ['"3" permits', 'a', { permits: '3' }, { name: 'CostError', path: 'permits' }],
    ['Infinity permits', 'a', { permits: Number.POSITIVE_INFINITY }, { name: 'CostError', path: 'permits' }],
    ['a number for an id', 'a', { id: 3 }, { name: 'DescriptorError', path: 'id' }],
  ])('should refuse %s and change nothing', async (_title, key, options, fault) => {
    const { semaphore, clock } = setUp({ quota: 2 });
    semaphore.tryAcquire('a');
    const before = semaphore.stats();
    expect(() => semaphore.tryAcquire(key as string, options)).toThrow(expect.objectContaining(fault));
    await expect(semaphore.acquire(key as string, options)).rejects.toMatchObject(fault);
    expect(semaphore.stats()).toEqual(before);
    expect([semaphore.held('a'), clock.nextWake]).toEqual([1, undefined]);
  });

  it.each<[options: object, fault: object]>([
    [{ priority: 0.5 }, { code: 'bad-priority', path: 'priority' }],
    [{ priority: 101 }, { code: 'bad-priority', path: 'priority' }],
    [{ priority: Number.NaN }, { code: 'bad-priority', path: 'priority' }],
    [{ timeout: -1 }, { code: 'bad-timeout', path: 'timeout' }],
    [{ timeout: Number.NaN }, { code: 'bad-timeout', path: 'timeout' }],
    [{ timeout: 'soon' }, { code: 'bad-timeout', path: 'timeout' }],
    [{ signal: 'stop' }, { code: 'bad-signal', path: 'signal' }],
    [{ signal: null }, { code: 'bad-signal', path: 'signal' }],
  ])('should refuse %j and take nothing', async (options, fault) => {
    const { semaphore } = setUp();
    await expect(semaphore.acquire('a', options)).rejects.toMatchObject({
      name: 'DescriptorError',
      ...fault,
    });
    expect(semaphore.stats()).toMatchObject({ keys: 0, granted: 0 });
  });

  it.each(['__proto__', 'constructor', 'a:b', 'a\u0000b', '{a}', '*'])(
    'should take %j for an ordinary key',
    (key) => {
      const { semaphore } = setUp();
      expect(semaphore.tryAcquire(key).allowed).toBe(true);
      expect([semaphore.held(key), semaphore.held('a')]).toEqual([1, 0]);
    },
  );

  it('should deny a key for which there is no room, also where it could wait', async () => {
    const { semaphore } = setUp({ maxKeys: 2 });
    semaphore.tryAcquire('a');
    const held = semaphore.tryAcquire('b');
    expect(semaphore.tryAcquire('c')).toMatchObject({ allowed: false, reason: 'capacity' });
    expect(await semaphore.acquire('c')).toMatchObject({ allowed: false, reason: 'capacity' });
    held.release();
    expect(semaphore.tryAcquire('c').allowed).toBe(true);
  });

  it('should take nothing for 0 permits', () => {
    const { semaphore } = setUp();
    const admission = semaphore.tryAcquire('a', { permits: 0 });
    expect(admission).toMatchObject({ allowed: true, fence: undefined, expiresAt: undefined });
    expect(semaphore.stats()).toMatchObject({ keys: 0, granted: 0 });
    expect([admission.release(), admission.release()]).toEqual([true, false]);
  });
});

describe('permits', () => {
  it('should never give out more than the quota, in any sizes', () => {
    const { semaphore } = setUp({ quota: 5 });
    const two = semaphore.tryAcquire('a', { permits: 2 });
    expect(two).toMatchObject({
      allowed: true,
      limit: 'default',
      quota: 5,
      remaining: 3,
      resetAt: undefined,
    });
    expect(semaphore.tryAcquire('a', { permits: 4 })).toMatchObject({
      allowed: false,
      reason: 'concurrency',
    });
    expect(semaphore.tryAcquire('a', { permits: 3 }).allowed).toBe(true);
    expect(semaphore.tryAcquire('a').allowed).toBe(false);
    expect(semaphore.tryAcquire('b').allowed).toBe(true);
    two.release();
    expect(semaphore.held('a')).toBe(3);
  });

  it('should never grant more permits than there are', async () => {
    const { semaphore } = setUp({ quota: 5 });
    expect(await semaphore.acquire('a', { permits: 6 })).toMatchObject({ allowed: false, reason: 'never' });
  });

  it('should let nobody pass a waiter who needs more', async () => {
    const { semaphore } = setUp({ quota: 5 });
    const four = semaphore.tryAcquire('a', { permits: 4 });
    const big = watch(semaphore.acquire('a', { permits: 5 }));
    expect(semaphore.tryAcquire('a')).toMatchObject({ allowed: false, reason: 'concurrency' });
    const small = watch(semaphore.acquire('a'));
    four.release();
    await settled();
    expect(big.outcome).toMatchObject({ value: { allowed: true } });
    expect(small.outcome.state).toBe('pending');
    expect([semaphore.held('a'), semaphore.waiting('a')]).toEqual([5, 1]);
  });

  it('should give a denial’s permits back in silence', async () => {
    const { semaphore } = setUp();
    semaphore.tryAcquire('a');
    using denied = semaphore.tryAcquire('a');
    expect([denied.release(), denied.renew(), denied.cancel(), denied.settle(1)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([denied.fence, denied.expiresAt, denied.signal.aborted]).toEqual([undefined, undefined, false]);
    expect(semaphore.held('a')).toBe(1);
  });

  it('should grant nothing new after its quota was cut until below, and serve waiters when it is raised', async () => {
    const { semaphore } = setUp({ quota: 3 });
    const held = [1, 2, 3].map(() => semaphore.tryAcquire('a'));
    const waiters = [1, 2, 3].map(() => watch(semaphore.acquire('a')));
    const granted = async (): Promise<number> => {
      await settled();
      return waiters.filter(({ outcome }) => outcome.state === 'fulfilled').length;
    };
    semaphore.resize(1);
    held[0]?.release();
    held[1]?.release();
    expect([await granted(), semaphore.held('a')]).toEqual([0, 1]);
    held[2]?.release();
    expect([await granted(), semaphore.held('a')]).toEqual([1, 1]);
    semaphore.resize(3);
    expect([await granted(), semaphore.held('a')]).toEqual([3, 3]);
    expect(() => semaphore.resize(-1)).toThrow(
      expect.objectContaining({ name: 'PolicyError', path: 'quota' }),
    );
    expect(semaphore.tryAcquire('a').quota).toBe(3);
  });

  it('should deny those who wait for more than the quota that is left, so that nobody waits behind them for ever', async () => {
    const { semaphore } = setUp({ quota: 5 });
    const held = semaphore.tryAcquire('a', { permits: 5 });
    const [large, small] = [semaphore.acquire('a', { permits: 4 }), semaphore.acquire('a')].map(watch);
    semaphore.resize(3);
    await settled();
    expect(large?.outcome).toMatchObject({ state: 'fulfilled', value: { allowed: false, reason: 'never' } });
    expect(small?.outcome.state).toBe('pending');
    held.release();
    await settled();
    expect(small?.outcome).toMatchObject({ state: 'fulfilled', value: { allowed: true } });
    expect([semaphore.held('a'), semaphore.waiting('a')]).toEqual([1, 0]);
  });

  it('should hand out what has expired by then, before any timer says so', async () => {
    let now = 0;
    const semaphore = createSemaphore({
      quota: 1,
      lease: 10,
      queue: { size: 1 },
      clock: { now: () => now, wakeAt: () => () => undefined },
    });
    semaphore.tryAcquire('a');
    const waiting = watch(semaphore.acquire('a'));
    now = 10;
    semaphore.resize(1);
    await settled();
    expect(waiting.outcome).toMatchObject({ state: 'fulfilled', value: { allowed: true, at: 10 } });
  });
});

describe('leases', () => {
  it('should end once', () => {
    const { semaphore } = setUp({ quota: 2 });
    const [first, second] = [semaphore.tryAcquire('a'), semaphore.tryAcquire('a')];
    expect([first.release(), first.release(), first.cancel()]).toEqual([true, false, false]);
    expect(semaphore.held('a')).toBe(1);
    expect(second.cancel()).toBe(true);
    expect(second.release()).toBe(false);
    expect(semaphore.stats()).toMatchObject({ keys: 0, granted: 2, released: 2, expired: 0 });
  });

  it('should not care what is released under another name', () => {
    const { semaphore } = setUp();
    const admission = semaphore.tryAcquire('a');
    const forged = { ...admission };
    expect(forged).not.toHaveProperty('release');
    expect(semaphore.held('a')).toBe(1);
  });

  it('should expire when somebody looks, without any timer', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const late = semaphore.tryAcquire('a');
    expect([late.expiresAt, clock.nextWake]).toEqual([10_000, undefined]);
    clock.set(9_999);
    expect(semaphore.tryAcquire('a').allowed).toBe(false);
    clock.set(10_000);
    const next = semaphore.tryAcquire('a');
    expect(next.allowed).toBe(true);
    expect([late.release(), late.renew()]).toEqual([false, false]);
    expect(semaphore.held('a')).toBe(1);
    expect(semaphore.stats()).toMatchObject({ granted: 2, released: 0, expired: 1 });
  });

  it('should last longer when renewed in time', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const admission = semaphore.tryAcquire('a');
    clock.set(9_999);
    expect([admission.renew(), admission.expiresAt]).toEqual([true, 19_999]);
    clock.set(19_998);
    expect(semaphore.held('a')).toBe(1);
    clock.set(19_999);
    expect([admission.renew(), semaphore.held('a')]).toEqual([false, 0]);
  });

  it('should number admissions upwards, over all keys', () => {
    const { semaphore } = setUp({ quota: 2 });
    const fences = ['a', 'b', 'a'].map((key) => semaphore.tryAcquire(key).fence ?? 0);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(3);
  });

  it('should abort the signal at the very instant it is lost, also with nobody waiting', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const { signal } = semaphore.tryAcquire('a');
    clock.set(9_999);
    expect(signal.aborted).toBe(false);
    clock.set(10_000);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(LeaseError);
    expect(signal.reason).toMatchObject({ code: 'lease-lost', path: 'lease', value: 10_000 });
    expect([semaphore.held('a'), clock.nextWake]).toEqual([0, undefined]);
  });

  it('should give a signal that is asked for too late as aborted', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const admission = semaphore.tryAcquire('a');
    clock.set(10_000);
    expect(semaphore.held('a')).toBe(0);
    expect(admission.signal.aborted).toBe(true);
  });

  it('should never abort the signal of a lease that was released, and keep no timer for it', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const admission = semaphore.tryAcquire('a');
    const { signal } = admission;
    expect(clock.nextWake).toBe(10_000);
    admission.release();
    expect(clock.nextWake).toBeUndefined();
    clock.set(20_000);
    expect([signal.aborted, admission.signal]).toEqual([false, signal]);
  });

  it('should hand an expired permit to the next waiter at that instant', async () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    semaphore.tryAcquire('a');
    const next = semaphore.acquire('a');
    expect((await inVirtualTime(clock, next)).at).toBe(10_000);
  });

  it('should be given back by using and await using', async () => {
    const { semaphore } = setUp({ quota: 2 });
    {
      using _one = semaphore.tryAcquire('a');
      await using two = await semaphore.acquire('a');
      expect([semaphore.held('a'), two.release(), semaphore.held('a')]).toEqual([2, true, 1]);
    }
    expect(semaphore.held('a')).toBe(0);
    expect(semaphore.stats()).toMatchObject({ granted: 2, released: 2 });
  });

  it('should serve those whom a listener makes room for from within an expiry', async () => {
    const { semaphore, clock } = setUp({ quota: 2, lease: '10s' });
    const other = semaphore.tryAcquire('a');
    clock.set(1);
    const lost = semaphore.tryAcquire('a');
    const waiters = [1, 2].map(() => watch(semaphore.acquire('a')));
    let denied: boolean | undefined;
    other.signal.addEventListener('abort', () => {
      lost.release();
      denied = !semaphore.tryAcquire('a').allowed;
    });
    clock.set(10_000);
    await settled();
    expect(waiters.map(({ outcome }) => outcome.state)).toEqual(['fulfilled', 'fulfilled']);
    expect([denied, semaphore.held('a')]).toEqual([true, 2]);
  });
});

describe('ids', () => {
  it('should return the lease that is held', async () => {
    const { semaphore } = setUp({ quota: 2 });
    const first = semaphore.tryAcquire('a', { id: 'job' });
    expect(semaphore.tryAcquire('a', { id: 'job' })).toBe(first);
    expect(await semaphore.acquire('a', { id: 'job', permits: 2 })).toBe(first);
    expect([semaphore.held('a'), semaphore.tryAcquire('b', { id: 'job' }).fence]).toEqual([1, 2]);
    first.release();
    expect(semaphore.tryAcquire('a', { id: 'job' })).not.toBe(first);
  });

  it('should take once for attempts that come while the first one waits', async () => {
    const { semaphore } = setUp({ quota: 2 });
    const both = semaphore.tryAcquire('a', { permits: 2 });
    const attempts = [1, 2, 3].map(() => semaphore.acquire('a', { id: 'job' }));
    expect(semaphore.waiting('a')).toBe(1);
    expect(semaphore.tryAcquire('a', { id: 'job' })).toMatchObject({ allowed: false, reason: 'concurrency' });
    both.release();
    const [first, ...others] = await Promise.all(attempts);
    expect(others).toEqual([first, first]);
    expect(others[0]).toBe(first);
    expect(semaphore.held('a')).toBe(1);
    expect(semaphore.tryAcquire('a', { id: 'job' })).toBe(first);
  });

  it('should take once for attempts in one tick', async () => {
    const { semaphore } = setUp({ quota: 2 });
    const [first, second] = await Promise.all([1, 2].map(() => semaphore.acquire('a', { id: 'job' })));
    expect(second).toBe(first);
    expect(semaphore.held('a')).toBe(1);
  });

  it.each<[string, (clock: ManualClock, stop: AbortController) => void]>([
    ['timed out', (clock) => clock.advance('5s')],
    ['aborted', (_clock, stop) => stop.abort('enough')],
  ])('should begin anew when the first one has %s', async (_title, end) => {
    const { semaphore, clock } = setUp({ queue: { size: 9, timeout: '5s' } });
    const held = semaphore.tryAcquire('a');
    const stop = new AbortController();
    const first = watch(semaphore.acquire('a', { id: 'job', signal: stop.signal }));
    end(clock, stop);
    await settled();
    expect(first.outcome.state).not.toBe('pending');
    held.release();
    expect(semaphore.tryAcquire('a', { id: 'job' }).allowed).toBe(true);
  });

  it('should forget an id whose lease has expired or that holds nothing', () => {
    const { semaphore, clock } = setUp({ lease: '10s' });
    const lost = semaphore.tryAcquire('a', { id: 'job' });
    const nothing = semaphore.tryAcquire('a', { id: 'other', permits: 0 });
    clock.set(10_000);
    expect(semaphore.tryAcquire('a', { id: 'job' })).not.toBe(lost);
    expect(semaphore.tryAcquire('a', { id: 'other', permits: 0 })).not.toBe(nothing);
  });
});

describe('waiting', () => {
  /** Lets some wait by name and priority behind one who holds the permit, and tells in which order they were served. */
  async function order(options: Partial<SemaphoreOptions>, waiters: [string, number][]): Promise<string> {
    const { semaphore } = setUp(options);
    const held = semaphore.tryAcquire('a');
    let served = '';
    const work = waiters.map(([name, priority]) =>
      semaphore.run(
        'a',
        () => {
          served += name;
        },
        { priority },
      ),
    );
    held.release();
    await Promise.all(work);
    expect([semaphore.held('a'), semaphore.waiting('a')]).toEqual([0, 0]);
    return served;
  }

  it.each<[string, Partial<SemaphoreOptions>, [string, number][], string]>([
    [
      'the oldest first',
      {},
      [
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ],
      'abc',
    ],
    [
      'the newest first',
      { queue: { size: 9, order: 'newest-first' } },
      [
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ],
      'cba',
    ],
    [
      'the highest priority first, then the oldest',
      {},
      [
        ['a', -100],
        ['b', 0],
        ['c', 7],
        ['d', 7],
        ['e', 100],
      ],
      'ecdba',
    ],
  ])('should serve %s', async (_title, options, waiters, served) => {
    expect(await order(options, waiters)).toBe(served);
  });

  it('should not wait without a queue', async () => {
    const semaphore = createSemaphore({ quota: 1, clock: manualClock() });
    semaphore.tryAcquire('a');
    expect(await semaphore.acquire('a')).toMatchObject({
      allowed: false,
      reason: 'concurrency',
      retryAt: undefined,
    });
  });

  it('should let a newcomer of higher priority take what the head cannot use, and nobody else', async () => {
    const { semaphore } = setUp({ quota: 4 });
    semaphore.tryAcquire('a', { permits: 3 });
    watch(semaphore.acquire('a', { permits: 2 }));
    const equal = watch(semaphore.acquire('a'));
    const higher = watch(semaphore.acquire('a', { priority: 1 }));
    await settled();
    expect([equal.outcome.state, higher.outcome.state]).toEqual(['pending', 'fulfilled']);
  });

  it('should let the newest take what an older waiter cannot use, newest first', async () => {
    const { semaphore } = setUp({ quota: 4, queue: { size: 9, order: 'newest-first' } });
    semaphore.tryAcquire('a', { permits: 3 });
    const big = watch(semaphore.acquire('a', { permits: 2 }));
    const newest = watch(semaphore.acquire('a'));
    await settled();
    expect([big.outcome.state, newest.outcome.state]).toEqual(['pending', 'fulfilled']);
  });

  it('should refuse whom the queue has no room for, key by key', async () => {
    const { semaphore } = setUp({ queue: { size: 2 } });
    semaphore.tryAcquire('a');
    semaphore.tryAcquire('b');
    const waiters = [1, 2].map(() => watch(semaphore.acquire('a')));
    const [full, other] = [watch(semaphore.acquire('a')), watch(semaphore.acquire('b'))];
    await settled();
    expect(full.outcome).toMatchObject({ value: { allowed: false, reason: 'queue-full' } });
    expect([...waiters, other].map(({ outcome }) => outcome.state)).toEqual([
      'pending',
      'pending',
      'pending',
    ]);
    expect([semaphore.waiting('a'), semaphore.waiting('b'), semaphore.stats().waiting]).toEqual([2, 1, 3]);
  });

  it('should let nobody wait in a queue of size 0', async () => {
    const { semaphore } = setUp({ queue: { size: 0 } });
    semaphore.tryAcquire('a');
    expect(await semaphore.acquire('a')).toMatchObject({ reason: 'queue-full' });
  });

  it.each<[string, queue: SemaphoreOptions['queue'], timeout: number | '7s' | undefined, answered: number]>([
    ['the queue’s timeout', { size: 9, timeout: '5s' }, undefined, 5_000],
    ['its own timeout', { size: 9, timeout: '5s' }, '7s', 7_000],
    ['a timeout that timers cannot take', { size: 9 }, 2 ** 31 + 5, 2 ** 31 + 5],
    ['no time at all', { size: 9 }, 0, 0],
  ])('should give up after %s', async (_title, queue, timeout, answered) => {
    const { semaphore, clock } = setUp(queue === undefined ? {} : { queue });
    semaphore.tryAcquire('a');
    const decision = await inVirtualTime(clock, semaphore.acquire('a', { timeout }));
    expect(decision).toMatchObject({
      allowed: false,
      reason: 'queue-timeout',
      limit: 'default',
      at: answered,
    });
    expect([semaphore.waiting('a'), semaphore.held('a'), clock.nextWake]).toEqual([0, 1, undefined]);
  });

  it('should admit at once with timeout 0 if a permit is free', async () => {
    const { semaphore } = setUp();
    expect((await semaphore.acquire('a', { timeout: 0 })).allowed).toBe(true);
  });

  it('should grant what becomes free at the very deadline', async () => {
    const { semaphore, clock } = setUp({ lease: '5s', queue: { size: 9, timeout: '5s' } });
    semaphore.tryAcquire('a');
    const [first, second] = [watch(semaphore.acquire('a')), watch(semaphore.acquire('a'))];
    clock.set(5_000);
    await settled();
    expect(first.outcome).toMatchObject({ value: { allowed: true, at: 5_000 } });
    expect(second.outcome).toMatchObject({ value: { reason: 'queue-timeout' } });
  });

  it('should go on with the next one when the head gives up', async () => {
    const { semaphore, clock } = setUp({ quota: 2 });
    semaphore.tryAcquire('a');
    const big = watch(semaphore.acquire('a', { permits: 2, timeout: '1s' }));
    const small = watch(semaphore.acquire('a'));
    clock.set(1_000);
    await settled();
    expect(big.outcome).toMatchObject({ value: { reason: 'queue-timeout' } });
    expect(small.outcome).toMatchObject({ value: { allowed: true } });
    expect(clock.nextWake).toBeUndefined();
  });

  it('should ask for a signal only when it has to wait', async () => {
    const semaphore = createSemaphore({ quota: 1, queue: { size: 2 } });
    const controller = new AbortController();
    let asked = 0;
    const signal = (): AbortSignal => {
      asked++;
      return controller.signal;
    };
    const held = await semaphore.acquire('a', { signal });
    expect([held.allowed, asked]).toEqual([true, 0]);
    const waiting = semaphore.acquire('a', { signal });
    expect([asked, semaphore.waiting('a')]).toEqual([1, 1]);
    controller.abort('gone');
    await expect(waiting).rejects.toBe('gone');
    await expect(semaphore.acquire('a', { signal })).rejects.toBe('gone');
    held.release();
    expect([(await semaphore.acquire('a', { signal })).allowed, asked]).toEqual([true, 2]);
  });

  it('should hold a timer only while somebody waits', async () => {
    const { semaphore, clock } = setUp({ lease: '1h', queue: { size: 9, timeout: '1m' } });
    const held = semaphore.tryAcquire('a');
    expect(clock.nextWake).toBeUndefined();
    const next = semaphore.acquire('a');
    expect(clock.nextWake).toBe(60_000);
    held.release();
    await next;
    expect(clock.nextWake).toBeUndefined();
  });
});

describe('aborting', () => {
  it.each([
    ['an error', new Error('stop')],
    ['a string', 'stop'],
    ['null', null],
    ['an object', { code: 7 }],
  ])('should reject with the reason, %s, before the call and while waiting', async (_title, reason) => {
    const { semaphore } = setUp();
    const early = AbortSignal.abort(reason);
    await expect(semaphore.acquire('a', { signal: early })).rejects.toBe(reason);
    expect(semaphore.held('a')).toBe(0);
    semaphore.tryAcquire('a');
    const controller = new AbortController();
    const waiting = semaphore.acquire('a', { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect([semaphore.held('a'), semaphore.waiting('a')]).toEqual([1, 0]);
  });

  it.each<[string, abortFirst: boolean, state: string, held: number]>([
    ['give the permit to nobody when aborted in the tick before it is free', true, 'rejected', 0],
    ['deliver the permit when aborted in the tick after it was granted', false, 'fulfilled', 1],
  ])('should %s', async (_title, abortFirst, state, held) => {
    const { semaphore } = setUp();
    const first = semaphore.tryAcquire('a');
    const controller = new AbortController();
    const waiter = watch(semaphore.acquire('a', { signal: controller.signal }));
    if (abortFirst) controller.abort('stop');
    first.release();
    controller.abort('stop');
    await settled();
    expect(waiter.outcome.state).toBe(state);
    expect(semaphore.held('a')).toBe(held);
  });

  it('should not take back what was granted when aborted afterwards', async () => {
    const { semaphore } = setUp();
    const controller = new AbortController();
    const admission = await semaphore.acquire('a', { signal: controller.signal });
    controller.abort();
    expect([semaphore.held('a'), admission.release()]).toEqual([1, true]);
  });

  it('should serve whoever was behind the one that is aborted', async () => {
    const { semaphore } = setUp({ quota: 2 });
    semaphore.tryAcquire('a');
    const controller = new AbortController();
    const big = watch(semaphore.acquire('a', { permits: 2, signal: controller.signal }));
    const small = watch(semaphore.acquire('a'));
    controller.abort('stop');
    await settled();
    expect([big.outcome.state, small.outcome.state]).toEqual(['rejected', 'fulfilled']);
  });

  it('should grant nothing to others under the same signal while they are being aborted', async () => {
    const { semaphore } = setUp({ quota: 2 });
    semaphore.tryAcquire('a');
    const { signal, controller } = countedSignal();
    const waiters = [2, 1, 1].map((permits) => watch(semaphore.acquire('a', { permits, signal })));
    const after = watch(semaphore.acquire('a'));
    controller.abort('stop');
    await settled();
    expect(waiters.map(({ outcome }) => outcome.state)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(after.outcome.state).toBe('fulfilled');
    expect(semaphore.held('a')).toBe(2);
  });

  it('should see an abort that the loss of a lease brings about during the call', async () => {
    const { semaphore, clock } = setUp({ quota: 2, lease: '10s' });
    const lost = semaphore.tryAcquire('a');
    clock.set(5_000);
    semaphore.tryAcquire('a');
    const controller = new AbortController();
    vi.spyOn(clock, 'now').mockReturnValue(10_000);
    lost.signal.addEventListener('abort', () => {
      semaphore.tryAcquire('a');
      controller.abort('stop');
    });
    await expect(semaphore.acquire('a', { signal: controller.signal })).rejects.toBe('stop');
    expect([semaphore.held('a'), semaphore.waiting('a')]).toEqual([2, 0]);
  });

  it('should leave no listener on a signal that was used 10,000 times', async () => {
    const { semaphore, clock } = setUp({ quota: 10, queue: { size: 10_000, timeout: '1m' } });
    const counted = countedSignal();
    const { signal } = counted;
    for (let i = 0; i < 5_000; i++) (await semaphore.acquire('a', { signal })).release();
    expect(counted.listeners).toBe(0);
    const work = Array.from({ length: 4_990 }, () => semaphore.run('b', () => clock.sleep(1), { signal }));
    expect(counted.listeners).toBe(1);
    await inVirtualTime(clock, Promise.all(work));
    semaphore.tryAcquire('c', { permits: 10 });
    const late = Array.from({ length: 10 }, () => semaphore.acquire('c', { signal }));
    await inVirtualTime(clock, Promise.all(late));
    expect([counted.listeners, clock.nextWake]).toEqual([0, undefined]);
  });
});

describe('run', () => {
  it('should give the permit back when the work is done, throws or rejects', async () => {
    const { semaphore } = setUp();
    expect(await semaphore.run('a', ({ fence }) => fence)).toBe(1);
    await expect(
      semaphore.run('a', () => {
        throw new RangeError('thrown');
      }),
    ).rejects.toThrow('thrown');
    await expect(semaphore.run('a', () => Promise.reject(new RangeError('rejected')))).rejects.toThrow(
      'rejected',
    );
    expect(semaphore.stats()).toMatchObject({ keys: 0, granted: 3, released: 3 });
  });

  it('should throw the denial', async () => {
    const { semaphore } = setUp({ queue: { size: 0 } });
    const held = semaphore.tryAcquire('a');
    const work = vi.fn();
    const denied = semaphore.run('a', work);
    await expect(denied).rejects.toBeInstanceOf(DeniedError);
    await expect(denied).rejects.toMatchObject({ code: 'queue-full', decision: { reason: 'queue-full' } });
    expect(work).not.toHaveBeenCalled();
    held.release();
  });

  it('should keep the permit as long as the work runs, whatever became of the signal', async () => {
    const { semaphore, clock } = setUp();
    const controller = new AbortController();
    const work = semaphore.run('a', () => clock.sleep('1m'), { signal: controller.signal });
    await settled();
    controller.abort();
    expect(semaphore.held('a')).toBe(1);
    await inVirtualTime(clock, work);
    expect(semaphore.held('a')).toBe(0);
  });

  it('should let work ask for more', async () => {
    const { semaphore } = setUp({ quota: 2 });
    const depth = await semaphore.run('a', () => semaphore.run('a', () => semaphore.held('a')));
    expect([depth, semaphore.held('a')]).toEqual([2, 0]);
  });
});

describe('dispose', () => {
  it('should reject everybody who waits, and every later attempt', async () => {
    const { semaphore, clock } = setUp({ lease: '1h', queue: { size: 9, timeout: '1m' } });
    const counted = countedSignal();
    const held = semaphore.tryAcquire('a');
    const waiters = [1, 2].map(() => watch(semaphore.acquire('a', { signal: counted.signal })));
    semaphore.dispose();
    semaphore.dispose();
    await settled();
    const fault = { name: 'DescriptorError', code: 'disposed' };
    for (const { outcome } of waiters) expect(outcome).toMatchObject({ state: 'rejected', reason: fault });
    expect([counted.listeners, clock.nextWake, semaphore.waiting('a')]).toEqual([0, undefined, 0]);
    expect(() => semaphore.tryAcquire('a')).toThrow(expect.objectContaining(fault));
    await expect(semaphore.acquire('b')).rejects.toMatchObject(fault);
    expect([held.release(), semaphore.held('a')]).toEqual([true, 0]);
  });
});

describe('polling', () => {
  it('should grant a waiter something only from its own timer', async () => {
    const wakes: (() => void)[] = [];
    let now = 0;
    const clock = {
      now: () => now,
      wakeAt: (_at: number, wake: () => void) => {
        wakes.push(wake);
        return () => undefined;
      },
    };
    const semaphore = createSemaphore({ quota: 1, queue: { size: 9, strategy: 'poll' }, clock });
    const held = semaphore.tryAcquire('a');
    const [first, second] = [watch(semaphore.acquire('a')), watch(semaphore.acquire('a'))];
    held.release();
    await settled();
    expect([first.outcome.state, second.outcome.state]).toEqual(['pending', 'pending']);
    expect(semaphore.tryAcquire('a').allowed).toBe(false);
    now = 50;
    wakes[1]?.();
    await settled();
    expect([first.outcome.state, second.outcome.state]).toEqual(['pending', 'pending']);
    wakes[0]?.();
    await settled();
    expect([first.outcome.state, second.outcome.state]).toEqual(['fulfilled', 'pending']);
  });

  it('should keep order, deadlines and aborts, and end without a timer', async () => {
    const { semaphore, clock } = setUp({ queue: { size: 9, timeout: '1s', strategy: 'poll' } });
    const counted = countedSignal();
    let served = '';
    const work = (name: string): Promise<void> =>
      semaphore.run('a', async () => {
        served += name;
        await clock.sleep(300);
      });
    const jobs = ['a', 'b', 'c'].map(work);
    const aborted = watch(semaphore.acquire('a', { signal: counted.signal }));
    const late = watch(semaphore.acquire('a', { timeout: 120 }));
    counted.controller.abort('stop');
    await inVirtualTime(clock, Promise.all(jobs));
    expect(served).toBe('abc');
    expect(aborted.outcome).toMatchObject({ state: 'rejected', reason: 'stop' });
    expect(late.outcome).toMatchObject({ value: { reason: 'queue-timeout', at: 120 } });
    expect([semaphore.held('a'), semaphore.waiting('a'), counted.listeners]).toEqual([0, 0, 0]);
    expect(clock.nextWake).toBeUndefined();
  });
});
