import { createEngine } from 'headgate';
import { describe, expect, it } from 'vitest';
import { type Abortable, Aborts } from '../../../src/concurrency/aborts.ts';
import { countedSignal } from '../../fixtures/signals.ts';

/** Waiters that write down when they are called. */
function callers(n: number): { called: number[]; waiters: Abortable[] } {
  const called: number[] = [];
  return { called, waiters: Array.from({ length: n }, (_, i) => ({ onAbort: () => void called.push(i) })) };
}

const directly = (leave: () => void): void => leave();

describe('Aborts', () => {
  it('should keep one listener on a signal, however many wait, and none when the last has left', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(100);
    for (const each of waiters) aborts.add(counted.signal, each);
    expect([counted.listeners, counted.added]).toEqual([1, 1]);
    for (const each of waiters.slice(1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(1);
    for (const each of waiters.slice(0, 1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(0);
    counted.controller.abort();
    expect(called).toEqual([]);
  });

  it('should call everybody once, in the order in which they came', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(5);
    for (const each of waiters) aborts.add(counted.signal, each);
    for (const each of waiters.slice(1, 2)) aborts.remove(counted.signal, each);
    for (const each of waiters.slice(0, 2)) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect([called, counted.listeners]).toEqual([[0, 2, 3, 4, 1], 0]);
    counted.controller.abort();
    counted.signal.dispatchEvent(new Event('abort'));
    expect(called).toHaveLength(5);
  });

  it('should call nobody who waits under another signal', () => {
    const aborts = new Aborts(directly);
    const [one, other] = [countedSignal(), countedSignal()];
    const { called, waiters } = callers(2);
    for (const each of waiters) aborts.add(one.signal, each);
    for (const each of waiters) aborts.add(other.signal, each);
    for (const each of waiters.slice(0, 1)) aborts.remove(other.signal, each);
    other.controller.abort();
    expect([called, one.listeners, other.listeners]).toEqual([[1], 1, 0]);
    one.controller.abort();
    expect([called, one.listeners]).toEqual([[1, 0, 1], 0]);
  });

  it('should not mind when somebody is removed who is not there, or not any more', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(3);
    for (const each of waiters) aborts.remove(counted.signal, each);
    for (const each of waiters.slice(0, 2)) aborts.add(counted.signal, each);
    for (let i = 0; i < 3; i++) for (const each of waiters.slice(1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(1);
    counted.controller.abort();
    for (const each of waiters) aborts.remove(counted.signal, each);
    expect([called, counted.listeners]).toEqual([[0], 0]);
  });

  it('should count somebody who is added twice as one', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(2);
    for (const each of [...waiters, ...waiters]) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(called).toEqual([0, 1]);
  });

  it('should have taken its listener away before anybody is called', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const listeners: number[] = [];
    const look = [1, 2].map(() => ({ onAbort: () => void listeners.push(counted.listeners) }));
    for (const each of look) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(listeners).toEqual([0, 0]);
  });

  it.each<[string, inside: (aborts: Aborts, signal: AbortSignal, self: Abortable, next: Abortable) => void]>([
    ['removes itself', (aborts, signal, self) => aborts.remove(signal, self)],
    ['removes the next one', (aborts, signal, _self, next) => aborts.remove(signal, next)],
    [
      'adds itself again and thinks better of it',
      (aborts, signal, self) => {
        aborts.add(signal, self);
        aborts.remove(signal, self);
      },
    ],
    ['works under another signal', (aborts, _signal, self) => aborts.add(new AbortController().signal, self)],
  ])('should call each at most once, and keep nothing, when one that is called %s', (_title, inside) => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(3);
    const [first, next = first, last = first] = waiters as [Abortable, ...Abortable[]];
    const self: Abortable = {
      onAbort: () => {
        first.onAbort();
        inside(aborts, counted.signal, self, next);
      },
    };
    for (const each of [self, next, last]) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(called.filter((each) => each !== 1)).toEqual([0, 2]);
    expect(called.filter((each) => each === 1).length).toBeLessThanOrEqual(1);
    expect(counted.listeners).toBe(0);
  });

  it('should have all of them leave together', () => {
    const log: string[] = [];
    const aborts = new Aborts((leave) => {
      log.push('first');
      leave();
      log.push('last');
    });
    const counted = countedSignal();
    for (const name of ['a', 'b']) aborts.add(counted.signal, { onAbort: () => void log.push(name) });
    counted.controller.abort();
    expect(log).toEqual(['first', 'a', 'b', 'last']);
  });

  it('should still call whoever was added to another signal from inside an abort', () => {
    const aborts = new Aborts(directly);
    const [one, other] = [countedSignal(), countedSignal()];
    const { called, waiters } = callers(2);
    const onAbort = (): void => {
      for (const each of waiters) aborts.add(other.signal, each);
    };
    aborts.add(one.signal, { onAbort });
    one.controller.abort();
    expect([called, one.listeners, other.listeners]).toEqual([[], 0, 1]);
    other.controller.abort();
    expect([called, other.listeners]).toEqual([[0, 1], 0]);
  });

  it('should leave no listener on a signal that was used 10,000 times, one after the other or all at once', () => {
    const aborts = new Aborts(directly);
    const counted = countedSignal();
    const { called, waiters } = callers(10_000);
    for (const each of waiters) {
      aborts.add(counted.signal, each);
      expect(counted.listeners).toBe(1);
      aborts.remove(counted.signal, each);
    }
    expect([counted.listeners, counted.added]).toEqual([0, 10_000]);
    for (const each of waiters) aborts.add(counted.signal, each);
    for (const each of waiters.filter((_each, i) => i % 2 === 0)) aborts.remove(counted.signal, each);
    expect([counted.listeners, counted.added]).toEqual([1, 10_001]);
    counted.controller.abort();
    expect(called).toEqual(Array.from({ length: 5_000 }, (_, i) => 2 * i + 1));
    expect(counted.listeners).toBe(0);
  });

  it('should hand out no more than there is after a release upon a signal that others wait under', async () => {
    const per = (field: string) => ({ algorithm: 'concurrency', quota: 1, per: field }) as const;
    const engine = createEngine({
      version: 1,
      limits: { calls: per('account'), campaigns: per('campaign') },
      groups: { dial: { limits: ['calls', 'campaigns'], queue: { size: 10 } } },
      unmatched: 'deny',
    });
    const dial = (account: string, campaign: string) => ({ group: 'dial', account, campaign }) as const;
    const controller = new AbortController();
    const { signal } = controller;
    const held = engine.tryAcquire(dial('a', 'x'));
    // Heard before the engine does, which listens once somebody waits.
    signal.addEventListener('abort', () => held.release());
    const waiting = ['x', 'y'].map((campaign) => engine.acquire(dial('a', campaign), { signal }));
    const outcomes = Promise.allSettled(waiting);
    controller.abort('enough');
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(engine.stats().permits).toEqual({ calls: { keys: 0, held: 0 }, campaigns: { keys: 0, held: 0 } });
    expect(engine.tryAcquire(dial('b', 'x')).allowed).toBe(true);
    expect(engine.tryAcquire(dial('c', 'z')).release()).toBe(true);
    expect(engine.tryAcquire(dial('d', 'x')).allowed).toBe(false);
  });
});
