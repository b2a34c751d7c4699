/** Throws unless two values say the same; for plain data. */
export function same(actual, expected, what = 'value') {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value, infinite));
  if (one !== other) throw new Error(`${what}: ${one}, not ${other}`);
}

function infinite(_key, value) {
  if (value === undefined) return 'undefined';
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** What `work` throws. */
export function thrownBy(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it should have thrown');
}
