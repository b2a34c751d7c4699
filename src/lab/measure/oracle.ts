import type { Millis } from '../../time.ts';
import type { Asked } from '../contender.ts';
import { ExactLog } from '../exact-log.ts';
import { Generations } from '../generations.ts';

/**
 * The spans over which usage is measured, as shares of the window. The first is the "burst", the one that is 1 the
 * quota's own.
 */
export const SPANS: readonly number[] = [1 / 60, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 3 / 4, 1, 2];
const BURST = 0;
/** Which of them is the window. */
export const WINDOW: number = SPANS.indexOf(1);

/** The most that one key was granted within a span, wherever that was. */
export interface Peak {
  /** How long the span is, in milliseconds. */
  readonly span: Millis;
  /** Units granted within it. */
  readonly units: number;
  /** The quota that the limit grants per window. */
  readonly quota: number;
  /** `units / quota`. */
  readonly ratio: number;
  /** Which limit of a policy; empty where there is only one. */
  readonly limit: string;
  /** Whose. */
  readonly key: string;
  /** When the span ended. */
  readonly at: Millis;
}

/** The logs of one limit. Those of keys that were granted nothing for two windows are given up. */
class Logs {
  readonly window: Millis;
  readonly spans: readonly Millis[];
  readonly byKey: Generations<ExactLog> = new Generations();
  #turnsAt = Number.NEGATIVE_INFINITY;

  constructor(window: Millis) {
    this.window = window;
    this.spans = SPANS.map((share) => Math.max(1, Math.ceil(share * window)));
  }

  add(key: string, now: Millis): ExactLog {
    if (now >= this.#turnsAt) {
      this.byKey.turn();
      this.#turnsAt = now + (this.spans.at(-1) as number);
    }
    const log = new ExactLog(this.spans);
    this.byKey.set(key, log);
    return log;
  }
}

/**
 * An exact log of what a contender granted. It judges each answer by it: a request is right to pass as long as all units
 * granted in the window that ends with it, its own included, are within the quota of each limit that applies.
 */
export class Oracle {
  /** The most that was granted within each of {@link SPANS}; `undefined` while nothing was. */
  readonly peaks: (Peak | undefined)[] = SPANS.map(() => undefined);
  /** Whether the request last judged fits. */
  fits = true;
  /** The share of the quota, 0 to 1, that was free then. */
  free = 1;
  readonly #limits = new Map<string, Logs>();
  /** The logs of the request last judged, in its own order. */
  readonly #found: (ExactLog | undefined)[] = [];

  /** Whether the exact log would grant the request, and how much of the quota it has free, over all limits that apply. */
  judge(asked: readonly Asked[], now: Millis): void {
    this.fits = true;
    this.free = 1;
    for (let i = 0; i < asked.length; i++) {
      const { cost, quota } = asked[i] as Asked;
      const log = this.#find(asked[i] as Asked);
      this.#found[i] = log;
      const used = log === undefined ? 0 : log.settle(WINDOW, now);
      if (used + cost > quota || quota === 0) this.fits = false;
      this.free = Math.min(this.free, quota === 0 ? 0 : Math.max(0, quota - used) / quota);
    }
  }

  /** What a key was granted of late, within each of {@link SPANS}; `undefined`: nothing. */
  logOf(limit: string, key: string): ExactLog | undefined {
    return this.#limits.get(limit)?.byKey.get(key);
  }

  /** Notes that what was last judged has been granted. */
  grant(asked: readonly Asked[], now: Millis): void {
    for (let i = 0; i < asked.length; i++) {
      const each = asked[i] as Asked;
      if (each.cost === 0) continue;
      const log = this.#found[i] ?? this.#logsOf(each).add(each.key, now);
      log.record(now, each.cost);
      // A longer span holds no less than a shorter one: what is below the peak of the shortest is below all others.
      if (log.sum(SPANS.length - 1) / each.quota <= (this.burst?.ratio ?? 0)) continue;
      for (let span = 0; span < SPANS.length; span++) this.#measure(span, log, each, now);
    }
  }

  /** The most within the shortest span. */
  get burst(): Peak | undefined {
    return this.peaks[BURST];
  }

  /** The most within one window. */
  get window(): Peak | undefined {
    return this.peaks[WINDOW];
  }

  #measure(span: number, log: ExactLog, { limit, key, quota }: Asked, at: Millis): void {
    const units = log.sum(span);
    const ratio = units / quota;
    const peak = this.peaks[span];
    if (peak !== undefined && ratio <= peak.ratio) return;
    this.peaks[span] = { span: log.spans[span] as number, units, quota, ratio, limit, key, at };
  }

  #find({ limit, key, window }: Asked): ExactLog | undefined {
    const logs = this.#limits.get(limit);
    return logs?.window === window ? logs.byKey.get(key) : undefined;
  }

  #logsOf({ limit, window }: Asked): Logs {
    const known = this.#limits.get(limit);
    if (known?.window === window) return known;
    const logs = new Logs(window);
    this.#limits.set(limit, logs);
    return logs;
  }
}
