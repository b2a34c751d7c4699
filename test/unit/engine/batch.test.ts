import { createEngine, definePolicy, type Engine, type Millis } from 'headgate';
import { type BatchOptions, type BatchProgress, estimateBatch, runBatch } from 'headgate/batch';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { countedSignal } from '../../fixtures/signals.ts';
import { inVirtualTime, settled, watch } from '../../fixtures/virtual-time.ts';

const policy = definePolicy({
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota: 25, per: 'account', lease: '4h' },
    campaign: { algorithm: 'concurrency', quota: 100, per: ['account', 'campaign'] },
    starts: { algorithm: 'fixed-window', quota: 1_000_000, window: '30d', per: 'account' },
  },
  groups: {
    dial: { limits: ['starts', 'calls', 'campaign'], queue: { size: 10 } },
    'dial-now': { limits: ['calls'] },
    inbound: { limits: ['calls'] },
  },
  unmatched: 'deny',
});
type Dialler = Engine<typeof policy>;

const descriptor = { group: 'dial', account: 'x', campaign: 'c' } as const;
const CALL = 90_000;

function setUp(): {
  clock: ManualClock;
  engine: Dialler;
  held: () => number | undefined;
  used: () => number;
} {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  const held = (): number | undefined => engine.stats().permits.calls?.held;
  const used = (): number => 1_000_000 - (engine.peek(descriptor).limits[0]?.remaining ?? 0);
  return { clock, engine, held, used };
}

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('runBatch', () => {
  it('should call 1,000 recipients on 25 permits in 40 waves of 90 s: 3,600 s exactly', async () => {
    const { clock, engine, held } = setUp();
    const starts = new Map<Millis, number[]>();
    const call = async (recipient: number): Promise<number> => {
      starts.set(clock.now(), [...(starts.get(clock.now()) ?? []), recipient]);
      await clock.sleep(CALL);
      return recipient * 2;
    };
    const results = await inVirtualTime(clock, runBatch(engine, numbers(1_000), call, { descriptor }));
    expect(clock.now()).toBe(3_600_000);
    expect([...starts.keys()]).toEqual(numbers(40).map((wave) => wave * CALL));
    expect([...starts.values()].flat()).toEqual(numbers(1_000));
    expect(results).toEqual(numbers(1_000).map((i) => ({ status: 'fulfilled', value: 2 * i })));
    expect([held(), clock.nextWake]).toEqual([0, undefined]);
    expect(estimateBatch({ count: 1_000, concurrency: 25, averageMs: CALL })).toBe(3_600_000);
  });

  it('should run no more at once than the batch’s own quota, and let inbound calls through', async () => {
    const { clock, engine, held } = setUp();
    let [running, most, inbound] = [0, 0, 0];
    const call = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await clock.sleep(CALL);
      running--;
    };
    const batch = runBatch(engine, numbers(50), call, { descriptor, quotas: { campaign: 5 } });
    const watched = watch(batch);
    const answering = (async () => {
      while (watched.outcome.state === 'pending') {
        using admission = engine.tryAcquire({ group: 'inbound', account: 'x' });
        expect([admission.allowed, (held() ?? 0) <= 6]).toEqual([true, true]);
        inbound++;
        await clock.sleep('10s');
      }
    })();
    await inVirtualTime(clock, batch);
    expect([most, clock.now()]).toEqual([5, 10 * CALL]);
    await inVirtualTime(clock, answering);
    expect(inbound).toBeGreaterThan(80);
  });

  it.each<[string, (log: string[], n: number) => Iterable<number> | AsyncIterable<number>]>([
    [
      'an iterable',
      function* (log, n) {
        for (let i = 0; i < n; i++) {
          log.push(`read ${i}`);
          yield i;
        }
      },
    ],
    [
      'an async iterable',
      async function* (log, n) {
        for (let i = 0; i < n; i++) {
          log.push(`read ${i}`);
          yield i;
        }
      },
    ],
  ])('should not read %s ahead of the permits', async (_title, source) => {
    const { clock, engine, held, used } = setUp();
    const log: string[] = [];
    const call = async (i: number): Promise<void> => {
      log.push(`work ${i}`);
      await clock.sleep(CALL);
    };
    const options: BatchOptions<typeof policy> = { descriptor, quotas: { campaign: 2 } };
    const batch = runBatch(engine, source(log, 5), call, options);
    await settled();
    expect(log).toEqual(['read 0', 'work 0', 'read 1', 'work 1']);
    await inVirtualTime(clock, batch);
    expect(log.filter((line) => line.startsWith('read'))).toHaveLength(5);
    expect([held(), used(), clock.now()]).toEqual([0, 5, 3 * CALL]);
  });

  it('should say what became of each item, in input order, whichever ends first', async () => {
    const { clock, engine, held } = setUp();
    const call = async (i: number): Promise<string> => {
      await clock.sleep(100 - i);
      if (i % 2 === 1) throw new RangeError(`item ${i}`);
      return `done ${i}`;
    };
    const results = await inVirtualTime(clock, runBatch(engine, new Set(numbers(4)), call, { descriptor }));
    expect(results).toEqual([
      { status: 'fulfilled', value: 'done 0' },
      { status: 'rejected', reason: new RangeError('item 1') },
      { status: 'fulfilled', value: 'done 2' },
      { status: 'rejected', reason: new RangeError('item 3') },
    ]);
    expect(held()).toBe(0);
  });

  it('should collect what a worker throws before it returns a promise', async () => {
    const { engine } = setUp();
    const fail = (): never => {
      throw new RangeError('at once');
    };
    const [result] = await runBatch(engine, [1], fail, { descriptor });
    expect(result).toEqual({ status: 'rejected', reason: new RangeError('at once') });
  });

  it.each<[string, quota: number]>([
    ['between items', 1],
    ['while it waits for a permit that somebody else holds', 2],
  ])('should start nothing more after a failure if asked to stop, %s', async (_title, quota) => {
    const { clock, engine, held } = setUp();
    const other = engine.tryAcquire({ ...descriptor, quotas: { campaign: 9 } });
    let closed = 0;
    function* source(): Generator<number> {
      try {
        yield* numbers(10);
      } finally {
        closed++;
      }
    }
    const call = async (i: number): Promise<number> => {
      await clock.sleep(CALL);
      if (i === 0) throw new RangeError('first');
      return i;
    };
    const options = { descriptor, quotas: { campaign: quota + 1 }, onError: 'stop' } as const;
    const results = await inVirtualTime(clock, runBatch(engine, source(), call, options));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'].slice(0, quota));
    expect([closed, clock.now(), held(), engine.stats().waiting]).toEqual([1, CALL, 1, 0]);
    other.release();
  });

  it('should stop on abort, when what runs has ended, and leave no listener', async () => {
    const { clock, engine, held, used } = setUp();
    const counted = countedSignal();
    const ended: number[] = [];
    const call = async (i: number): Promise<void> => {
      await clock.sleep(CALL);
      ended.push(i);
    };
    const { signal } = counted;
    const batch = watch(runBatch(engine, numbers(100), call, { descriptor, signal }));
    await settled();
    clock.set(CALL - 1);
    counted.controller.abort('stop');
    await settled();
    expect([batch.outcome.state, held(), engine.stats().waiting]).toEqual(['pending', 25, 0]);
    clock.set(CALL);
    await settled();
    expect(batch.outcome).toEqual({ state: 'rejected', reason: 'stop' });
    expect([ended, held(), used(), counted.listeners]).toEqual([numbers(25), 0, 25, 0]);
  });

  it('should do nothing under a signal that was aborted before', async () => {
    const { engine, used } = setUp();
    const read = {
      *[Symbol.iterator]() {
        yield expect.fail('read');
      },
    };
    const options = { descriptor, signal: AbortSignal.abort('early') };
    await expect(runBatch(engine, read, () => undefined, options)).rejects.toBe('early');
    expect(used()).toBe(0);
  });

  it('should stop on abort while the source keeps it waiting for an item', async () => {
    const { engine, held, used } = setUp();
    const controller = new AbortController();
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    };
    const batch = runBatch(engine, source, () => undefined, { descriptor, signal: controller.signal });
    const rejected = expect(batch).rejects.toBe('stop');
    await settled();
    expect(held()).toBe(1);
    controller.abort('stop');
    await rejected;
    expect([held(), used()]).toEqual([0, 0]);
  });

  it('should throw what the source throws, after what runs has ended, and give the turn back', async () => {
    const { clock, engine, held, used } = setUp();
    function* source(): Generator<number> {
      yield 0;
      throw new RangeError('no more');
    }
    const batch = runBatch(engine, source(), () => clock.sleep(CALL), { descriptor });
    const rejected = expect(batch).rejects.toThrow('no more');
    await settled();
    expect([held(), clock.nextWake]).toEqual([1, CALL]);
    clock.set(CALL);
    await rejected;
    expect([held(), used()]).toEqual([0, 1]);
  });

  it('should throw the denial where nobody can wait', async () => {
    const { clock, engine, held } = setUp();
    const options = { descriptor: { group: 'dial-now', account: 'x' } } as const;
    const batch = runBatch(engine, numbers(30), () => clock.sleep(CALL), options);
    const rejected = expect(batch).rejects.toMatchObject({ name: 'DeniedError', code: 'concurrency' });
    await settled();
    clock.set(CALL);
    await rejected;
    expect(held()).toBe(0);
  });

  it('should report every start and end, with the time that is left at this pace', async () => {
    const { clock, engine } = setUp();
    const reports: BatchProgress[] = [];
    const call = async (i: number): Promise<void> => {
      await clock.sleep(CALL);
      if (i === 1) throw new RangeError('busy');
    };
    const options = {
      descriptor,
      quotas: { campaign: 2 },
      onProgress: (each: BatchProgress) => reports.push(each),
    };
    await inVirtualTime(clock, runBatch(engine, numbers(4), call, options));
    expect(reports).toHaveLength(8);
    expect(reports[0]).toEqual({ done: 0, failed: 0, running: 1, total: 4, elapsedMs: 0, etaMs: undefined });
    expect(reports.findLast(({ elapsedMs, done }) => elapsedMs === CALL && done === 2)).toMatchObject({
      ...{ failed: 1, total: 4, etaMs: CALL },
    });
    expect(reports.at(-1)).toEqual({
      done: 4,
      failed: 1,
      running: 0,
      total: 4,
      elapsedMs: 2 * CALL,
      etaMs: 0,
    });
  });

  it('should know no total and no ETA of a source that does not say how long it is', async () => {
    const { engine } = setUp();
    const reports: BatchProgress[] = [];
    const onProgress = (each: BatchProgress): void => void reports.push(each);
    await runBatch(engine, numbers(2).values(), () => undefined, { descriptor, onProgress });
    expect(reports.at(-1)).toMatchObject({ done: 2, total: undefined, etaMs: undefined });
  });

  it.each([1, 2, 3, 4])(
    'should end with what onProgress throws at report %i, permits given back',
    async (nth) => {
      const { clock, engine, held } = setUp();
      let reports = 0;
      const onProgress = (): void => {
        if (++reports === nth) throw new RangeError('no screen');
      };
      const batch = runBatch(engine, numbers(2), () => clock.sleep(CALL), { descriptor, onProgress });
      await expect(inVirtualTime(clock, batch)).rejects.toThrow('no screen');
      expect(held()).toBe(0);
    },
  );

  it('should come to an end with nothing to do', async () => {
    const { engine, used } = setUp();
    expect(await runBatch(engine, [], () => 1, { descriptor })).toEqual([]);
    expect(await runBatch(engine, (function* () {})(), () => 1, { descriptor })).toEqual([]);
    expect(used()).toBe(0);
  });

  it('should pass each worker its turn', async () => {
    const { engine } = setUp();
    const { signal } = new AbortController();
    const turns = await runBatch(
      engine,
      ['a', 'b'],
      (item, turn) => [item, turn.index, turn.signal === signal],
      {
        ...{ descriptor, signal },
      },
    );
    expect(turns).toMatchObject([{ value: ['a', 0, true] }, { value: ['b', 1, true] }]);
  });
});

describe('estimateBatch', () => {
  it.each([
    [{ count: 0, concurrency: 5, averageMs: 10 }, 0],
    [{ count: 1, concurrency: 5, averageMs: 10 }, 10],
    [{ count: 5, concurrency: 5, averageMs: 10 }, 10],
    [{ count: 6, concurrency: 5, averageMs: 10 }, 20],
  ])('should estimate %j at %i ms', (batch, ms) => {
    expect(estimateBatch(batch)).toBe(ms);
  });

  it.each([
    ['count', -1],
    ['count', Number.NaN],
    ['concurrency', 0],
    ['concurrency', Number.POSITIVE_INFINITY],
    ['averageMs', -1],
  ])('should refuse %s %d', (path, value) => {
    const batch = { count: 1, concurrency: 1, averageMs: 1, [path]: value };
    expect(() => estimateBatch(batch)).toThrow(expect.objectContaining({ name: 'DescriptorError', path }));
  });
});
