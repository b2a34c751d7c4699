/** The few statistics that the tables need. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Combines two series round by round; rounds that lack one of them are left out. */
export function pairwise(
  left: readonly (number | null)[],
  right: readonly (number | null)[],
  combine: (left: number, right: number) => number,
): number[] {
  return left.flatMap((value, round) => {
    const other = right[round];
    return value === null || other === null || other === undefined ? [] : [combine(value, other)];
  });
}

export function ratios(left: readonly (number | null)[], right: readonly (number | null)[]): number[] {
  return pairwise(left, right, (a, b) => a / b);
}

export function present(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

/** Three significant digits, and no more decimals than make sense. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return Number(value.toPrecision(3)).toString();
}

/** `62.1 (58 to 71.2)`. */
export function spread(values: readonly number[]): string {
  if (values.length < 2) return figure(median(values));
  return `${figure(median(values))} (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
}
