import { collectFaults, PolicyError } from '../errors.ts';
import { MAX_DURATION, type Millis } from '../time.ts';
import { type Algorithm, checkRate, checkUnits, type Plan, type RateOptions, read } from './algorithm.ts';

/** Options of {@link tokenBucket}. */
export interface TokenBucketOptions extends RateOptions {
  /** Units that can be saved up and spent at once: an integer from 1; default `quota`. */
  readonly burst?: number;
}

/**
 * A validated token bucket. Its arithmetic is in *ticks*, chosen so that a unit and a millisecond are both whole
 * numbers of them: a unit is `window` ticks and a millisecond `quota` ticks, both divided by their greatest divisor.
 */
export interface TokenBucketPlan extends Plan {
  readonly window: Millis;
  readonly burst: number;
  /** Ticks that one unit adds. */
  readonly ticksPerUnit: number;
  /** Ticks that drain in a millisecond. */
  readonly ticksPerMs: number;
  /** Ticks of a full bucket, at most 2^53 - 1. */
  readonly capacity: number;
  /** Two drains. */
  readonly horizon: Millis;
}

/** The arrival time up to which all drips are spoken for. First cell: whole milliseconds. Second: ticks beyond. */
const TICKS = 1;

const TOKEN_BUCKET: Algorithm<TokenBucketPlan> = {
  kind: 'token-bucket',
  cells: 2,

  availableAt(plan, cells, at, now, cost) {
    if (cost > plan.burst || plan.quota === 0) return Number.POSITIVE_INFINITY;
    const ms = msOf(plan, cells, at);
    if (ms < now) return now;
    // Solves `(ms - t) * ticksPerMs + ticks <= slack` for the earliest t.
    const slack = (plan.burst - cost) * plan.ticksPerUnit;
    return Math.max(now, ms - Math.floor((slack - ticksOf(plan, cells, at)) / plan.ticksPerMs));
  },

  charge(plan, cells, at, now, cost) {
    if (plan.quota === 0) return now;
    const backlog = backlogOf(plan, cells, at, now);
    const total = Math.min(backlog + cost * plan.ticksPerUnit, mostBacklog(plan));
    const startsToDrain = Math.max(now, msOf(plan, cells, at));
    if (total > backlog) setBacklog(plan, cells, at, now, total);
    return startsToDrain;
  },

  refund(plan, cells, at, now, cost, chargedAt) {
    if (plan.quota === 0) return;
    // Drips are first in, first out: the charge has been draining since `chargedAt`.
    const drained = Math.max(0, now - chargedAt) * plan.ticksPerMs;
    const outstanding = Math.min(cost * plan.ticksPerUnit, mostBacklog(plan)) - drained;
    const backlog = backlogOf(plan, cells, at, now);
    if (outstanding <= 0 || !(backlog <= Number.MAX_SAFE_INTEGER)) return;
    setBacklog(plan, cells, at, now, Math.max(0, backlog - outstanding));
  },

  remaining(plan, cells, at, now) {
    if (plan.quota === 0) return 0;
    return Math.max(0, Math.floor((plan.capacity - backlogOf(plan, cells, at, now)) / plan.ticksPerUnit));
  },

  resetAt(_plan, cells, at, now) {
    return Math.max(now, emptyAt(cells, at));
  },

  forgettableAt(_plan, cells, at) {
    return emptyAt(cells, at);
  },

  join(_plan, into, at, other, otherAt) {
    const ms = read(other, otherAt);
    const ticks = read(other, otherAt + TICKS);
    const isLater = ms > read(into, at) || (ms === read(into, at) && ticks > read(into, at + TICKS));
    if (!isLater) return;
    into[at] = ms;
    into[at + TICKS] = ticks;
  },

  repair(plan, cells, at, now) {
    if (plan.quota === 0 || emptyAt(cells, at) - now <= plan.horizon) return;
    setBacklog(plan, cells, at, now, plan.capacity);
  },

  convert(plan, cells, at, now, from) {
    const drain = emptyAt(cells, at) - now;
    // A unit takes as much longer to drain as the window is longer, whatever the tier's quota.
    cells[at] = drain <= 0 ? 0 : now + Math.ceil(drain * (plan.window / from.window));
    cells[at + TICKS] = 0;
  },
};

