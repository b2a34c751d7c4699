import { describe, expect, it } from 'vitest';
import { Place, type QueueOrder, WaitQueue } from '../../../src/concurrency/wait-queue.ts';

class Guest extends Place {
  readonly name: string;

  constructor(name: string, priority: number, ticket: number) {
    super(priority, ticket);
    this.name = name;
  }
}

/** Guests by name, with their priorities, in order of arrival. */
function queueOf(
  order: QueueOrder,
  guests: readonly (readonly [string, number])[],
): [WaitQueue<Guest>, Guest[]] {
  const queue = new WaitQueue<Guest>(order);
  const all = guests.map(([name, priority], ticket) => new Guest(name, priority, ticket));
  for (const guest of all) queue.enter(guest);
  return [queue, all];
}

function drain(queue: WaitQueue<Guest>): string {
  let names = '';
  for (let head = queue.head; head !== undefined; head = queue.head) {
    names += head.name;
    queue.leave(head);
  }
  return names;
}

const MIXED = [
  ['a', 0],
  ['b', 5],
  ['c', 0],
  ['d', -3],
  ['e', 5],
  ['f', 0],
] as const;

describe('WaitQueue', () => {
  it.each<[string, QueueOrder, readonly (readonly [string, number])[], string]>([
    [
      'serve the oldest first',
      'oldest-first',
      [
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ],
      'abc',
    ],
    [
      'serve the newest first',
      'newest-first',
      [
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ],
      'cba',
    ],
    ['serve a higher priority first, then the oldest', 'oldest-first', MIXED, 'beacfd'],
    ['serve a higher priority first, then the newest', 'newest-first', MIXED, 'ebfcad'],
    ['serve nobody when empty', 'oldest-first', [], ''],
  ])('should %s', (_title, order, guests, names) => {
    const [queue] = queueOf(order, guests);
    expect(queue.size).toBe(guests.length);
    expect(drain(queue)).toBe(names);
    expect(queue.size).toBe(0);
  });

  it.each([0, 1, 2, 3, 4, 5])('should be as if place %i had never been taken once it is left', (i) => {
    const [queue, guests] = queueOf('oldest-first', MIXED);
    const guest = guests[i] as Guest;
    expect([queue.leave(guest), queue.leave(guest)]).toEqual([true, false]);
    expect(queue.size).toBe(5);
    expect(drain(queue)).toBe('beacfd'.replace(guest.name, ''));
  });

  it.each<[QueueOrder, newcomer: number, isBefore: boolean]>([
    ['oldest-first', -1, true],
    ['oldest-first', 0, true],
    ['oldest-first', 1, false],
    ['newest-first', -1, true],
    ['newest-first', 0, false],
    ['newest-first', 1, false],
  ])('should say in %s whether priority 0 is before a newcomer of %i: %s', (order, priority, isBefore) => {
    const [queue] = queueOf(order, [['a', 0]]);
    expect(queue.isBefore(priority)).toBe(isBefore);
    drain(queue);
    expect(queue.isBefore(priority)).toBe(false);
  });
});
