/**
 * The command line: dispatch and exit codes.
 *
 * @module
 */

import { version } from '../../package.json';
import { show, suggest } from '../errors.ts';
import { bench } from './bench.ts';
import { check } from './check.ts';
import { compare } from './compare.ts';
import { diff } from './diff.ts';
import { explain } from './explain.ts';
import { EXIT, type ExitCode, Failure, type Io, misuse, oneLine } from './io.ts';
import { simulate } from './simulate.ts';

const COMMANDS: Readonly<Record<string, (argv: readonly string[], io: Io) => Promise<ExitCode>>> = {
  bench,
  check,
  compare,
  diff,
  explain,
  simulate,
};

/** `headgate --help`. */
const HELP = `Rate limit policies, checked and tried out.

Usage: headgate COMMAND [options]

Commands:
  bench                    time limiters of your own beside headgate
  check POLICY             print every fault of a policy, and likely mistakes
  compare                  compare algorithms and policies on the same traffic
  diff OLD NEW [LOG]       say what a change of policy changes, also for a log
  explain POLICY REQUEST   say how a request would be decided, and why
  simulate POLICY LOG      replay an access log against a policy

Options:
  -h, --help   this text; after a command, the command's
  --version    the version

Exit code: 0 done, 1 failed, 2 wrong usage.
`;

/**
 * Runs one command line.
 *
 * @param argv - the arguments, without the program's name
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage
 */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    for (const line of [`headgate: ${error.message}`, ...error.details]) io.stderr(`${oneLine(line)}\n`);
    return error.exitCode;
  }
}

function dispatch([name, ...rest]: readonly string[], io: Io): Promise<ExitCode> | ExitCode {
  if (name === undefined) throw misuse('no command given; see headgate --help');
  if (name === '--help' || name === '-h') {
    io.stdout(HELP);
    return EXIT.done;
  }
  if (name === '--version') {
    io.stdout(`${version}\n`);
    return EXIT.done;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command(rest, io);
  if (name.startsWith('-')) throw misuse(`unknown option ${show(name)}; see headgate --help`);
  throw misuse(`unknown command ${show(name)}${suggest(name, Object.keys(COMMANDS))}`);
}