/**
 * A token bucket: `burst` units can be spent at once, and `quota` per `window` drip back, one by one.
 *
 * Over any closed interval of length t at most `burst + floor(quota * t / window)` units pass. It is the generic cell
 * rate algorithm (ITU-T I.371) in integers: a float arrival time admits nothing at 7 per second with burst 1, and a
 * third too much at 3,000,000 per second.
 *
 * @throws PolicyError naming every faulty option. `burst * window`, after `quota` and `window` are divided by their
 * greatest common divisor, is at most 2^53 - 1, and a full bucket drains in at most 2^51 ms; the message says the
 * largest legal burst.
 */
export function tokenBucket(options: TokenBucketOptions): TokenBucketPlan {
  const { rate, burst } = collectFaults({
    rate: () => checkRate(options, ['quota', 'window', 'burst']),
    burst: () => (options?.burst === undefined ? options?.quota : checkUnits(options.burst, 'burst', 1)),
  });
  const { quota, window } = rate;
  const divisor = greatestDivisor(quota, window);
  const ticksPerUnit = window / divisor;
  const ticksPerMs = quota / divisor;
  const most = Math.floor(Math.min(Number.MAX_SAFE_INTEGER, MAX_DURATION * ticksPerMs) / ticksPerUnit);
  if (burst > most && quota > 0) {
    const message = `a burst of ${burst} at ${quota} per ${window} ms is too much for exact arithmetic; the largest legal burst is ${most}`;
    throw new PolicyError([{ code: 'burst-too-large', path: 'burst', value: burst, message }]);
  }
  const capacity = burst * ticksPerUnit;
  const horizon = quota === 0 ? 0 : 2 * Math.ceil(capacity / ticksPerMs);
  return Object.freeze({
    algorithm: TOKEN_BUCKET,
    quota,
    window,
    burst,
    ticksPerUnit,
    ticksPerMs,
    capacity,
    horizon,
  });
}

/** Ticks beyond {@link msOf}; a plan whose quota was cut has fewer to a millisecond than may stand there. */
function ticksOf(plan: TokenBucketPlan, cells: Float64Array, at: number): number {
  const ticks = read(cells, at + TICKS);
  return ticks >= 0 && ticks < plan.ticksPerMs ? ticks : 0;
}

/** Milliseconds of the arrival time; ticks that are out of range read as one millisecond more. */
function msOf(plan: TokenBucketPlan, cells: Float64Array, at: number): Millis {
  const ticks = read(cells, at + TICKS);
  return ticks >= 0 && ticks < plan.ticksPerMs ? read(cells, at) : read(cells, at) + 1;
}

/** Ticks that have still to drain. */
function backlogOf(plan: TokenBucketPlan, cells: Float64Array, at: number, now: Millis): number {
  const ms = msOf(plan, cells, at);
  return ms < now ? 0 : (ms - now) * plan.ticksPerMs + ticksOf(plan, cells, at);
}

function setBacklog(
  plan: TokenBucketPlan,
  cells: Float64Array,
  at: number,
  now: Millis,
  ticks: number,
): void {
  const ms = Math.floor(ticks / plan.ticksPerMs);
  cells[at] = now + ms;
  cells[at + TICKS] = ticks - ms * plan.ticksPerMs;
}

/** Where debt saturates: one burst beyond a full bucket, within exact integers. */
function mostBacklog(plan: TokenBucketPlan): number {
  return Math.min(2 * plan.capacity, Number.MAX_SAFE_INTEGER);
}

/** When all has drained, in whole milliseconds; right for any quota, and for ticks that are out of range. */
function emptyAt(cells: Float64Array, at: number): Millis {
  return read(cells, at) + (read(cells, at + TICKS) === 0 ? 0 : 1);
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
