/** Numbers and lengths of time as people read them. */

/** A whole number: `10,000`; others with at most two decimals. */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}

/** A number in little room: `200K`, `1.5M`. */
export function brief(value: number): string {
  return value < 10_000
    ? number(value)
    : value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 1 });
}

/** A multiple of a quota: `1.50x`; `-` for none. */
export function times(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(2)}x`;
}

/** A share: `12.5 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A length of time, with three digits at least: `950ms`, `12.3s`, `4.50m`; `-` for none. */
export function length(ms: number | undefined): string {
  if (ms === undefined) return '-';
  const [unit, size] = UNITS.find(([, least]) => ms >= least) ?? (['ms', 1] as const);
  const value = ms / size;
  return `${Number.isInteger(value) || unit === 'ms' ? value : value.toPrecision(3)}${unit}`;
}
