import type { Millis } from '../time.ts';

/** Something with an instant, that knows its place in a {@link Heap}. */
export interface Timed {
  /** Written only while it is in no heap. */
  at: Millis;
  /** Where it is in its heap; -1 in none. Written by the heap. */
  index: number;
  /** Grows with every entry into the heap. Written by the heap. */
  turn: number;
}

/**
 * Things by their instants, earliest first, and by their entries where those are equal. Entering and leaving, from
 * anywhere, take logarithmic time.
 */
export class Heap<T extends Timed> {
  readonly #items: T[] = [];
  #turns = 0;

  get size(): number {
    return this.#items.length;
  }

  get earliest(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    item.turn = ++this.#turns;
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Whether it was there. */
  remove(item: T): boolean {
    const { index } = item;
    if (index === -1 || this.#items[index] !== item) return false;
    item.index = -1;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#rise(last, index);
      this.#sink(last, last.index);
    }
    return true;
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = this.#items[up] as T;
      if (isBefore(parent, item)) break;
      this.#put(parent, index);
      index = up;
    }
    this.#put(item, index);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(item, child)) break;
      const down = child.index;
      this.#put(child, index);
      index = down;
    }
    this.#put(item, index);
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.index = index;
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}
