import type { Millis } from '../../time.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?(?:[Zz]|([+-])(\d\d):?(\d\d)))?$/;
const APACHE = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;
const DIGITS = /^(\d{1,14})(?:\.(\d{1,9}))?$/;

/**
 * Digits from here on count milliseconds, below it seconds: 1973 in milliseconds, the year 5138 in seconds. Longer ones
 * than {@link DIGITS} takes would be micro- or nanoseconds.
 */
const LEAST_MILLIS = 100_000_000_000;

/**
 * The instant that a log wrote down, in whole milliseconds; what is finer is cut off.
 *
 * @param text - `17/May/2015:10:05:03 +0000`, ISO 8601 (also with a space for `T`, up to nine fractional digits, and
 * UTC when it names no zone), or digits: seconds or milliseconds since the epoch, told apart by magnitude
 * @returns `undefined` if it is none of these, no date of the calendar, or before 1970
 */
export function readInstant(text: string): Millis | undefined {
  return fromIso(text) ?? fromApache(text) ?? fromDigits(text);
}

function fromIso(text: string): Millis | undefined {
  const [, year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute] =
    ISO.exec(text) ?? [];
  if (year === undefined) return undefined;
  const wall = instantOf([year, month, day, hour, minute, second], fraction);
  return shifted(wall, sign, zoneHour, zoneMinute);
}

function fromApache(text: string): Millis | undefined {
  const [, day, name, year, hour, minute, second, sign, zoneHour, zoneMinute] = APACHE.exec(text) ?? [];
  if (name === undefined) return undefined;
  const month = MONTHS.indexOf(name) + 1;
  return shifted(instantOf([year, month, day, hour, minute, second], ''), sign, zoneHour, zoneMinute);
}

function fromDigits(text: string): Millis | undefined {
  const [, digits, fraction] = DIGITS.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const whole = Number(digits);
  return whole >= LEAST_MILLIS ? whole : whole * 1000 + millisOf(fraction);
}

/** A wall clock's reading as if it were UTC; `undefined` for the 30th of February or 24:00. */
function instantOf(
  parts: readonly (string | number | undefined)[],
  fraction: string | undefined,
): Millis | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(at);
  const isReal =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isReal ? at + millisOf(fraction) : undefined;
}

/** Takes the zone's offset off; `undefined` for an offset that is none, or an instant before 1970. */
function shifted(
  wall: Millis | undefined,
  sign: string | undefined,
  hours = '0',
  minutes = '0',
): Millis | undefined {
  if (wall === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000;
  const at = sign === '-' ? wall + offset : wall - offset;
  return at < 0 ? undefined : at;
}

/** The first three of a second's fractional digits. */
function millisOf(fraction = ''): Millis {
  return Number(fraction.slice(0, 3).padEnd(3, '0'));
}
