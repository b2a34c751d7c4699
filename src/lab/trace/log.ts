/**
 * Access logs, line by line: Apache and nginx's combined and common formats, CSV, and one JSON object to a line.
 *
 * @module
 */

import { combined } from './combined.ts';
import { csv, joinRows } from './csv.ts';
import { jsonl } from './jsonl.ts';
import { type LineReader, type LogSink, MAX_LINE } from './log-sink.ts';

/** How a log is written: as Apache and nginx do (combined or common), as CSV with a header, or as one JSON object to a line. */
export type LogFormat = 'combined' | 'csv' | 'jsonl';

/** What makes a {@link LineReader} that tells `sink` what it finds. */
const FORMATS: Readonly<Record<LogFormat, (sink: LogSink) => LineReader>> = { combined, csv, jsonl };

/** Names of the formats. */
export const LOG_FORMATS = Object.keys(FORMATS) as readonly LogFormat[];

/** Takes the text of a log piece by piece, cut anywhere. */
export interface LogReader {
  /** The next piece. */
  feed(text: string): void;
  /** There is no more. */
  end(): void;
}

/**
 * Reads a log as its text comes in, never keeping more than a line. Blank lines at the end are nothing; others are
 * unreadable.
 *
 * @param formatOf - called with the first line
 */
export function logReader(formatOf: (firstLine: string) => LogFormat, sink: LogSink): LogReader {
  let number = 0;
  let rest = '';
  let read: (LineReader & { end?: () => void }) | undefined;
  const take = (raw: string): void => {
    number += 1;
    const text = (number === 1 ? raw.replace(/^\uFEFF/, '') : raw).replace(/\r$/, '');
    read ??= readerOf(formatOf(text), sink);
    read(text, number);
  };
  return {
    feed(text) {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE + 1);
      lines.forEach(take);
    },
    end() {
      if (rest !== '') take(rest);
      rest = '';
      read?.end?.();
    },
  };
}

/** Reads a log to its end; see {@link logReader}. */
export async function readLog(
  chunks: AsyncIterable<string>,
  formatOf: (firstLine: string) => LogFormat,
  sink: LogSink,
): Promise<void> {
  const reader = logReader(formatOf, sink);
  for await (const chunk of chunks) reader.feed(chunk);
  reader.end();
}

function readerOf(format: LogFormat, sink: LogSink): LineReader & { end?: () => void } {
  const lines = checked(FORMATS[format](sink), sink);
  return format === 'csv' ? joinRows(lines) : lines;
}

/** Passes on what is neither blank nor too long. */
function checked(read: LineReader, sink: LogSink): LineReader {
  // Lines since the last one that held something: blank lines count only if another such line follows.
  let blank = 0;
  return (text, number) => {
    if (text.trim() === '') {
      blank += 1;
      return;
    }
    for (; blank > 0; blank -= 1) sink.unreadable(number - blank, 'the line is empty');
    if (text.length > MAX_LINE) sink.unreadable(number, `the line is longer than ${MAX_LINE} characters`);
    else read(text, number);
  };
}

/** The format that a file's name or its first line shows: `.csv`, `.jsonl`, `.ndjson`, else what the line looks like. */
export function guessFormat(file: string, firstLine: string): LogFormat {
  const extension = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase();
  if (extension === 'csv') return 'csv';
  if (extension === 'jsonl' || extension === 'ndjson' || firstLine.startsWith('{')) return 'jsonl';
  return /^[^[\]]+,[^[\]]+$/.test(firstLine) ? 'csv' : 'combined';
}
