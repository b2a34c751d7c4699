import { CostError, HeadgateError, join, show, suggest } from '../errors.ts';
import { Answer } from '../limiter/answer.ts';
import { checkCost } from '../limiter/cost.ts';
import type { Decision, Reason } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Verdict } from '../limiter/verdict.ts';
import type { Millis } from '../time.ts';
import type { Lease, Leases } from './leases.ts';
import type { Room } from './room.ts';

/** What a request turned out to cost: units, or units by name. */
export type ActualCost = number | { readonly [unit: string]: number };

/**
 * A decision that may hold permits. On a denial its methods do nothing, so `using admission = …` is always right.
 *
 * A permit is a claim for a time, not a lock: with a `lease` it comes back by itself when the holder is late.
 */
export interface Admission extends Decision {
  /** Gives the permits back, once: `true`. Later, and after the lease has expired: `false`, and nothing changes. */
  release(): boolean;
  /** Starts the lease's time anew; `false` if it had ended. */
  renew(): boolean;
  /**
   * Corrects the charges to what the request turned out to cost, once: what is above the charge is taken now, past the
   * quota if need be; what is below is given back as far as it is still outstanding. Permits stay.
   *
   * @param actual - units of the limits that count `requests`, or units by name; those not named stay as charged
   * @returns whether it was the first call
   * @throws CostError, also for a unit that no limit counts
   */
  settle(actual: ActualCost): boolean;
  /** Gives everything back, charges and permits; `false` if it had been released, settled or cancelled. */
  cancel(): boolean;
  /** Aborted when the lease expires before it is released. */
  readonly signal: AbortSignal;
  /** Whether there are permits to give back, those of shadow limits among them. */
  readonly holdsPermits: boolean;
  /** Greater than that of every lease granted before; `undefined` where no permit is held. */
  readonly fence: number | undefined;
  /** When the lease expires; `undefined` where it does not, or no permit is held. */
  readonly expiresAt: Millis | undefined;
  /** {@link Admission.release}, for `using`. */
  [Symbol.dispose](): void;
  /** {@link Admission.release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The reason of {@link Admission.signal}. */
export class LeaseError extends HeadgateError {
  override readonly name = 'LeaseError';
}

/** What an admission gives its permits back to. */
export interface Office {
  readonly room: Pick<Room, 'leases' | 'watch' | 'watchLeases' | 'servePaced' | 'together' | 'expire'>;
  /** Leases of shadow limits. */
  readonly shadows: Leases;
  readonly observer:
    | { onSettled(group: string, charge: Verdict, before: number, at: Millis): void }
    | undefined;
  now(): Millis;
}

/** A decision with the permits it holds. */
export class AdmissionAnswer extends Answer implements Admission {
  readonly #office: Office;
  readonly #units: ReadonlySet<string>;
  readonly #lease: Lease | undefined;
  readonly #shadow: Lease | undefined;
  #isOpen: boolean;
  #isSettled = false;
  #controller: AbortController | undefined;

  /**
   * @param denied - why it is denied, unless it is not
   * @param shadow - what it holds of shadow limits
   */
  constructor(inquiry: Inquiry, office: Office, lease: Lease | undefined, denied?: Reason, shadow?: Lease) {
    super(inquiry, denied === undefined, denied);
    this.#office = office;
    this.#units = inquiry.units;
    this.#lease = lease;
    this.#shadow = shadow;
    this.#isOpen = this.allowed;
  }

