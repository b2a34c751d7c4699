import type { ActualCost } from '../concurrency/admission.ts';
import type { Millis } from '../time.ts';
import type { DistributedDecision } from './answer.ts';

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
