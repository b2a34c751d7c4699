/**
 * The facts of one request, with the names of its policy filled in.
 *
 * @module
 */

import type { OverrideDocument, PolicyDocument } from './document.ts';

/** Names of a policy's limits. */
export type LimitName<P extends PolicyDocument> = keyof P['limits'] & string;

/** Names of a policy's groups. */
export type GroupName<P extends PolicyDocument> = keyof P['groups'] & string;

/** Names of a policy's tiers. */
export type TierName<P extends PolicyDocument> = keyof NonNullable<P['tiers']> & string;

type PerOf<P extends PolicyDocument> = PerOfEach<P['limits'][keyof P['limits']]>;
/** Limit by limit: of a union in which one has no `per`, the property itself would be unknown. */
type PerOfEach<L> = L extends { readonly per?: infer Each } ? Each : never;
type WhereOf<O> = O extends readonly (infer Each)[]
  ? Each extends OverrideDocument
    ? keyof Each['where']
    : never
  : never;

/** Fields that a policy reads from a descriptor: those of its partitions, and of its overrides' `where`. */
export type FieldName<P extends PolicyDocument> = (
  | Extract<PerOf<P>, string>
  | Extract<PerOf<P>, readonly string[]>[number]
  | WhereOf<NonNullable<P['overrides']>>
) &
  string;

/**
 * The facts of one request. Either `group`, or `method` and `path`, says which limits apply; the partition fields say
 * whose budgets they take from.
 */
export type Descriptor<P extends PolicyDocument = PolicyDocument> = {
  /** HTTP method, in any case. */
  readonly method?: string | undefined;
  /** Request target as it came, in any spelling; query and all. */
  readonly path?: string | undefined;
  /** The endpoint group, where the caller knows it better than a pattern could. */
  readonly group?: GroupName<P> | undefined;
  /** The account's plan; default: the policy's `defaultTier`. */
  readonly tier?: TierName<P> | undefined;
  /** Units taken: a number means `requests`; default `{ requests: 1 }`. */
  readonly cost?: number | { readonly [unit: string]: number } | undefined;
  /** Quotas of this very request, by limit. They come before overrides, tiers and the limit's own. */
  readonly quotas?: { readonly [L in LimitName<P>]?: number } | undefined;
} & (string extends FieldName<P>
  ? { readonly [field: string]: unknown }
  : { readonly [F in FieldName<P>]?: string | undefined });

/** Some partition, such as `{ apiKey: 'key_42' }`: the fields of one limit's `per`, and their values. */
export type Partition<P extends PolicyDocument = PolicyDocument> = {
  readonly [F in FieldName<P>]?: string;
};

/** A descriptor as the engine reads it, whatever its policy. */
export interface LooseDescriptor {
  readonly method?: unknown;
  readonly path?: unknown;
  readonly group?: unknown;
  readonly tier?: unknown;
  readonly cost?: unknown;
  readonly quotas?: unknown;
  readonly [field: string]: unknown;
}
