import { type Clock, type Millis, toInstant } from '../time.ts';
import { Alarm, type Ringing } from './alarm.ts';
import { type Hold, type Lease, Leases } from './leases.ts';
import { type Entrance, Line, type QueuePlan, type Waiter } from './line.ts';
import type { Permits } from './permits.ts';

/** Where to wait. */
export interface Seat {
  readonly entrance: Entrance;
  readonly queue: QueuePlan;
}

/**
 * Where waiters wait, all lines of one semaphore or engine. What comes back is handed over at once, in the same call:
 * no newcomer can slip in between.
 */
export class Room {
  readonly leases: Leases;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #lines = new Set<Line>();
  /** Lines whose head might go ahead when some of these permits come back. */
  readonly #awaiting = new Map<Permits, Set<Line>>();
  /** Rings when a lease expires that somebody waits for. */
  readonly #expiry: Ringing;
  readonly #watched = new Set<Lease>();
  /** Who is to hear that a lease was lost, when what it held has been handed on. */
  readonly #losses: (() => void)[] = [];
  /** Lines whose instant has come, to be served together, and waiters whose deadline has. */
  #due: Line[] = [];
  #overdue: Waiter[] = [];
  #tickets = 0;
  #waiting = 0;
  /** Lines that are being served, or are to be by the call that is serving already. */
  readonly #pending = new Set<Line>();
  #isServing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock, (now) => this.#onRung(now));
    this.leases = new Leases((lease) => this.#onReturn(lease));
    this.#expiry = { at: 0, index: -1, turn: 0, ring: () => undefined };
  }

  /** Waiters in all lines. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes back the permits of every lease whose time is up. */
  expire(now: Millis): void {
    if (this.leases.nextExpiry <= now) this.together(() => this.leases.expire(now));
  }

  /** The number of the next one who comes, greater than all before. */
  ticket(): number {
    return ++this.#tickets;
  }

  /**
   * Takes a place in a line, which is made if need be. Its {@link Waiter.retryAt} is set.
   *
   * @param key - see {@link Entrance.lineKey}
   */
  enter(waiter: Waiter, entrance: Entrance, key: string, queue: QueuePlan): Line {
    const line = entrance.lines.get(key) ?? this.#open(entrance, key, queue);
    waiter.line = line;
    line.queue.enter(waiter);
    this.#waiting++;
    if (line.isPolled) return line;
    if (waiter.at !== Number.POSITIVE_INFINITY) this.#alarm.set(waiter, waiter.at);
    if (line.queue.head === waiter) this.#alarm.set(line, waiter.retryAt ?? Number.POSITIVE_INFINITY);
    this.watchLeases();
    return line;
  }

  /** Gives a place up; whether it was still held. Everything is then as if it had never been taken. */
  leave(waiter: Waiter, now: Millis): boolean {
    const { line } = waiter;
    const wasHead = line?.queue.head === waiter;
    if (line === undefined || !this.#remove(waiter, line)) return false;
    if (wasHead) this.serve([line], now);
    return true;
  }

  /** The deadline of a waiter has come. What is free at that very instant may still be had. */
  isOverdue(waiter: Waiter): void {
    this.#overdue.push(waiter);
  }

  /** Has several things come back before anybody is served, so that they go to whoever is first. */
  together(change: () => void): void {
    const isFirst = !this.#isServing;
    this.#isServing = true;
    try {
      change();
    } finally {
      if (isFirst) {
        this.#isServing = false;
        if (this.#pending.size > 0) this.#servePending(this.#now());
        for (const tell of this.#losses.splice(0)) tell();
      }
    }
  }

  /** Grants the heads that fit: highest priority first, then the longest waiting, until none does. */
  serve(lines: Iterable<Line>, now: Millis): void {
    this.#pend(lines);
    this.#servePending(now);
  }

  #pend(lines: Iterable<Line>): void {
    for (const line of lines) if (!line.isPolled) this.#pending.add(line);
  }

  #servePending(now: Millis): void {
    // A listener that was called from here and gave something back: whoever is serving goes on with it.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (let line = first(this.#pending); line !== undefined; line = first(this.#pending))
        this.#serveHead(line, now);
    } finally {
      this.#pending.clear();
      this.#isServing = false;
    }
  }

