/**
 * What a distributed engine is to those who use it.
 *
 * @module
 */

import type { AcquireOptions } from '../concurrency/gate.ts';
import type { ReloadOptions, ShadowStats } from '../engine/contract.ts';
import type { Decision } from '../limiter/decision.ts';
import type { BlockOptions } from '../partition/blocks.ts';
import type { Descriptor, LimitName, Partition } from '../policy/descriptor.ts';
import type { ReloadReport } from '../policy/diff.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Clock, Duration, Millis } from '../time.ts';
import type { DistributedAdmission } from './admitted.ts';
import type { DistributedDecision } from './answer.ts';
import type { DistributedEventListener, DistributedEventName } from './events.ts';
import type { DistributedExplanation } from './explanation.ts';
import type { StoreEvent } from './guard.ts';
import type { PrefetchCounts } from './stock.ts';
import type { Store } from './store.ts';

/** Options of {@link createDistributedEngine}. */
export interface DistributedEngineOptions {
  /** What keeps the state, such as `redisStore({ client })` of `headgate/redis`. */
  readonly store: Store;
  /** By which it waits, and tells the time where the store is not asked; default: the machine's clock. It decides nothing. */
  readonly clock?: Clock;
  /** How long one call of the store may take; default 250 ms. What comes later is answered by `onStoreFailure`. */
  readonly deadline?: Duration;
  /** Share of a quota that a process grants by itself while the store fails and the limit says `local`: above 0, at most 1; default 0.1. */
  readonly localShare?: number;
  /**
   * How many denials are kept in process, from 1: a request that was denied is then denied here until its `retryAt`, with
   * `source: 'local'`, where its group neither holds permits nor has a queue. What other processes give back, forget or
   * unblock meanwhile is not noticed. Default: none.
   */
  readonly denialCache?: number;
  /** Hears what becomes of the store, as listeners of `store` do, but at once; what it throws is dropped. */
  readonly onStoreEvent?: (event: StoreEvent) => void;
}

/** Options of one call. */
export interface DistributedCheckOptions {
  /**
   * The instant to decide at, in milliseconds since the epoch, instead of the store's own. For tests and simulations:
   * whoever shares the store has to give instants of the same clock.
   */
  readonly now?: Millis;
}

/** Options of `tryAcquire`. */
export interface DistributedAcquireOptions extends DistributedCheckOptions {
  /**
   * Makes the attempt repeatable, from any process: while permits are held under this id, asking again gets the same
   * lease and charges nothing. 1 to 128 characters; default: an id of its own for every call.
   */
  readonly id?: string;
}

/** Counts of one engine: of what this process has decided, not of what the store holds for all. */
export interface DistributedStats {
  /** Requests allowed here: by `check`, `tryAcquire`, `acquire` or `run`. */
  readonly allowed: number;
  /** Requests denied here. */
  readonly denied: number;
  /** Both, by who decided. */
  readonly sources: {
    /** By the store. */
    readonly store: number;
    /** By this process: without a limit, on its share of a quota, or by its denial cache. */
    readonly local: number;
    /** By what the policy says for when the store fails. */
    readonly fallback: number;
  };
  /** Requests that wait here, over all queues; those of other processes are not counted. */
  readonly waiting: number;
  /** What this process has made of the store. */
  readonly store: {
    /** Calls that have failed; those that were not made because it is left alone are not counted. */
    readonly failures: number;
    /** Until when it is left alone, by the engine's clock, or was until somebody tries; `undefined` while it works. */
    readonly leftAloneUntil: Millis | undefined;
  };
  /** What is known here of denials; nothing without a `denialCache`. */
  readonly denialCache: {
    /** Denials kept. */
    readonly size: number;
    /** Requests that were denied by one of them. */
    readonly hits: number;
  };
  /**
   * What became of the units that this process has taken ahead (`prefetch` of a limit), by limit. What is neither used, nor
   * returned, nor lapsed is held now.
   */
  readonly prefetch: { readonly [limit: string]: PrefetchCounts };
  /** Shadow limits by name, candidates as `limit.candidate`: what enforcing them would have changed of decisions made here. */
  readonly shadows: { readonly [limit: string]: ShadowStats };
  /** How often a listener of this engine threw, or returned a promise that was rejected. */
  readonly listenerErrors: number;
}

