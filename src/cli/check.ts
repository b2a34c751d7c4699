import { createEngine } from '../engine/engine.ts';
import { isHeadgateError } from '../errors.ts';
import { parsePolicy } from '../policy/parse.ts';
import { expectFiles, HELP_OPTION, readArguments } from './arguments.ts';
import { count, EXIT, type ExitCode, type Io } from './io.ts';
import { faultLines, readPolicyFile } from './policy-file.ts';

/** `headgate check --help`. */
const CHECK_HELP = `Checks a policy and prints every fault with its path.

Usage: headgate check POLICY

Options:
  -h, --help   this text

Exit code: 0 no fault, 1 faults or no such file, 2 wrong usage.
`;

/** Runs `headgate check`. */
export async function check(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: { help: HELP_OPTION },
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(CHECK_HELP);
    return EXIT.done;
  }
  const [file] = expectFiles(positionals, ['POLICY']);
  const document = await readPolicyFile(file);
  try {
    const { policy } = createEngine(parsePolicy(document));
    const counts = [
      count(Object.keys(policy.limits).length, 'limit'),
      count(Object.keys(policy.groups).length, 'group'),
      count(Object.keys(policy.tiers ?? {}).length, 'tier'),
    ];
    io.stdout(`${file}: ${counts.join(', ')}\n`);
    return EXIT.done;
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    for (const line of faultLines(file, error)) io.stdout(`${line}\n`);
    return EXIT.failed;
  }
}
