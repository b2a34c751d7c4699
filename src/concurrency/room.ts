import { type Clock, type Millis, toInstant } from '../time.ts';
import { Alarm, type Ringing } from './alarm.ts';
import { type Lease, Leases, type Permits, type PermitTable } from './permits.ts';
import { Place, type QueueOrder, WaitQueue } from './wait-queue.ts';

/** What became of an attempt to go ahead. */
export interface Attempt {
  readonly allowed: boolean;
  /** Denied: when it is worth another try; `undefined` or `Infinity` if only a returned permit helps. */
  readonly retryAt: Millis | undefined;
}

/** Who waits, and what for. */
export interface Wish<A extends Attempt> {
  readonly priority: number;
  /** When to give up; `Infinity`: never. */
  readonly deadline: Millis;
  /** Tries to go ahead; if allowed, everything has been taken. */
  readonly attempt: (now: Millis) => A;
  /** Called once, when the wish is granted. */
  readonly onGranted: (admission: A) => void;
  /** Called once, when the deadline has come. */
  readonly onTimeout: (now: Millis) => void;
  /** Called once, when an attempt has thrown. */
  readonly onFailed: (error: unknown) => void;
}

/** Which queue a wish waits in. */
export interface LineOptions {
  readonly id: string;
  readonly order: QueueOrder;
  /** Whether every waiter looks for itself, see {@link Room.serveSelf}; nobody else grants it anything. */
  readonly isPolled: boolean;
  /** Permits that the head may need. */
  readonly needs: readonly { readonly table: PermitTable; readonly permits: Permits }[];
}

/** A wish that waits in a line. */
export class Waiter<A extends Attempt> extends Place implements Ringing {
  at: Millis = 0;
  index = -1;
  turn = 0;
  readonly line: Line<A>;
  readonly wish: Wish<A>;
  readonly #room: Room<A>;

  constructor(room: Room<A>, line: Line<A>, wish: Wish<A>, ticket: number) {
    super(wish.priority, ticket);
    this.#room = room;
    this.line = line;
    this.wish = wish;
  }

  /** The deadline has come. */
  ring(now: Millis): void {
    if (this.#room.giveUp(this, now)) this.wish.onTimeout(now);
  }
}

/** One queue: a group and the keys of its limits. Rings when its head may be admitted by a rate. */
export class Line<A extends Attempt> implements Ringing {
  at: Millis = 0;
  index = -1;
  turn = 0;
  readonly id: string;
  readonly queue: WaitQueue<Waiter<A>>;
  readonly isPolled: boolean;
  readonly needs: LineOptions['needs'];
  readonly #room: Room<A>;

  constructor(room: Room<A>, options: LineOptions) {
    this.#room = room;
    this.id = options.id;
    this.queue = new WaitQueue(options.order);
    this.isPolled = options.isPolled;
    this.needs = options.needs;
  }

  ring(): void {
    this.#room.isDue(this);
  }
}

/**
 * Where waiters wait, all queues of one semaphore or engine. What comes back is handed over at once, in the same call:
 * no newcomer can slip in between.
 */
export class Room<A extends Attempt> {
  readonly leases: Leases;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #lines = new Map<string, Line<A>>();
  /** Rings when a lease expires that somebody waits for. */
  readonly #expiry: Ringing;
  readonly #watched = new Set<Lease>();
  /** Lines whose instant has come, to be served together. */
  #due: Line<A>[] = [];
  #tickets = 0;
  #waiting = 0;
  /** Lines to be served by the call that is serving already. */
  #pending: Set<Line<A>> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock, (now) => this.#serveDue(now));
    this.leases = new Leases((lease) => this.#onReturn(lease));
    this.#expiry = { at: 0, index: -1, turn: 0, ring: (now) => this.#onExpiry(now) };
  }

  /** Waiters in all lines. */
  get waiting(): number {
    return this.#waiting;
  }

  line(id: string): Line<A> | undefined {
    return this.#lines.get(id);
  }

  /** Whether somebody waits in the line whose turn comes before that of a newcomer. */
  isTaken(id: string, priority: number): boolean {
    return this.#lines.get(id)?.queue.isBefore(priority) ?? false;
  }

