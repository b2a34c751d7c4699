import { expectFiles } from './arguments.ts';
import { EXIT, type ExitCode, type Io, oneLine } from './io.ts';
import { readRequests } from './logged.ts';
import { outcomeOf } from './outcome.ts';
import { openPolicy } from './policy-file.ts';
import { LOG_HELP, REPLAY_HELP, readReplayCommand } from './replay-options.ts';
import { Replayer, replayNotes } from './replayer.ts';
import { reportReplay } from './report.ts';
import { jsonSummary, textSummary } from './summary.ts';

/** `headgate simulate --help`. */
const SIMULATE_HELP = `Replays an access log against a policy and sums up what would have been denied.

Usage: headgate simulate POLICY LOG [options]

${LOG_HELP}

Options:
${REPLAY_HELP}
  --json                     the summary as JSON
  --report FILE              also a page of HTML with figures
  -h, --help                 this text

Lines that cannot be read are counted, and the first five are named on standard
error. Exit code: 0 done, 1 nothing could be read, 2 wrong usage.
`;

/** Runs `headgate simulate`. */
export async function simulate(argv: readonly string[], io: Io): Promise<ExitCode> {
  const read = readReplayCommand(argv, SIMULATE_HELP, io);
  if (read === undefined) return EXIT.done;
  const { values, positionals, settings } = read;
  const [policyFile, logFile] = expectFiles(positionals, ['POLICY', 'LOG']);
  const policy = await openPolicy(policyFile);
  const { requests, unreadable } = await readRequests(logFile, settings, [policy], io);
  const replayer = new Replayer(policy, settings, requests);
  const outcome = await outcomeOf(requests, policy, replayer, (line, reason) => unreadable.add(line, reason));

  const work = settings.hold && replayer.work();
  const more = { unparsed: unreadable.count, shadows: replayer.shadows(), work };
  io.stdout((values.json ? jsonSummary : textSummary)(outcome, more));
  if (values.report !== undefined) {
    const replayed = { log: logFile, requests, settings, policies: { policy: replayer.policy } };
    const made = { title: 'Simulation', argv: ['simulate', ...argv] };
    await reportReplay(values.report, replayed, made, io);
  }
  const notes = [...unreadable.report(logFile), ...replayNotes([replayer], settings)];
  if (outcome.requests === 0) notes.push(`headgate: ${logFile}: no request could be read`);
  for (const note of notes) io.stderr(`${oneLine(note)}\n`);
  return outcome.requests === 0 ? EXIT.failed : EXIT.done;
}
