import { describe, expect, it } from 'vitest';
import { Heap, type Timed } from '../../../src/concurrency/heap.ts';

interface Named extends Timed {
  readonly name: string;
}

const item = (name: string, at: number): Named => ({ name, at, index: -1, turn: 0 });

function drain(heap: Heap<Named>): string[] {
  const names: string[] = [];
  for (let first = heap.earliest; first !== undefined; first = heap.earliest) {
    names.push(first.name);
    heap.remove(first);
  }
  return names;
}

describe('Heap', () => {
  it.each<[string, [string, number][], string[]]>([
    ['give nothing when empty', [], []],
    [
      'give the earliest first',
      [
        ['c', 3],
        ['a', 1],
        ['b', 2],
      ],
      ['a', 'b', 'c'],
    ],
    [
      'give equal instants in the order they entered',
      [
        ['a', 5],
        ['b', 5],
        ['x', 1],
        ['c', 5],
        ['d', 5],
      ],
      ['x', 'a', 'b', 'c', 'd'],
    ],
    [
      'take instant 0 and instants far away',
      [
        ['far', 2 ** 52],
        ['now', 0],
      ],
      ['now', 'far'],
    ],
  ])('should %s', (_title, entries, names) => {
    const heap = new Heap<Named>();
    for (const [name, at] of entries) heap.add(item(name, at));
    expect(heap.size).toBe(entries.length);
    expect(drain(heap)).toEqual(names);
  });

  it('should let go of an item from the middle, once', () => {
    const heap = new Heap<Named>();
    const items = [5, 1, 4, 2, 3].map((at) => item(String(at), at));
    for (const each of items) heap.add(each);
    const middle = items[2] as Named;
    expect(heap.remove(middle)).toBe(true);
    expect(heap.remove(middle)).toBe(false);
    expect(middle.index).toBe(-1);
    expect(drain(heap)).toEqual(['1', '2', '3', '5']);
  });

  it('should not take another heap’s item for its own', () => {
    const [one, other] = [new Heap<Named>(), new Heap<Named>()];
    const [a, b] = [item('a', 1), item('b', 1)];
    one.add(a);
    other.add(b);
    expect(other.remove(a)).toBe(false);
    expect([one.size, other.size]).toEqual([1, 1]);
  });

  it('should put an item that enters again behind its equals', () => {
    const heap = new Heap<Named>();
    const [a, b] = [item('a', 7), item('b', 7)];
    heap.add(a);
    heap.add(b);
    heap.remove(a);
    heap.add(a);
    expect(drain(heap)).toEqual(['b', 'a']);
  });

  it('should agree with sorting through a long history of entries and departures', () => {
    const heap = new Heap<Named>();
    let inside: Named[] = [];
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let step = 0; step < 5_000; step++) {
      const leaving = inside[random(2 * inside.length + 1)];
      if (leaving === undefined) {
        const entering = item(String(step), random(50));
        heap.add(entering);
        inside.push(entering);
      } else {
        heap.remove(leaving);
        inside = inside.filter((each) => each !== leaving);
      }
      const [first] = inside.toSorted((a, b) => a.at - b.at || a.turn - b.turn);
      expect(heap.earliest).toBe(first);
    }
  });
});
