/** Results as tables of text: ratios first, then median and range. */
import type { CaseResult } from '../case.ts';
import { figure, median, present, ratios, spread } from '../statistics.ts';
import type { Verdict } from './verdicts.ts';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** One table for each group of cases with the same title. */
export function tablesOf(cases: readonly CaseResult[]): Table[] {
  const titles = [...new Set(cases.map(({ table }) => table))];
  return titles.map((title) => {
    const group = cases.filter(({ table }) => table === title);
    const columns = [...new Set(group.flatMap(({ values }) => Object.keys(values)))];
    const units = [...new Set(group.map(({ unit }) => unit))];
    const notes = group.flatMap(({ row, faults, notes = [] }) => [
      ...Object.entries(faults).map(([entry, fault]) => `${entry}, ${row}: not measured: ${fault}`),
      ...notes,
    ]);
    return {
      title: `${title} (${units.join(', ')})`,
      head: ['', ...columns],
      rows: group.map((each) => [each.row, ...columns.map((column) => cell(each, column))]),
      notes: [...new Set(notes)],
    };
  });
}

function cell({ values, reference, faults }: CaseResult, entry: string): string {
  if (faults[entry] !== undefined) return 'failed';
  const own = present(values[entry] ?? []);
  if (own.length === 0) return '';
  if (entry === reference || values[reference] === undefined) return spread(own);
  return `x ${figure(median(ratios(values[reference] ?? [], values[entry] ?? [])))} · ${spread(own)}`;
}

export function verdictTable(verdicts: readonly Verdict[]): Table {
  return {
    title: 'Bars',
    head: ['#', 'case', 'measured', 'bar', 'beyond', ''],
    rows: verdicts.map(({ id, title, value, bar, beyond, verdict }) => [
      id,
      title,
      value,
      bar,
      beyond,
      verdict,
    ]),
    notes: [],
  };
}

/** For a terminal. */
export function asText({ title, head, rows, notes }: Table): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `  ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
  return ['', title, line(head), ...rows.map(line), ...notes.map((note) => `  ${note}`)].join('\n');
}

/** For a page. */
export function asMarkdown({ head, rows, notes }: Table): string {
  const line = (row: readonly string[]): string =>
    `| ${row.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const lines = [line(head), line(head.map(() => '---')), ...rows.map(line)];
  return [lines.join('\n'), ...notes.map((note) => `- ${note}`)].join('\n\n');
}
