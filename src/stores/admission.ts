import { type ActualCost, actualCost, checkActual, leaseLost } from '../concurrency/admission.ts';
import type { Reason } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import type { DistributedAdmission } from './admitted.ts';
import { type DecisionSource, DistributedAnswer } from './answer.ts';
import type { Changes } from './corrections.ts';
import type { Guarded } from './guard.ts';
import { keepRenewed } from './keep.ts';
import type { StoreLease, StoreRow } from './store.ts';

/** What admissions give their permits back to. */
export interface Desk {
  readonly store: Guarded;
  readonly clock: Clock;
  /** For lengths of time: a clock that never goes back. */
  readonly now: () => Millis;
  /** An id for an operation. */
  readonly nextId: () => string;
  /** Gives charges back, each by its cost, or charges as much again. */
  correct(how: 'refund' | 'charge', charges: Changes): Promise<void>;
}

/** A lease that was granted. */
export interface Held {
  readonly lease: StoreLease;
  /** How long it lasts. */
  readonly length: Millis;
  readonly rows: readonly StoreRow[];
  /** 0: only shadow limits have given permits. That these are lost matters to nobody. */
  readonly fence: number;
  readonly expiresAt: Millis;
  /** Before when it was asked for, by {@link Desk.now}: it lasts at least its length from then on. */
  readonly since: Millis;
}

/** How long the permits of all rows last: the shortest of their leases. */
export function shortestLease(rows: readonly StoreRow[]): Millis {
  return Math.min(...rows.flatMap(({ permits }) => permits.map(({ length }) => length)));
}

/** A decision with the permits it holds in a store. */
export class DistributedAdmissionAnswer extends DistributedAnswer implements DistributedAdmission {
  readonly #desk: Desk;
  readonly #units: ReadonlySet<string>;
  readonly #held: Held | undefined;
  #expiresAt: Millis | undefined;
  /** Until when it is held for certain, by {@link Desk.now}. */
  #safeUntil: Millis;
  #isOpen: boolean;
  #isSettled = false;
  #controller: AbortController | undefined;
  #disarm: (() => void) | undefined;

  /** @param denied - why it is denied, unless it is not */
  constructor(
    inquiry: Inquiry,
    desk: Desk,
    held: Held | undefined,
    denied?: Reason,
    source: DecisionSource = 'store',
  ) {
    super(inquiry, source, denied === undefined, denied ?? 'ok');
    this.#desk = desk;
    this.#units = inquiry.units;
    this.#held = held;
    this.#expiresAt = this.fence === undefined ? undefined : held?.expiresAt;
    this.#safeUntil = Number.POSITIVE_INFINITY;
    if (held !== undefined && held.fence > 0) this.#safeUntil = held.since + held.length;
    this.#isOpen = this.allowed;
  }

  async release(): Promise<boolean> {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    this.#unwatch();
    if (this.#held === undefined || !wasOpen) return wasOpen;
    const { lease, rows, fence } = this.#held;
    const wasHeld = await this.#desk.store.release(this.#desk.nextId(), lease, rows);
    return wasHeld || fence === 0;
  }

  async renew(): Promise<boolean> {
    if (this.#held === undefined || !this.#isOpen) return this.#isOpen;
    const { lease, length, rows, fence } = this.#held;
    const since = this.#desk.now();
    const expiresAt = await this.#desk.store.renew(lease, rows);
    if (fence === 0) return this.#isOpen;
    if (expiresAt === undefined) {
      this.#lose();
      return false;
    }
    this.#expiresAt = expiresAt;
    this.#safeUntil = Math.max(this.#safeUntil, since + length);
    if (this.#disarm !== undefined) this.#watch();
    return this.#isOpen;
  }

  async settle(actual: ActualCost): Promise<boolean> {
    checkActual(actual, this.#units);
    if (!this.allowed || this.#isSettled) return false;
    this.#isSettled = true;
    const changes = this.takeCharges().map(
      (charge) =>
        [charge, (actualCost(actual, charge.question.slot.unit) ?? charge.cost) - charge.cost] as const,
    );
    const less = changes.filter(([, by]) => by < 0).map(([charge, by]) => [charge, -by] as const);
    const more = changes.filter(([, by]) => by > 0);
    await Promise.all([this.#desk.correct('refund', less), this.#desk.correct('charge', more)]);
    return true;
  }

  async cancel(): Promise<boolean> {
    if (!this.#isOpen || this.#isSettled) {
      await this.release();
      return false;
    }
    this.#isSettled = true;
    const charges = this.takeCharges().map((charge) => [charge, charge.cost] as const);
    await Promise.all([this.#desk.correct('refund', charges), this.release()]);
    return true;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOpen) this.#watch();
    }
    return this.#controller.signal;
  }

  get holdsPermits(): boolean {
    return this.#held !== undefined && this.#isOpen;
  }

  get fence(): number | undefined {
    return this.#held?.fence || undefined;
  }

  get expiresAt(): Millis | undefined {
    return this.#expiresAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  keep(): () => void {
    if (this.#held === undefined) return () => undefined;
    return keepRenewed(this.#desk.clock, this.#held.length, () => this.renew());
  }

  /** Aborts the signal when the lease has run out here, whatever the store would say. */
  #watch(): void {
    this.#unwatch();
    if (this.#safeUntil === Number.POSITIVE_INFINITY) return;
    const { clock, now } = this.#desk;
    const ring = (): void => {
      if (now() >= this.#safeUntil) this.#lose();
      else this.#watch();
    };
    const at = clock.now() + Math.ceil(this.#safeUntil - now());
    this.#disarm = clock.wakeAt?.(at, ring) ?? wakeByTimer(clock, at, ring);
  }

  #unwatch(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }

  #lose(): void {
    this.#unwatch();
    if (!this.#isOpen) return;
    this.#controller ??= new AbortController();
    this.#controller.abort(leaseLost({ at: this.#expiresAt ?? 0 }));
  }
}
