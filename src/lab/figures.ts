import type { Millis } from '../time.ts';
import type { Peak } from './measure/oracle.ts';
import type { PermitFigures } from './measure/permits.ts';
import type { DeniedKey } from './measure/shares.ts';
import type { WaitFigures } from './measure/waits.ts';

/** What one contender did with a workload. */
export interface Figures {
  /** As it was named in the comparison. */
  readonly name: string;
  /** Its algorithm, or `policy`, or `custom`. */
  readonly kind: string;
  /** Requests, each counted once however often it is asked. */
  readonly arrivals: number;
  /** Answers that said yes. */
  readonly admitted: number;
  /** Answers that said no, those to further attempts too. */
  readonly denied: number;
  /** Answers that said yes where the exact log of what was granted has no room. */
  readonly wronglyAdmitted: number;
  /** Answers that said no where it has room. */
  readonly wronglyDenied: number;
  /** Answers that said no, by their reason; that of limiters which give none is `quota`. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Permits of a policy's concurrency limits, as far as arrivals held some. */
  readonly permits: readonly PermitFigures[];
  /** Requests whose clients gave up. */
  readonly gaveUp: number;
  /** Further attempts that denials caused. */
  readonly retries: number;
  /** Units of all requests. */
  readonly unitsAsked: number;
  /** Units granted. */
  readonly unitsAdmitted: number;
  /** Requests that a policy took for misuse, such as a missing partition field; they count nowhere else but as arrivals. */
  readonly refused: number;
  /** What was wrong with the first of them. */
  readonly refusal: string | undefined;
  /** Keys that asked. */
  readonly keys: number;
  /** The most that one key was granted within one window's length, wherever it begins: above 1 the quota was overshot. */
  readonly window: Peak | undefined;
  /** The most that one key was granted within a sixtieth of the window. */
  readonly burst: Peak | undefined;
  /** The share of its quota that a key had free by the exact log when it was denied: over all denials, and at worst. */
  readonly unused: {
    /** Over all denials, 0 to 1. */
    readonly mean: number;
    /** At worst. */
    readonly most: number;
  };
  /** Jain's index of what keys got by what they asked for: 1 is equal shares, 1/keys is all for one. */
  readonly fairness: number;
  /** How long requests that were not admitted at once waited until they were, by retries or in a queue, to within 1/32. */
  readonly waits: WaitFigures;
  /**
   * Bytes of the numbers that are kept for one key; of an exact log, for the key with the most. `undefined`: not known. What a
   * key takes of the heap is several times as much: see {@link Figures.bytesPerKey}.
   */
  readonly stateBytes: number | undefined;
  /** Bytes of the heap that a key takes, its name and the table included: measured apart; only where a scale was given. */
  readonly bytesPerKey?: number;
  /** Nanoseconds that a decision takes, measured apart; only where a timer was given. */
  readonly nsPerDecision?: number;
  /** Units over time, in at most 240 bins. */
  readonly timeline: TimelineFigures;
  /** The most that one key was granted within spans from a sixtieth of the window to two of them. */
  readonly peaks: readonly {
    /** The span as a share of the window. */
    readonly share: number;
    /** `undefined`: nothing was granted. */
    readonly peak: Peak | undefined;
  }[];
  /** Waits by length: up to how long, and how many. */
  readonly waitHistogram: readonly (readonly [upTo: Millis, count: number])[];
  /** The ten keys that were denied most often. */
  readonly mostDenied: readonly DeniedKey[];
}

/** Units over time: bin `i` begins at `from + i * width`; bins that are not there hold 0. */
export interface TimelineFigures {
  /** The first instant. */
  readonly from: Millis;
  /** The last instant at which somebody asked. */
  readonly to: Millis;
  /** How long each bin is, in milliseconds. */
  readonly width: Millis;
  /** Units of requests as they came in, each once. */
  readonly arrived: readonly number[];
  /** Units asked for, further attempts included. */
  readonly asked: readonly number[];
  /** Units granted. */
  readonly admitted: readonly number[];
  /** Units denied. */
  readonly denied: readonly number[];
  /** For keys that are watched: how much of the quota was in use within the window, 1 being all of it; by the nearest limit. */
  readonly usage: readonly {
    /** The key. */
    readonly key: string;
    /** By bin. */
    readonly most: readonly number[];
  }[];
}
