import type { Millis } from '../time.ts';
import { Collected } from './collected.ts';
import { parseHttpDate } from './http-date.ts';
import { MAX_WAIT, type Moment, toWait } from './moment.ts';

/** Of any length: who asks for an endless wait must not be asked again at once. */
const NUMBER = /^\d+(?:\.\d+)?$/;

/**
 * How long a response asks to wait, from `Retry-After` (seconds, also fractions of them, or an HTTP date) and
 * `retry-after-ms`. Where both agree to the second the finer one counts, else the longer; of seconds that two have sent, say
 * a gateway and what stands behind it, the most.
 *
 * @returns milliseconds, from 0 to a day; `undefined` if it does not ask, or not in a way that makes sense
 */
export function readRetryAfter(headers: Headers, moment: Moment): Millis | undefined {
  const coarse = readSeconds(headers.get('retry-after')?.trim(), moment);
  const ms = headers.get('retry-after-ms')?.trim() ?? '';
  const fine = NUMBER.test(ms) ? toWait(Number(ms)) : undefined;
  if (coarse === undefined || fine === undefined) return coarse ?? fine;
  return fine > coarse - 1000 ? fine : coarse;
}

function readSeconds(text: string | undefined, { serverNow }: Moment): Millis | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(',', MAX_SENDERS).map((number) => number.trim());
  if (!numbers.every((number) => NUMBER.test(number))) {
    const date = parseHttpDate(text, serverNow);
    return date === undefined ? undefined : toWait(date - serverNow);
  }
  const ms = Math.max(...numbers.map(Number)) * 1000;
  // Some send a Unix time, against the standard. Only one of these days is taken for it.
  const isUnixTime = ms >= 1e12 && Math.abs(ms - serverNow) <= MAX_WAIT;
  return toWait(isUnixTime ? ms - serverNow : ms);
}

/** Values of one field that are read at most. */
const MAX_SENDERS = 32;
/** Bodies that are longer, in bytes, are not looked into. */
const MAX_BODY = 65_536;
/** Objects that are looked into at most, so that a nested body costs little. */
const MAX_OBJECTS = 100;

/**
 * The JSON body of a denial, on its way. The response keeps its own.
 *
 * @returns `undefined` if there is none
 */
export function collectBody(response: Response): Collected | undefined {
  const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
  if (!isJson || response.body === null || response.bodyUsed) return undefined;
  const { body } = response.clone();
  return body === null ? undefined : new Collected(body, MAX_BODY);
}

/** How long the body of a denial asks to wait: the first `retry_after`, in seconds, or `retry_after_ms` in it. */
export function readRetryAfterOf(body: Uint8Array | undefined): Millis | undefined {
  if (body === undefined) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  // The outermost ones first.
  const objects: object[] = isObject(document) ? [document] : [];
  for (let i = 0; i < Math.min(objects.length, MAX_OBJECTS); i++) {
    const fields = Object.entries(objects[i] ?? {});
    for (const [name, value] of fields) {
      const scale = name === 'retry_after' ? 1000 : name === 'retry_after_ms' ? 1 : undefined;
      if (scale !== undefined && isNumeric(value)) return toWait(Number(value) * scale);
    }
    for (const [, value] of fields.slice(0, MAX_OBJECTS)) if (isObject(value)) objects.push(value);
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' ? value >= 0 : typeof value === 'string' && NUMBER.test(value);
}
