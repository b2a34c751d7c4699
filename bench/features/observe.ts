/** Finds out what stands in each cell. */
import type { Citation, Observation, Row, Table } from './cell.ts';
import { isInstalled, lookUp } from './packages.ts';

export interface Found {
  readonly says: string;
  /** Where it is written, unless it was observed. */
  readonly citation: Citation | undefined;
}

/**
 * @returns `undefined` where nothing is claimed
 * @throws Error when a citation is no longer there, or the package cannot be run
 */
export async function observe(row: Row, column: string): Promise<Found | undefined> {
  const cell: Observation | Citation | undefined = row.cells[column];
  if (cell === undefined) return undefined;
  if (!isInstalled(column)) throw new Error(`${column} is not installed: npm --prefix bench ci`);
  if (typeof cell === 'function') return { says: await cell(), citation: undefined };
  lookUp(column, cell.file, cell.quote);
  return { says: cell.says, citation: cell };
}

/** Every cell of every row, one after another: some of them set the clock. */
export async function observeAll({ columns, rows }: Table): Promise<(Found | undefined)[][]> {
  const all: (Found | undefined)[][] = [];
  for (const row of rows) {
    const line: (Found | undefined)[] = [];
    for (const column of columns) line.push(await observe(row, column));
    all.push(line);
  }
  return all;
}
