import {
  type Admission,
  createEngine,
  type Decision,
  type Engine,
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
  last: Decision | undefined;
  readonly #start: number;
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

  /** Lets time pass, and everything that happens in it happen. */
  advance(ms: number): void {
    const until = this.clock.now() + ms;
    for (;;) {
      this.#next ??= this.#arrivals.next().value as Arrival | undefined;
      if (this.#next === undefined || this.#next.at > until) break;
      this.clock.set(Math.max(this.#next.at, this.clock.now()));
      this.#ask(this.#next.key);
      this.#next = undefined;
    }
    this.clock.set(until);
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
      this.#settle(this.engine.tryAcquire(descriptor));
      return;
    }
    const at = this.clock.now();
    this.engine.acquire(descriptor).then(
      (admission) => this.#settle(admission, at),
      () => undefined,
    );
  }

  /** Counts an answer; what was admitted holds its permits for a while. */
  #settle(admission: Admission, at = this.clock.now()): void {
    const second = Math.floor(Math.max(at, admission.at) / 1000);
    const counted = this.past.get(second) ?? { admitted: 0, denied: 0 };
    this.past.set(second, counted);
    this.past.delete(second - SECONDS - 1);
    if (admission.allowed) {
      this.admitted += 1;
      counted.admitted += 1;
      const over = Math.max(this.clock.now(), admission.at) + this.#settings.hold * 1000;
      this.clock.wakeAt?.(over, () => admission.release());
    } else {
      this.denied += 1;
      counted.denied += 1;
    }
    this.last = admission;
  }
}
