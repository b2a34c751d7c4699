/**
 * The policy document: what a product grants to whom, as JSON or as TypeScript. See `docs/policy.md` for every field.
 *
 * @module
 */

import type { Anchor } from '../algorithms/fixed-window.ts';
import type { QueueOptions } from '../concurrency/semaphore.ts';
import type { Reason } from '../limiter/decision.ts';
import type { Duration } from '../time.ts';

/** Anything JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A partition field, or several together; absent: one budget for all. */
export type Per = string | readonly string[];

/** A quota, or `"custom"`: it has to come from an override or from the descriptor. */
export type QuotaDocument = number | 'custom';

interface LimitBase {
  /** Units granted per window: an integer from 0, or `"custom"`. May be absent if every tier gives one. */
  readonly quota?: QuotaDocument;
  /** Whose budget it is. */
  readonly per?: Per;
  /** A request without the partition field: `error` (default) throws, `shared` puts all of them on one budget, `deny` denies. */
  readonly missing?: 'error' | 'shared' | 'deny';
  /** `enforce` (default), or `shadow`: it is asked on a state of its own and reported, and never denies. */
  readonly mode?: 'enforce' | 'shadow';
  /**
   * What a distributed engine makes of the limit while its store fails: `deny` (default), `allow`, or `local`, a share of
   * the quota that each process keeps by itself. An engine in process has no store, and takes no notice.
   */
  readonly onStoreFailure?: 'deny' | 'allow' | 'local';
  /** Other numbers, tried in the shadow of this limit. */
  readonly candidate?: CandidateDocument;
  /**
   * The event `near-limit` tells when a charge crosses this share of the quota (token bucket: of the burst): above 0, at
   * most 1, default 0.8.
   */
  readonly nearLimit?: number;
}

/**
 * What a limit would become: whatever stands here replaces the limit's own. It is asked on a state of its own, reported as
 * `name.candidate`, and never denies.
 */
export interface CandidateDocument {
  /** Another algorithm; `anchor`, `burst` and `options` of the limit are then left behind. */
  readonly algorithm?: string;
  /** Units granted per window, or `"custom"`. */
  readonly quota?: QuotaDocument;
  /** The period the quota covers. */
  readonly window?: Duration;
  /** Units that can be spent at once. */
  readonly burst?: number;
  /** Where fixed windows begin. */
  readonly anchor?: Anchor;
  /** How long a permit may be held. */
  readonly lease?: Duration;
  /** Settings of a custom algorithm. */
  readonly options?: { readonly [key: string]: Json };
  /** What tiers would grant; those not named grant what they do. */
  readonly tiers?: { readonly [tier: string]: GrantDocument };
}

interface RateBase extends LimitBase {
  /** The period the quota covers. */
  readonly window: Duration;
  /** What is counted; default `requests`. */
  readonly unit?: string;
}

/** A rate limit of which units can be taken ahead. */
interface BuiltInBase extends RateBase {
  /**
   * Has the processes of a distributed engine take units of a key that is asked for often ahead, and answer by themselves
   * while these last. An engine in process takes no notice.
   */
  readonly prefetch?: PrefetchDocument;
}

/** How much is taken ahead. */
export interface PrefetchDocument {
  /**
   * The most that one process holds of a key's quota (token bucket: of the burst), above 0 to 1; one unit at least. What a
   * process holds, no other can use.
   */
  readonly share: number;
}

/** A fixed-window limit. */
export interface FixedWindowDocument extends BuiltInBase {
  /** A quota for each window, all of it back when the window ends. */
  readonly algorithm: 'fixed-window';
  /** Default `first-use`. */
  readonly anchor?: Anchor;
}

/** A sliding-window limit. */
export interface SlidingWindowDocument extends BuiltInBase {
  /** A quota over the window that ends now, estimated from two counters. */
  readonly algorithm: 'sliding-window';
}

/** A token-bucket limit. */
export interface TokenBucketDocument extends BuiltInBase {
  /** A quota that drips back unit by unit, up to a burst. */
  readonly algorithm: 'token-bucket';
  /** Units that can be spent at once; default: the quota. */
  readonly burst?: number;
}

/** A limit on how much runs at once. */
export interface ConcurrencyDocument extends LimitBase {
  /** Permits for work in progress. */
  readonly algorithm: 'concurrency';
  /** How long a permit may be held before it is taken back; default: for ever. */
  readonly lease?: Duration;
}

