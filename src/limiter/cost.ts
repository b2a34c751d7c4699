import { CostError, show } from '../errors.ts';

/**
 * A cost as the arithmetic needs it.
 *
 * @param value - a whole number of units from 0 to 2^53 - 1
 * @param path - where it came from, for the error
 * @throws CostError (`bad-cost`)
 */
export function checkCost(value: unknown, path = 'cost'): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badCost(value, path);
}

/** Apart from {@link checkCost}: what is thrown would make it too large to be inlined. */
function badCost(value: unknown, path: string): CostError {
  const message = `${show(value)} is no cost; give a whole number of units from 0 to ${Number.MAX_SAFE_INTEGER}`;
  return new CostError({ code: 'bad-cost', path, value, message });
}
