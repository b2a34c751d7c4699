import type { Millis } from '../time.ts';

/**
 * Why a request may go ahead (`ok`), or which kind of "no" it met:
 *
 * - `quota`: a rate limit is used up until `retryAt`.
 * - `concurrency`: all permits are held; nobody knows when one comes back.
 * - `never`: the cost exceeds what the limit can ever grant, or its quota is 0.
 * - `blocked`: the partition is blocked until `retryAt`.
 * - `missing`: a limit says `"missing": "deny"` and the descriptor lacks its partition field.
 * - `unmatched`: no pattern matched, and the policy says `"unmatched": "deny"`.
 * - `capacity`: permits of `maxKeys` keys are held or awaited already; there is no room for another key.
 * - `queue-full`, `queue-timeout`: the queue takes no further waiter; it was not the request's turn in time.
 * - `store-failure`: the store of a distributed engine failed, and the limit says `deny`; `retryAt` is a second later.
 */
export type Reason =
  | 'ok'
  | 'quota'
  | 'concurrency'
  | 'never'
  | 'blocked'
  | 'missing'
  | 'unmatched'
  | 'capacity'
  | 'queue-full'
  | 'queue-timeout'
  | 'store-failure';

/** One limit's own answer. */
export interface LimitDecision {
  /** Name of the limit in the policy. */
  readonly name: string;
  /** Its algorithm, such as `token-bucket`, or `concurrency`. */
  readonly kind: string;
  /** What it counts, such as `requests` or `tokens`. */
  readonly unit: string;
  /** Whose budget: the partition key, with composite keys length-prefixed; `undefined` where none could be made. */
  readonly key: string | undefined;
  /** Whether this limit agrees. The request passes only if all do. */
  readonly allowed: boolean;
  /** Units asked for. */
  readonly cost: number;
  /** Units granted per window. */
  readonly quota: number;
  /** The period the quota covers, in milliseconds. */
  readonly window?: Millis;
  /** Units a token bucket can hold. */
  readonly burst?: number;
  /** How many requests of cost 1 would pass now; after the charge if one was made. */
  readonly remaining: number;
  /** When the full quota is back; `undefined` for concurrency. */
  readonly resetAt: Millis | undefined;
  /** Denied: the first instant at which this limit would agree; `Infinity` means never. `undefined` if it agrees. */
  readonly retryAt: Millis | undefined;
  /** `ok`, or why it refuses. */
  readonly reason: Reason;
  /** `enforce`: its answer counts. `shadow`: it is only reported. */
  readonly mode: 'enforce' | 'shadow';
}

/** The answer to one request. */
export interface Decision {
  /** Whether the request may go ahead. */
  readonly allowed: boolean;
  /** The instant it was decided. */
  readonly at: Millis;
  /** The endpoint group that was asked. */
  readonly group: string;
  /**
   * Denied: the limit that blocks; of several, `never` and `missing` go before `blocked`, that before `concurrency`, and that
   * before the latest `retryAt`, ties by policy order. Allowed: the one nearest to empty, by the share that is left of its
   * quota (token bucket: burst). `undefined` where no limit was asked.
   */
  readonly limit: string | undefined;
  /** Quota of that limit; `Infinity` where no limit was asked. */
  readonly quota: number;
  /** What that limit has left, after the charge; `Infinity` where no limit was asked. */
  readonly remaining: number;
  /** When that limit's full quota is back; `undefined` for concurrency. */
  readonly resetAt: Millis | undefined;
  /**
   * Denied: the first instant at which all limits would agree if nothing else were charged. The same request is denied
   * just before it and allowed at it. `Infinity`: never. `undefined`: nobody knows, since a permit has to come back first.
   * Allowed: `undefined`.
   */
  readonly retryAt: Millis | undefined;
  /** `ok`, or why the request was denied. */
  readonly reason: Reason;
  /** Each limit's own answer, in policy order. */
  readonly limits: readonly LimitDecision[];
}
