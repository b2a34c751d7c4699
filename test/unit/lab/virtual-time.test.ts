import { expect, it } from 'vitest';
import { Generations } from '../../../src/lab/generations.ts';
import { VirtualTime } from '../../../src/lab/virtual-time.ts';

it('should go from one thing that is due to the next, in the order of their instants, then of their coming', () => {
  const time = new VirtualTime(100);
  const happened: (readonly [string, number])[] = [];
  const at = (when: number, name: string) => time.wakeAt(when, () => happened.push([name, time.now()]));
  at(120, 'b');
  at(110, 'a');
  at(120, 'c');
  at(105, 'never')();
  at(50, 'late');
  time.wakeAt(120, () => at(120, 'd'));
  while (time.step(119));
  expect(happened).toEqual([
    ['late', 100],
    ['a', 110],
  ]);
  while (time.step(Number.POSITIVE_INFINITY));
  expect(happened.slice(2)).toEqual([
    ['b', 120],
    ['c', 120],
    ['d', 120],
  ]);
  expect(time.step(Number.POSITIVE_INFINITY)).toBe(false);
  time.reach(130);
  expect(time.now()).toBe(130);
});

it('should keep what is looked at, and give the rest up a generation later', () => {
  const values = new Generations<number>();
  values.set('old', 1);
  values.set('kept', 2);
  expect([...values.turn()]).toEqual([]);
  expect(values.get('kept')).toBe(2);
  values.set('young', 3);
  expect([values.size, values.young]).toEqual([3, 2]);
  expect([...values.turn()]).toEqual([1]);
  expect([values.get('old'), values.get('kept'), values.get('young')]).toEqual([undefined, 2, 3]);
  expect([...values.values()]).toEqual([2, 3]);
});
