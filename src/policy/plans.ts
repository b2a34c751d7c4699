import type { Plan } from '../algorithms/algorithm.ts';
import { BUILT_IN, type PlanBuilder, type PlanOptions } from '../algorithms/index.ts';
import { PolicyError, show } from '../errors.ts';
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
  if (typeof document === 'number') return { quota: document };
  const { quota, burst } = document;
  return burst === undefined ? { quota } : { quota, burst };
}

/** Fields of a limit that its algorithm's builder takes. */
export const PLAN_FIELDS: readonly string[] = ['quota', 'window', 'burst', 'anchor', 'options'];

/** The builder of an algorithm's plans, if it is one that has plans. */
export function builderOf(algorithm: string, algorithms: Algorithms): PlanBuilder | undefined {
  if (algorithm === 'concurrency') return undefined;
  if (Object.hasOwn(BUILT_IN, algorithm)) return BUILT_IN[algorithm as keyof typeof BUILT_IN];
  return Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined;
}

/**
 * The plan of a limit for one grant; the limit's burst stays unless the grant has one.
 *
 * @throws PolicyError whose paths are relative to the limit
 */
export function planFor(limit: RateDocument, grant: Grant, algorithms: Algorithms): Plan {
  const build = builderOf(limit.algorithm, algorithms);
  if (build === undefined) throw new TypeError(`no builder for ${limit.algorithm}`);
  const fields = Object.entries({ ...limit, ...grant });
  const options = fields.filter(([field, value]) => PLAN_FIELDS.includes(field) && value !== undefined);
  const plan: Plan | undefined = build(Object.fromEntries(options) as unknown as PlanOptions);
  if (typeof plan?.algorithm?.availableAt === 'function') return plan;
  const message = `the builder of ${show(limit.algorithm)} returned ${show(plan)}, which is no plan`;
  throw new PolicyError([{ code: 'bad-plan', path: 'algorithm', value: plan, message }]);
}
