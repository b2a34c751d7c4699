import { PolicyError, parseDuration } from 'headgate';

/**
 * A leaky bucket: a request pours its units in, one unit leaks out every so often, and what would make the bucket run
 * over is denied.
 *
 * @typedef {import('headgate').Plan & {
 *   readonly window: number,
 *   readonly burst: number,
 *   readonly every: number,
 * }} LeakyBucketPlan - `burst` units fit in, and one leaks out `every` so many milliseconds
 */

/**
 * One cell: the instant at which the bucket will have run empty. It counts usage, as cells must, and the zeros of a key
 * that was never seen are an empty bucket.
 *
 * @type {import('headgate').Algorithm<LeakyBucketPlan>}
 */
export const LEAKY_BUCKET = {
  kind: 'leaky-bucket',
  cells: 1,

  availableAt({ burst, every }, cells, at, now, cost) {
    if (cost > burst) return Number.POSITIVE_INFINITY;
    return Math.max(now, emptyAt(cells, at) - (burst - cost) * every);
  },

  charge({ burst, every }, cells, at, now, cost) {
    const start = Math.max(now, emptyAt(cells, at));
    // What is charged without asking may fill the bucket twice, and no more.
    const end = Math.min(start + cost * every, now + 2 * burst * every);
    if (cost > 0 && end > start) cells[at] = end;
    return start;
  },

  refund({ burst, every }, cells, at, now, cost, chargedAt) {
    const leaked = Math.max(0, now - chargedAt);
    const outstanding = Math.min(cost, 2 * burst) * every - leaked;
    const level = Math.max(0, emptyAt(cells, at) - now);
    if (outstanding > 0 && Number.isFinite(level)) cells[at] = now + Math.max(0, level - outstanding);
  },

  remaining({ burst, every }, cells, at, now) {
    const level = Math.max(0, emptyAt(cells, at) - now);
    return Math.max(0, burst - Math.ceil(level / every));
  },

  resetAt: (_plan, cells, at, now) => Math.max(now, emptyAt(cells, at)),
  forgettableAt: (_plan, cells, at) => emptyAt(cells, at),

  join(_plan, into, at, other, otherAt) {
    into[at] = Math.max(emptyAt(into, at), emptyAt(other, otherAt));
  },

  repair({ burst, every, horizon = 2 * burst * every }, cells, at, now) {
    if (!(emptyAt(cells, at) - now <= horizon)) cells[at] = now + burst * every;
  },

  convert({ every }, cells, at, now, from) {
    const level = emptyAt(cells, at) - now;
    // As much is in the bucket as before; only the leak is another.
    cells[at] = level > 0 ? now + Math.ceil((level * every) / from.every) : 0;
  },
};

/**
 * A leaky bucket that `burst` units fit into (default: the quota), from which `quota` units leak per `window`, one by one.
 * The plan is its own: leaks come at whole milliseconds, so the window has to be a multiple of the quota.
 *
 * @param {import('headgate').PlanOptions} options
 * @returns {LeakyBucketPlan}
 */
export function leakyBucket({ quota, window: length, burst = quota }) {
  const window = parseDuration(length, 'window');
  const every = window / quota;
  if (!Number.isSafeInteger(every) || every < 1) {
    const message = `${quota} per ${window} ms do not leak at whole milliseconds; give a quota that divides the window`;
    throw new PolicyError([{ code: 'bad-quota', path: 'quota', value: quota, message }]);
  }
  return { algorithm: LEAKY_BUCKET, quota, window, burst, every, horizon: 2 * burst * every };
}

/**
 * @param {Float64Array} cells
 * @param {number} at
 */
function emptyAt(cells, at) {
  return /** @type {number} */ (cells[at]);
}
