import { DescriptorError, show } from '../errors.ts';

/** The longest value of one partition field, in UTF-16 units. A longer one is refused, never cut. */
export const MAX_KEY_LENGTH = 512;

/** Whether a descriptor leaves the field out: `undefined`, `null` and the empty string name nobody. */
export function isMissing(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/**
 * The value of one partition field, as it stands: no trimming, no normal form, no case folding.
 *
 * @param path - the field's name, for the error
 * @throws DescriptorError: `missing-field`, `bad-key` (no string) or `key-too-long`
 */
export function checkKey(value: unknown, path: string): string {
  if (typeof value === 'string' && value.length <= MAX_KEY_LENGTH && value !== '') return value;
  throw badKey(value, path);
}

/** Apart from {@link checkKey}: what is thrown would make it too large to be inlined. */
function badKey(value: unknown, path: string): DescriptorError {
  if (isMissing(value)) {
    const message = `${path} is missing; give a non-empty string`;
    return new DescriptorError({ code: 'missing-field', path, value, message });
  }
  if (typeof value !== 'string') {
    const message = `${path} is ${show(value)}; give a string`;
    return new DescriptorError({ code: 'bad-key', path, value, message });
  }
  const message = `${path} has ${value.length} UTF-16 units; at most ${MAX_KEY_LENGTH} are taken (hash longer values)`;
  return new DescriptorError({ code: 'key-too-long', path, value, message });
}

/**
 * One key for several values, each prefixed with its length, so that `("a:b", "c")` and `("a", "b:c")` differ. A
 * single value is its own key, and no value at all is the empty string.
 */
export function joinKey(values: readonly string[]): string {
  if (values.length === 1) return values[0] as string;
  return values.map((value) => `${value.length}:${value}`).join('');
}

/** The `count` values that {@link joinKey} has joined to `key`. */
export function splitKey(key: string, count: number): string[] {
  if (count === 1) return [key];
  const values: string[] = [];
  for (let rest = key; values.length < count; ) {
    const colon = rest.indexOf(':');
    const end = colon + 1 + Number(rest.slice(0, colon));
    values.push(rest.slice(colon + 1, end));
    rest = rest.slice(end);
  }
  return values;
}
