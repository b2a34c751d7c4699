import { Question, type Slot, type Terms } from '../limiter/question.ts';
import type { Row } from '../partition/row.ts';
import type { Millis } from '../time.ts';
import type { Hold } from './leases.ts';
import type { Permits, PermitTable } from './permits.ts';

/** Where a line has to wait for a limit. */
export interface Need {
  readonly table: PermitTable;
  readonly permits: Permits;
}

/** A concurrency limit being asked. */
export class PermitQuestion extends Question {
  override terms: Terms = { quota: 0 };
  /** How long a permit may be held; `Infinity`: until it is released. */
  readonly lease: Millis;
  /** Permits that are not for the group that asks. */
  readonly leave: number;
  readonly #permits: PermitTable;

  constructor(slot: Slot, row: Row, permits: PermitTable, { lease, leave = 0 }: Limits) {
    super(slot, row);
    this.lease = lease;
    this.#permits = permits;
    this.leave = leave;
  }

  protected override inquire(key: string): void {
    const { quota } = this.terms;
    const most = quota - this.leave;
    if (this.cost > most || quota === 0) {
      this.reason = 'never';
      this.retryAt = Number.POSITIVE_INFINITY;
    } else if (this.#heldBy(key) + this.cost > most) {
      this.reason = 'concurrency';
    } else if (!this.#permits.hasRoomFor(key)) {
      this.reason = 'capacity';
    }
  }

  /** Nothing: permits are taken by the lease, all at once. See {@link PermitQuestion.hold}. */
  override charge(): void {}

  /** The permits that were asked for, to be put on a lease together with `next`. */
  hold(next: Hold | undefined): Hold | undefined {
    const { key, cost } = this;
    if (key === undefined || cost === 0) return next;
    return { table: this.#permits, permits: this.#permits.open(key), count: cost, next };
  }

  /** Where a line has to wait for this limit. */
  need(): Need | undefined {
    const { key } = this;
    return key === undefined ? undefined : { table: this.#permits, permits: this.#permits.open(key) };
  }

  override used(): number {
    return this.key === undefined ? 0 : this.#heldBy(this.key);
  }

  protected override measure(): void {
    this.remaining = Math.max(0, this.terms.quota - this.leave - this.used());
    this.resetAt = undefined;
  }

  override refund(): void {}

  override chargeMore(): void {}

  override usedAfter(): number {
    return 0;
  }

  #heldBy(key: string): number {
    return this.#permits.find(key)?.held ?? 0;
  }
}

interface Limits {
  readonly lease: Millis;
  readonly leave?: number;
}
