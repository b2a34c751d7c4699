import { type ActualCost, actualCost, checkActual, leaseLost } from '../concurrency/admission.ts';
import type { Reason } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import { type Clock, type Millis, wakeByTimer } from '../time.ts';
import { type DecisionSource, DistributedAnswer } from './answer.ts';
import type { DistributedAdmission } from './contract.ts';
import type { Changes } from './corrections.ts';
import type { GuardedStore } from './guard.ts';
import type { StoreLease, StoreRow } from './store.ts';

/** What admissions give their permits back to. */
export interface Desk {
  readonly store: GuardedStore;
  readonly clock: Clock;
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
  readonly fence: number;
  readonly expiresAt: Millis;
  /** Before when it was asked for, by this process's clock: it lasts at least its length from then on. */
  readonly since: Millis;
}

/** A decision with the permits it holds in a store. */
export class DistributedAdmissionAnswer extends DistributedAnswer implements DistributedAdmission {
  readonly #desk: Desk;
  readonly #units: ReadonlySet<string>;
  readonly #held: Held | undefined;
  #expiresAt: Millis | undefined;
  /** Until when it is held for certain, by this process's clock. */
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
    this.#expiresAt = held?.expiresAt;
    this.#safeUntil = held === undefined ? Number.POSITIVE_INFINITY : held.since + held.length;
    this.#isOpen = this.allowed;
  }

  async release(): Promise<boolean> {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    this.#unwatch();
    if (this.#held === undefined || !wasOpen) return wasOpen;
    return this.#desk.store.release(this.#desk.nextId(), this.#held.lease, this.#held.rows);
  }

  async renew(): Promise<boolean> {
    if (this.#held === undefined || !this.#isOpen) return this.#isOpen;
    const { lease, length, rows } = this.#held;
    const since = this.#desk.clock.now();
    const expiresAt = await this.#desk.store.renew(lease, rows);
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
    await this.#desk.correct('refund', less);
    await this.#desk.correct(
      'charge',
      changes.filter(([, by]) => by > 0),
    );
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

  get fence(): number | undefined {
    return this.#held?.fence;
  }

  get expiresAt(): Millis | undefined {
    return this.#expiresAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Renews every third of the lease until it is called off. A renewal that fails is tried again at the next one. */
  keep(): () => void {
    const { clock } = this.#desk;
    const held = this.#held;
    if (held === undefined) return () => undefined;
    let cancel: () => void = () => undefined;
    const next = (): void => {
      const at = clock.now() + Math.max(1, Math.floor(held.length / 3));
      cancel = clock.wakeAt?.(at, renew) ?? wakeByTimer(clock, at, renew);
    };
    const renew = (): void => {
      next();
      this.renew().catch(() => undefined);
    };
    next();
    return () => cancel();
  }

  /** Aborts the signal when the lease has run out here, whatever the store would say. */
  #watch(): void {
    this.#unwatch();
    if (this.#safeUntil === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#desk;
    const ring = (): void => {
      if (clock.now() >= this.#safeUntil) this.#lose();
      else this.#watch();
    };
    this.#disarm = clock.wakeAt?.(this.#safeUntil, ring) ?? wakeByTimer(clock, this.#safeUntil, ring);
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
