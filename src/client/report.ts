import type { Millis } from '../time.ts';

/** What a response says about one limit. */
export interface LimitReport {
  /** Its name: the server's, or one made of the fields it came in, such as `x-ratelimit` or `x-ratelimit;tokens`. */
  readonly name: string;
  /** What is left of it, in whole units, from 0. */
  readonly remaining: number;
  /** What it grants in all; `undefined` if the response does not say. */
  readonly quota: number | undefined;
  /** When it is full again; `undefined` if the response does not say. */
  readonly resetAt: Millis | undefined;
}

/** Limits of one response that are read at most. */
export const MAX_LIMITS = 32;

/** A count as a field says it: whole, from 0, rounded down; `undefined` if it is none. */
export function readCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Math.floor(Number(text)) : undefined;
}
