/**
 * What becomes of usage when the policy of a process changes. It is in the store, where others may go on by the policy from
 * before: so nothing is moved or rewritten. A limit that finds the same cells under the same key goes on; any other begins
 * anew.
 *
 * @module
 */

import { carryBy } from '../engine/carry-options.ts';
import type { ReloadOptions } from '../engine/contract.ts';
import { join, PolicyError, show } from '../errors.ts';
import { type Fate, fateOf, type UsageReport } from '../policy/carry.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { CompiledLimit } from '../policy/compile-limits.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { scratch } from './corrections.ts';

/**
 * @param policies - the old and the new one: the limits that may be named
 * @throws PolicyError for faulty options, and (`unsupported-carry`) for every `reset`
 */
export function checkCarry(options: ReloadOptions, policies: readonly PolicyDocument[]): void {
  carryBy(options, policies);
  const { carry = 'keep' } = options;
  const all = typeof carry === 'object' ? Object.entries(carry) : [[undefined, carry] as const];
  const faults = all
    .filter(([, how]) => how === 'reset')
    .map(([limit, value]) => {
      const path = limit === undefined ? 'carry' : join('carry', limit);
      const message = `usage is in a store, where other processes count on: give a limit that is to begin anew another name, or forget its keys (${show(value)})`;
      return { code: 'unsupported-carry', path, value, message };
    });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}

/**
 * A policy that was in force, as the next one is compiled by: it learns how far ahead usage may lie, and goes on counting
 * how shadow limits agree. A bucket keeps its time to drain, so another window is to it what another quota is.
 */
export function earlierOf({
  limits,
}: CompiledPolicy): Pick<CompiledPolicy, 'limits' | 'partitions' | 'shadows'> {
  const bare = [...limits].map(([name, limit]): [string, CompiledLimit] => {
    if (limit.rate === undefined) return [name, limit];
    const { window: _, ...plan } = limit.rate.plan;
    const horizon = limit.rate.plan.horizon ?? 0;
    return [name, { ...limit, rate: { ...limit.rate, plan: { ...plan, horizon } } }];
  });
  return { limits: new Map(bare), partitions: new Map(), shadows: new Map() };
}

/** What becomes of the usage of each limit. */
export function usageOf(before: CompiledPolicy, after: CompiledPolicy): UsageReport[] {
  const reports = [...after.limits].map(([limit, compiled]): UsageReport => {
    const old = before.limits.get(limit);
    if (old === undefined) return { limit, usage: 'new', why: 'the limit is' };
    if (addressOf(old) === addressOf(compiled))
      return { limit, usage: 'kept', why: 'the same cells in the store' };
    return { limit, usage: 'reset', why: whyReset(old, compiled) };
  });
  const gone = [...before.limits.keys()].filter((limit) => !after.limits.has(limit));
  return [
    ...reports,
    ...gone.map((limit) => ({ limit, usage: 'dropped' as Fate, why: 'the limit is gone' })),
  ];
}

/** Where a limit's usage is. */
function addressOf({ slot: { name }, partition: { table } }: CompiledLimit): string {
  const { partition, names } = scratch(table);
  return JSON.stringify([partition, names.get(name)]);
}

function whyReset({ document: was }: CompiledLimit, { document: is }: CompiledLimit): string {
  const { usage, why } = fateOf(was, is, 'keep');
  if (usage === 'reset') return why;
  if (usage === 'converted')
    return 'another window, or where windows begin: those from before go on without it';
  return 'its keys are kept in another slot, since other limits are asked with it';
}
