import type { Admission } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import type { LeaseCounts } from '../concurrency/leases.ts';
import type { PermitCounts } from '../concurrency/permits.ts';
import type { Decision } from '../limiter/decision.ts';
import type { StateOptions } from '../limiter/state-options.ts';
import type { BlockOptions } from '../partition/blocks.ts';
import type { TableStats } from '../partition/table.ts';
import type { Carry } from '../policy/carry.ts';
import type { Descriptor, LimitName, Partition } from '../policy/descriptor.ts';
import type { ReloadReport } from '../policy/diff.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Algorithms } from '../policy/plans.ts';
import type { Clock, Millis } from '../time.ts';
import type { EventListener, EventName } from './events.ts';
import type { Explanation } from './explain.ts';
import type { RestoreReport } from './snapshot.ts';

/** Options of {@link createEngine}. */
export interface EngineOptions extends StateOptions {
  /** Builders of the custom algorithms that the policy names. */
  readonly algorithms?: Algorithms;
  /** Usage and blocks to begin with: what {@link Engine.snapshot} returned, in this or another process. */
  readonly restore?: Uint8Array;
}

/** Options of {@link Engine.reload}. */
export interface ReloadOptions<Limit extends string = string> {
  /** What becomes of usage, for all limits or by limit; default `keep`. Permits that are held stay held. */
  readonly carry?: Carry | { readonly [L in Limit]?: Carry };
}

/** What would have been decided otherwise, had a shadow limit been enforced. */
export interface ShadowStats {
  /** Requests about which nothing would have changed. */
  readonly agreed: number;
  /** Requests that were allowed and would have been denied. */
  readonly wouldDeny: number;
  /** Requests that were denied and would have been allowed: only a candidate, in place of its limit, can do that. */
  readonly wouldAllow: number;
}

/** Options of one call. */
export interface EngineCheckOptions {
  /** The instant to decide at, in milliseconds since the epoch; default: the engine's clock. */
  readonly now?: Millis;
}

/** Counts of one engine. */
export interface EngineStats {
  /** Requests that were allowed, by `check`, `tryAcquire`, `acquire` or `run`. */
  readonly allowed: number;
  /** Requests that were denied by one of these. */
  readonly denied: number;
  /**
   * What each partition holds, by the fields of its limits' `per`, sorted and joined by `+`; `(shared)` without any. Shadow
   * limits have partitions of their own, with ` (shadow)` behind the name.
   */
  readonly partitions: { readonly [name: string]: TableStats };
  /** Permits of each concurrency limit, by its name. */
  readonly permits: { readonly [limit: string]: PermitCounts };
  /** Requests that wait, over all queues. */
  readonly waiting: number;
  /** Leases granted, and how those that ended did. */
  readonly leases: LeaseCounts;
  /** Shadow limits by name, candidates as `limit.candidate`. */
  readonly shadows: { readonly [limit: string]: ShadowStats };
  /** How often a listener threw, or returned a promise that was rejected. */
  readonly listenerErrors: number;
}

