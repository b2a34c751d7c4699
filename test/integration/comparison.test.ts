import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(file('docs/comparison.md'), 'utf8');

interface Comparison {
  readonly TABLES: readonly {
    readonly title: string;
    readonly columns: readonly string[];
    readonly rows: readonly { readonly name: string }[];
  }[];
  observe(row: object, column: string): Promise<{ readonly says: string } | undefined>;
  comparison(tables: readonly object[]): Promise<string>;
}

/** The bench is a package of its own, with types and dependencies of its own. */
async function bench(): Promise<Comparison> {
  const parts = ['tables', 'observe', 'page'].map((part) => file(`bench/features/${part}.ts`));
  return Object.assign({}, ...(await Promise.all(parts.map((part) => import(/* @vite-ignore */ part)))));
}

const { dependencies } = JSON.parse(readFileSync(file('bench/package.json'), 'utf8'));
const missing = Object.keys(dependencies).filter((name) => !existsSync(file(`bench/node_modules/${name}`)));
const skips = missing.length > 0 && process.env.CI === undefined;
if (skips) console.warn(`nothing is compared without ${missing.join(', ')}: npm --prefix bench ci`);

/** Cells of the page by row, without marks of footnotes. */
function cellsOf(title: string): Map<string, readonly string[]> {
  const section = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    rows.map((row) => {
      const [name = '', ...cells] = row
        .replaceAll(/ ?\[\^\d+\]/g, '')
        .slice(2, -2)
        .split(/ \| ?/);
      return [name, cells];
    }),
  );
}

describe.skipIf(skips)('the comparison with other limiters', () => {
  it('should say of headgate what it does', async () => {
    const { TABLES, observe } = await bench();
    let compared = 0;
    for (const { title, rows } of TABLES.slice(0, -1)) {
      const written = cellsOf(title);
      for (const row of rows) {
        expect([title, row.name, written.get(row.name)?.[0]]).toEqual([
          title,
          row.name,
          (await observe(row, 'headgate'))?.says,
        ]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(25);
  });

  it('should say of the others what they do, and quote what they say', async () => {
    const { TABLES, comparison } = await bench();
    const found = await comparison(TABLES.slice(0, -1));
    const [tables = '', notes = ''] = found.split('\n\n[^1]: ');
    // Lines first, since they say what is different.
    expect(found.split('\n').filter((line) => !page.includes(line))).toEqual([]);
    expect(page.includes(tables) && page.includes(notes)).toBe(true);
  });

  it('should compare the versions that are installed', async () => {
    const { TABLES, observe } = await bench();
    const packages = TABLES.at(-1);
    const written = cellsOf(packages?.title ?? '');
    for (const row of packages?.rows ?? []) {
      if (row.name.startsWith('size')) continue;
      for (const [i, column] of (packages?.columns ?? []).entries()) {
        if (column === 'headgate') continue;
        expect([row.name, column, written.get(row.name)?.[i]]).toEqual([
          row.name,
          column,
          (await observe(row, column))?.says,
        ]);
      }
    }
  });

  it('should leave no cell without a ground', () => {
    const marks = new Set([...page.matchAll(/\[\^(\d+)\](?!:)/g)].map(([, number]) => Number(number)));
    const notes = [...page.matchAll(/^\[\^(\d+)\]: (.*)$/gm)];
    expect(new Set(notes.map(([, number]) => Number(number)))).toEqual(marks);
    const faults = page.split('\n').filter((line) => {
      if (!/^\| [\w`]/.test(line)) return false;
      const [name = '', ...cells] = line.slice(2, -2).split(/ \| ?/);
      return !/\[\^\d+\]$/.test(name) && cells.some((cell) => cell !== '' && !/\[\^\d+\]$/.test(cell));
    });
    expect(faults).toEqual([]);
  });
});
