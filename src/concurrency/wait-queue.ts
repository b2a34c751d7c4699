/** Who is served first among waiters of equal priority. */
export type QueueOrder = 'oldest-first' | 'newest-first';

/** A place in a {@link WaitQueue}. Waiters extend it; the queue alone writes its links. */
export class Place {
  /** Higher goes first; an integer from -100 to 100. */
  readonly priority: number;
  /** Ever growing; tells which of two places, perhaps in different queues, was taken first. */
  readonly ticket: number;
  level: Level | undefined = undefined;
  older: Place | undefined = undefined;
  newer: Place | undefined = undefined;

  constructor(priority: number, ticket: number) {
    this.priority = priority;
    this.ticket = ticket;
  }
}

/** The places of one priority, in order of arrival. */
interface Level {
  readonly priority: number;
  oldest: Place | undefined;
  newest: Place | undefined;
}

/**
 * Places by priority, then by arrival. Entering and leaving take constant time for a given number of distinct
 * priorities, from anywhere in the queue.
 */
export class WaitQueue<W extends Place> {
  readonly #order: QueueOrder;
  /** Highest priority first; none is empty. */
  readonly #levels: Level[] = [];
  #size = 0;

  constructor(order: QueueOrder = 'oldest-first') {
    this.#order = order;
  }

  get size(): number {
    return this.#size;
  }

  /** Whoever is served next. */
  get head(): W | undefined {
    const level = this.#levels[0];
    return (this.#order === 'oldest-first' ? level?.oldest : level?.newest) as W | undefined;
  }

  /** Whether somebody is served before a newcomer of this priority. */
  isBefore(priority: number): boolean {
    const { head } = this;
    if (head === undefined || head.priority !== priority)
      return head !== undefined && head.priority > priority;
    return this.#order === 'oldest-first';
  }

  enter(place: W): void {
    const level = this.#levelOf(place.priority);
    place.level = level;
    place.older = level.newest;
    if (level.newest === undefined) level.oldest = place;
    else level.newest.newer = place;
    level.newest = place;
    this.#size++;
  }

  /** Whether the place was in the queue; afterwards it is as if it had never been. */
  leave(place: W): boolean {
    const { level, older, newer } = place;
    if (level === undefined) return false;
    if (older === undefined) level.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) level.newest = older;
    else newer.older = older;
    place.level = undefined;
    place.older = undefined;
    place.newer = undefined;
    this.#size--;
    if (level.oldest === undefined) this.#levels.splice(this.#levels.indexOf(level), 1);
    return true;
  }

  /** The level of a priority, made in its rank if nobody of that priority waits. */
  #levelOf(priority: number): Level {
    const highest = this.#levels[0];
    if (highest?.priority === priority) return highest;
    const rank = this.#levels.findIndex((level) => level.priority <= priority);
    const found = this.#levels[rank];
    if (found?.priority === priority) return found;
    const level: Level = { priority, oldest: undefined, newest: undefined };
    this.#levels.splice(rank === -1 ? this.#levels.length : rank, 0, level);
    return level;
  }
}