/** A limit by an algorithm of your own, named in `createEngine(policy, { algorithms })`. */
export interface CustomLimitDocument extends RateBase {
  /** Name of the algorithm's builder in `algorithms`. */
  readonly algorithm: string;
  /** Handed to the builder as it stands. */
  readonly burst?: number;
  /** Settings that only this algorithm knows. */
  readonly options: { readonly [key: string]: Json };
}

/** One limit. */
export type LimitDocument =
  | FixedWindowDocument
  | SlidingWindowDocument
  | TokenBucketDocument
  | ConcurrencyDocument
  | CustomLimitDocument;

/** What a denied request is told. */
export interface DenialTemplate {
  /** HTTP status, 400 to 599. */
  readonly status?: number;
  /**
   * A JSON body, or plain text if it is a string. `{retryAfter}` (seconds), `{limit}`, `{quota}` and `{resetAt}` (Unix
   * seconds) are filled in; a value that is nothing but a placeholder becomes a number.
   */
  readonly body?: Json;
  /** Instead of `body`: a problem document (RFC 9457). */
  readonly format?: 'problem+json';
}

/** One template for every denial, or one for each reason. */
export type DenialDocument = DenialTemplate | { readonly [R in Exclude<Reason, 'ok'>]?: DenialTemplate };

/** Requests that share limits. */
export interface GroupDocument<LimitName extends string = string> {
  /** Patterns such as `GET /v1/**` or `POST|PUT /v1/calls/:call`; absent: the group is chosen by the descriptor. */
  readonly match?: readonly string[];
  /** Names of the limits that apply, in the order they are reported. */
  readonly limits: readonly LimitName[];
  /** Overrides the policy's `denial` for this group. */
  readonly denial?: DenialDocument;
  /** Where its requests may wait. */
  readonly queue?: QueueOptions;
  /** Permits of a concurrency limit that are not for this group. */
  readonly leave?: { readonly [L in LimitName]?: number };
}

/** What a tier or an override grants of one limit: a quota, a quota and a burst, or `"custom"`. */
export type GrantDocument = QuotaDocument | BurstGrant;

/** A quota with a burst of its own. */
export interface BurstGrant {
  /** Units granted per window. */
  readonly quota: number;
  /** Units that can be spent at once; default: the limit's own burst, else the quota. */
  readonly burst?: number;
}

/** What one tier grants, by limit. */
export type TierDocument<LimitName extends string = string> = { readonly [L in LimitName]?: GrantDocument };

/** Another quota for requests whose descriptor holds all of `where`. */
export interface OverrideDocument<LimitName extends string = string, Field extends string = string> {
  /** Name of the limit. */
  readonly limit: LimitName;
  /** Descriptor fields and the values they have to have. */
  readonly where: { readonly [F in Field]: string };
  /** Units granted per window. */
  readonly quota: number;
  /** Units that can be spent at once; default: the limit's own burst, else the quota. */
  readonly burst?: number;
}

/** Sets of response fields, see `docs/http.md`. */
export type HeaderDialect = 'x-ratelimit' | 'x-ratelimit-delta' | 'retry-after' | 'draft-11';

/** A whole policy. Write one with {@link definePolicy}; {@link parsePolicy} checks one from outside. */
export interface PolicyDocument {
  /** Editors read the JSON Schema's address from here; headgate does not. */
  readonly $schema?: string;
  /** Version of the document's form. */
  readonly version: 1;
  /** Limits by name. */
  readonly limits: { readonly [name: string]: LimitDocument };
  /** Endpoint groups by name. */
  readonly groups: { readonly [name: string]: GroupDocument };
  /** What each plan grants, by the plan's name. */
  readonly tiers?: { readonly [name: string]: TierDocument };
  /** Tier of a descriptor that names none. */
  readonly defaultTier?: string;
  /** The first whose `where` holds decides. */
  readonly overrides?: readonly OverrideDocument[];
  /** What happens to a request that no pattern matches: the limits of a group, by its name; or `allow` or `deny`. */
  readonly unmatched: string;
  /** How paths are read. */
  readonly paths?: {
    /** How literal segments compare; default `insensitive`. */
    readonly case?: 'sensitive' | 'insensitive';
  };
  /**
   * What a distributed engine on a cluster makes of limits of one request that cannot be kept in one hash slot: `refuse`
   * (default), it is not built; or `reserve`, each slot is asked by itself, and what was charged is given back if another
   * denies. Without a cluster nobody takes notice. See `docs/distributed.md`.
   */
  readonly crossSlot?: 'refuse' | 'reserve';
  /** What denied requests are told; see `docs/http.md` for the default. */
  readonly denial?: DenialDocument;
  /** Response fields that adapters send; default `["x-ratelimit", "retry-after"]`. */
  readonly headers?: readonly HeaderDialect[];
}
