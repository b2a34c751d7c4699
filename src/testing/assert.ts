/** What a law says when it is broken: an error for whatever runs it to report. */

/** @throws Error with `message` if `holds` is not so */
export function ok(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/** @throws Error if two numbers or texts differ */
export function equal(
  actual: number | string | undefined,
  expected: number | string,
  what = 'the answer',
): void {
  ok(Object.is(actual, expected), `${what} is ${actual}, not ${expected}`);
}

/** @throws Error if two tables of numbers differ, with the first row that does */
export function sameRows(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
): void {
  expected.forEach((row, i) => {
    const found = actual[i] ?? [];
    const isSame = row.length === found.length && row.every((value, j) => Object.is(value, found[j]));
    ok(isSame, `[${found}] is not [${row}]`);
  });
}
