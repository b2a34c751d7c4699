import { Heap, type Timed } from '../concurrency/heap.ts';
import { isHeadgateError } from '../errors.ts';
import { type ManualClock, type Millis, manualClock } from '../time.ts';
import type { Arrival, Clients } from './arrival.ts';
import {
  type Asked,
  type Contender,
  makeRunner,
  type Runner,
  type Setting,
  type Terms,
  type Verdict,
} from './contender.ts';
import type { Figures } from './figures.ts';
import { Oracle, SPANS } from './measure/oracle.ts';
import { Shares } from './measure/shares.ts';
import { Timeline } from './measure/timeline.ts';
import { Usage } from './measure/usage.ts';
import { Waits } from './measure/waits.ts';
import { type Random, seeded } from './random.ts';

/** Somebody who will ask, again or for the first time. */
class Caller implements Timed {
  index = -1;
  turn = 0;
  at: Millis;
  readonly arrival: Arrival;
  readonly since: Millis;
  asked: number;

  constructor(arrival: Arrival, at: Millis, since: Millis, asked: number) {
    this.arrival = arrival;
    this.at = at;
    this.since = since;
    this.asked = asked;
  }
}

/** What a run needs to know. */
export interface RunOptions {
  readonly terms: Terms;
  readonly clients: Clients | undefined;
  readonly setting: Omit<Setting, 'clock'>;
}

/** Where the oracle of a contender with one limit keeps its logs. */
const ONLY = '';

