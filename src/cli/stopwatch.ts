/** Milliseconds that pass, with fractions: to measure by. Nothing is decided by them. */
export const stopwatch = (): number => performance.now();
