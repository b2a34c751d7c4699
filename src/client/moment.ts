import type { Millis } from '../time.ts';
import { parseHttpDate } from './http-date.ts';

/**
 * The longest wait that is believed: a day. A server that names a later time, in error or to do harm, is asked again
 * after it.
 */
export const MAX_WAIT: Millis = 86_400_000;

/** When a response came, by both clocks. */
export interface Moment {
  /** By our clock. */
  readonly now: Millis;
  /** By the server's, as its `Date` field says; ours if it says nothing. */
  readonly serverNow: Millis;
}

/** The moment of a response that has just come. */
export function momentOf(headers: Headers, now: Millis): Moment {
  return { now, serverNow: parseHttpDate(headers.get('date') ?? '', now) ?? now };
}

/** A wait as it can be used: whole milliseconds, rounded up, from 0 to {@link MAX_WAIT}. */
export function toWait(ms: number): Millis {
  return ms > 0 ? Math.ceil(Math.min(ms, MAX_WAIT)) : 0;
}
