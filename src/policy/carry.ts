/**
 * What becomes of a limit's usage when the policy changes.
 *
 * @module
 */

import { show } from '../errors.ts';
import { readDuration } from '../time.ts';
import type { LimitDocument } from './document.ts';
import { partitionId } from './partition.ts';
import { isConcurrency, type RateDocument } from './plans.ts';

/** `keep`: usage goes on as far as it can; `reset`: it begins anew. */
export type Carry = 'keep' | 'reset';

/**
 * What became of a limit's usage:
 *
 * - `kept`: it goes on as it was. Windows keep their used units, token buckets their time to drain.
 * - `converted`: the window changed, or where windows begin; as many units are left as before.
 * - `reset`: it began anew.
 * - `new`: the limit is new.
 * - `dropped`: the limit is gone.
 */
export type Fate = 'kept' | 'converted' | 'reset' | 'new' | 'dropped';

/** What became of one limit's usage, and why. */
export interface UsageReport {
  /** Name of the limit. */
  readonly limit: string;
  /** What became of it. */
  readonly usage: Fate;
  /** Why, as half a sentence. */
  readonly why: string;
}

/** What is to become of the usage of a limit that was there before. Permits that are held go on, whatever is asked. */
export function fateOf(
  before: LimitDocument,
  after: LimitDocument,
  carry: Carry,
): Omit<UsageReport, 'limit'> {
  const [was, is] = [before.per, after.per].map((per) => partitionId([per ?? []].flat()));
  if (was !== is) return { usage: 'reset', why: 'another partition: its keys mean something else' };
  if (before.mode !== after.mode && (before.mode ?? 'enforce') !== (after.mode ?? 'enforce'))
    return {
      usage: 'reset',
      why: `its mode became ${after.mode ?? 'enforce'}, which has a state of its own`,
    };
  if (before.algorithm !== after.algorithm)
    return { usage: 'reset', why: `its algorithm became ${show(after.algorithm)}` };
  if (isConcurrency(before) || isConcurrency(after))
    return { usage: 'kept', why: 'permits that are held stay held' };
  if (carry === 'reset') return { usage: 'reset', why: 'as asked' };
  const [oldUnit, unit] = [before.unit ?? 'requests', after.unit ?? 'requests'];
  if (oldUnit !== unit) return { usage: 'reset', why: `it counts ${unit} instead of ${oldUnit}` };
  return setupOf(before) === setupOf(after)
    ? { usage: 'kept', why: 'the same algorithm, window and partition' }
    : { usage: 'converted', why: 'another window, or other options: what is left in units stays' };
}

/** What the meaning of cells depends on, beside the algorithm. */
function setupOf(limit: RateDocument): string {
  const {
    window,
    anchor = 'first-use',
    options,
  } = limit as RateDocument & { anchor?: string; options?: object };
  return JSON.stringify([readDuration(window), anchor, options], inOrder);
}

/** Fields in whatever order are the same options. */
function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
