import type { Plan } from '../algorithms/algorithm.ts';
import { BUILT_IN, type PlanBuilder, type PlanOptions } from '../algorithms/index.ts';
import type { ConcurrencyDocument, GrantDocument, LimitDocument } from './document.ts';

/** Builders of algorithms by the name a policy uses, as `createEngine(policy, { algorithms })` takes them. */
export type Algorithms = { readonly [name: string]: PlanBuilder };

/** A limit that has a window. */
export type RateDocument = Exclude<LimitDocument, ConcurrencyDocument>;

/** Whether a limit counts what runs at once. */
export function isConcurrency(limit: LimitDocument): limit is ConcurrencyDocument {
  return limit.algorithm === 'concurrency';
}

/** A quota, with a burst of its own where it has one. */
export interface Grant {
  readonly quota: number;
  readonly burst?: number;
}

/** What a tier, an override or a limit grants; `undefined` for `"custom"` and where nothing is said. */
export function grantOf(document: GrantDocument | undefined): Grant | undefined {
  if (document === undefined || document === 'custom') return undefined;
  return typeof document === 'number' ? { quota: document } : document;
}

/**
 * The plan of a limit for one grant; the limit's burst stays unless the grant has one.
 *
 * @throws PolicyError whose paths are relative to the limit
 */
export function planFor(limit: RateDocument, grant: Grant, algorithms: Algorithms): Plan {
  const build: PlanBuilder | undefined = Object.hasOwn(algorithms, limit.algorithm)
    ? algorithms[limit.algorithm]
    : BUILT_IN[limit.algorithm as keyof typeof BUILT_IN];
  if (build === undefined) throw new TypeError(`no builder for ${limit.algorithm}`);
  const { algorithm: _name, unit: _unit, per: _per, missing: _missing, ...numbers } = limit;
  return build({ ...numbers, ...grant } as PlanOptions);
}
