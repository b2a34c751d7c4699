import type { Millis } from '../time.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = String.raw`(?<time>\d\d:\d\d:\d\d)`;

/** The three forms of a date in HTTP (RFC 9110, section 5.6.7): today's, that of RFC 850, and that of C's `asctime`. */
const FORMS = [
  new RegExp(String.raw`^[A-Z][a-z]{2}, (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{5,8}, (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{2} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`),
];

/**
 * The instant of an HTTP date, in any of its three forms.
 *
 * @param now - a year of two digits is the one that is at most fifty years after it
 * @returns `undefined` if it is none, or no such day or time exists
 */
export function parseHttpDate(text: string, now: Millis): Millis | undefined {
  if (text.length > 40) return undefined;
  for (const form of FORMS) {
    const groups = form.exec(text)?.groups;
    if (groups === undefined) continue;
    const { day = '', month = '', year = '', time = '' } = groups;
    const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
    if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
    const date = Date.UTC(fullYear(year, now), MONTHS.indexOf(month), Number(day), hours, minutes, seconds);
    // The 31st of February would be some day in March.
    const isThatDay = seconds === 60 || new Date(date).getUTCDate() === Number(day);
    return isThatDay ? date : undefined;
  }
  return undefined;
}

function fullYear(year: string, now: Millis): number {
  if (year.length === 4) return Number(year);
  const present = new Date(now).getUTCFullYear();
  const candidate = present - (present % 100) + Number(year);
  return candidate > present + 50 ? candidate - 100 : candidate;
}
