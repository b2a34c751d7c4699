/** Runs one program of one contender in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Entry, ProgramName, Result, Setting } from '../case.ts';

const PATIENCE_MS = 30_000;
const worker = fileURLToPath(new URL('worker.js', import.meta.url));
const execute = promisify(execFile);

/**
 * Flags of programs that look at memory. So much room for new objects that nothing is collected in between is asked for
 * where garbage itself is counted, and nowhere else: pauses are those of an ordinary process.
 */
const FLAGS: Partial<Record<ProgramName, readonly string[]>> = {
  memory: ['--expose-gc'],
  'churn-memory': ['--expose-gc'],
  'full-collection': ['--expose-gc'],
  garbage: ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'],
};

export async function play(
  { contender, program, setting }: Omit<Entry, 'name'>,
  extra: Partial<Setting> = {},
): Promise<Result> {
  const args = [worker, program, contender, JSON.stringify({ ...setting, ...extra })];
  try {
    const { stdout } = await execute(process.execPath, [...(FLAGS[program] ?? []), ...args], {
      timeout: PATIENCE_MS,
    });
    return JSON.parse(stdout);
  } catch (error) {
    const isLate = typeof error === 'object' && error !== null && 'killed' in error && error.killed === true;
    return { fault: isLate ? `not done after ${PATIENCE_MS / 1000} s` : firstLine(error) };
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(process.cwd(), '.').split('\n').slice(0, 2).join(' ');
}
