/**
 * What adapters, batches and pools need of an engine, wherever its state is.
 *
 * @module
 */

import type { ActualCost } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Clock, Millis } from '../time.ts';

/** What both kinds of engines admit with: an `Admission`, or a `DistributedAdmission`, whose methods return promises. */
export interface EngineAdmission extends Decision {
  /** Gives the permits back, once: `true`. */
  release(): boolean | Promise<boolean>;
  /** Starts the lease's time anew; `false` if it had ended. */
  renew(): boolean | Promise<boolean>;
  /** Corrects the charges to what the request turned out to cost, once; see `Admission.settle`. */
  settle(actual: ActualCost): boolean | Promise<boolean>;
  /** Gives everything back, charges and permits; `false` if it had been released, settled or cancelled. */
  cancel(): boolean | Promise<boolean>;
  /** Aborted when the lease is lost before it is released. */
  readonly signal: AbortSignal;
  /** Whether there are permits to give back. */
  readonly holdsPermits: boolean;
  /** Greater than that of every lease granted before; `undefined` where no permit is held. */
  readonly fence: number | undefined;
  /** When the lease expires; `undefined` where it does not, or no permit is held. */
  readonly expiresAt: Millis | undefined;
  /** Renews the lease from now on until the returned function is called; only where a process may die with its permits. */
  keep?(): () => void;
}

/** An `Engine`, or a `DistributedEngine`, which answers later. */
export interface AnyEngine<
  P extends PolicyDocument = PolicyDocument,
  A extends EngineAdmission = EngineAdmission,
> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /** The clock by which it waits. */
  readonly clock: Clock;
  /** The policy by which a decision was made. */
  policyOf(decision: Decision): PolicyDocument;
  /** What would be answered now. Writes nothing. */
  peek(descriptor: Descriptor<P>): Decision | Promise<Decision>;
  /** Charges rates and holds permits, all of them or none; never waits for its turn. */
  tryAcquire(descriptor: Descriptor<P>): A | Promise<A>;
  /** The same, but waits for its turn where the group has a `queue`. */
  acquire(descriptor: Descriptor<P>, options?: AcquireOptions): Promise<A>;
  /** Gives back what is still outstanding of a decision's charges, once. */
  refund(decision: Decision): void | Promise<void>;
}

/** Whether something is still to come. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
