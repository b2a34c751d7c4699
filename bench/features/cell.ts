/** What a comparison is made of: each cell is what a program observed, or what a named file of the package says. */

/** A place in a file that comes with the package, which is looked up: a quotation that is no longer there is a fault. */
export interface Citation {
  readonly says: string;
  readonly file: string;
  readonly quote: string;
}

/** Runs the package and says what came of it. */
export type Observation = () => string | Promise<string>;

export interface Row {
  readonly name: string;
  /** What the program does to find out, as a sentence. */
  readonly how: string;
  readonly cells: Readonly<Record<string, Observation | Citation>>;
}

export interface Table {
  readonly title: string;
  /** Packages, in the order of their columns. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export function cite(says: string, file: string, quote: string): Citation {
  return { says, file, quote };
}
