/**
 * What the command line writes to, and how it gives up.
 *
 * @module
 */

/** Where output goes. */
export interface Io {
  /** Writes results. */
  readonly stdout: (text: string) => void;
  /** Writes everything that is not a result: errors, unreadable lines, progress. */
  readonly stderr: (text: string) => void;
  /** Whether somebody watches standard error. */
  readonly isTTY: boolean;
}

/** Exit codes: done, could not be done, was asked for wrongly. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with one line on standard error, and perhaps more that go into the matter. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;
  readonly details: readonly string[];

  constructor(message: string, exitCode: ExitCode = EXIT.failed, details: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

/** A wrong command line: exit code 2. */
export function misuse(message: string): Failure {
  return new Failure(message, EXIT.usage);
}

/** `text` on one line, with control characters escaped: nothing from a file can move the cursor or fake a line. */
export function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A whole number for people: `10,000`. */
export function whole(number: number): string {
  return number.toLocaleString('en-US');
}

/** A number with its noun: `1 limit`, `2 limits`. */
export function count(number: number, noun: string): string {
  return `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** What went wrong with a file, in a few words; anything that is no file system error is thrown on. */
export function fileFailure(error: unknown, file: string): Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !('syscall' in (error as Error))) throw error;
  const reasons: Record<string, string> = {
    ENOENT: 'no such file',
    EISDIR: 'is a directory, not a file',
    EACCES: 'may not be read',
  };
  return new Failure(`${file}: ${reasons[code] ?? `cannot be read (${code})`}`);
}
