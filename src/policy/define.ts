import type {
  GroupDocument,
  LimitDocument,
  OverrideDocument,
  PolicyDocument,
  TierDocument,
} from './document.ts';

type Named<T> = { readonly [name: string]: T };

/** Forbids the fields of `T` that are not among `Known`. */
type Only<T, Known> = { readonly [F in Exclude<keyof T, Known>]: never };

/** Fields that a limit of this algorithm has; any for a custom one, which `options` tell apart from a misspelling. */
type LimitField<L extends LimitDocument> = keyof Extract<
  LimitDocument,
  { readonly algorithm: L['algorithm'] }
>;

/** A policy whose names are known: what {@link definePolicy} takes and returns. */
export interface Policy<
  Limits extends Named<LimitDocument>,
  Groups extends Named<GroupDocument>,
  Tiers extends Named<TierDocument>,
  Overrides extends readonly OverrideDocument[],
> extends PolicyDocument {
  /** Limits by name. */
  readonly limits: Limits;
  /** Endpoint groups by name. */
  readonly groups: Groups;
  /** What each plan grants, by the plan's name. */
  readonly tiers?: Tiers;
  /** Tier of a descriptor that names none. */
  readonly defaultTier?: NoInfer<keyof Tiers & string>;
  /** The first whose `where` holds decides. */
  readonly overrides?: Overrides;
  /** What happens to a request that no pattern matches. */
  readonly unmatched: (keyof Groups & string) | 'allow' | 'deny';
}

/**
 * A policy written in TypeScript. Returns its argument; what it adds are types: the names of limits, groups, tiers and
 * partition fields are inferred, so a group that names a limit which does not exist, or `engine.check({ apiKye })`,
 * does not compile. What types cannot see is checked by `createEngine`.
 *
 * @example
 * ```ts
 * const policy = definePolicy({
 *   version: 1,
 *   limits: { reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' } },
 *   groups: { read: { match: ['GET /**'], limits: ['reads'] } },
 *   unmatched: 'deny',
 * });
 * ```
 */
export function definePolicy<
  const Limits extends Named<LimitDocument>,
  const Groups extends Named<GroupDocument<keyof Limits & string>>,
  const Tiers extends Named<TierDocument<keyof Limits & string>> = Record<never, never>,
  const Overrides extends readonly OverrideDocument<keyof Limits & string>[] = readonly [],
>(
  policy: Policy<Limits, Groups, Tiers, Overrides> & {
    readonly limits: { readonly [L in keyof Limits]: Only<Limits[L], LimitField<Limits[L]>> };
    readonly groups: { readonly [G in keyof Groups]: Only<Groups[G], keyof GroupDocument> };
    readonly tiers?: { readonly [T in keyof Tiers]: Only<Tiers[T], keyof Limits> };
    readonly overrides?: {
      readonly [O in keyof Overrides]: Only<Overrides[O], keyof OverrideDocument>;
    };
  },
): Policy<Limits, Groups, Tiers, Overrides> {
  return policy;
}
