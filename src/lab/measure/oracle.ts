import type { Millis } from '../../time.ts';
import type { Asked } from '../contender.ts';
import { ExactLog } from '../exact-log.ts';

/**
 * The spans over which usage is measured, as shares of the window. The first is the "burst", the one that is 1 the
 * quota's own.
 */
export const SPANS: readonly number[] = [1 / 60, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 3 / 4, 1, 2];
const BURST = 0;
const WINDOW: number = SPANS.indexOf(1);

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
  readonly #logs = new Map<string, Map<string, ExactLog>>();
  readonly #spans = new Map<Millis, readonly Millis[]>();
  #size = 0;
  #sweepAt = 4096;

  /** Whether the exact log would grant the request, and how much of the quota it has free, over all limits that apply. */
  judge(asked: readonly Asked[], now: Millis): void {
    this.fits = true;
    this.free = 1;
    for (const { limit, key, cost, quota, window } of asked) {
      const log = this.#logs.get(limit)?.get(key);
      const used = log === undefined || log.spans[WINDOW] !== window ? 0 : log.settle(WINDOW, now);
      if (used + cost > quota || quota === 0) this.fits = false;
      this.free = Math.min(this.free, quota === 0 ? 0 : Math.max(0, quota - used) / quota);
    }
  }

  /** Units that a key has in use within the window. */
  used(limit: string, key: string, now: Millis): number {
    return this.#logs.get(limit)?.get(key)?.settle(WINDOW, now) ?? 0;
  }

  /** Notes what was granted. */
  grant(asked: readonly Asked[], now: Millis): void {
    for (const each of asked) {
      if (each.cost === 0) continue;
      const log = this.#logOf(each);
      log.record(now, each.cost);
      for (let i = 0; i < SPANS.length; i++) this.#measure(i, log, each, now);
    }
    if (this.#size > this.#sweepAt) this.#sweep(now);
  }

  /** What one key was granted of late, oldest first. */
  entries(limit: string, key: string): Iterable<readonly [at: Millis, units: number]> {
    return this.#logs.get(limit)?.get(key)?.entries() ?? [];
  }

  /** The most within the shortest span. */
  get burst(): Peak | undefined {
    return this.peaks[BURST];
  }

  /** The most within one window. */
  get window(): Peak | undefined {
    return this.peaks[WINDOW];
  }

  #measure(i: number, log: ExactLog, { limit, key, quota }: Asked, at: Millis): void {
    const units = log.sums[i] as number;
    const ratio = units / quota;
    if (ratio <= (this.peaks[i]?.ratio ?? 0)) return;
    this.peaks[i] = { span: log.spans[i] as number, units, quota, ratio, limit, key, at };
  }

  #logOf({ limit, key, window }: Asked): ExactLog {
    const logs = this.#logs.get(limit) ?? new Map<string, ExactLog>();
    if (logs.size === 0) this.#logs.set(limit, logs);
    const known = logs.get(key);
    if (known !== undefined && known.spans[WINDOW] === window) return known;
    const log = new ExactLog(this.#spansOf(window));
    logs.set(key, log);
    this.#size += 1;
    return log;
  }

  #spansOf(window: Millis): readonly Millis[] {
    const known = this.#spans.get(window);
    if (known !== undefined) return known;
    const spans = SPANS.map((share) => Math.max(1, Math.ceil(share * window)));
    this.#spans.set(window, spans);
    return spans;
  }

  /** Drops logs whose last entry is beyond the longest span. */
  #sweep(now: Millis): void {
    this.#size = 0;
    for (const logs of this.#logs.values()) {
      for (const [key, log] of logs) if (log.last <= now - (log.spans.at(-1) as number)) logs.delete(key);
      this.#size += logs.size;
    }
    this.#sweepAt = Math.max(4096, 2 * this.#size);
  }
}
