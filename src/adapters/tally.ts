/** Names and values that tell series of one metric apart. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Counts by labels, to be read when metrics are collected. A counter of OpenTelemetry sorts and hashes its labels at every
 * step, which takes several times as long as a decision.
 */
export class Tally {
  readonly #names: readonly string[];
  readonly #counts = new Map<string, { readonly labels: Labels; count: number }>();

  constructor(...names: readonly string[]) {
    this.#names = names;
  }

  /** @param values - one for each name; `undefined`: the label is left out. None holds a space */
  add(...values: readonly (string | undefined)[]): void {
    const id = values.join(' ');
    const known = this.#counts.get(id);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const pairs = this.#names.map((name, i) => [name, values[i]]).filter(([, value]) => value !== undefined);
    this.#counts.set(id, { labels: Object.fromEntries(pairs), count: 1 });
  }

  /** What was counted so far. */
  read(): [count: number, labels: Labels][] {
    return [...this.#counts.values()].map(({ labels, count }) => [count, labels]);
  }
}
