import { writeFile } from 'node:fs/promises';
import { type Comparison, compare } from '../lab/compare.ts';
import { htmlReport, type ReportOptions } from '../lab/report/report.ts';
import type { LoggedRequest } from '../lab/trace/request.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { Failure, type Io } from './io.ts';
import type { ReplaySettings } from './replay-options.ts';
import { roomFor } from './replayer.ts';
import { loggedWorkload } from './trace.ts';

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

/** Requests of a log, and the policies that were asked about them. */
interface Replay {
  /** Where the requests come from. */
  readonly log: string;
  readonly requests: readonly LoggedRequest[];
  readonly settings: ReplaySettings;
  /** By the names that the page has for them. */
  readonly policies: Readonly<Record<string, PolicyDocument>>;
}

/**
 * Writes a page of HTML that shows what policies make of a log, side by side.
 *
 * @throws Failure if the file cannot be written
 */
export async function reportReplay(
  file: string,
  { log, requests, settings, policies }: Replay,
  { title, argv }: { readonly title: string; readonly argv: readonly string[] },
  io: Io,
): Promise<void> {
  const comparison = await compare({
    algorithms: policies,
    workload: loggedWorkload(log, requests, settings.mapping),
    maxKeys: roomFor(settings.maxKeys, requests.length),
  });
  await writeReport(file, comparison, { title, command: commandLine(argv), documents: policies }, io);
}

/** A command line as it could be typed again. */
export function commandLine(argv: readonly string[]): string {
  const words = argv.map((word) =>
    /^[\w./:,=+%@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return ['headgate', ...words].join(' ');
}
