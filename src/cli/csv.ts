import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { count, Failure } from './io.ts';
import { type LineReader, type LogSink, MAX_LINE } from './log-sink.ts';

const STRAY_QUOTE = 'a quote is out of place or not closed';

/** Reads CSV (RFC 4180). The first row names the columns; a row with more or fewer cells is unreadable. */
export function csv(sink: LogSink): LineReader {
  let columns: readonly string[] | undefined;
  const readHeader = (cells: readonly string[] | undefined): readonly string[] => {
    if (cells === undefined) throw new Failure(`the header of the log cannot be read: ${STRAY_QUOTE}`);
    const names = cells.map((name) => name.trim());
    sink.columns(names);
    return names;
  };
  return (text, number) => {
    const cells = cellsOf(text);
    if (columns === undefined) {
      columns = readHeader(cells);
    } else if (cells === undefined) {
      sink.unreadable(number, STRAY_QUOTE);
    } else if (cells.length !== columns.length) {
      sink.unreadable(number, `the row has ${count(cells.length, 'column')}, the header ${columns.length}`);
    } else {
      const names = columns;
      // An empty cell is the only way for CSV to say that there is nothing.
      sink.line(number, (column) => cells[names.indexOf(column)] || undefined);
    }
  };
}

/**
 * Joins lines to rows: a quoted cell may hold newlines. A row's number is that of its first line.
 *
 * A stray quote costs its own line only: where the lines up to the next quote are no row, or where none follows, they
 * are read one by one.
 */
export function joinRows(read: LineReader): LineReader & { end: () => void } {
  let open: string[] = [];
  let length = 0;
  let first = 1;

  const take = (text: string, number: number): void => {
    if (open.length === 0) first = number;
    open.push(text);
    length += text.length;
    // Quotes come in pairs, escaped ones too, so an odd one opens or closes a cell with a newline in it.
    const closes = hasOddQuotes(text) === open.length > 1;
    if (closes) close();
    else if (length > MAX_LINE) split();
  };
  const close = (): void => {
    const row = open.join('\n');
    if (open.length > 1 && cellsOf(row) === undefined) {
      split();
    } else {
      open = [];
      length = 0;
      read(row, first);
    }
  };
  const split = (): void => {
    const [stray, ...rest] = open;
    const number = first;
    open = [];
    length = 0;
    if (stray !== undefined) read(stray, number);
    rest.forEach((text, i) => {
      take(text, number + 1 + i);
    });
  };
  const end = (): void => {
    while (open.length > 0) split();
  };
  return Object.assign(take, { end });
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false;
  for (let i = text.indexOf('"'); i >= 0; i = text.indexOf('"', i + 1)) isOdd = !isOdd;
  return isOdd;
}

/** The cells of one row; `undefined` if its quotes make no sense. */
function cellsOf(row: string): readonly string[] | undefined {
  if (!row.includes('"')) return row.split(',');
  try {
    const rows = parse(row, { relax_column_count: true, record_delimiter: '\n' });
    return rows.length === 1 ? rows[0] : undefined;
  } catch (error) {
    if (error instanceof CsvError) return undefined;
    throw error;
  }
}
