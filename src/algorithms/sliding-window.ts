import { PolicyError } from '../errors.ts';
import type { Millis } from '../time.ts';
import { type Algorithm, checkRate, type Plan, type RateOptions, read } from './algorithm.ts';

/** Options of {@link slidingWindow}. */
export interface SlidingWindowOptions extends RateOptions {}

/** A validated sliding window. */
export interface SlidingWindowPlan extends Plan {
  readonly window: Millis;
}

/** First cell: start of the current window. Then the units used in the window before it, and in it. */
const PREVIOUS = 1;
const CURRENT = 2;

const SLIDING_WINDOW: Algorithm<SlidingWindowPlan> = {
  kind: 'sliding-window',
  cells: 3,

  availableAt(plan, cells, at, now, cost) {
    const { quota, window } = plan;
    if (cost > quota || quota === 0) return Number.POSITIVE_INFINITY;
    const start = startOf(plan, cells, at, now);
    const previous = previousOf(plan, cells, at, start);
    const current = currentOf(cells, at, start);
    const room = quota - cost - current;
    if (previous * weightOf(plan, start, now) <= room * window) return now;
    // The weight of the previous window has to fall to `room * window / previous`; if this window alone is too full,
    // it has to become the previous one first.
    if (room >= 0) return start + window - 1 - Math.floor((room * window) / previous);
    return start + 2 * window - 1 - Math.floor(((quota - cost) * window) / current);
  },

  charge(plan, cells, at, now, cost) {
    if (cost === 0) return now;
    const start = roll(plan, cells, at, now);
    const used = read(cells, at + CURRENT);
    const most = Math.min(2 * plan.quota, Number.MAX_SAFE_INTEGER);
    cells[at + CURRENT] = Math.max(used, Math.min(used + cost, most));
    return start;
  },

  refund(plan, cells, at, now, cost, chargedAt) {
    const age = startOf(plan, cells, at, now) - chargedAt;
    if (cost === 0 || (age !== 0 && age !== plan.window)) return;
    roll(plan, cells, at, now);
    const counter = at + (age === 0 ? CURRENT : PREVIOUS);
    cells[counter] = Math.max(0, read(cells, counter) - cost);
    if (read(cells, at + CURRENT) === 0 && read(cells, at + PREVIOUS) === 0) cells[at] = 0;
  },

  remaining(plan, cells, at, now) {
    const start = startOf(plan, cells, at, now);
    const carried = previousOf(plan, cells, at, start) * weightOf(plan, start, now);
    return Math.max(0, plan.quota - currentOf(cells, at, start) - Math.ceil(carried / plan.window));
  },

  resetAt(plan, cells, at, now) {
    const start = startOf(plan, cells, at, now);
    if (currentOf(cells, at, start) > 0) return start + 2 * plan.window - 1;
    const carried = previousOf(plan, cells, at, start) * weightOf(plan, start, now);
    return carried > 0 ? start + plan.window - 1 : now;
  },

  forgettableAt(plan, cells, at) {
    if (read(cells, at + CURRENT) !== 0) return read(cells, at) + 2 * plan.window;
    return read(cells, at + PREVIOUS) !== 0 ? read(cells, at) + plan.window : 0;
  },

  join(plan, into, at, other, otherAt) {
    if (read(other, otherAt + PREVIOUS) === 0 && read(other, otherAt + CURRENT) === 0) return;
    const isFresh = read(into, at + PREVIOUS) === 0 && read(into, at + CURRENT) === 0;
    const start = isFresh ? read(other, otherAt) : Math.max(read(into, at), read(other, otherAt));
    const previous = Math.max(previousOf(plan, into, at, start), previousOf(plan, other, otherAt, start));
    into[at + CURRENT] = Math.max(currentOf(into, at, start), currentOf(other, otherAt, start));
    into[at + PREVIOUS] = previous;
    into[at] = start;
  },

  repair(plan, cells, at, now) {
    const isSound =
      read(cells, at) - now <= 2 * plan.window &&
      Number.isFinite(read(cells, at + PREVIOUS) + read(cells, at + CURRENT));
    if (isSound) return;
    cells[at] = now - (now % plan.window);
    cells[at + PREVIOUS] = 0;
    cells[at + CURRENT] = plan.quota;
  },

  convert(plan, cells, at, now, from) {
    const start = startOf(from, cells, at, now);
    const carried = previousOf(from, cells, at, start) * weightOf(from, start, now);
    const used = currentOf(cells, at, start) + Math.ceil(carried / from.window);
    cells[at] = used === 0 ? 0 : now - (now % plan.window);
    cells[at + PREVIOUS] = 0;
    cells[at + CURRENT] = used;
  },
};

/**
 * A sliding window, estimated from two counters over windows aligned to the epoch: usage is what was used in the
 * current window plus that of the window before, weighted by how much of it the sliding window still covers. In
 * integers, `elapsed` being the milliseconds since the current window began, a cost passes iff
 * `previous * (window - 1 - elapsed) + (current + cost) * window <= quota * window`.
 *
 * Over any interval of length T, at most one window, no more than `quota * (1 + T / window)` units pass, and no more
 * than `quota` in an aligned window. It assumes that the previous window's use was spread evenly; that is where it
 * differs from an exact log.
 *
 * @throws PolicyError naming every faulty option; `quota * window` is at most 2^53 - 1
 */
export function slidingWindow(options: SlidingWindowOptions): SlidingWindowPlan {
  const { quota, window } = checkRate(options, ['quota', 'window']);
  const most = Math.floor(Number.MAX_SAFE_INTEGER / window);
  if (quota > most) {
    const message = `a quota of ${quota} per ${window} ms is too much for exact arithmetic; the largest quota for this window is ${most}`;
    throw new PolicyError([{ code: 'quota-too-large', path: 'quota', value: quota, message }]);
  }
  return Object.freeze({ algorithm: SLIDING_WINDOW, quota, window });
}

/** Start of the window that `now` is in; never before the one the cells are in, so a clock that steps back waits. */
function startOf(plan: SlidingWindowPlan, cells: Float64Array, at: number, now: Millis): Millis {
  return Math.max(now - (now % plan.window), read(cells, at));
}

function currentOf(cells: Float64Array, at: number, start: Millis): number {
  return read(cells, at) === start ? read(cells, at + CURRENT) : 0;
}

function previousOf(plan: SlidingWindowPlan, cells: Float64Array, at: number, start: Millis): number {
  if (read(cells, at) === start) return read(cells, at + PREVIOUS);
  return read(cells, at) === start - plan.window ? read(cells, at + CURRENT) : 0;
}

/**
 * How many milliseconds of the previous window the sliding window still covers. The `window` milliseconds that end with
 * this one reach back to `now - window + 1`; counting one more would cost a unit in every window, and half of all units
 * at a quota of 1 (`docs/decisions/003-sliding-weight.md`).
 */
function weightOf(plan: SlidingWindowPlan, start: Millis, now: Millis): Millis {
  return plan.window - 1 - Math.max(0, now - start);
}

/** Brings the cells to the window that `now` is in, and returns its start. */
function roll(plan: SlidingWindowPlan, cells: Float64Array, at: number, now: Millis): Millis {
  const start = startOf(plan, cells, at, now);
  const previous = previousOf(plan, cells, at, start);
  cells[at + CURRENT] = currentOf(cells, at, start);
  cells[at + PREVIOUS] = previous;
  cells[at] = start;
  return start;
}
