import { collectFaults, PolicyError, show } from '../errors.ts';
import type { Millis } from '../time.ts';
import { type Algorithm, checkRate, type Plan, type RateOptions, read } from './algorithm.ts';

/** Where a fixed window begins: with the first charge after the last one ended, or at multiples of its length. */
export type Anchor = 'first-use' | 'epoch';

/** Options of {@link fixedWindow}. */
export interface FixedWindowOptions extends RateOptions {
  /** Default `first-use`: every key has windows of its own, so they do not all reset at the same instant. */
  readonly anchor?: Anchor;
}

/** A validated fixed window. */
export interface FixedWindowPlan extends Plan {
  readonly window: Millis;
  /** Where a window begins. */
  readonly anchor: Anchor;
}

/** First cell: start of the window. Second: units used in it; 0 is fresh whatever the start says. */
const USED = 1;

const FIXED_WINDOW: Algorithm<FixedWindowPlan> = {
  kind: 'fixed-window',
  cells: 2,

  availableAt(plan, cells, at, now, cost) {
    if (cost > plan.quota || plan.quota === 0) return Number.POSITIVE_INFINITY;
    if (isFresh(plan, cells, at, now)) return now;
    return cost <= plan.quota - read(cells, at + USED) ? now : read(cells, at) + plan.window;
  },

  charge(plan, cells, at, now, cost) {
    if (cost === 0) return now;
    if (isFresh(plan, cells, at, now)) {
      cells[at] = startOf(plan, now);
      cells[at + USED] = 0;
    }
    const used = read(cells, at + USED);
    const most = Math.min(2 * plan.quota, Number.MAX_SAFE_INTEGER);
    cells[at + USED] = Math.max(used, Math.min(used + cost, most));
    return read(cells, at);
  },

  refund(plan, cells, at, now, cost, chargedAt) {
    if (isFresh(plan, cells, at, now) || read(cells, at) !== chargedAt) return;
    cells[at + USED] = Math.max(0, read(cells, at + USED) - cost);
  },

  remaining(plan, cells, at, now) {
    return isFresh(plan, cells, at, now) ? plan.quota : Math.max(0, plan.quota - read(cells, at + USED));
  },

  resetAt(plan, cells, at, now) {
    return isFresh(plan, cells, at, now) ? now : read(cells, at) + plan.window;
  },

  forgettableAt(plan, cells, at) {
    return read(cells, at + USED) === 0 ? 0 : read(cells, at) + plan.window;
  },

  join(plan, into, at, other, otherAt) {
    const used = read(other, otherAt + USED);
    if (used === 0) return;
    const start = read(other, otherAt);
    const isLater = read(into, at + USED) === 0 || start > read(into, at);
    // Epoch-anchored windows do not overlap: the earlier one was over before the later one began.
    const keepsOwn = plan.anchor === 'first-use' || start === read(into, at);
    if (isLater) {
      into[at] = start;
      into[at + USED] = keepsOwn ? Math.max(used, read(into, at + USED)) : used;
    } else if (keepsOwn) {
      into[at + USED] = Math.max(used, read(into, at + USED));
    }
  },

  repair(plan, cells, at, now) {
    const isSound = read(cells, at) - now <= plan.window && !Number.isNaN(read(cells, at + USED));
    if (isSound) return;
    // An aligned window may end in a moment: a clock that steps to and fro would win a quota each time.
    cells[at] = plan.anchor === 'epoch' ? startOf(plan, now) + plan.window : now;
    cells[at + USED] = plan.quota;
  },

  convert(plan, cells, at, now, from) {
    if (isFresh(from, cells, at, now)) {
      cells.fill(0, at, at + FIXED_WINDOW.cells);
      return;
    }
    const start = read(cells, at);
    // All of it may have been used just now, so a shorter window begins now.
    if (plan.anchor === 'first-use') cells[at] = plan.window < from.window ? now : Math.min(start, now);
    else {
      // What is to last longer may have been cut short by another change a moment ago.
      const most = now + plan.window;
      const end = plan.window > from.window ? most : Math.min(start + from.window, most);
      cells[at] = startOf(plan, Math.max(now, end - 1));
    }
  },
};

/**
 * A fixed window: at most `quota` units in each window, all of them back at once when it ends.
 *
 * Over any half-open interval of one window's length at most `2 * quota` units pass with `anchor: 'epoch'`, and
 * `2 * quota - 1` with `first-use`. Both are reached by spending a quota just before a window ends and again just after.
 *
 * @throws PolicyError naming every faulty option
 */
export function fixedWindow(options: FixedWindowOptions): FixedWindowPlan {
  const { rate, anchor } = collectFaults({
    rate: () => checkRate(options, ['quota', 'window', 'anchor']),
    anchor: () => checkAnchor(options?.anchor === undefined ? 'first-use' : options.anchor),
  });
  return Object.freeze({ algorithm: FIXED_WINDOW, ...rate, anchor });
}

function checkAnchor(anchor: Anchor): Anchor {
  if (anchor === 'first-use' || anchor === 'epoch') return anchor;
  const message = `${show(anchor)} is no anchor; give "first-use" or "epoch"`;
  throw new PolicyError([{ code: 'bad-anchor', path: 'anchor', value: anchor, message }]);
}

function isFresh(plan: FixedWindowPlan, cells: Float64Array, at: number, now: Millis): boolean {
  return read(cells, at + USED) <= 0 || now >= read(cells, at) + plan.window;
}

function startOf(plan: FixedWindowPlan, now: Millis): Millis {
  return plan.anchor === 'epoch' ? now - (now % plan.window) : now;
}
