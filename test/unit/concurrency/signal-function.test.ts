import { createEngine, createSemaphore, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { describe, expect, it } from 'vitest';

const policy = (quota: number): PolicyDocument => ({
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota, per: 'account' },
    tries: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'account' },
  },
  groups: { call: { limits: ['calls', 'tries'], queue: { size: 5 } } },
  unmatched: 'deny',
});

const of = (account: string) => ({ group: 'call', account });
const untouched = (): AbortSignal => new AbortController().signal;

/** An engine whose only permit of `a` is held, and what it is held with. */
function busy(): { engine: Engine; first: ReturnType<Engine['tryAcquire']> } {
  const engine: Engine = createEngine(policy(1), { clock: manualClock(0) });
  return { engine, first: engine.tryAcquire(of('a')) };
}

describe('a function that makes the signal of who has to wait', () => {
  it('should be called once, and not at all for who need not wait', async () => {
    const { engine, first } = busy();
    let calls = 0;
    const signal = (): AbortSignal => {
      calls++;
      return untouched();
    };
    await engine.acquire(of('b'), { signal });
    expect(calls).toBe(0);
    const waiting = engine.acquire(of('a'), { signal });
    expect(calls).toBe(1);
    first.release();
    expect((await waiting).allowed).toBe(true);
    expect(calls).toBe(1);
  });

  it('should be free to ask for somebody else meanwhile', async () => {
    const { engine, first } = busy();
    const others: string[] = [];
    const waiting = engine.acquire(of('a'), {
      signal: () => {
        const other = engine.tryAcquire(of('b'));
        others.push(`${other.allowed} ${engine.peek(of('c')).group}`);
        return untouched();
      },
    });
    expect(others).toEqual(['true call']);
    expect(engine.stats().waiting).toBe(1);
    first.release();
    const admission = await waiting;
    expect(admission.limits.map(({ name, key, remaining }) => [name, key, remaining])).toEqual([
      ['calls', 'a', 0],
      ['tries', 'a', 8],
    ]);
  });

  it('should be free to give back what was waited for', async () => {
    const { engine, first } = busy();
    const admission = await engine.acquire(of('a'), {
      signal: () => {
        first.release();
        return untouched();
      },
    });
    expect(admission.allowed).toBe(true);
    expect(engine.stats()).toMatchObject({ waiting: 0, permits: { calls: { held: 1 } } });
  });

  it('should have the policy decide that it has put in force', async () => {
    const { engine, first } = busy();
    const reloading = (next: PolicyDocument) => ({
      signal: () => {
        engine.reload(next);
        return untouched();
      },
    });
    const second = await engine.acquire(of('a'), reloading(policy(2)));
    expect(second).toMatchObject({ allowed: true });
    expect(second.limits[0]).toMatchObject({ name: 'calls', quota: 2, remaining: 0 });

    const third = engine.acquire(of('a'), reloading(policy(1)));
    expect(engine.stats().waiting).toBe(1);
    first.release();
    expect(engine.stats()).toMatchObject({ waiting: 1, permits: { calls: { held: 1 } } });
    second.release();
    expect((await third).limits[0]).toMatchObject({ quota: 1, remaining: 0 });

    const { groups: _, ...rest } = policy(1);
    const without = { ...rest, groups: { other: { limits: ['calls'] } } } as PolicyDocument;
    await expect(engine.acquire(of('a'), reloading(without))).rejects.toMatchObject({
      name: 'DescriptorError',
      path: 'group',
    });
    expect(engine.stats()).toMatchObject({ waiting: 0, permits: { calls: { held: 1 } } });
  });

  it('should be free to dispose of the engine, or to abort', async () => {
    const { engine } = busy();
    const reason = new Error('never mind');
    await expect(engine.acquire(of('a'), { signal: () => AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(engine.stats().waiting).toBe(0);
    const disposing = (): AbortSignal => {
      engine.dispose();
      return untouched();
    };
    await expect(engine.acquire(of('a'), { signal: disposing })).rejects.toMatchObject({ code: 'disposed' });
    expect(engine.stats().waiting).toBe(0);
  });

  it('should be free to ask the same semaphore', async () => {
    const semaphore = createSemaphore({ quota: 1, queue: { size: 5 }, clock: manualClock(0) });
    const first = semaphore.tryAcquire('a');
    const waiting = semaphore.acquire('a', {
      signal: () => {
        semaphore.tryAcquire('b', { permits: 0 });
        return untouched();
      },
    });
    expect([semaphore.waiting('a'), semaphore.waiting('b')]).toEqual([1, 0]);
    first.release();
    expect((await waiting).limits[0]?.key).toBe('a');
  });
});
