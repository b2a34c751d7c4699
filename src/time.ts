/**
 * Instants, durations and clocks. The only file of headgate that reads a clock.
 *
 * @module
 */

import { DescriptorError, PolicyError, show } from './errors.ts';

/** An instant or a length of time in whole milliseconds; an instant counts from the Unix epoch. */
export type Millis = number;

/** Units a text duration may have, in milliseconds. */
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A length of time: whole milliseconds, or text such as `"500ms"`, `"30s"`, `"1m"`, `"12h"`, `"30d"`, `"2w"`. */
export type Duration = Millis | `${number}${keyof typeof UNITS}`;

/**
 * The longest window, and the longest time a full token bucket may take to drain: 2^51 ms, some 71,000 years. Twice
 * that after {@link MAX_INSTANT} is still an exact integer, so no arithmetic on instants ever rounds.
 */
export const MAX_DURATION: Millis = 2 ** 51;

/** The last instant that can be asked about: 2^52 ms, in the year 144,683. */
export const MAX_INSTANT: Millis = 2 ** 52;

/**
 * Length of a duration in milliseconds.
 *
 * @param duration - a whole number of milliseconds, or digits and a unit (`ms s m h d w`); 1 ms to 2^51 ms. Fractions
 * such as `"1.5h"` are fine when they come to whole milliseconds.
 * @param path - the field it came from, for the error
 * @throws PolicyError (`bad-duration`) that lists the units
 */
export function parseDuration(duration: Duration | string, path = 'duration'): Millis {
  const ms = readDuration(duration);
  if (ms !== undefined) return ms;
  const message = `${show(duration)} is no duration; give ${DURATION_FORMS}`;
  throw new PolicyError([{ code: 'bad-duration', path, value: duration, message }]);
}

/** What a duration looks like, for error messages. */
export const DURATION_FORMS: string = `whole milliseconds from 1 to ${MAX_DURATION}, or a number and a unit: ${Object.keys(UNITS).join(', ')} (such as "1m")`;

/** Length of a duration in milliseconds, or `undefined` if it is none. See {@link parseDuration}. */
export function readDuration(duration: unknown): Millis | undefined {
  const ms = typeof duration === 'string' ? parseText(duration) : duration;
  const isLength = typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 1 && ms <= MAX_DURATION;
  return isLength ? ms : undefined;
}

function parseText(text: string): number {
  const [, digits, unit] = /^(\d{1,16}(?:\.\d{1,6})?) ?(ms|[smhdw])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return Number.NaN;
  return Number(digits) * UNITS[unit as keyof typeof UNITS];
}

/** Where the present comes from. */
export interface Clock {
  /** The present, in milliseconds since the Unix epoch: 0 to 2^52. Fractions are dropped. It may step back. */
  now(): Millis;
  /**
   * Calls `wake` once, when `now()` is about to reach or has reached `at`; sooner or later does no harm. Default: a
   * timer of the machine, for the time that is left.
   *
   * @returns a function that calls it off
   */
  wakeAt?(at: Millis, wake: () => void): () => void;
}

/** The longest delay that timers take; longer ones fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** Wakes by a timer of the machine, which keeps no process alive. See {@link Clock.wakeAt}. */
export function wakeByTimer(clock: Clock, at: Millis, wake: () => void): () => void {
  const delay = Math.min(Math.max(at - clock.now(), 0), MAX_DELAY);
  const timer: unknown = setTimeout(wake, delay);
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref();
  return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** What passes for the time by which a clock was set back: more than anything lasts. */
const AGES: Millis = 1e12;

/**
 * A clock for lengths of time: it never goes back. The machine's clock, if set back, goes on by the machine's count of
 * time; if set ahead, as after a sleep in which that count stood still, it goes ahead. Any other clock that goes back has
 * ages pass.
 */
export function steady(clock: Clock): () => Millis {
  if (clock === systemClock && typeof performance === 'object') {
    let ahead = Number.NEGATIVE_INFINITY;
    return () => {
      const count = performance.now();
      ahead = Math.max(ahead, clock.now() - count);
      return count + ahead;
    };
  }
  let lost = 0;
  let last = clock.now();
  return () => {
    const now = clock.now();
    if (now < last) lost += last - now + AGES;
    last = now;
    return now + lost;
  };
}

/** A clock that stands still until it is told to move. See {@link manualClock}. */
export interface ManualClock extends Clock {
  /**
   * Moves by `by`, which may be negative milliseconds, and returns the new present. Whoever waits for an instant on the
   * way is woken at that instant, in order.
   */
  advance(by: Duration): Millis;
  /** Jumps to `to`, like {@link ManualClock.advance}. */
  set(to: Millis): void;
  /** The earliest instant that somebody waits for; `undefined` if nobody waits. */
  readonly nextWake: Millis | undefined;
  wakeAt(at: Millis, wake: () => void): () => void;
  /** Work that takes a while: resolves when the clock has moved on by `length`. */
  sleep(length: Duration): Promise<void>;
}

/**
 * A clock for tests and simulations.
 *
 * @param start - where it begins, default 0
 * @throws DescriptorError (`bad-instant`) for what is no number; so do its methods, PolicyError (`bad-duration`) for a text
 * that is no duration
 */
export function manualClock(start: Millis = 0): ManualClock {
  let present = asNumber(start, 'start');
  const wakes = new Set<{ readonly at: Millis; readonly wake: () => void }>();
  const earliest = () =>
    [...wakes].reduce<{ at: Millis; wake: () => void } | undefined>(
      (first, each) => (first === undefined || each.at < first.at ? each : first),
      undefined,
    );
  const set = (to: Millis): void => {
    asNumber(to, 'to');
    for (let next = earliest(); next !== undefined && next.at <= to; next = earliest()) {
      wakes.delete(next);
      present = Math.max(present, next.at);
      next.wake();
    }
    present = to;
  };
  const wakeAt = (at: Millis, wake: () => void): (() => void) => {
    const entry = { at, wake };
    wakes.add(entry);
    return () => wakes.delete(entry);
  };
  return {
    now: () => present,
    advance: (by) => {
      set(present + (typeof by === 'number' ? by : parseDuration(by)));
      return present;
    },
    set,
    get nextWake() {
      return earliest()?.at;
    },
    wakeAt,
    sleep: (length) => new Promise((resolve) => wakeAt(present + parseDuration(length), resolve)),
  };
}

/**
 * An instant as the arithmetic needs it: a whole number of milliseconds.
 *
 * @param value - milliseconds since the epoch, 0 to 2^52; fractions are dropped
 * @param path - the field it came from, for the error
 * @throws DescriptorError (`bad-instant`) for anything else
 */
export function toInstant(value: Millis, path = 'now'): Millis {
  if (typeof value === 'number' && value >= 0 && value <= MAX_INSTANT) return Math.floor(value);
  throw badInstant(value, path);
}

/** Whatever a clock can be made to show, also what no engine takes. */
function asNumber(value: Millis, path: string): Millis {
  if (typeof value === 'number') return value;
  throw badInstant(value, path);
}

/** Apart from {@link toInstant}: what is thrown would make it too large to be inlined. */
function badInstant(value: unknown, path: string): DescriptorError {
  const message = `${show(value)} is no instant; give milliseconds since the epoch, from 0 to ${MAX_INSTANT}`;
  return new DescriptorError({ code: 'bad-instant', path, value, message });
}
