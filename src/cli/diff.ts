import { createEngine } from '../engine/engine.ts';
import type { LoggedRequest } from '../lab/trace/request.ts';
import type { ReloadReport } from '../policy/diff.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { expectFiles, expectUnused } from './arguments.ts';
import { jsonComparison, textComparison, type WorkOfBoth } from './comparison.ts';
import { EXIT, type ExitCode, type Io, oneLine } from './io.ts';
import { wrapped } from './layout.ts';
import { readRequests } from './logged.ts';
import { openPolicy } from './policy-file.ts';
import {
  LOG_HELP,
  logValues,
  REPLAY_HELP,
  type ReplaySettings,
  type ReplayValues,
  readReplayCommand,
} from './replay-options.ts';
import { Replayer, replayNotes } from './replayer.ts';
import { reportReplay } from './report.ts';
import { type Comparison, sideBySide } from './side-by-side.ts';

/** `headgate diff --help`. */
const DIFF_HELP = `Says what a change of policy changes: field by field, where requests go, what
becomes of usage, and, with a log, which requests it would have decided
otherwise.

Usage: headgate diff OLD NEW [LOG] [options]

OLD and NEW are policies. Usage is told as engine.reload(NEW) keeps it. With a
log, both policies are asked side by side, each from a fresh start.

${LOG_HELP}

Options, all but the last two for the log:
${REPLAY_HELP}
  --report FILE              also a page of HTML with figures
  --json                     all of it as one line of JSON
  -h, --help                 this text

A cost in a unit that only one of the policies counts is left out for the other.
Exit code: 0 done, whether or not anything differs, 1 a policy is faulty or
nothing could be read, 2 wrong usage.
`;

/** Runs `headgate diff`. */
export async function diff(argv: readonly string[], io: Io): Promise<ExitCode> {
  const read = readReplayCommand(argv, DIFF_HELP, io);
  if (read === undefined) return EXIT.done;
  const { values, positionals, settings } = read;
  const [oldFile, newFile] = expectFiles(positionals, ['OLD', 'NEW'], 3);
  const logFile = positionals[2];
  if (logFile === undefined) checkNoReplay(values);
  const policies: Pair = [await openPolicy(oldFile), await openPolicy(newFile)];
  const report = createEngine(policies[0]).reload(policies[1]);
  const replayed = logFile === undefined ? undefined : await replayBoth(logFile, settings, policies, io);

  io.stdout(values.json ? jsonDiff(report, replayed) : textDiff(report, replayed));
  if (values.report !== undefined && logFile !== undefined && replayed !== undefined) {
    const { requests, before, after } = replayed;
    const replay = { log: logFile, requests, settings, policies: { old: before, new: after } };
    await reportReplay(values.report, replay, { title: 'Diff', argv: ['diff', ...argv] }, io);
  }
  for (const note of replayed?.notes ?? []) io.stderr(`${oneLine(note)}\n`);
  return replayed?.comparison.requests === 0 ? EXIT.failed : EXIT.done;
}

/** The old policy and the new one. */
type Pair = readonly [PolicyDocument, PolicyDocument];

/** What came of a log under both policies. */
interface Replayed {
  readonly requests: readonly LoggedRequest[];
  /** The old policy, as it was asked. */
  readonly before: PolicyDocument;
  /** The new one. */
  readonly after: PolicyDocument;
  readonly comparison: Comparison;
  readonly unparsed: number;
  /** Only where requests hold permits. */
  readonly work?: WorkOfBoth;
  /** What standard error is to be told. */
  readonly notes: readonly string[];
}

async function replayBoth(file: string, settings: ReplaySettings, policies: Pair, io: Io): Promise<Replayed> {
  const { requests, unreadable } = await readRequests(file, settings, policies, io);
  const before = new Replayer(policies[0], settings, requests);
  const after = new Replayer(policies[1], settings, requests);
  const comparison = await sideBySide(requests, before, after, (line, reason) =>
    unreadable.add(line, reason),
  );
  const notes = [...unreadable.report(file), ...replayNotes([before, after], settings)];
  if (comparison.requests === 0) notes.push(`headgate: ${file}: no request could be read`);
  return {
    requests,
    before: before.policy,
    after: after.policy,
    comparison,
    unparsed: unreadable.count,
    ...(settings.hold === undefined ? {} : { work: { old: before.work(), new: after.work() } }),
    notes,
  };
}

/** Options for a log are no use without one: it was left out, most likely. */
function checkNoReplay(values: ReplayValues & { readonly report?: string }): void {
  const { hold, report, 'max-keys': maxKeys } = values;
  expectUnused({ ...logValues(values), hold, 'max-keys': maxKeys, report }, 'a LOG');
}

function jsonDiff({ text: _, ...report }: ReloadReport, replayed: Replayed | undefined): string {
  const log = replayed && { log: jsonComparison(replayed.comparison, replayed) };
  return `${JSON.stringify({ ...report, ...log })}\n`;
}

function textDiff({ text }: ReloadReport, replayed: Replayed | undefined): string {
  const told = text.split('\n').flatMap((line) => wrapped(line, '    ', ''));
  const log = replayed && `\n${textComparison(replayed.comparison, replayed)}`;
  return `${told.join('\n')}\n${log ?? ''}`;
}
