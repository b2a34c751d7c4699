import { createEngine } from '../engine/engine.ts';
import { isHeadgateError, type PolicyError } from '../errors.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Finding, lintPolicy } from '../policy/lint.ts';
import { parsePolicy } from '../policy/parse.ts';
import { expectFiles, HELP_OPTION, readArguments } from './arguments.ts';
import { findingLines, jsonReport } from './findings.ts';
import { count, EXIT, type ExitCode, type Io, misuse } from './io.ts';
import { faultLines, readPolicyFile } from './policy-file.ts';

/** `headgate check --help`. */
const CHECK_HELP = `Checks a policy and prints every fault with its path.

Usage: headgate check POLICY [--strict [--json]]

Options:
  --strict     also print what is sound, but likely a mistake, with a remedy
  --json       with --strict: faults and findings as one line of JSON
  -h, --help   this text

Exit code: 0 no fault (with --strict: and no finding), 1 some or no such file,
2 wrong usage.
`;

/** Runs `headgate check`. */
export async function check(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: {
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: HELP_OPTION,
    },
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(CHECK_HELP);
    return EXIT.done;
  }
  const [file] = expectFiles(positionals, ['POLICY']);
  if (values.json && !values.strict) throw misuse('--json goes with --strict');
  const document = await readPolicyFile(file);
  try {
    const { policy } = createEngine(parsePolicy(document));
    const findings = values.strict ? lintPolicy(policy) : undefined;
    io.stdout(values.json ? jsonReport([], findings) : textReport(file, policy, findings));
    return findings === undefined || findings.length === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    io.stdout(values.json ? jsonReport(error.faults) : faultReport(file, error));
    return EXIT.failed;
  }
}

function faultReport(file: string, error: PolicyError): string {
  return faultLines(file, error)
    .map((line) => `${line}\n`)
    .join('');
}

/** A line that sums the policy up, then the findings, if it was searched for them. */
function textReport(file: string, policy: PolicyDocument, findings: readonly Finding[] | undefined): string {
  const counts = [
    count(Object.keys(policy.limits).length, 'limit'),
    count(Object.keys(policy.groups).length, 'group'),
    count(Object.keys(policy.tiers ?? {}).length, 'tier'),
    ...(findings === undefined ? [] : [count(findings.length, 'finding')]),
  ];
  return [`${file}: ${counts.join(', ')}`, ...findingLines(findings ?? [])]
    .map((line) => `${line}\n`)
    .join('');
}
