/**
 * Text for terminals, at most 100 columns wide.
 *
 * @module
 */

import { oneLine } from './io.ts';

/** How wide lines get. */
const WIDTH = 100;

/**
 * Columns side by side: the first to the left, the others, which are numbers, to the right. The first is cut short where
 * the line would get too wide.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const [first = 0, ...others] = widths;
  const room = WIDTH - others.reduce((sum, width) => sum + width + 2, 0);
  const left = Math.min(first, room);
  const lines = rows.map(([name = '', ...numbers]) =>
    [clip(name, left).padEnd(left), ...numbers.map((cell, i) => cell.padStart(others[i] ?? 0))].join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** A part of a whole, in percent. */
export function share(part: number, all: number): string {
  return all === 0 ? '' : `${((100 * part) / all).toFixed(1)} %`;
}

/**
 * A text in lines that begin with `indent`; a word that is too long has a line of its own.
 *
 * @param first - what the first line begins with; default: `indent`
 */
export function wrapped(text: string, indent: string, first: string = indent): string[] {
  const lines: string[] = [];
  for (const word of oneLine(text).split(' ')) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(first + word);
    else if (`${last} ${word}`.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