  /**
   * Takes a place in a line, which is made if need be.
   *
   * @param retryAt - when the wish may be granted by a rate, as the attempt that has just failed said
   */
  enter(options: LineOptions, wish: Wish<A>, retryAt: Millis | undefined): Waiter<A> {
    const line = this.#lines.get(options.id) ?? this.#open(new Line(this, options));
    const waiter = new Waiter(this, line, wish, ++this.#tickets);
    line.queue.enter(waiter);
    this.#waiting++;
    if (line.isPolled) return waiter;
    if (wish.deadline !== Number.POSITIVE_INFINITY) this.#alarm.set(waiter, wish.deadline);
    if (line.queue.head === waiter) this.#alarm.set(line, retryAt ?? Number.POSITIVE_INFINITY);
    this.watchLeases();
    return waiter;
  }

  /** Gives a place up; whether it was still held. Everything is then as if it had never been taken. */
  leave(waiter: Waiter<A>, now: Millis): boolean {
    const { line } = waiter;
    const wasHead = line.queue.head === waiter;
    if (!this.#remove(waiter)) return false;
    if (wasHead) this.serve([line], now);
    return true;
  }

  /** Like {@link Room.leave}, when the deadline has come: what is free at that very instant may still be had. */
  giveUp(waiter: Waiter<A>, now: Millis): boolean {
    this.leases.expire(now);
    if (waiter.line.queue.head === waiter) this.serve([waiter.line], now);
    return this.leave(waiter, now);
  }

  /** The instant of a line has come. */
  isDue(line: Line<A>): void {
    this.#due.push(line);
  }

  /** Grants the heads that fit: highest priority first, then the longest waiting, until none does. */
  serve(lines: Iterable<Line<A>>, now: Millis): void {
    const isServing = this.#pending !== undefined;
    this.#pending ??= new Set();
    for (const line of lines) if (!line.isPolled) this.#pending.add(line);
    // A listener that was called from here and gave something back: whoever is serving goes on with it.
    if (isServing) return;
    try {
      for (let line = first(this.#pending); line !== undefined; line = first(this.#pending))
        this.#serveHead(line, now);
    } finally {
      this.#pending = undefined;
    }
  }

  /** Serves every line, after what they wait for may have changed. */
  serveAll(now: Millis): void {
    this.serve([...this.#lines.values()], now);
  }

  /** Serves every line that waits for an instant, after some of a rate has been given back. */
  servePaced(now: Millis): void {
    if (this.#waiting > 0)
      this.serve(
        [...this.#lines.values()].filter(({ index }) => index !== -1),
        now,
      );
  }

  /** Grants this waiter's wish if it is first in its line and fits. */
  serveSelf(waiter: Waiter<A>, now: Millis): void {
    this.leases.expire(now);
    if (waiter.line.queue.head === waiter) this.#serveHead(waiter.line, now);
  }

  /** Stops the timer and returns everybody who waited. */
  dispose(): Waiter<A>[] {
    const waiters: Waiter<A>[] = [];
    for (const { queue } of [...this.#lines.values()]) {
      for (let head = queue.head; head !== undefined; head = queue.head) {
        waiters.push(head);
        this.#remove(head);
      }
    }
    this.#alarm.dispose();
    return waiters;
  }

  #serveHead(line: Line<A>, now: Millis): void {
    const waiter = line.queue.head;
    this.#pending?.delete(line);
    if (waiter === undefined) return;
    let admission: A;
    try {
      admission = waiter.wish.attempt(now);
    } catch (error) {
      this.#pending?.add(line);
      this.#remove(waiter);
      waiter.wish.onFailed(error);
      return;
    }
    if (admission.allowed) {
      this.#pending?.add(line);
      this.#remove(waiter);
      waiter.wish.onGranted(admission);
      return;
    }
    if (!line.isPolled) this.#alarm.set(line, admission.retryAt ?? Number.POSITIVE_INFINITY);
  }

  #open(line: Line<A>): Line<A> {
    this.#lines.set(line.id, line);
    for (const { permits } of line.needs) permits.lines.add(line);
    return line;
  }

  #remove(waiter: Waiter<A>): boolean {
    const { line } = waiter;
    if (!line.queue.leave(waiter)) return false;
    this.#alarm.clear(waiter);
    if (--this.#waiting === 0) this.watchLeases();
    if (line.queue.size > 0) return true;
    this.#alarm.clear(line);
    this.#lines.delete(line.id);
    for (const { table, permits } of line.needs) {
      permits.lines.delete(line);
      table.close(permits);
    }
    return true;
  }

  #onReturn(lease: Lease): void {
    this.#watched.delete(lease);
    const lines = lease.holds.flatMap(({ permits }) => [...permits.lines] as Line<A>[]);
    if (lines.length > 0) this.serve(lines, toInstant(this.#clock.now()));
    this.watchLeases();
  }

  #serveDue(now: Millis): void {
    const lines = this.#due;
    this.#due = [];
    if (lines.length > 0) this.serve(lines, now);
  }

  #onExpiry(now: Millis): void {
    this.leases.expire(now);
    this.watchLeases();
  }

  /** Has `onLost` called as soon as the lease expires, rather than when somebody looks. */
  watch(lease: Lease, onLost: () => void): void {
    if (!lease.isHeld) return;
    this.#watched.add(lease);
    lease.onLost = onLost;
    this.watchLeases();
  }

  /** Leases need watching only while somebody waits for what they hold, or wants to hear that they are lost. */
  watchLeases(): void {
    const isWatched = this.#waiting > 0 || this.#watched.size > 0;
    this.#alarm.set(this.#expiry, isWatched ? this.leases.nextExpiry : Number.POSITIVE_INFINITY);
  }
}

/** The line whose head goes first. */
function first<A extends Attempt>(lines: Iterable<Line<A>>): Line<A> | undefined {
  let best: Line<A> | undefined;
  let head: Waiter<A> | undefined;
  for (const line of lines) {
    const candidate = line.queue.head;
    if (candidate === undefined) continue;
    const isBefore =
      head === undefined ||
      candidate.priority > head.priority ||
      (candidate.priority === head.priority && candidate.ticket < head.ticket);
    if (isBefore) [best, head] = [line, candidate];
  }
  return best;
}