/** A policy whose usage is kept in a store. See {@link createDistributedEngine}. */
export interface DistributedEngine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /**
   * The policy by which a decision was made, also where this process has made it alone.
   *
   * @throws DescriptorError for a copy, or for a decision of another engine
   */
  policyOf(decision: Decision): PolicyDocument;
  /** The clock by which it waits. */
  readonly clock: Clock;
  /**
   * Gives back what has been taken ahead and not used; resolves when the store has been told, whether it was there or not.
   * For a process that is about to end.
   */
  returnPrefetched(): Promise<void>;
  /**
   * Asks every limit that applies to the request and, if all agree, charges them all: in one call of the store, by its
   * clock. A denied request leaves no trace in any limit.
   *
   * @throws DescriptorError or CostError (the promise is rejected) naming the field that is wrong; nothing is charged then
   */
  check(descriptor: Descriptor<P>, options?: DistributedCheckOptions): Promise<DistributedDecision>;
  /** What would be answered now, with what is left before it. Writes nothing. */
  peek(descriptor: Descriptor<P>, options?: DistributedCheckOptions): Promise<DistributedDecision>;
  /**
   * Like {@link DistributedEngine.check}, for any group: rates are charged and permits are held, all of them or none. Never
   * waits, and never passes those who do.
   */
  tryAcquire(descriptor: Descriptor<P>, options?: DistributedAcquireOptions): Promise<DistributedAdmission>;
  /**
   * Like {@link DistributedEngine.tryAcquire}, but waits for its turn where the group has a `queue`. Waiters of all
   * processes are in one line; each looks for itself, some 20 times a second, and loses its place when it does not for 3
   * seconds.
   */
  acquire(
    descriptor: Descriptor<P>,
    options?: AcquireOptions & DistributedAcquireOptions,
  ): Promise<DistributedAdmission>;
  /**
   * Acquires, works, and gives permits back whatever happens. The lease is renewed every third of its length; when that
   * fails until it has run out, `signal` is aborted and the work goes on as it sees fit.
   *
   * @throws DeniedError carrying the decision, and whatever the work throws
   */
  run<T>(
    descriptor: Descriptor<P>,
    work: (admission: DistributedAdmission) => T | Promise<T>,
    options?: AcquireOptions & DistributedAcquireOptions,
  ): Promise<T>;
  /**
   * Gives back what is still outstanding of a decision's charges, once.
   *
   * @param decision - the very object that this engine returned; a denied one gives back nothing
   * @throws DescriptorError for a copy, or for a decision of another engine; StoreError if the store fails
   */
  refund(decision: Decision, options?: DistributedCheckOptions): Promise<void>;
  /**
   * Denies, with reason `blocked`, every request that a limit per this partition applies to, in all processes.
   *
   * @param partition - the fields of some limit's `per`, and their values: `{ apiKey: 'key_42' }`
   * @throws DescriptorError (`unknown-partition`), or StoreError if the store fails
   */
  block(partition: Partition<P>, options: BlockOptions & DistributedCheckOptions): Promise<void>;
  /** Lifts a block; whether there was one. */
  unblock(partition: Partition<P>, options?: DistributedCheckOptions): Promise<boolean>;
  /** Forgets what a partition has used in all limits that share it; whether anything was kept. A block on it stays. */
  forget(partition: Partition<P>, options?: DistributedCheckOptions): Promise<boolean>;
  /**
   * The whole story of what {@link DistributedEngine.check} would answer, as data and as text. Writes nothing. The reason of
   * a block is not told.
   */
  explain(descriptor: Descriptor<P>, options?: DistributedCheckOptions): Promise<DistributedExplanation>;
  /** What this process has decided, as counts. */
  stats(): DistributedStats;
  /**
   * Puts another policy in force in this process, from this call on; if it is faulty, also for this store, nothing has
   * changed. Usage is in the store and carries over by limit name, whichever policy other processes have: where quotas,
   * bursts, tiers, overrides or patterns change, and where the window of a token bucket does. A limit of which something else
   * changes (its algorithm, partition, unit or mode, the window of any other algorithm) begins anew; changed back, it finds
   * what it had used, if that has not expired. Whoever waits keeps the place and is decided by the new policy; leases live on.
   *
   * @param policy - the whole new document
   * @returns what changed, and what becomes of usage
   * @throws PolicyError with every fault of the policy, or of the options; `unsupported-carry` for `carry: 'reset'`
   */
  reload(policy: PolicyDocument, options?: ReloadOptions<LimitName<P>>): ReloadReport;
  /**
   * Has `listener` called after each call that causes the event, in order.
   *
   * @returns ends it
   * @throws DescriptorError for an unknown event
   */
  on<E extends DistributedEventName>(event: E, listener: DistributedEventListener<E>): () => void;
  /**
   * Rejects everybody who waits here, and every later attempt to acquire. What is held may still be released; while work
   * of {@link DistributedEngine.run} goes on, so does the renewal of its lease.
   */
  dispose(): void;
}
