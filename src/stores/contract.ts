/**
 * What a distributed engine is to those who use it.
 *
 * @module
 */

import type { ActualCost } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import type { Decision } from '../limiter/decision.ts';
import type { BlockOptions } from '../partition/blocks.ts';
import type { Descriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Clock, Duration, Millis } from '../time.ts';
import type { DistributedDecision } from './answer.ts';
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
  /** Hears what becomes of the store; what it throws is dropped. */
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

/** A decision that may hold permits, in the store. On a denial its methods do nothing. */
export interface DistributedAdmission extends DistributedDecision {
  /** Gives the permits back, once: `true`. Later, and after the lease has expired: `false`, and nothing changes. */
  release(): Promise<boolean>;
  /** Starts the lease's time anew; `false` if it had ended. */
  renew(): Promise<boolean>;
  /** Corrects the charges to what the request turned out to cost, once; see `Admission.settle`. */
  settle(actual: ActualCost): Promise<boolean>;
  /** Gives everything back, charges and permits; `false` if it had been released, settled or cancelled. */
  cancel(): Promise<boolean>;
  /** Aborted when the lease is lost: it was not renewed in time, by this process's clock or by the store. */
  readonly signal: AbortSignal;
  /** Greater than that of every lease granted before; `undefined` where no permit is held. */
  readonly fence: number | undefined;
  /** When the lease expires, by the store's clock; `undefined` where no permit is held. */
  readonly expiresAt: Millis | undefined;
  /** {@link DistributedAdmission.release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A policy whose usage is kept in a store. See {@link createDistributedEngine}. */
export interface DistributedEngine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /** The clock by which it waits. */
  readonly clock: Clock;
  /**
   * What became of the units that this process has taken ahead (`prefetch` of a limit), by limit. What is neither used, nor
   * returned, nor lapsed is held now.
   */
  readonly prefetched: { readonly [limit: string]: PrefetchCounts };
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
}
