import { basename } from 'node:path';
import type { ParseArgsConfig } from 'node:util';
import { show } from '../errors.ts';
import type { Workload } from '../lab/arrival.ts';
import { type CompareOptions, compare as run } from '../lab/compare.ts';
import { type Contender, isPolicy, type Terms } from '../lab/contender.ts';
import { WORKLOADS } from '../lab/workload/catalogue.ts';
import { expectUnused, HELP_OPTION, readArguments } from './arguments.ts';
import { ALGORITHM_WORDS, modulesIn, namedAlgorithms, policiesIn } from './contenders.ts';
import { jsonFigures, textFigures } from './figures.ts';
import { EXIT, type ExitCode, type Io, misuse, oneLine, whole } from './io.ts';
import { bytesInUse } from './memory.ts';
import { leftNotes, replayable } from './rates-only.ts';
import {
  groupsOf,
  HOLD_HELP,
  logValues,
  REPLAY_OPTIONS,
  type ReplayValues,
  readReplayOptions,
} from './replay-options.ts';
import { commandLine, writeReport } from './report.ts';
import { stopwatch } from './stopwatch.ts';
import { traceOf } from './trace.ts';
import {
  asMisuse,
  durationOf,
  type TrafficValues,
  wholeNumberOf,
  withClients,
  withHold,
  workloadOf,
} from './traffic.ts';
import { UnreadableLines } from './unreadable-lines.ts';

/** `headgate compare --help`. */
const COMPARE_HELP = `Compares algorithms, policies and limiters of your own on the same traffic.

Usage: headgate compare --workload NAME --quota N --window D [options]
       headgate compare --trace LOG --quota N --window D [options]

Traffic:
  --workload NAME            ${listed(Object.keys(WORKLOADS))}
  --trace LOG                an access log, CSV or JSON lines, as simulate reads
                             them, with --format, --at, --partition, --cost,
                             --tier and --group
  --rate N                   requests a second of a workload
  --length D                 how long a workload goes on, such as 10m
  --keys N                   how many keys a workload has
  --seed N                   where a workload draws from; default: 1
${HOLD_HELP}
  --retries WHO              honour: clients come back as told; ignore: about
                             once a second; none; default: as the workload has it

Contenders:
  --quota N --window D       the limit, such as 100 and 1m
  --algorithms LIST          ${listed(ALGORITHM_WORDS)}
                             (a number, or a share of the quota such as 10%)
  --policy FILE              a policy too; repeatable
  --module FILE              a limiter of your own too: a module that exports
                             create(); repeatable

Output:
  --time                     also measure how long a decision takes
  --memory                   also measure what a key takes of the heap
  --max-keys N               keys to keep per contender; default: 100,000
  --watch KEY                key whose usage is shown over time; repeatable
  --json                     every figure as one line of JSON
  --report FILE              also a page of HTML with figures
  -h, --help                 this text

Exit code: 0 done, 1 nothing could be read, 2 wrong usage.
`;

const OPTIONS = {
  ...REPLAY_OPTIONS,
  workload: { type: 'string' },
  trace: { type: 'string' },
  rate: { type: 'string' },
  length: { type: 'string' },
  keys: { type: 'string' },
  seed: { type: 'string' },
  retries: { type: 'string' },
  quota: { type: 'string' },
  window: { type: 'string' },
  algorithms: { type: 'string' },
  policy: { type: 'string', multiple: true, default: [] },
  module: { type: 'string', multiple: true, default: [] },
  time: { type: 'boolean', default: false },
  memory: { type: 'boolean', default: false },
  'max-keys': { type: 'string', default: '100000' },
  watch: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
  report: { type: 'string' },
  help: HELP_OPTION,
} satisfies ParseArgsConfig['options'];

