import type { Millis } from '../time.ts';
import { parseHttpDate } from './http-date.ts';
import { type Moment, toWait } from './moment.ts';

/**
 * What a plain number in a reset field means. `auto` tells by its size: below 10^9 it is a time from now, in the unit
 * that the field's name suggests; up to 10^11 it is a Unix time in seconds, and up to 10^14 one in milliseconds.
 */
export type ResetUnit = 'auto' | 'seconds' | 'milliseconds' | 'epoch-seconds' | 'epoch-milliseconds';

const NUMBER = /^\d{1,15}(?:\.\d{1,9})?$/;
const ISO = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|z|[+-]\d\d:?\d\d)?$/;
const DURATION = /^(?:\d{1,15}(?:\.\d{1,9})?(?:ms|us|µs|ns|[smhd]))+$/;
const DURATION_PART = /([\d.]+)([a-zµ]+)/g;
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
};

/** The least Unix time in seconds, of 2001: as a time from now it would be 31 years. */
const LEAST_EPOCH_SECONDS = 1e9;
/** The least Unix time in milliseconds, of 1973: in seconds it would be the year 5138. */
const LEAST_EPOCH_MILLISECONDS = 1e11;
const MAX_EPOCH_MILLISECONDS = 1e14;

/**
 * How long until a limit is reset, whichever way the field says so: a number (see {@link ResetUnit}), a duration such as
 * `6m0s`, an ISO 8601 or an HTTP date. Instants count from the server's clock.
 *
 * @param short - the unit of numbers that are times from now, as the field's name suggests
 * @returns milliseconds, from 0 to a day; `undefined` if the field says nothing that makes sense
 */
export function readReset(
  text: string,
  unit: ResetUnit,
  short: 'seconds' | 'milliseconds',
  moment: Moment,
): Millis | undefined {
  if (text.length > 64) return undefined;
  if (NUMBER.test(text)) return waitOf(Number(text), unit, short, moment);
  if (DURATION.test(text)) return toWait(lengthOf(text));
  const instant = parseIso(text) ?? parseHttpDate(text, moment.serverNow);
  return instant === undefined ? undefined : toWait(instant - moment.serverNow);
}

function waitOf(
  value: number,
  unit: ResetUnit,
  short: 'seconds' | 'milliseconds',
  { serverNow }: Moment,
): Millis | undefined {
  switch (unit === 'auto' ? guessUnit(value, short) : unit) {
    case 'seconds':
      return toWait(value * 1000);
    case 'milliseconds':
      return toWait(value);
    case 'epoch-seconds':
      return toWait(value * 1000 - serverNow);
    case 'epoch-milliseconds':
      return toWait(value - serverNow);
    default:
      return undefined;
  }
}

function guessUnit(value: number, short: 'seconds' | 'milliseconds'): ResetUnit | undefined {
  if (value < LEAST_EPOCH_SECONDS) return short;
  if (value < LEAST_EPOCH_MILLISECONDS) return 'epoch-seconds';
  return value < MAX_EPOCH_MILLISECONDS ? 'epoch-milliseconds' : undefined;
}

function lengthOf(text: string): number {
  const parts = [...text.matchAll(DURATION_PART)];
  return parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (DURATION_UNITS[unit] ?? 0), 0);
}

/** An ISO 8601 date with a time, which is UTC if it does not say. */
function parseIso(text: string): Millis | undefined {
  const [, date, time, zone = 'Z'] = ISO.exec(text) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const instant = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(instant) ? undefined : instant;
}
