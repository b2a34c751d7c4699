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
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => columnsOf(row[i] ?? ''))));
  const [first = 0, ...others] = widths;
  const room = WIDTH - others.reduce((sum, width) => sum + width + 2, 0);
  const left = Math.min(first, room);
  const lines = rows.map(([name = '', ...numbers]) =>
    [padded(clip(name, left), left), ...numbers.map((cell, i) => cell.padStart(others[i] ?? 0))].join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A text that takes no more columns, cut where it does. */
export function clip(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let cut = '';
  let left = width - 1;
  for (const { segment } of CHARACTERS.segment(text)) {
    left -= columnsOf(segment);
    if (left < 0) break;
    cut += segment;
  }
  return `${cut}…`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columnsOf(text)));
}

/** What people take for characters. */
const CHARACTERS = new Intl.Segmenter('en');

/** Characters that terminals give two columns: those of East Asia, and pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** How many columns of a terminal a text takes. */
function columnsOf(text: string): number {
  // Nearly all text is plain, and each of its characters takes one.
  if (/^[ -~]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of CHARACTERS.segment(text)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
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