  release(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (this.#shadow !== undefined) this.#office.shadows.release(this.#shadow, this.#office.now());
    if (this.#lease === undefined) return wasOpen;
    const { room } = this.#office;
    // As long as no lease can expire and nobody listens the present does not matter, and asking for it takes longer than
    // all the rest.
    const { leases } = room;
    const matters = leases.nextExpiry !== Number.POSITIVE_INFINITY || leases.onEnded !== undefined;
    const now = matters ? this.#office.now() : this.at;
    room.expire(now);
    return leases.release(this.#lease, now);
  }

  renew(): boolean {
    if (this.#shadow !== undefined) this.#office.shadows.renew(this.#shadow, this.#office.now());
    if (this.#lease === undefined) return this.#isOpen;
    const { room } = this.#office;
    const now = this.#office.now();
    room.expire(now);
    const isRenewed = room.leases.renew(this.#lease, now);
    if (isRenewed) room.watchLeases();
    return isRenewed;
  }

  settle(actual: ActualCost): boolean {
    checkActual(actual, this.#units);
    if (!this.allowed || this.#isSettled) return false;
    this.#isSettled = true;
    const now = this.#office.now();
    const { observer } = this.#office;
    for (const charge of this.takeCharges()) {
      const cost = actualCost(actual, charge.question.slot.unit) ?? charge.cost;
      // Looking a key up counts as use of it: only where the charge looks it up, too, does listening change nothing.
      const heard = cost > charge.cost ? observer : undefined;
      const before = heard === undefined ? 0 : charge.used(now);
      charge.settle(cost, now);
      heard?.onSettled(this.group, charge, before, now);
    }
    this.#office.room.servePaced(now);
    return true;
  }

  cancel(): boolean {
    if (!this.#isOpen || this.#isSettled) {
      this.release();
      return false;
    }
    this.#isSettled = true;
    const { room } = this.#office;
    const now = this.#office.now();
    room.together(() => {
      for (const charge of this.takeCharges()) charge.refund(now);
      this.release();
      room.servePaced(now);
    });
    return true;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#watch();
    return this.#controller.signal;
  }

  get holdsPermits(): boolean {
    return this.#lease?.isHeld === true || this.#shadow?.isHeld === true;
  }

  get fence(): number | undefined {
    return this.#lease?.fence;
  }

  get expiresAt(): Millis | undefined {
    const at = this.#lease?.at;
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  /**
   * Has `onEnd` called when the lease ends, however; at once if it has, or if there is none. Where only permits of shadow
   * limits are held, it is theirs.
   */
  whenEnded(onEnd: () => void): void {
    const lease = this.#lease ?? this.#shadow;
    if (lease?.isHeld) lease.onEnd = onEnd;
    else onEnd();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  #watch(): AbortController {
    const controller = new AbortController();
    const lease = this.#lease;
    if (lease === undefined) return controller;
    const abort = (): void => controller.abort(leaseLost(lease));
    if (lease.isLost) abort();
    else this.#office.room.watch(lease, abort);
    return controller;
  }
}

/** @throws CostError, also for a unit that nothing counts: what was misspelt would go free */
export function checkActual(actual: ActualCost, units: ReadonlySet<string>): void {
  if (typeof actual !== 'object' || actual === null) {
    if (typeof actual === 'number') return void checkCost(actual);
    const message = `${show(actual)} is no cost; give a number of requests, or units by name`;
    throw new CostError({ code: 'bad-cost', path: 'cost', value: actual, message });
  }
  for (const [unit, cost] of Object.entries(actual)) {
    const path = join('cost', unit);
    if (units.has(unit)) checkCost(cost, path);
    else {
      const message = `no limit counts ${show(unit)}${suggest(unit, [...units])}`;
      throw new CostError({ code: 'unknown-unit', path, value: cost, message });
    }
  }
}

/** What was used of one unit, if that is said. */
export function actualCost(actual: ActualCost, unit: string): number | undefined {
  if (typeof actual === 'number') return unit === 'requests' ? actual : undefined;
  return Object.hasOwn(actual, unit) ? actual[unit] : undefined;
}

/** Why a signal is aborted whose lease has expired. */
export function leaseLost(lease: Pick<Lease, 'at'>): LeaseError {
  const message = `the lease expired at ${lease.at} before it was released; the permits have been given back`;
  return new LeaseError({ code: 'lease-lost', path: 'lease', value: lease.at, message });
}
