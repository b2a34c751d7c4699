import { describe, expect, it } from 'vitest';
import { Aborts } from '../../../src/concurrency/aborts.ts';
import { countedSignal } from '../../fixtures/signals.ts';

/** Functions that write down when they are called. */
function callers(n: number): { called: number[]; onAbort: (() => void)[] } {
  const called: number[] = [];
  return { called, onAbort: Array.from({ length: n }, (_, i) => () => void called.push(i)) };
}

describe('Aborts', () => {
  it('should keep one listener on a signal, however many wait, and none when the last has left', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(100);
    for (const each of onAbort) aborts.add(counted.signal, each);
    expect([counted.listeners, counted.added]).toEqual([1, 1]);
    for (const each of onAbort.slice(1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(1);
    for (const each of onAbort.slice(0, 1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(0);
    counted.controller.abort();
    expect(called).toEqual([]);
  });

  it('should call everybody once, in the order in which they came', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(5);
    for (const each of onAbort) aborts.add(counted.signal, each);
    for (const each of onAbort.slice(1, 2)) aborts.remove(counted.signal, each);
    for (const each of onAbort.slice(0, 2)) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect([called, counted.listeners]).toEqual([[0, 2, 3, 4, 1], 0]);
    counted.controller.abort();
    counted.signal.dispatchEvent(new Event('abort'));
    expect(called).toHaveLength(5);
  });

  it('should call nobody who waits under another signal', () => {
    const aborts = new Aborts();
    const [one, other] = [countedSignal(), countedSignal()];
    const { called, onAbort } = callers(2);
    for (const each of onAbort) aborts.add(one.signal, each);
    for (const each of onAbort) aborts.add(other.signal, each);
    for (const each of onAbort.slice(0, 1)) aborts.remove(other.signal, each);
    other.controller.abort();
    expect([called, one.listeners, other.listeners]).toEqual([[1], 1, 0]);
    one.controller.abort();
    expect([called, one.listeners]).toEqual([[1, 0, 1], 0]);
  });

  it('should not mind when somebody is removed who is not there, or not any more', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(3);
    for (const each of onAbort) aborts.remove(counted.signal, each);
    for (const each of onAbort.slice(0, 2)) aborts.add(counted.signal, each);
    for (let i = 0; i < 3; i++) for (const each of onAbort.slice(1)) aborts.remove(counted.signal, each);
    expect(counted.listeners).toBe(1);
    counted.controller.abort();
    for (const each of onAbort) aborts.remove(counted.signal, each);
    expect([called, counted.listeners]).toEqual([[0], 0]);
  });

  it('should count somebody who is added twice as one', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(2);
    for (const each of [...onAbort, ...onAbort]) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(called).toEqual([0, 1]);
  });

  it('should have taken its listener away before anybody is called', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const listeners: number[] = [];
    const look = [1, 2].map(() => () => void listeners.push(counted.listeners));
    for (const each of look) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(listeners).toEqual([0, 0]);
  });

  it.each<
    [string, inside: (aborts: Aborts, signal: AbortSignal, self: () => void, next: () => void) => void]
  >([
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
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(3);
    const [, next = () => undefined, last = () => undefined] = onAbort;
    const self = (): void => {
      called.push(0);
      inside(aborts, counted.signal, self, next);
    };
    for (const each of [self, next, last]) aborts.add(counted.signal, each);
    counted.controller.abort();
    expect(called.filter((each) => each !== 1)).toEqual([0, 2]);
    expect(called.filter((each) => each === 1).length).toBeLessThanOrEqual(1);
    expect(counted.listeners).toBe(0);
  });

  it('should still call whoever was added to another signal from inside an abort', () => {
    const aborts = new Aborts();
    const [one, other] = [countedSignal(), countedSignal()];
    const { called, onAbort } = callers(2);
    aborts.add(one.signal, () => {
      for (const each of onAbort) aborts.add(other.signal, each);
    });
    one.controller.abort();
    expect([called, one.listeners, other.listeners]).toEqual([[], 0, 1]);
    other.controller.abort();
    expect([called, other.listeners]).toEqual([[0, 1], 0]);
  });

  it('should leave no listener on a signal that was used 10,000 times, one after the other or all at once', () => {
    const aborts = new Aborts();
    const counted = countedSignal();
    const { called, onAbort } = callers(10_000);
    for (const each of onAbort) {
      aborts.add(counted.signal, each);
      expect(counted.listeners).toBe(1);
      aborts.remove(counted.signal, each);
    }
    expect([counted.listeners, counted.added]).toEqual([0, 10_000]);
    for (const each of onAbort) aborts.add(counted.signal, each);
    for (const each of onAbort.filter((_each, i) => i % 2 === 0)) aborts.remove(counted.signal, each);
    expect([counted.listeners, counted.added]).toEqual([1, 10_001]);
    counted.controller.abort();
    expect(called).toEqual(Array.from({ length: 5_000 }, (_, i) => 2 * i + 1));
    expect(counted.listeners).toBe(0);
  });
});
