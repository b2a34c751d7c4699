import type { Millis } from '../time.ts';
import type { Arrival, Clients } from './arrival.ts';
import type { Asked, Contender, Setting, Terms, Verdict, Work } from './contender.ts';
import type { Figures } from './figures.ts';
import { Oracle, SPANS } from './measure/oracle.ts';
import { Shares, type Tally } from './measure/shares.ts';
import { Timeline } from './measure/timeline.ts';
import { Usage } from './measure/usage.ts';
import { Waits } from './measure/waits.ts';
import { type Random, seeded } from './random.ts';
import { makeRunner } from './runner.ts';
import { Stage } from './stage.ts';

/** Somebody who asks, perhaps again and again. */
interface Caller {
  readonly arrival: Arrival;
  /** When it asked first. */
  readonly since: Millis;
  readonly tally: Tally;
  asked: number;
}

/** Denials that say nothing about what a key has in use. */
const NO_LIMIT: ReadonlySet<string> = new Set(['missing', 'unmatched', 'blocked', 'capacity']);

/** What a run needs to know. */
export interface RunOptions {
  readonly terms: Terms;
  readonly clients: Clients | undefined;
  readonly setting: Omit<Setting, 'clock'>;
}

/** Where the oracle of a contender with one limit keeps its logs. */
const ONLY = '';

/** Answers that no limit on rates gave: they are none of the oracle's business. */
const NO_RATE: ReadonlySet<string> = new Set([
  'missing',
  'unmatched',
  'blocked',
  'concurrency',
  'capacity',
  'queue-full',
  'queue-timeout',
]);

/** One contender's way through a workload: its answers, what clients make of them, and what an exact log says to that. */
export class Run {
  readonly name: string;
  readonly #stage: Stage;
  readonly #terms: Terms;
  readonly #clients: Clients | undefined;
  readonly #random: Random;
  readonly #oracle = new Oracle();
  readonly #shares = new Shares();
  readonly #waits = new Waits();
  readonly #curves: Readonly<Record<'arrived' | 'asked' | 'admitted' | 'denied', Timeline>>;
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
  readonly #reasons = new Map<string, number>();
  #refused = 0;
  #refusal: string | undefined;
  #to: Millis;

