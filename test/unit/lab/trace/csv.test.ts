import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { csv } from '../../../../src/lab/trace/csv.ts';

const cell = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', 'é'), maxLength: 6 });

/** What a reader makes of one row: its cells, or nothing. */
function cellsOf(row: string): readonly (string | undefined)[] | undefined {
  let cells: readonly (string | undefined)[] | undefined;
  const names = Array.from(row, (_, i) => `c${i}`);
  for (let columns = 1; columns <= row.length + 1 && cells === undefined; columns++) {
    const header = [...names, 'last'].slice(0, columns);
    const read = csv({
      columns: () => undefined,
      line: (_number, field) => {
        cells = header.map((name) => field(name));
      },
      unreadable: () => undefined,
    });
    read(header.join(','), 1);
    read(row, 2);
  }
  return cells;
}

/** The same by another reader of CSV. */
function expected(row: string): readonly (string | undefined)[] | undefined {
  try {
    const [cells] = parse(row, { relax_column_count: true }) as string[][];
    return cells?.map((text) => text || undefined);
  } catch {
    return undefined;
  }
}

it('should read rows with quotes, well formed or not, as another reader does', () => {
  const written = fc.array(
    cell.map((text) => `"${text.replaceAll('"', '""')}"`),
    { minLength: 1, maxLength: 4 },
  );
  const row = fc.oneof(
    written.map((cells) => cells.join(',')),
    cell.filter((text) => text.trim() !== ''),
  );
  fc.assert(
    fc.property(row, (text) => {
      expect(cellsOf(text)).toEqual(expected(text));
    }),
    { numRuns: 2000 },
  );
});
