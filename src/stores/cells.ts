/**
 * What the cells of a limit are called in a store. Processes with two policies may use a store at once, for as long as a
 * roll-out takes; so the name says all by which the meaning of cells may differ, and depends on nothing else.
 *
 * @module
 */

import type { LimitDocument } from '../policy/document.ts';
import { isConcurrency, type RateDocument } from '../policy/plans.ts';
import { parseDuration } from '../time.ts';

/**
 * `reads.f60000` for a fixed window of a minute, `e` if it is aligned; `reads.s60000` for a sliding one, `reads.b` for a
 * token bucket; behind that the unit, unless it counts requests. Permits are called by the limit's name alone.
 */
export function cellsName(name: string, limit: LimitDocument): string {
  if (isConcurrency(limit)) return name;
  const { unit = 'requests' } = limit;
  const cells = `${name}.${meaningOf(limit)}`;
  return unit === 'requests' ? cells : `${cells}.${unit}`;
}

function meaningOf(limit: RateDocument): string {
  const { algorithm } = limit;
  // It keeps the instant until which it drains, whatever its window.
  if (algorithm === 'token-bucket') return 'b';
  const window = parseDuration(limit.window, 'window');
  if (algorithm === 'sliding-window') return `s${window}`;
  if (algorithm === 'fixed-window')
    return 'anchor' in limit && limit.anchor === 'epoch' ? `e${window}` : `f${window}`;
  return `${algorithm}${window}`;
}