  constructor(name: string, contender: Contender, from: Millis, { terms, clients, setting }: RunOptions) {
    this.name = name;
    this.#stage = new Stage(from, (clock) => makeRunner(name, contender, { ...setting, clock }));
    this.#terms = terms;
    this.#clients = clients;
    this.#random = seeded(setting.seed + 0x5eed);
    this.#only = [{ limit: ONLY, key: '', cost: 0, ...terms }];
    this.#curves = {
      arrived: new Timeline(from, 'sum'),
      asked: new Timeline(from, 'sum'),
      admitted: new Timeline(from, 'sum'),
      denied: new Timeline(from, 'sum'),
    };
    this.#to = from;
  }

  /** A request comes in, see {@link Stage.arrive}. */
  arrive(arrival: Arrival): Promise<void> | undefined {
    return this.#stage.arrive(arrival.at, () => this.#begin(arrival));
  }

  /** Nobody new comes in: those who wait are served, and work is finished. */
  finish(): Promise<void> {
    return this.#stage.finish();
  }

  /** What was last denied by a limit, of a key that is not watched yet. */
  denied: Arrival | undefined;

  /**
   * From here on the usage of a key is noted, and what is known of the time before.
   *
   * @param arrival - of that key, for a policy: by which limits to look
   */
  watch(key: string, arrival?: Arrival): void {
    if (this.#usage.has(key)) return;
    const usage = new Usage(this.#oracle, this.#stage.permits, this.#curves.asked.from);
    this.#usage.set(key, usage);
    const isOnly = this.#stage.runner.asked === undefined;
    const limits = isOnly
      ? [{ limit: ONLY, key, ...this.#terms }]
      : arrival === undefined
        ? []
        : (this.#stage.runner.peek?.(arrival) ?? []);
    usage.recall(limits, this.#to);
  }

  /** Times a key was told no, if it is known still. */
  denials(key: string): number {
    return this.#shares.known(key)?.denied ?? 0;
  }

  /**
   * Every figure, as of now.
   *
   * @param keys - those of the keys watched whose usage is told
   */
  figures(keys: ReadonlySet<string>): Figures {
    const { arrived, asked, admitted, denied } = this.#curves;
    const watched = [...this.#usage].filter(([key]) => keys.has(key));
    for (const [, usage] of watched) usage.pass(this.#to);
    const curves = [arrived, asked, admitted, denied, ...watched.map(([, { timeline }]) => timeline)];
    const width = Math.max(...curves.map((curve) => curve.width));
    const free = this.#free;
    return {
      name: this.name,
      kind: this.#stage.runner.kind,
      ...this.#count,
      unitsAsked: this.#units.asked,
      unitsAdmitted: this.#units.admitted,
      reasons: Object.fromEntries(this.#reasons),
      permits: this.#stage.permits.figures(),
      refused: this.#refused,
      refusal: this.#refusal,
      keys: this.#shares.keys,
      window: this.#oracle.window,
      burst: this.#oracle.burst,
      unused: { mean: free.denials === 0 ? 0 : free.sum / free.denials, most: free.most },
      fairness: this.#shares.fairness(),
      waits: this.#waits.figures(),
      stateBytes: this.#stage.runner.stateBytes?.(),
      timeline: {
        from: asked.from,
        to: this.#to,
        width,
        arrived: arrived.bins(width),
        asked: asked.bins(width),
        admitted: admitted.bins(width),
        denied: denied.bins(width),
        usage: watched.map(([key, usage]) => ({ key, most: usage.timeline.bins(width) })),
      },
      peaks: SPANS.map((share, i) => ({ share, peak: this.#oracle.peaks[i] })),
      waitHistogram: this.#waits.histogram(),
      mostDenied: this.#shares.mostDenied(),
    };
  }

  #begin(arrival: Arrival): void {
    const tally = this.#shares.of(arrival.key);
    tally.asked += arrival.cost;
    this.#count.arrivals += 1;
    this.#curves.arrived.add(this.#stage.now(), arrival.cost);
    this.#units.asked += arrival.cost;
    this.#ask({ arrival, since: this.#stage.now(), tally, asked: 0 });
  }

  #ask(caller: Caller): void {
    const { arrival } = caller;
    const now = this.#stage.now();
    if (caller.asked > 0) this.#count.retries += 1;
    caller.asked += 1;
    this.#to = now;
    this.#stage.ask(
      arrival,
      (verdict) => this.#take(caller, verdict),
      (reason) => {
        this.#refused += 1;
        this.#refusal ??= reason;
      },
    );
  }

  #take(caller: Caller, verdict: Verdict): void {
    const { arrival } = caller;
    const now = this.#stage.now();
    const usage = this.#usage.get(arrival.key);
    usage?.pass(now);
    const asked = this.#askedOf(arrival, verdict);
    this.#to = now;
    this.#curves.asked.add(now, arrival.cost);
    if (verdict.reason === undefined || !NO_RATE.has(verdict.reason))
      this.#judge(verdict.allowed, asked, now);
    const work = verdict.allowed ? this.#stage.runner.work?.(verdict) : undefined;
    if (verdict.allowed) this.#admit(caller, asked, work);
    else this.#deny(caller, verdict);
    usage?.note(now, asked, work?.taken ?? NOTHING);
  }

  #askedOf({ key, cost }: Arrival, verdict: Verdict): readonly Asked[] {
    if (this.#stage.runner.asked !== undefined) return this.#stage.runner.asked(verdict);
    this.#only[0].key = key;
    this.#only[0].cost = cost;
    return this.#only;
  }

  #judge(isAllowed: boolean, asked: readonly Asked[], now: Millis): void {
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

  #admit({ arrival, since, asked: attempts, tally }: Caller, asked: readonly Asked[], work?: Work): void {
    const now = this.#stage.now();
    this.#count.admitted += 1;
    this.#units.admitted += arrival.cost;
    this.#oracle.grant(asked, now);
    tally.admitted += arrival.cost;
    this.#curves.admitted.add(now, arrival.cost);
    if (attempts > 1 || now > since) this.#waits.add(now - since);
    const over = now + (arrival.hold ?? 0);
    if (work !== undefined) this.#stage.hold(work, over, () => this.#usage.get(arrival.key)?.pass(over));
    this.#goOn(arrival, over);
  }

  #deny(caller: Caller, { retryAt, reason = 'quota' }: Verdict): void {
    const { arrival, since, asked, tally } = caller;
    const now = this.#stage.now();
    this.#count.denied += 1;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    tally.denied += 1;
    this.#curves.denied.add(now, arrival.cost);
    if (!this.#usage.has(arrival.key) && !NO_LIMIT.has(reason)) this.denied = arrival;
    const again = this.#clients?.retryAt({ arrival, at: now, since, asked, retryAt }, this.#random);
    if (again === undefined) {
      this.#count.gaveUp += 1;
      this.#goOn(arrival, now);
    } else {
      this.#stage.later(again, () => this.#ask(caller));
    }
  }

  /** A client in a closed loop asks for the next thing, once the last one is over. */
  #goOn(arrival: Arrival, over: Millis): void {
    const next = this.#clients?.next?.(arrival, over, this.#random);
    if (next !== undefined) this.#stage.later(next.at, () => this.#begin(next));
  }
}

/** Permits of those who hold none. */
const NOTHING: readonly never[] = [];
