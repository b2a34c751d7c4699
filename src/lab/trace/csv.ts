import { DescriptorError } from '../../errors.ts';
import { type LineReader, type LogSink, MAX_LINE } from './log-sink.ts';

const STRAY_QUOTE = 'a quote is out of place or not closed';

/** Reads CSV (RFC 4180). The first row names the columns; a row with more or fewer cells is unreadable. */
export function csv(sink: LogSink): LineReader {
  let columns: readonly string[] | undefined;
  const readHeader = (cells: readonly string[] | undefined, text: string): readonly string[] => {
    if (cells === undefined) {
      const message = `the header of the log cannot be read: ${STRAY_QUOTE}`;
      throw new DescriptorError({ code: 'bad-header', path: 'header', value: text, message });
    }
    const names = cells.map((name) => name.trim());
    sink.columns(names);
    return names;
  };
  return (text, number) => {
    const cells = cellsOf(text);
    if (columns === undefined) {
      columns = readHeader(cells, text);
    } else if (cells === undefined) {
      sink.unreadable(number, STRAY_QUOTE);
    } else if (cells.length !== columns.length) {
      sink.unreadable(
        number,
        `the row has ${cells.length} column${cells.length === 1 ? '' : 's'}, the header ${columns.length}`,
      );
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
  const cells: string[] = [];
  for (let at = 0; ; at += 1) {
    const isQuoted = row[at] === '"';
    const end = isQuoted ? afterQuoted(row, at + 1) : endOfPlain(row, at);
    if (end < 0) return undefined;
    const cell = isQuoted ? row.slice(at + 1, end - 1).replaceAll('""', '"') : row.slice(at, end);
    if (!isQuoted && /["\n]/.test(cell)) return undefined;
    cells.push(cell);
    if (end === row.length) return cells;
    if (row[end] !== ',') return undefined;
    at = end;
  }
}

/** Where the quoted cell whose text begins at `from` is over; -1 if nowhere. Doubled quotes are text. */
function afterQuoted(row: string, from: number): number {
  let at = row.indexOf('"', from);
  while (at >= 0 && row[at + 1] === '"') at = row.indexOf('"', at + 2);
  return at < 0 ? -1 : at + 1;
}

function endOfPlain(row: string, from: number): number {
  const comma = row.indexOf(',', from);
  return comma < 0 ? row.length : comma;
}
