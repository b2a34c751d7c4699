import { writeFile } from 'node:fs/promises';
import type { Comparison } from '../lab/compare.ts';
import { htmlReport, type ReportOptions } from '../lab/report/report.ts';
import { Failure, type Io } from './io.ts';

/**
 * Writes a comparison as a page of HTML, and says where.
 *
 * @throws Failure if the file cannot be written
 */
export async function writeReport(
  file: string,
  comparison: Comparison,
  options: ReportOptions,
  io: Io,
): Promise<void> {
  await writeFile(file, htmlReport(comparison, options)).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`${file}: cannot be written (${error.code})`);
  });
  io.stderr(`${file}: written\n`);
}

/** A command line as it could be typed again. */
export function commandLine(argv: readonly string[]): string {
  const words = argv.map((word) =>
    /^[\w./:,=+%@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return ['headgate', ...words].join(' ');
}
