import type { GroupDocument, PolicyDocument, TierDocument } from '../policy/document.ts';
import { isConcurrency } from '../policy/plans.ts';

/**
 * A policy without its concurrency limits: a log says when requests came, not how long they ran.
 *
 * @param policy - one that has been parsed
 * @returns also the names of the limits that were left out
 */
export function ratesOnly(policy: PolicyDocument): { rates: PolicyDocument; left: readonly string[] } {
  const left = Object.keys(policy.limits).filter((name) => isConcurrencyIn(policy, name));
  if (left.length === 0) return { rates: policy, left };
  const { tiers, overrides, ...rest } = policy;
  const rates: PolicyDocument = {
    ...rest,
    limits: without(policy.limits, left),
    groups: mapped(policy.groups, (group) => groupWithout(group, left)),
    ...(tiers && { tiers: mapped(tiers, (tier): TierDocument => without(tier, left)) }),
    ...(overrides && { overrides: overrides.filter(({ limit }) => !left.includes(limit)) }),
  };
  return { rates, left };
}

function isConcurrencyIn(policy: PolicyDocument, name: string): boolean {
  const limit = policy.limits[name];
  return limit !== undefined && isConcurrency(limit);
}

function groupWithout({ leave: _leave, ...group }: GroupDocument, left: readonly string[]): GroupDocument {
  return { ...group, limits: group.limits.filter((name) => !left.includes(name)) };
}

function without<T>(record: { readonly [name: string]: T }, left: readonly string[]): { [name: string]: T } {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !left.includes(name)));
}

function mapped<T>(record: { readonly [name: string]: T }, change: (value: T) => T): { [name: string]: T } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
