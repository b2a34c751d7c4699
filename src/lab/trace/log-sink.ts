/** Reads one column of a line: its text, or `undefined` where the line has none. */
export type Field = (column: string) => string | undefined;

/** Who is told what a log holds, in file order. Line numbers count from 1. */
export interface LogSink {
  /** Once, before the first line, where all lines have the same columns: their names. */
  columns(names: readonly string[]): void;
  /** A line that could be read. */
  line(number: number, field: Field): void;
  /** A line that could not. */
  unreadable(number: number, reason: string): void;
}

/** Takes the text of one line and its number. */
export type LineReader = (text: string, number: number) => void;

/** Longer lines are unreadable, so that a file without line ends cannot fill the memory. In UTF-16 units. */
export const MAX_LINE: number = 2 ** 20;
