import type { Admission, AdmissionAnswer } from '../concurrency/admission.ts';
import type { Engine } from '../engine/contract.ts';
import { createEngine } from '../engine/engine.ts';
import { PolicyError, show } from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Millis, parseDuration, wakeByTimer } from '../time.ts';
import type { DurableAdmission, DurableOptions } from './durable-contract.ts';
import { type DurableStorage, load, type Saved, save } from './durable-storage.ts';

/** How an object's engine is made, and when it is saved. */
export interface KeeperPlan<P extends PolicyDocument> {
  readonly start: (saved: Saved | undefined) => Engine<P>;
  readonly every: number;
  readonly within: Millis;
}

/** @throws PolicyError with the faults of the policy or of the options */
export function planKeeper<P extends PolicyDocument>(policy: P, options: DurableOptions): KeeperPlan<P> {
  const { saveEvery = 100, saveWithin = '1s', onUnreadable = console.error, ...own } = options;
  const start = (saved: Saved | undefined): Engine<P> => {
    try {
      if (saved !== undefined) return createEngine(policy, { ...own, restore: saved.snapshot });
    } catch (error) {
      onUnreadable(error);
    }
    return createEngine(policy, own);
  };
  start(undefined);
  const within = parseDuration(saveWithin, 'saveWithin');
  return {
    start,
    every: atMost(saveEvery, 2 ** 20, 'saveEvery'),
    within: atMost(within, 2 ** 31 - 1, 'saveWithin'),
  };
}

function atMost(value: number, most: number, path: string): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  const message = `${show(value)} is no ${path}; give an integer from 1 to ${most}`;
  throw new PolicyError([{ code: 'bad-option', path, value, message }]);
}

/** A decision as RPC carries it, which takes no instances of classes. */
export function plain(decision: Decision): Decision {
  return { ...decision, limits: decision.limits.map((limit) => ({ ...limit })) };
}

/** Whether a decision took something from some limit. */
export function isCharged({ allowed, limit }: Decision): boolean {
  return allowed && limit !== undefined;
}

/** An object's engine, its leases by fence, and what is in storage of it. */
export class DurableKeeper<P extends PolicyDocument> {
  readonly engine: Engine<P>;
  readonly held: Map<number, Admission> = new Map();
  readonly #plan: KeeperPlan<P>;
  readonly #storage: DurableStorage;
  /** The fence given out last; permits of shadow limits alone have one as well. */
  #given: number;
  /** Up to here they may have been given out already when the object starts again. */
  #reserved: number;
  #unsaved = 0;
  #callOff: (() => void) | undefined;

  private constructor(plan: KeeperPlan<P>, storage: DurableStorage, saved: Saved | undefined) {
    this.#plan = plan;
    this.#storage = storage;
    this.#given = this.#reserved = saved?.fences ?? 0;
    this.engine = plan.start(saved);
  }

  static async open<P extends PolicyDocument>(
    plan: KeeperPlan<P>,
    storage: DurableStorage,
  ): Promise<DurableKeeper<P>> {
    return new DurableKeeper(plan, storage, await load(storage));
  }

  /** An admission as data; its permits are found again by the fence. */
  admit(admission: Admission): DurableAdmission {
    const fence = admission.holdsPermits ? ++this.#given : undefined;
    if (fence !== undefined) {
      this.held.set(fence, admission);
      (admission as AdmissionAnswer).whenEnded(() => this.held.delete(fence));
    }
    if (isCharged(admission) || fence !== undefined) this.changed(fence);
    return { ...plain(admission), fence, expiresAt: admission.expiresAt };
  }

  /** Saves now or soon. The answer to a request that saved waits at the object's output gate until it is written. */
  changed(fence = 0): void {
    this.#unsaved++;
    if (this.#unsaved >= this.#plan.every || fence > this.#reserved) this.save();
    else this.#callOff ??= this.#saveLater();
  }

  save(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#unsaved = 0;
    this.#reserved = this.#given + this.#plan.every;
    save(this.#storage, { snapshot: this.engine.snapshot(), fences: this.#reserved });
  }

  #saveLater(): () => void {
    const { clock } = this.engine;
    const at = clock.now() + this.#plan.within;
    const wake = (): void => this.save();
    return clock.wakeAt?.(at, wake) ?? wakeByTimer(clock, at, wake);
  }
}
