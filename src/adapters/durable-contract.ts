import type { ActualCost, Admission } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import type { EngineOptions, EngineStats } from '../engine/contract.ts';
import type { Explanation } from '../engine/explain.ts';
import type { Decision } from '../limiter/decision.ts';
import type { BlockOptions } from '../partition/blocks.ts';
import type { Descriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Duration } from '../time.ts';
import type { DurableStorage } from './durable-storage.ts';

/** As much of a Durable Object's state as is used here. */
export interface DurableState {
  /** Where the object's snapshot is kept, under `headgate` and `headgate:0`, `headgate:1`, … */
  readonly storage: DurableStorage;
  /** Keeps requests waiting while the snapshot is read. */
  blockConcurrencyWhile(work: () => Promise<void>): Promise<unknown>;
}

/** Options of {@link durableEngine}. */
export interface DurableOptions extends Omit<EngineOptions, 'restore'> {
  /** A snapshot is saved with every n-th charge: 1 to 2^20, default 100. A crash forgets at most n - 1 charges. */
  readonly saveEvery?: number;
  /** And at most this long after a charge: up to 2^31 - 1 ms, default 1 s. Idle objects are evicted after about 10 s. */
  readonly saveWithin?: Duration;
  /** Told why the snapshot in storage was of no use. The engine then begins anew. Default: `console.error`. */
  readonly onUnreadable?: (error: unknown) => void;
}

/** An {@link Admission} as data: its permits are given back by their `fence`. */
export interface DurableAdmission extends Decision {
  /**
   * The number of its permits: greater than any that this object has answered before, restarts or not. `undefined`
   * without permits; those of shadow limits count.
   */
  readonly fence: Admission['fence'];
  /** When the lease expires; `undefined` where it does not, or no permit is held of a limit in force. */
  readonly expiresAt: Admission['expiresAt'];
}

/** What a Durable Object made by {@link durableEngine} answers over RPC, with the same descriptors as an engine. */
export interface DurableEngine<P extends PolicyDocument = PolicyDocument> {
  /**
   * Asks every limit and, if all agree, charges them all.
   *
   * @throws DescriptorError or CostError naming the field that is wrong; all methods that take a descriptor do
   */
  check(descriptor: Descriptor<P>): Decision;
  /** What would be answered now; takes nothing. */
  peek(descriptor: Descriptor<P>): Decision;
  /** The whole story of what `check` would answer. */
  explain(descriptor: Descriptor<P>): Explanation;
  /** Charges rates and holds permits, all of them or none; never waits. */
  tryAcquire(descriptor: Descriptor<P>): DurableAdmission;
  /**
   * Like {@link DurableEngine.tryAcquire}, but waits for its turn where the group has a `queue`. Whoever waits when the
   * object is restarted gets the error of his RPC.
   */
  acquire(
    descriptor: Descriptor<P>,
    options?: Pick<AcquireOptions, 'timeout' | 'priority'>,
  ): Promise<DurableAdmission>;
  /** Gives permits back: `true`. `false` if the lease had ended, or the object was restarted: it was lost. */
  release(fence: number): boolean;
  /** Starts the lease's time anew; `false` if it was lost. */
  renew(fence: number): boolean;
  /** Corrects the charges of an admission whose permits are held, see {@link Admission.settle}. */
  settle(fence: number, actual: ActualCost): boolean;
  /** Gives back permits and charges; `false` if the lease was lost, or its charges were settled. */
  cancel(fence: number): boolean;
  /**
   * Denies every request of a partition. Saved at once.
   *
   * @throws DescriptorError for a partition that no limit is per, or when there is no room for another block
   */
  block(partition: Partition<P>, options: BlockOptions): void;
  /** Lifts a block; whether there was one. Saved at once. */
  unblock(partition: Partition<P>): boolean;
  /** Forgets what a partition has used; whether anything was kept. Saved at once. */
  forget(partition: Partition<P>): boolean;
  /** What has been decided and what is kept, as counts since the object was started. */
  stats(): EngineStats;
}
