/**
 * The units that policies count.
 *
 * @module
 */

import type { PolicyDocument } from '../policy/document.ts';

/** Units that limits of a policy count; requests, whether or not one does. */
export function unitsOf({ limits }: PolicyDocument): ReadonlySet<string> {
  const named = Object.values(limits).flatMap((limit) => ('unit' in limit ? (limit.unit ?? []) : []));
  return new Set(['requests', ...named]);
}

/**
 * Makes what leaves out costs in units that a policy does not count, and would refuse: several policies can be asked about
 * the same request then.
 */
export function costsFor(
  policy: PolicyDocument,
): <D extends { readonly cost?: unknown }>(descriptor: D) => D {
  const units = unitsOf(policy);
  return (descriptor) => {
    const { cost } = descriptor;
    if (typeof cost !== 'object' || cost === null) return descriptor;
    const costs = Object.entries(cost);
    const counted = costs.filter(([unit]) => units.has(unit));
    return counted.length === costs.length
      ? descriptor
      : { ...descriptor, cost: Object.fromEntries(counted) };
  };
}
