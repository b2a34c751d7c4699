import {
  type Admission,
  createEngine,
  type Engine,
  isHeadgateError,
  type ManualClock,
  manualClock,
  type PolicyDocument,
} from 'headgate';
import { type Arrival, constant, flashCrowd, onOff, poisson, type Workload, zipf } from 'headgate/lab';
import type { Settings } from './share.ts';

const LENGTH = '52w';

/** Traffic by name, for as long as anybody watches. */
export const WORKLOADS: Readonly<Record<string, (rate: number, keys: number, from: number) => Workload>> = {
  constant: (rate, keys, from) => constant({ rate, keys, from, length: LENGTH }),
  poisson: (rate, keys, from) => poisson({ rate, keys, from, length: LENGTH }),
  'on-off': (rate, keys, from) => onOff({ rate, keys, from, length: LENGTH, on: '10s', off: '20s' }),
  'flash-crowd': (rate, keys, from) =>
    flashCrowd({ rate, keys, from, length: LENGTH, after: '20s', halfLife: '15s', factor: 10 }),
  zipf: (rate, keys, from) => zipf({ rate, keys: Math.max(2, keys), from, length: LENGTH }),
};

/** Seconds of the past that are shown. */
export const SECONDS = 60;

/** One second of the past. */
export interface Second {
  admitted: number;
  denied: number;
}

/** A policy at work in virtual time: the engine, its traffic, and what came of it. */
export class World {
  readonly clock: ManualClock = manualClock(Date.now());
  readonly engine: Engine;
  readonly past = new Map<number, Second>();
  admitted = 0;
  denied = 0;
  readonly #start: number;
  readonly #waiting = new Map<string, number>();
  #settings: Settings;
  #arrivals: Iterator<Arrival>;
  #next: Arrival | undefined;

  constructor(policy: PolicyDocument, settings: Settings) {
    this.engine = createEngine(policy, { clock: this.clock, maxKeys: 1000 });
    this.#start = this.clock.now();
    this.#settings = settings;
    this.#arrivals = this.#traffic();
  }

  /** Seconds since it began. */
  get age(): number {
    return (this.clock.now() - this.#start) / 1000;
  }

  /** From here on requests come by other settings; the policy is left alone. */
  change(settings: Settings): void {
    this.#settings = settings;
    this.#arrivals = this.#traffic();
    this.#next = undefined;
  }

  /** Lets time pass, and everything that happens in it happen; whoever is answered hears of it before time goes on. */
  async advance(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    for (;;) {
      this.#next ??= this.#arrivals.next().value as Arrival | undefined;
      const comesAt = this.#next?.at ?? Number.POSITIVE_INFINITY;
      const due = Math.min(comesAt, this.clock.nextWake ?? Number.POSITIVE_INFINITY);
      const at = Math.max(due, this.clock.now());
      if (at > until) break;
      this.clock.set(at);
      if (this.#next !== undefined && comesAt <= at) {
        this.#ask(this.#next.key);
        this.#next = undefined;
      }
      await undefined;
    }
    this.clock.set(until);
  }

  /** How many requests of a key wait. */
  waiting(key: string): number {
    return this.#waiting.get(key) ?? 0;
  }

  /** The facts of a request of one key: every partition field holds it. */
  descriptor(key: string): Record<string, unknown> {
    const { limits, tiers, defaultTier } = this.engine.policy;
    const fields = Object.values(limits).flatMap(({ per = [] }) => [per].flat());
    const units = Object.values(limits).flatMap((limit) => ('unit' in limit ? (limit.unit ?? []) : []));
    const [tier] = Object.keys(tiers ?? {});
    return {
      group: this.#settings.group,
      ...Object.fromEntries(fields.map((field) => [field, key])),
      ...(units.length === 0 ? {} : { cost: Object.fromEntries(units.map((unit) => [unit, 1])) }),
      ...(tier === undefined || defaultTier !== undefined ? {} : { tier }),
    };
  }

  #traffic(): Iterator<Arrival> {
    const { workload, rate, keys } = this.#settings;
    const make = WORKLOADS[workload] ?? WORKLOADS.poisson;
    const made = make?.(rate, keys, this.clock.now()) ?? poisson({ rate, keys });
    return (made.arrivals() as Iterable<Arrival>)[Symbol.iterator]();
  }

  #ask(key: string): void {
    const descriptor = this.descriptor(key);
    const group = this.engine.policy.groups[this.#settings.group];
    if (group?.queue === undefined) {
      try {
        this.#settle(this.engine.tryAcquire(descriptor));
      } catch (error) {
        // A policy may want of a request what this traffic does not have; the page says so where it explains.
        if (!isHeadgateError(error)) throw error;
      }
      return;
    }
    this.#waiting.set(key, this.waiting(key) + 1);
    this.engine.acquire(descriptor).then(
      (admission) => {
        this.#waiting.set(key, this.waiting(key) - 1);
        this.#settle(admission);
      },
      () => this.#waiting.set(key, this.waiting(key) - 1),
    );
  }

  /** Counts an answer; what was admitted holds its permits for a while. */
  #settle(admission: Admission): void {
    const second = Math.floor(admission.at / 1000);
    const counted = this.past.get(second) ?? { admitted: 0, denied: 0 };
    this.past.set(second, counted);
    this.past.delete(second - SECONDS - 1);
    if (admission.allowed) {
      this.admitted += 1;
      counted.admitted += 1;
      this.clock.wakeAt(this.clock.now() + this.#settings.hold * 1000, () => admission.release());
    } else {
      this.denied += 1;
      counted.denied += 1;
    }
  }
}
