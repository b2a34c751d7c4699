import fc from 'fast-check';
import { createEngine, definePolicy, manualClock, type PolicyDocument, PolicyError } from 'headgate';
import { type DurableOptions, durableEngine } from 'headgate/durable-object';
import { describe, expect, it } from 'vitest';
import { DurableObject, emptyDisk, startObject } from '../../fixtures/durable-state.ts';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1h', per: 'apiKey' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '30s' },
  },
  groups: {
    read: { match: ['GET /**'], limits: ['reads'] },
    call: { limits: ['calls'], queue: { size: 2 } },
    free: { limits: [] },
  },
  unmatched: 'deny',
});
const read = { group: 'read', apiKey: 'k' } as const;
const call = { group: 'call', account: 'a' } as const;

function setUp(options: DurableOptions = {}) {
  const clock = manualClock(1_700_000_000_000);
  const Limits = durableEngine(DurableObject, policy, { clock, ...options });
  const disk = emptyDisk();
  return { clock, disk, start: () => startObject(Limits, disk) };
}

describe('durableEngine', () => {
  it('should decide as an engine does, in plain data', async () => {
    const { clock, start } = setUp();
    const object = await start();
    const engine = createEngine(policy, { clock });
    for (const request of [read, { ...read, cost: 9 }, { ...read, cost: 5 }, { ...read, cost: 11 }]) {
      const decision = object.check(request);
      expect(decision).toEqual(
        JSON.parse(JSON.stringify(decision), (key, value) =>
          key === 'retryAt' && value === null ? Number.POSITIVE_INFINITY : value,
        ),
      );
      expect(Object.getPrototypeOf(decision.limits[0])).toBe(Object.prototype);
      expect({ ...decision }).toEqual({ ...engine.check(request), limits: decision.limits });
      expect(object.explain(read).text).toBe(engine.explain(read).text);
    }
    expect(object.stats()).toMatchObject({ allowed: 2, denied: 2 });
  });

  it('should save with every n-th charge, and within a time after any', async () => {
    const { clock, disk, start } = setUp({ saveEvery: 3, saveWithin: '1s' });
    const object = await start();
    object.check(read);
    object.check(read);
    expect(disk.saves).toBe(0);
    object.check(read);
    expect(disk.saves).toBe(1);
    clock.advance('1h');
    expect(disk.saves).toBe(1);
    object.check(read);
    clock.advance(999);
    expect(disk.saves).toBe(1);
    clock.advance(1);
    expect(disk.saves).toBe(2);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should not save for what takes nothing', async () => {
    const { clock, disk, start } = setUp({ saveEvery: 1 });
    const object = await start();
    object.check({ group: 'free' });
    object.check({ ...read, cost: 11 });
    object.peek(read);
    object.explain(read);
    expect(object.unblock({ apiKey: 'k' })).toBe(false);
    expect([disk.saves, clock.nextWake]).toEqual([0, undefined]);
  });

  it('should forget fewer charges than saveEvery, whenever it is restarted, and mint nothing else', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 5 }),
      async (saveEvery, lives) => {
        const { start } = setUp({ saveEvery });
        let passed = 0;
        for (const asks of lives) {
          const object = await start();
          for (let i = 0; i < asks; i++) if (object.check(read).allowed) passed++;
        }
        const object = await start();
        const { remaining } = object.peek(read);
        expect(remaining).toBeGreaterThanOrEqual(10 - passed);
        expect(remaining).toBeLessThanOrEqual(10 - passed + (saveEvery - 1) * lives.length);
      },
    );
    await fc.assert(property);
  });

  it('should keep a snapshot of any size, in parts', async () => {
    const { disk, start } = setUp({ saveEvery: 5000 });
    const object = await start();
    for (let i = 0; i < 5000; i++) object.check({ ...read, apiKey: `key_${i}_${'x'.repeat(30)}` });
    const sizes = [...disk.values.values()].map((value) => (value as Uint8Array).length ?? 0);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000);
    expect(sizes.length).toBeGreaterThan(4);
    const again = await start();
    expect(again.stats().partitions.apiKey?.keys).toBe(5000);
  });

  it('should give permits back by their fence, and tell which were lost in a restart', async () => {
    const { disk, start } = setUp();
    const first = await start();
    const [one, two] = [first.tryAcquire(call), first.tryAcquire(call)];
    const waiting = first.acquire(call, { priority: 1 });
    expect(first.tryAcquire(call)).toMatchObject({ reason: 'concurrency', fence: undefined });
    expect([first.renew(one.fence ?? 0), first.release(one.fence ?? 0)]).toEqual([true, true]);
    const three = await waiting;
    expect(three).toMatchObject({ allowed: true, fence: 3 });
    expect([first.release(one.fence ?? 0), first.cancel(three.fence ?? 0)]).toEqual([false, true]);

    const second = await start();
    expect([second.renew(two.fence ?? 0), second.release(two.fence ?? 0)]).toEqual([false, false]);
    expect(second.tryAcquire(call).fence).toBeGreaterThan(3);
    expect(disk.saves).toBe(2);
  });

  it('should never give a fence out twice, whenever it is restarted', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat({ max: 9 }), { minLength: 2, maxLength: 6 }),
      async (saveEvery, lives) => {
        const { start } = setUp({ saveEvery });
        const fences: number[] = [];
        for (const calls of lives) {
          const object = await start();
          for (let i = 0; i < calls; i++) {
            const { fence = Number.NaN } = object.tryAcquire({ group: 'call', account: `account ${i}` });
            fences.push(fence);
          }
        }
        expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
      },
    );
    await fc.assert(property);
  });

  it('should give back permits of shadow limits alone, too, under numbers that no restart gives out again', async () => {
    const clock = manualClock(1_700_000_000_000);
    const tried = definePolicy({
      version: 1,
      limits: {
        calls: { algorithm: 'concurrency', quota: 9, per: 'account' },
        tried: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1m', mode: 'shadow' },
      },
      groups: { both: { limits: ['calls', 'tried'] }, tried: { limits: ['tried'] } },
      unmatched: 'deny',
    });
    const Limits = durableEngine(DurableObject, tried, { clock });
    const disk = emptyDisk();
    const fences: number[] = [];
    for (let life = 0; life < 2; life++) {
      const object = await startObject(Limits, disk);
      for (const group of ['tried', 'both', 'tried'] as const) {
        const { fence = Number.NaN } = object.tryAcquire({ group, account: 'a' });
        fences.push(fence);
        expect(object.stats().permits.tried?.held).toBe(1);
        expect([object.renew(fence), object.release(fence), object.release(fence)]).toEqual([
          true,
          true,
          false,
        ]);
      }
      const { fence = Number.NaN } = object.tryAcquire({ group: 'tried', account: 'a' });
      fences.push(fence);
      clock.advance('1m');
      expect(object.stats()).toMatchObject({
        permits: { calls: { held: 0 }, tried: { held: 0 } },
        shadows: { tried: { agreed: 4, wouldDeny: 0 } },
      });
      expect(object.release(fence)).toBe(false);
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
  });

  it('should correct charges while permits are held', async () => {
    const { start } = setUp();
    const object = await start();
    const { fence = 0 } = object.tryAcquire(call);
    expect([object.settle(fence, 1), object.settle(fence, 1), object.cancel(fence)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([object.settle(fence + 1, 1), object.stats().permits.calls?.held]).toEqual([false, 0]);
  });

  it('should keep no lease that is over', async () => {
    const { clock, start } = setUp();
    const object = await start();
    const { fence = 0 } = object.tryAcquire(call);
    clock.advance('30s');
    expect([object.renew(fence), object.stats().leases.expired]).toEqual([false, 1]);
  });

  it('should save blocks at once, and what lifts and forgets', async () => {
    const { start } = setUp();
    const first = await start();
    first.check(read);
    first.block({ apiKey: 'k' }, { for: '1d' });
    const second = await start();
    expect(second.check(read).reason).toBe('blocked');
    expect([second.unblock({ apiKey: 'k' }), second.forget({ apiKey: 'k' })]).toEqual([true, true]);
    expect((await start()).peek(read).remaining).toBe(10);
  });

  it('should begin anew on a snapshot that is damaged, and say so', async () => {
    const errors: unknown[] = [];
    const { disk, start } = setUp({ saveEvery: 1, onUnreadable: (error) => errors.push(error) });
    const first = await start();
    first.check(read);
    first.tryAcquire(call);
    const part = disk.values.get('headgate:0') as Uint8Array;
    part[part.length - 5] = ~(part.at(-5) ?? 0);
    const second = await start();
    expect(second.peek(read).remaining).toBe(10);
    expect(second.tryAcquire(call).fence).toBeGreaterThan(1);
    expect(errors).toMatchObject([{ name: 'SnapshotError', code: 'damaged' }]);
  });

  it.each<[string, object, string]>([
    ['a policy', { version: 1 }, 'limits'],
    ['saveEvery', { saveEvery: 0 }, 'saveEvery'],
    ['saveWithin', { saveWithin: '26d' }, 'saveWithin'],
    ['an option that is none', { saveOften: 1 }, 'saveOften'],
  ])('should refuse what is wrong before any object is made: %s', (_what, wrong, path) => {
    const isPolicy = 'version' in wrong;
    const make = () =>
      durableEngine(DurableObject, (isPolicy ? wrong : policy) as PolicyDocument, isPolicy ? {} : wrong);
    expect(make).toThrow(PolicyError);
    expect(make).toThrow(path);
  });

  it('should say which names there are while one types', async () => {
    const { start } = setUp();
    const object = await start();
    // @ts-expect-error no limit is per this field
    expect(() => object.check({ group: 'read', apiKye: 'k' })).toThrow('apiKey');
  });
});