/** One contender's way through a workload: its answers, what clients make of them, and what an exact log says to that. */
export class Run {
  readonly name: string;
  readonly #runner: Runner;
  readonly #clock: ManualClock = manualClock();
  readonly #terms: Terms;
  readonly #clients: Clients | undefined;
  readonly #random: Random;
  readonly #callers = new Heap<Caller>();
  readonly #oracle = new Oracle();
  readonly #shares = new Shares();
  readonly #waits = new Waits();
  readonly #curves: { asked: Timeline; admitted: Timeline; denied: Timeline };
  readonly #usage = new Map<string, Usage>();
  readonly #only: [{ -readonly [K in keyof Asked]: Asked[K] }];
  readonly #count = {
    arrivals: 0,
    admitted: 0,
    denied: 0,
    wronglyAdmitted: 0,
    wronglyDenied: 0,
    gaveUp: 0,
    retries: 0,
  };
  readonly #units = { asked: 0, admitted: 0 };
  readonly #free = { sum: 0, most: 0, denials: 0 };
  #refused = 0;
  #refusal: string | undefined;
  #to: Millis;

  constructor(name: string, contender: Contender, from: Millis, { terms, clients, setting }: RunOptions) {
    this.name = name;
    this.#clock.set(from);
    this.#runner = makeRunner(name, contender, { ...setting, clock: this.#clock });
    this.#terms = terms;
    this.#clients = clients;
    this.#random = seeded(setting.seed + 0x5eed);
    this.#only = [{ limit: ONLY, key: '', cost: 0, ...terms }];
    this.#curves = {
      asked: new Timeline(from, 'sum'),
      admitted: new Timeline(from, 'sum'),
      denied: new Timeline(from, 'sum'),
    };
    this.#to = from;
  }

  /** A request comes in; those who were to come before it, or at the same instant, come first. */
  arrive(arrival: Arrival): void {
    this.#serveUntil(arrival.at);
    this.#begin(new Caller(arrival, arrival.at, arrival.at, 0));
  }

  /** Nobody new comes in: those who wait are served. */
  finish(): void {
    this.#serveUntil(Number.POSITIVE_INFINITY);
  }

  /** The key that was last denied, and is not watched yet. */
  deniedKey: string | undefined;

  /** From here on the usage of a key is noted, and also what is known of its last two windows. */
  watch(key: string): void {
    if (this.#usage.has(key)) return;
    const isOnly = this.#runner.asked === undefined;
    const usage = new Usage(
      this.#oracle,
      this.#curves.asked.from,
      isOnly ? [{ limit: ONLY, key, quota: this.#terms.quota }] : [],
    );
    this.#usage.set(key, usage);
    if (isOnly) usage.recall(this.#oracle.entries(ONLY, key), this.#terms);
    usage.pass(this.#to + 1);
  }

  /** Every figure, as of now. */
  figures(): Figures {
    const { asked, admitted, denied } = this.#curves;
    for (const usage of this.#usage.values()) usage.pass(this.#to);
    const width = Math.max(
      asked.width,
      admitted.width,
      denied.width,
      ...[...this.#usage.values()].map(({ timeline }) => timeline.width),
    );
    const free = this.#free;
    return {
      name: this.name,
      kind: this.#runner.kind,
      ...this.#count,
      unitsAsked: this.#units.asked,
      unitsAdmitted: this.#units.admitted,
      refused: this.#refused,
      refusal: this.#refusal,
      keys: this.#shares.keys,
      window: this.#oracle.window,
      burst: this.#oracle.burst,
      unused: { mean: free.denials === 0 ? 0 : free.sum / free.denials, most: free.most },
      fairness: this.#shares.fairness(),
      waits: {
        count: this.#waits.count,
        p50: this.#waits.quantile(0.5),
        p90: this.#waits.quantile(0.9),
        p99: this.#waits.quantile(0.99),
        longest: this.#waits.count === 0 ? undefined : this.#waits.longest,
      },
      bytesPerKey: this.#runner.bytesPerKey?.(),
      timeline: {
        from: asked.from,
        to: this.#to,
        width,
        asked: asked.bins(width),
        admitted: admitted.bins(width),
        denied: denied.bins(width),
        usage: [...this.#usage].map(([key, usage]) => ({ key, most: usage.timeline.bins(width) })),
      },
      peaks: SPANS.map((share, i) => ({ share, peak: this.#oracle.peaks[i] })),
      waitHistogram: this.#waits.histogram(),
      mostDenied: this.#shares.mostDenied(),
    };
  }

  #serveUntil(until: Millis): void {
    for (let caller = this.#callers.earliest; caller !== undefined && caller.at <= until; ) {
      this.#callers.remove(caller);
      if (caller.asked === 0) this.#begin(caller);
      else this.#ask(caller);
      caller = this.#callers.earliest;
    }
  }

  #begin(caller: Caller): void {
    const { key, cost } = caller.arrival;
    this.#count.arrivals += 1;
    this.#units.asked += cost;
    this.#shares.ask(key, cost, caller.at);
    this.#ask(caller);
  }

  #ask(caller: Caller): void {
    const { arrival, at: now } = caller;
    if (caller.asked > 0) this.#count.retries += 1;
    caller.asked += 1;
    this.#to = now;
    this.#clock.set(now);
    const usage = this.#usage.get(arrival.key);
    usage?.pass(now);
    const verdict = this.#answer(arrival, now);
    if (verdict === undefined) return;
    const asked = this.#askedOf(arrival);
    this.#curves.asked.add(now, arrival.cost);
    this.#judge(verdict.allowed, asked, now);
    if (verdict.allowed) this.#admit(caller, asked);
    else this.#deny(caller, verdict.retryAt);
    usage?.note(now, asked);
  }

  /** The answer; `undefined` if the request was taken for misuse. */
  #answer(arrival: Arrival, now: Millis): Verdict | undefined {
    try {
      return this.#runner.check(arrival.key, arrival.cost, now, arrival);
    } catch (error) {
      if (!isHeadgateError(error, 'DescriptorError') && !isHeadgateError(error, 'CostError')) throw error;
      this.#refused += 1;
      this.#refusal ??= error.message;
      return undefined;
    }
  }

  #askedOf({ key, cost }: Arrival): readonly Asked[] {
    if (this.#runner.asked !== undefined) return this.#runner.asked;
    this.#only[0].key = key;
    this.#only[0].cost = cost;
    return this.#only;
  }

  #judge(isAllowed: boolean, asked: readonly Asked[], now: Millis): void {
    if (!this.#runner.isRate) return;
    const oracle = this.#oracle;
    oracle.judge(asked, now);
    if (isAllowed) {
      if (!oracle.fits) this.#count.wronglyAdmitted += 1;
      return;
    }
    if (oracle.fits) this.#count.wronglyDenied += 1;
    this.#free.sum += oracle.free;
    this.#free.most = Math.max(this.#free.most, oracle.free);
    this.#free.denials += 1;
  }

  #admit(caller: Caller, asked: readonly Asked[]): void {
    const { arrival, at: now, since } = caller;
    this.#count.admitted += 1;
    this.#units.admitted += arrival.cost;
    this.#oracle.grant(asked, now);
    this.#shares.admit(arrival.key, arrival.cost);
    this.#curves.admitted.add(now, arrival.cost);
    if (caller.asked > 1) this.#waits.add(now - since);
    this.#goOn(arrival, now);
  }

  #deny(caller: Caller, retryAt: Millis | undefined): void {
    const { arrival, at: now, since, asked } = caller;
    this.#count.denied += 1;
    this.#shares.deny(arrival.key);
    this.#curves.denied.add(now, arrival.cost);
    if (!this.#usage.has(arrival.key)) this.deniedKey = arrival.key;
    const again = this.#clients?.retryAt({ arrival, at: now, since, asked, retryAt }, this.#random);
    if (again === undefined) {
      this.#count.gaveUp += 1;
      this.#goOn(arrival, now);
    } else {
      this.#callers.add(new Caller(arrival, Math.max(again, now), since, asked));
    }
  }

  /** A client in a closed loop asks for the next thing. */
  #goOn(arrival: Arrival, now: Millis): void {
    const next = this.#clients?.next?.(arrival, now, this.#random);
    if (next !== undefined) this.#callers.add(new Caller(next, Math.max(next.at, now), next.at, 0));
  }
}
