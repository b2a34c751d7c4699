import type { GroupDocument, PolicyDocument, TierDocument } from '../policy/document.ts';
import { isConcurrency } from '../policy/plans.ts';
import type { Holding } from './traffic.ts';

/** A policy as traffic can be replayed against it, and the names of the limits that were left out. */
export interface Replayable {
  readonly policy: PolicyDocument;
  readonly left: readonly string[];
}

/**
 * The policy that is asked: without a length of work there is nothing to say about permits.
 *
 * @param policy - one that has been parsed
 */
export function replayable(policy: PolicyDocument, hold: Holding | undefined): Replayable {
  return hold === undefined ? ratesOnly(policy) : { policy, left: [] };
}

/** What standard error is to be told of limits that were left out, the policy's name before them where it has one. */
export function leftNotes(left: readonly string[], name?: string): string[] {
  const prefix = name === undefined ? '' : `${name}: `;
  return left.map(
    (limit) => `${prefix}${limit}: left out, traffic does not say how long requests run; see --hold`,
  );
}

/**
 * A policy without its concurrency limits: a log says when requests came, not how long they ran.
 *
 * @param policy - one that has been parsed
 * @returns also the names of the limits that were left out
 */
export function ratesOnly(policy: PolicyDocument): Replayable {
  const left = Object.keys(policy.limits).filter((name) => isConcurrencyIn(policy, name));
  if (left.length === 0) return { policy, left };
  const { tiers, overrides, ...rest } = policy;
  const rates: PolicyDocument = {
    ...rest,
    limits: without(policy.limits, left),
    groups: mapped(policy.groups, (group) => groupWithout(group, left)),
    ...(tiers && { tiers: mapped(tiers, (tier): TierDocument => without(tier, left)) }),
    ...(overrides && { overrides: overrides.filter(({ limit }) => !left.includes(limit)) }),
  };
  return { policy: rates, left };
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
