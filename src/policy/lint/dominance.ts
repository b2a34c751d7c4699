/**
 * Whether one limit always denies before another one does: pure arithmetic, in integers without bounds.
 *
 * The _stronger_ limit counts every request that the weaker one counts, at the same cost, and perhaps more; a request is
 * charged on both or on none. Proofs go by the most that the stronger one lets through in an interval. They are about
 * charges alone: what `settle` adds past a quota, clocks that step back, quotas that change under usage, and usage
 * inherited in a full table are left aside.
 *
 * @module
 */

import { readDuration } from '../../time.ts';
import type { LimitDocument } from '../document.ts';
import type { Grant } from '../plans.ts';

/** The numbers of a limit with a window, for the largest or the smallest of its grants. */
export interface Rate {
  readonly kind: 'fixed-window' | 'sliding-window' | 'token-bucket';
  readonly quota: bigint;
  readonly window: bigint;
  readonly burst: bigint;
  /** Whether its windows begin at multiples of their length. */
  readonly isAligned: boolean;
}

/** How the charges of two limits go together. */
export interface Together {
  /** Whether both limits have the same charges, key by key. */
  readonly isSame: boolean;
}

/**
 * A limit as its most generous or its tightest grant has it. With several grants the result may be more extreme than
 * each of them.
 *
 * @returns `undefined` for concurrency and for custom algorithms
 */
export function rateOf(
  limit: LimitDocument,
  grants: readonly Grant[],
  extreme: 'most' | 'least',
): Rate | undefined {
  const { algorithm } = limit;
  if (algorithm !== 'fixed-window' && algorithm !== 'sliding-window' && algorithm !== 'token-bucket')
    return undefined;
  const window = 'window' in limit ? readDuration(limit.window) : undefined;
  if (window === undefined || grants.length === 0) return undefined;
  const own = 'burst' in limit ? limit.burst : undefined;
  const pick = extreme === 'most' ? Math.max : Math.min;
  const over = (numbers: readonly number[]): bigint => BigInt(numbers.reduce((a, b) => pick(a, b)));
  return {
    kind: algorithm,
    quota: over(grants.map(({ quota }) => quota)),
    window: BigInt(window),
    burst: over(grants.map(({ quota, burst = own ?? quota }) => burst)),
    isAligned: algorithm === 'sliding-window' || ('anchor' in limit && limit.anchor === 'epoch'),
  };
}

/** Whether it is certain that `weak` allows whatever `strong` allows. */
export function bindsFirst(strong: Rate, weak: Rate, { isSame }: Together): boolean {
  if (strong.quota === 0n) return true;
  if (weak.quota === 0n) return false;
  switch (weak.kind) {
    case 'fixed-window':
      return mostInWindow(strong, weak, isSame) <= weak.quota;
    case 'sliding-window': {
      // It weighs the window before by less than one. Of the same length, its counters hold no more than the other's.
      const isLike = strong.kind === 'sliding-window' && strong.window === weak.window;
      if (isLike && strong.quota <= weak.quota) return true;
      const most = min(2n * mostInWindow(strong, weak, false), mostWithin(strong, 2n * weak.window));
      return most <= weak.quota;
    }
    case 'token-bucket': {
      // Its level is at most `burst`, whatever interval one looks back on: what came in, less what has drained since.
      const isSlower = strong.quota * weak.window <= weak.quota * strong.window;
      const atOnce = strong.kind === 'token-bucket' ? strong.burst : 2n * strong.quota;
      return isSlower && atOnce <= weak.burst;
    }
  }
}

/** The most units that pass in one window of `weak`. */
function mostInWindow(strong: Rate, weak: Rate, isSame: boolean): bigint {
  if (strong.kind === 'token-bucket') return mostWithin(strong, weak.window);
  if (strong.isAligned && weak.isAligned) {
    if (weak.window % strong.window === 0n) return (weak.window / strong.window) * strong.quota;
    if (strong.window % weak.window === 0n) return strong.quota;
  }
  const isLike = strong.kind === weak.kind && strong.window === weak.window;
  // Windows from first use begin with the same charges if they have the same length, and so hold the same.
  if (isLike && isSame && strong.isAligned === weak.isAligned) return strong.quota;
  return mostWithin(strong, weak.window);
}

/**
 * The most units that pass in any half-open interval of `length` ms. Windows begin at least `window` ms apart, so the
 * first and the last of `n` windows that it touches begin at least `(n - 1) * window` and at most
 * `length + window - 2` ms apart.
 */
function mostWithin({ kind, quota, window, burst }: Rate, length: bigint): bigint {
  if (kind === 'token-bucket') return burst + (quota * (length - 1n)) / window;
  return ((length + window - 2n) / window + 1n) * quota;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
