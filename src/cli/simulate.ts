import type { ParseArgsConfig } from 'node:util';
import { createEngine } from '../engine/engine.ts';
import { show, suggest } from '../errors.ts';
import type { Workload } from '../lab/arrival.ts';
import { compare } from '../lab/compare.ts';
import type { LogSink } from '../lab/trace/log-sink.ts';
import { type LoggedRequest, type Mapping, requestReader } from '../lab/trace/request.ts';
import { arrivalReader } from '../lab/trace/trace.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { expectFiles, HELP_OPTION, readArguments } from './arguments.ts';
import { fitOptions, readCosts, readFormat, readPartition } from './fields.ts';
import { EXIT, type ExitCode, type Io, misuse, oneLine, whole } from './io.ts';
import { readLogFile } from './log-file.ts';
import { openPolicy } from './policy-file.ts';
import { ratesOnly } from './rates-only.ts';
import { replay } from './replay.ts';
import { commandLine, writeReport } from './report.ts';
import { jsonSummary, textSummary } from './summary.ts';
import { UnreadableLines } from './unreadable-lines.ts';

/** `headgate simulate --help`. */
const SIMULATE_HELP = `Replays an access log against a policy and sums up what would have been denied.

Usage: headgate simulate POLICY LOG [options]

LOG is in Apache's and nginx's combined or common format, with the columns
  address user time method path protocol status bytes referrer agent
or CSV with a header, or JSON with one object to a line. Columns "method" and
"path" are used where the log has them. Requests are replayed in time order.

Options:
  --format FORMAT            combined, csv or jsonl; default: by the file's
                             extension, else by its first line
  --at COLUMN                when: "17/May/2015:10:05:03 +0000", ISO 8601 (UTC
                             unless it names a zone), or seconds or
                             milliseconds since 1970; default: time
  --partition FIELD=COLUMN   whose budget, such as ip=address; several with
                             commas or by repeating the option
  --cost UNIT=COLUMN+COLUMN  cost in a unit, as a sum of columns; repeatable.
                             A request costs 1 in "requests" unless named
  --tier COLUMN              the plan of the account
  --group NAME               group of every request; default: by its path, or
                             the policy's only group if the log has no paths
  --max-keys N               keys to keep per partition; default: 1,000,000
  --json                     the summary as JSON
  --report FILE              also a page of HTML with figures
  -h, --help                 this text

Lines that cannot be read are counted, and the first five are named on standard
error. Exit code: 0 done, 1 nothing could be read, 2 wrong usage.
`;

const OPTIONS = {
  format: { type: 'string' },
  at: { type: 'string', default: 'time' },
  partition: { type: 'string', multiple: true, default: [] },
  cost: { type: 'string', multiple: true, default: [] },
  tier: { type: 'string' },
  group: { type: 'string' },
  'max-keys': { type: 'string', default: '1000000' },
  json: { type: 'boolean', default: false },
  report: { type: 'string' },
  help: HELP_OPTION,
} satisfies ParseArgsConfig['options'];

/** Most keys that a partition can keep. */
const MOST_KEYS = 2 ** 24;

/** Runs `headgate simulate`. */
export async function simulate(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(SIMULATE_HELP);
    return EXIT.done;
  }
  const [policyFile, logFile] = expectFiles(positionals, ['POLICY', 'LOG']);
  const format = readFormat(values.format);
  const maxKeys = checkMaxKeys(values['max-keys']);
  const partition = readPartition(values.partition);
  const cost = readCosts(values.cost);
  const policy = await openPolicy(policyFile);
  checkUnits(policy, cost);
  const mapping: Mapping = {
    at: values.at,
    partition,
    cost,
    ...(values.tier === undefined ? {} : { tier: values.tier }),
    ...groupsOf(policy, values.group),
  };

  const unreadable = new UnreadableLines();
  const requests: LoggedRequest[] = [];
  await readLogFile(logFile, format, collect(requests, unreadable, mapping), io);
  const { rates, left } = ratesOnly(policy);
  // No more keys than requests, since room is made for all at once. A fixed seed, so that the same log gives the same
  // figures even where keys have to share.
  const room = Math.max(1, Math.min(maxKeys, requests.length));
  const engine = createEngine(rates, { maxKeys: room, seed: 0 });
  const outcome = replay(requests, policy, engine, (line, reason) => unreadable.add(line, reason));

  io.stdout((values.json ? jsonSummary : textSummary)(outcome, unreadable.count));
  if (values.report !== undefined) {
    const comparison = await compare({
      algorithms: { policy: rates },
      workload: workloadOf(logFile, requests, mapping),
      maxKeys: room,
    });
    const command = commandLine(['simulate', ...argv]);
    await writeReport(
      values.report,
      comparison,
      { title: 'Simulation', command, documents: { Policy: rates } },
      io,
    );
  }
  const notes = unreadable.report(logFile);
  for (const name of left) notes.push(`${name}: not simulated, a log does not say how long requests ran`);
  if (Object.values(engine.stats().partitions).some(({ joined }) => joined > 0)) {
    notes.push(`some keys shared a budget: there were more than ${whole(maxKeys)}, see --max-keys`);
  }
  if (outcome.requests === 0) notes.push(`headgate: ${logFile}: no request could be read`);
  for (const note of notes) io.stderr(`${oneLine(note)}\n`);
  return outcome.requests === 0 ? EXIT.failed : EXIT.done;
}

/** The requests of a log as the lab replays them. */
function workloadOf(file: string, requests: readonly LoggedRequest[], mapping: Mapping): Workload {
  const toArrival = arrivalReader(mapping);
  const inOrder = requests.toSorted((a, b) => a.at - b.at);
  return { name: 'trace', description: file, seed: 0, arrivals: () => inOrder.map(toArrival) };
}

/** Takes the requests of a log that can be read, and notes the lines that cannot. */
function collect(requests: LoggedRequest[], unreadable: UnreadableLines, mapping: Mapping): LogSink {
  let toRequest = requestReader(mapping);
  return {
    columns: (names) => {
      toRequest = requestReader(fitOptions(mapping, names));
    },
    line: (number, field) => {
      const request = toRequest(number, field);
      if (typeof request === 'string') unreadable.add(number, request);
      else requests.push(request);
    },
    unreadable: (number, reason) => unreadable.add(number, reason),
  };
}

function checkMaxKeys(text: string): number {
  const keys = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (keys >= 1 && keys <= MOST_KEYS) return keys;
  throw misuse(`--max-keys takes a whole number from 1 to ${MOST_KEYS}, not ${show(text)}`);
}

/** A cost in a unit that no limit counts would be refused with every request. */
function checkUnits(policy: PolicyDocument, cost: Mapping['cost']): void {
  const limits = Object.values(policy.limits);
  const units = ['requests', ...limits.flatMap((limit) => ('unit' in limit ? (limit.unit ?? []) : []))];
  for (const unit of cost.keys()) {
    if (!units.includes(unit)) throw misuse(`--cost: no limit counts ${show(unit)}${suggest(unit, units)}`);
  }
}

/** The group that was named, or the only one there is. */
function groupsOf(
  policy: PolicyDocument,
  named: string | undefined,
): Pick<Mapping, 'group' | 'pathlessGroup'> {
  const groups = Object.keys(policy.groups);
  if (named !== undefined) {
    if (groups.includes(named)) return { group: named };
    throw misuse(`--group: unknown group ${show(named)}${suggest(named, groups)}`);
  }
  const [only, ...others] = groups;
  return only === undefined || others.length > 0 ? {} : { pathlessGroup: only };
}
