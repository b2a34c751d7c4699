/** The tables as Markdown, with what each cell rests on as footnotes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from './cell.ts';
import { type Found, observeAll } from './observe.ts';
import { linkTo, ROOT } from './packages.ts';
import { TABLES } from './tables.ts';

const PAGE = join(ROOT, 'docs/comparison.md');
const BEGIN = '<!-- Written by `npm run bench:features -- --write`; change bench/features instead. -->\n';

class Footnotes {
  readonly #texts: string[] = [];

  /** The mark of a footnote that says this. */
  mark(text: string): string {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    return `[^${this.#texts.indexOf(text) + 1}]`;
  }

  get lines(): string[] {
    return this.#texts.map((text, i) => `[^${i + 1}]: ${text}`);
  }
}

export async function comparison(
  tables: readonly Table[] = TABLES,
  log: (line: string) => void = () => undefined,
): Promise<string> {
  const notes = new Footnotes();
  const parts: string[] = [];
  for (const table of tables) {
    log(table.title);
    parts.push(`## ${table.title}\n\n${asMarkdown(table, await observeAll(table), notes)}\n`);
  }
  return `${parts.join('\n')}\n${notes.lines.join('\n')}\n`;
}

function asMarkdown(
  { columns, rows }: Table,
  found: readonly (Found | undefined)[][],
  notes: Footnotes,
): string {
  const lines = rows.map(({ name, how }, i) => {
    const isCited = found[i]?.every((each) => each === undefined || each.citation !== undefined);
    const title = isCited ? name : `${name} ${notes.mark(how)}`;
    const cells = columns.map((column, j) => asText(column, found[i]?.[j], notes));
    return `| ${[title, ...cells].join(' | ')} |`;
  });
  const head = ['', ...columns];
  return [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...lines].join('\n');
}

function asText(column: string, found: Found | undefined, notes: Footnotes): string {
  if (found === undefined) return '';
  const { says, citation } = found;
  if (citation === undefined) return says;
  const quote = citation.quote.replaceAll('`', '').replaceAll('|', '\\|');
  return `${says} ${notes.mark(`${linkTo(column)}, \`${citation.file}\`: \`${quote}\``)}`;
}

/** What stands before the tables is written by hand. */
export function writeComparison(tables: string): void {
  const [intro = ''] = readFileSync(PAGE, 'utf8').split(BEGIN);
  writeFileSync(PAGE, `${intro}${BEGIN}\n${tables}`);
}