  /** Serves every line, after what they wait for may have changed. */
  serveAll(now: Millis): void {
    this.serve([...this.#lines], now);
  }

  /** Serves every line that waits for an instant, after some of a rate has been given back. */
  servePaced(now: Millis): void {
    if (this.#waiting > 0)
      this.serve(
        [...this.#lines].filter(({ index }) => index !== -1),
        now,
      );
  }

  /** Grants this waiter's wish if it is first in its line and fits. */
  serveSelf(waiter: Waiter, now: Millis): void {
    this.expire(now);
    const { line } = waiter;
    if (line !== undefined && line.queue.head === waiter) this.#serveHead(line, now);
  }

  /** Has everybody who waits take a place anew, in their order; who is given none has been settled. */
  reseat(now: Millis, seatOf: (waiter: Waiter) => Seat | undefined): void {
    this.together(() => {
      const waiters = this.dispose().sort((a, b) => b.priority - a.priority || a.ticket - b.ticket);
      for (const waiter of waiters) {
        const seat = seatOf(waiter);
        if (seat === undefined) continue;
        const line = this.enter(waiter, seat.entrance, seat.entrance.lineKey(), seat.queue);
        if (line.isPolled) waiter.poll();
        else this.#pend([line]);
      }
      this.leases.expire(now);
    });
  }

  /** Returns everybody who waited, none of whom does any more. */
  dispose(): Waiter[] {
    const waiters: Waiter[] = [];
    for (const line of [...this.#lines]) {
      for (let head = line.queue.head; head !== undefined; head = line.queue.head) {
        waiters.push(head);
        this.#remove(head, line);
      }
    }
    return waiters;
  }

  /** Has `onLost` called as soon as the lease expires, rather than when somebody looks. */
  watch(lease: Lease, onLost: () => void): void {
    if (!lease.isHeld) return;
    this.#watched.add(lease);
    lease.onLost = () => this.#losses.push(onLost);
    this.watchLeases();
  }

  /** Leases need watching only while somebody waits for what they hold, or wants to hear that they are lost. */
  watchLeases(): void {
    const isWatched = this.#waiting > 0 || this.#watched.size > 0;
    if (!isWatched && this.#expiry.index === -1) return;
    this.#alarm.set(this.#expiry, isWatched ? this.leases.nextExpiry : Number.POSITIVE_INFINITY);
  }

  #serveHead(line: Line, now: Millis): void {
    const waiter = line.queue.head;
    this.#pending.delete(line);
    if (waiter === undefined) return;
    let fault: { readonly error: unknown } | undefined;
    try {
      if (!waiter.attempt(now)) {
        if (!line.isPolled) this.#alarm.set(line, waiter.retryAt ?? Number.POSITIVE_INFINITY);
        return;
      }
    } catch (error) {
      fault = { error };
    }
    if (!line.isPolled) this.#pending.add(line);
    this.#remove(waiter, line);
    if (fault === undefined) waiter.onGranted();
    else waiter.onFailed(fault.error);
  }

  #open(entrance: Entrance, key: string, { order, strategy }: QueuePlan): Line {
    const line = new Line(entrance, key, { order, strategy, onDue: (due) => this.#due.push(due) });
    this.#lines.add(line);
    entrance.lines.set(key, line);
    for (const { permits } of line.needs) {
      const lines = this.#awaiting.get(permits);
      if (lines === undefined) this.#awaiting.set(permits, new Set([line]));
      else lines.add(line);
      permits.awaited++;
    }
    return line;
  }

  #close(line: Line): void {
    this.#alarm.clear(line);
    this.#lines.delete(line);
    line.entrance.lines.delete(line.key);
    for (const { table, permits } of line.needs) {
      const lines = this.#awaiting.get(permits);
      lines?.delete(line);
      if (lines?.size === 0) this.#awaiting.delete(permits);
      permits.awaited--;
      table.close(permits);
    }
  }

  #remove(waiter: Waiter, line: Line): boolean {
    if (!line.queue.leave(waiter)) return false;
    this.#alarm.clear(waiter);
    if (--this.#waiting === 0) this.watchLeases();
    if (line.queue.size === 0) this.#close(line);
    return true;
  }

  #onReturn(lease: Lease): void {
    if (this.#watched.size > 0) this.#watched.delete(lease);
    if (this.#waiting > 0) {
      for (let hold: Hold | undefined = lease.holds; hold !== undefined; hold = hold.next)
        this.#pend(this.#awaiting.get(hold.permits) ?? []);
      if (this.#pending.size > 0 && !this.#isServing) this.#servePending(this.#now());
    }
    this.watchLeases();
  }

  /** Everything that happens at one instant: what comes back is handed out first, then those whose time is up leave. */
  #onRung(now: Millis): void {
    const [due, overdue] = [this.#due, this.#overdue];
    [this.#due, this.#overdue] = [[], []];
    const lines = new Set(overdue.flatMap(({ line }) => line ?? []));
    this.together(() => {
      this.leases.expire(now);
      this.#pend(due);
      this.#pend(lines);
    });
    while (lines.size > 0) this.#dismissHeads(lines, now);
    for (const waiter of overdue) if (this.leave(waiter, now)) waiter.onTimeout(now);
    this.watchLeases();
  }

  /** Whoever is behind an overdue head may still have what that one could not use. */
  #dismissHeads(lines: Set<Line>, now: Millis): void {
    this.together(() => {
      for (const line of lines) {
        const { head } = line.queue;
        if (head === undefined || head.at > now) lines.delete(line);
        else if (this.leave(head, now)) head.onTimeout(now);
      }
    });
  }

  #now(): Millis {
    return toInstant(this.#clock.now());
  }
}

/** The line whose head goes first. */
function first(lines: Iterable<Line>): Line | undefined {
  let best: Line | undefined;
  let head: Waiter | undefined;
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