/** Runs `headgate compare`. */
export async function compare(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(COMPARE_HELP);
    return EXIT.done;
  }
  if (positionals[0] !== undefined) throw misuse(`unexpected argument ${show(positionals[0])}`);
  if (values.trace !== undefined && values.workload !== undefined)
    throw misuse('--trace or --workload, not both');
  checkUse(values);
  const { format, maxKeys, group, hold, mapping } = readReplayOptions(values);
  const files = await policiesIn(values.policy);
  const terms = termsOf(values.quota, values.window, files.length > 0 && values.algorithms === undefined);
  const named = terms === undefined ? {} : namedAlgorithms(values.algorithms, terms);
  const policies = files.map(([file, policy]) => ({ file, ...replayable(policy, hold) }));
  const algorithms = contendersOf(named, [
    ...policies.map(({ file, policy }) => [file, policy] as const),
    ...(await modulesIn(values.module)),
  ]);
  const unreadable = new UnreadableLines();
  const read = (file: string): Workload => {
    const groups = groupsOf(
      policies.map(({ policy }) => policy),
      group,
    );
    return traceOf(file, { format, mapping: { ...mapping, ...groups }, unreadable, io });
  };
  if (values.trace === undefined && hold !== undefined && 'column' in hold)
    throw misuse(`--hold: ${show(values.hold)} is no length of time, and columns are those of a log`);
  const traffic = values.trace === undefined ? workloadOf(values, terms) : read(values.trace);
  const workload = withHold(withClients(traffic, values.retries), hold);
  const comparison = await run({
    algorithms,
    workload,
    maxKeys,
    ...terms,
    ...(values.watch === undefined ? {} : { watch: values.watch }),
    ...(values.time ? { timer: stopwatch } : {}),
    ...(values.memory ? { scale: bytesInUse() } : {}),
    ...progressOf(workload, io),
  } satisfies CompareOptions).catch(asMisuse);

  io.stdout((values.json ? jsonFigures : textFigures)(comparison));
  if (values.report !== undefined) {
    const command = commandLine(['compare', ...argv]);
    const documents = Object.entries(algorithms).filter(([, each]) => isPolicy(each));
    const title = `Comparison: ${values.trace === undefined ? workload.name : basename(values.trace)}`;
    await writeReport(
      values.report,
      comparison,
      { title, command, documents: Object.fromEntries(documents) },
      io,
    );
  }
  const notes = values.trace === undefined ? [] : unreadable.report(values.trace);
  for (const { file, left } of policies) notes.push(...leftNotes(left, file));
  for (const { name, refused, refusal } of comparison.contenders) {
    if (refused > 0) notes.push(`${name}: ${whole(refused)} requests refused, the first: ${refusal}`);
  }
  if (comparison.workload.arrivals === 0) notes.push(`headgate: ${values.trace}: no request could be read`);
  for (const note of notes) io.stderr(`${oneLine(note)}\n`);
  return comparison.workload.arrivals === 0 ? EXIT.failed : EXIT.done;
}

/** Options of the other kind of traffic are no use: something was left out, most likely. */
function checkUse(
  values: TrafficValues & Partial<ReplayValues> & { readonly trace?: string | undefined },
): void {
  const { rate, length, keys, seed } = values;
  if (values.trace !== undefined) expectUnused({ rate, length, keys, seed }, '--workload');
  else if (values.workload !== undefined) expectUnused(logValues(values), '--trace');
}

/** Contenders by their names; of two that have the same the later one is numbered. */
function contendersOf(
  named: Readonly<Record<string, Contender>>,
  more: readonly (readonly [name: string, contender: Contender])[],
): Record<string, Contender> {
  const all: Record<string, Contender> = { ...named };
  for (const [name, contender] of more) {
    let free = name;
    for (let n = 2; Object.hasOwn(all, free); n++) free = `${name} ${n}`;
    all[free] = contender;
  }
  return all;
}

function termsOf(
  quota: string | undefined,
  window: string | undefined,
  isOptional: boolean,
): Terms | undefined {
  if (quota === undefined && window === undefined && isOptional) return undefined;
  if (quota === undefined) throw misuse('--quota is missing');
  if (window === undefined) throw misuse('--window is missing');
  return { quota: wholeNumberOf('quota', quota), window: durationOf('window', window) };
}

/** Tells whoever watches how many arrivals there have been; for a log, its reading tells. */
function progressOf({ expected }: Workload, io: Io): Pick<CompareOptions, 'progress'> {
  if (!io.isTTY || expected === undefined) return {};
  return {
    progress: (arrivals, isLast) =>
      io.stderr(isLast ? '\r\x1b[K' : `\r${whole(arrivals)} of about ${whole(expected)} arrivals`),
  };
}

/** Names in lines that fit beside the options. */
function listed(names: readonly string[]): string {
  const lines = [''];
  for (const name of names) {
    const last = lines.at(-1) ?? '';
    if (last.length + name.length > 46) lines.push(name);
    else lines[lines.length - 1] = last === '' ? name : `${last}, ${name}`;
  }
  return lines.join(`,\n${' '.repeat(29)}`);
}
