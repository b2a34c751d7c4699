import { LimitAnswer, Question, type Slot } from '../limiter/question.ts';
import type { Millis } from '../time.ts';
import type { Hold, PermitTable } from './permits.ts';

/** A concurrency limit being asked. */
export class PermitQuestion extends Question {
  /** Permits that the limit grants to this request's tier. */
  granted = 0;
  /** How long a permit may be held; `Infinity`: until it is released. */
  readonly lease: Millis;
  /** Permits that are not for the group that asks. */
  readonly #leave: number;
  readonly #permits: PermitTable;

  constructor(slot: Slot, permits: PermitTable, lease: Millis, leave = 0) {
    super(slot);
    this.lease = lease;
    this.#permits = permits;
    this.#leave = leave;
  }

  override get quota(): number {
    return this.granted;
  }

  override get window(): undefined {
    return undefined;
  }

  override get burst(): undefined {
    return undefined;
  }

  protected override inquire(key: string): void {
    const most = this.granted - this.#leave;
    if (this.cost > most || this.granted === 0) {
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

  /** The permits that were asked for, to be put on a lease. */
  hold(): Hold | undefined {
    if (this.key === undefined || this.cost === 0) return undefined;
    return { table: this.#permits, permits: this.#permits.open(this.key), count: this.cost };
  }

  /** Where a queue has to wait for this limit. */
  need(): { readonly table: PermitTable; readonly key: string } | undefined {
    return this.key === undefined ? undefined : { table: this.#permits, key: this.key };
  }

  override used(): number {
    return this.key === undefined ? 0 : this.#heldBy(this.key);
  }

  override remaining(): number {
    return Math.max(0, this.granted - this.#leave - this.used());
  }

  override resetAt(): undefined {
    return undefined;
  }

  override answer(now: Millis): LimitAnswer {
    return new LimitAnswer(this, now);
  }

  #heldBy(key: string): number {
    return this.#permits.find(key)?.held ?? 0;
  }
}
