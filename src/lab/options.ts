import { PolicyError, show } from '../errors.ts';

/** @throws PolicyError (`bad-option`) */
export function badOption(path: string, value: unknown, wanted: string): PolicyError {
  const message = `${show(value)} is no ${path}; give ${wanted}`;
  return new PolicyError([{ code: 'bad-option', path, value, message }]);
}

/** `value` if it is a number above 0 and at most `most`. */
export function positive(value: number, path: string, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && value > 0 && value <= most) return value;
  throw badOption(path, value, `a number above 0, at most ${most}`);
}

/** `value` if it is a number from `least` to `most`. */
export function within(value: number, path: string, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw badOption(path, value, `a number from ${least} to ${most}`);
}

/** `value` if it is a whole number from `least` to `most`. */
export function integer(value: number, path: string, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw badOption(path, value, `an integer from ${least} to ${most}`);
}