/** A policy and the usage of everyone under it. See {@link createEngine}. */
export interface Engine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /**
   * The policy by which a decision was made: it may have been replaced since, and a response should not tell the fields of
   * one with the numbers of the other.
   *
   * @throws DescriptorError for a copy, or for a decision of another engine
   */
  policyOf(decision: Decision): PolicyDocument;
  /** The clock it decides by. */
  readonly clock: Clock;
  /**
   * Asks every limit that applies to the request and, if all agree, charges them all. A denied request leaves no trace
   * in any limit.
   *
   * @throws DescriptorError or CostError naming the field that is wrong; DescriptorError (`needs-permits`) for a group with a
   * concurrency limit, whose permits only {@link Engine.tryAcquire} and the like can give back. Nothing is charged then
   */
  check(descriptor: Descriptor<P>, options?: EngineCheckOptions): Decision;
  /**
   * Like {@link Engine.check}, for any group: rates are charged and permits are held, all of them or none. Never waits,
   * and never passes those who do.
   */
  tryAcquire(descriptor: Descriptor<P>, options?: EngineCheckOptions): Admission;
  /**
   * Like {@link Engine.tryAcquire}, but waits for its turn where the group has a `queue`: for a permit, or for a rate.
   * A denial (`queue-full`, `queue-timeout`, `never`, …) is a decision; the promise is rejected only when the signal is
   * aborted, the engine disposed of, or the descriptor wrong.
   */
  acquire(descriptor: Descriptor<P>, options?: AcquireOptions): Promise<Admission>;
  /**
   * Acquires, works, and gives permits back whatever happens.
   *
   * @throws DeniedError carrying the decision, and whatever the work throws
   */
  run<T>(
    descriptor: Descriptor<P>,
    work: (admission: Admission) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T>;
  /** What would be answered now, with what is left before it. Writes nothing. */
  peek(descriptor: Descriptor<P>, options?: EngineCheckOptions): Decision;
  /** The whole story of what {@link Engine.check} would answer, as data and as text. Writes nothing. */
  explain(descriptor: Descriptor<P>, options?: EngineCheckOptions): Explanation;
  /**
   * Gives back what is still outstanding of a decision's charges, once: "count only failed logins". A token bucket may give
   * back more of one than that where charges before it were refunded meanwhile: up to their units, and never more than it.
   *
   * @param decision - the very object that {@link Engine.check}, {@link Engine.tryAcquire} or {@link Engine.acquire} returned; a
   * denied one gives back nothing. Permits stay
   * @throws DescriptorError for a copy, or for a decision of another engine
   */
  refund(decision: Decision, options?: EngineCheckOptions): void;
  /**
   * Denies, with reason `blocked`, every request that a limit per this partition applies to.
   *
   * @param partition - the fields of some limit's `per`, and their values: `{ apiKey: 'key_42' }`
   * @throws DescriptorError: `unknown-partition`, or `too-many-blocks` when `maxBlocks` of its keys are blocked already
   */
  block(partition: Partition<P>, options: BlockOptions): void;
  /** Lifts a block; whether there was one. What the partition has used stays. */
  unblock(partition: Partition<P>): boolean;
  /** Forgets what a partition has used in all limits that share it; whether anything was kept. A block on it stays. */
  forget(partition: Partition<P>): boolean;
  /** What has been decided and what is kept, as counts. */
  stats(): EngineStats;
  /**
   * Puts another policy in force, from this call on; if it is faulty, nothing has changed. A limit of the same name takes
   * over the usage of the old one: windows keep their used units, token buckets their time to drain, also when a quota, a
   * burst, a tier or a pattern changes. Under another window as many units are left as before. With another algorithm,
   * partition, unit or mode a limit begins anew. Whoever waits keeps the place and is decided by the new policy; leases
   * live on.
   *
   * @param policy - the whole new document
   * @returns what changed, and what became of usage
   * @throws PolicyError with every fault of the policy, or of the options
   */
  reload(policy: PolicyDocument, options?: ReloadOptions<LimitName<P>>): ReloadReport;
  /**
   * Everything that was used, and all blocks, as bytes for {@link EngineOptions.restore}: versioned, with a checksum, the
   * same on every machine. Leases and waiters are left out.
   */
  snapshot(): Uint8Array<ArrayBuffer>;
  /** What became of the snapshot in {@link EngineOptions.restore}; `undefined` without one. */
  readonly restored: RestoreReport | undefined;
  /**
   * Calls `listener` after each call that causes the event, in order.
   *
   * @returns a function that ends it
   * @throws DescriptorError for an unknown event
   */
  on<E extends EventName>(event: E, listener: EventListener<E>): () => void;
  /** Rejects everybody who waits, and every later attempt to acquire. What is held may still be released. */
  dispose(): void;
}
