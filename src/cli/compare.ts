import type { ParseArgsConfig } from 'node:util';
import { isHeadgateError, show, suggest } from '../errors.ts';
import type { Workload } from '../lab/arrival.ts';
import { honouring, ignoring } from '../lab/clients.ts';
import { type CompareOptions, compare as run } from '../lab/compare.ts';
import type { Terms } from '../lab/contender.ts';
import { type Fit, WORKLOADS } from '../lab/workload/catalogue.ts';
import { type Duration, parseDuration } from '../time.ts';
import { HELP_OPTION, readArguments } from './arguments.ts';
import { ALGORITHM_WORDS, modulesIn, namedAlgorithms, policiesIn } from './contenders.ts';
import { jsonFigures, textFigures } from './figures.ts';
import { EXIT, type ExitCode, type Io, misuse, oneLine, whole } from './io.ts';
import { groupsOf, REPLAY_OPTIONS, readReplayOptions } from './replay-options.ts';
import { commandLine, writeReport } from './report.ts';
import { traceOf } from './trace.ts';
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
  seed: { type: 'string', default: '1' },
  retries: { type: 'string' },
  quota: { type: 'string' },
  window: { type: 'string' },
  algorithms: { type: 'string' },
  policy: { type: 'string', multiple: true, default: [] },
  module: { type: 'string', multiple: true, default: [] },
  time: { type: 'boolean', default: false },
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
  const { format, maxKeys, group, mapping } = readReplayOptions(values);
  const policies = await policiesIn(values.policy);
  const terms = termsOf(values.quota, values.window, policies.length > 0 && values.algorithms === undefined);
  const algorithms = {
    ...(terms === undefined ? {} : namedAlgorithms(values.algorithms, terms)),
    ...Object.fromEntries(policies.map(([name, { rates }]) => [name, rates])),
    ...Object.fromEntries(await modulesIn(values.module)),
  };
  const unreadable = new UnreadableLines();
  const workload =
    values.trace === undefined
      ? workloadOf(values, terms)
      : withClients(
          traceOf(values.trace, {
            format,
            mapping: {
              ...mapping,
              ...groupsOf(
                policies.map(([, { rates }]) => rates),
                group,
              ),
            },
            unreadable,
            io,
          }),
          values.retries,
        );
  const comparison = await run({
    algorithms,
    workload,
    maxKeys,
    ...terms,
    ...(values.watch === undefined ? {} : { watch: values.watch }),
    ...(values.time ? { timer: () => performance.now() } : {}),
    ...progressOf(workload, io),
  } satisfies CompareOptions).catch(asMisuse);

  io.stdout((values.json ? jsonFigures : textFigures)(comparison));
  if (values.report !== undefined) {
    const documents = Object.fromEntries(policies.map(([name, { rates }]) => [name, rates]));
    await writeReport(
      values.report,
      comparison,
      { command: commandLine(['compare', ...argv]), documents },
      io,
    );
  }
  const notes = values.trace === undefined ? [] : unreadable.report(values.trace);
  for (const [name, { left }] of policies) {
    for (const limit of left)
      notes.push(`${name}: ${limit}: left out, traffic does not say how long requests run`);
  }
  for (const { name, refused, refusal } of comparison.contenders) {
    if (refused > 0) notes.push(`${name}: ${whole(refused)} requests refused, the first: ${refusal}`);
  }
  if (comparison.workload.arrivals === 0) notes.push(`headgate: ${values.trace}: no request could be read`);
  for (const note of notes) io.stderr(`${oneLine(note)}\n`);
  return comparison.workload.arrivals === 0 ? EXIT.failed : EXIT.done;
}

type Values = {
  readonly [name in 'workload' | 'rate' | 'length' | 'keys' | 'retries']?: string | undefined;
} & {
  readonly seed: string;
};

function workloadOf(values: Values, terms: Terms | undefined): Workload {
  const names = Object.keys(WORKLOADS);
  if (values.workload === undefined) throw misuse('--workload or --trace is missing');
  const make = Object.hasOwn(WORKLOADS, values.workload) ? WORKLOADS[values.workload] : undefined;
  if (make === undefined)
    throw misuse(`--workload: unknown workload ${show(values.workload)}${suggest(values.workload, names)}`);
  if (terms === undefined) throw misuse('--quota and --window are missing: a workload is cut to fit them');
  const fit: Fit = {
    ...terms,
    seed: numberOf('seed', values.seed),
    ...(values.rate === undefined ? {} : { rate: numberOf('rate', values.rate) }),
    ...(values.length === undefined ? {} : { length: durationOf('length', values.length) }),
    ...(values.keys === undefined ? {} : { keys: numberOf('keys', values.keys) }),
  };
  try {
    return withClients(make(fit), values.retries);
  } catch (error) {
    return asMisuse(error);
  }
}

/** How clients react, where that is said. */
function withClients(workload: Workload, retries: string | undefined): Workload {
  const { clients, ...rest } = workload;
  const next = clients?.next === undefined ? {} : { next: clients.next };
  switch (retries) {
    case undefined:
      return workload;
    case 'none':
      return clients?.next === undefined ? rest : { ...rest, clients: { retryAt: () => undefined, ...next } };
    case 'honour':
      return { ...rest, clients: { ...honouring(), ...next } };
    case 'ignore':
      return { ...rest, clients: { ...ignoring(), ...next } };
    default:
      throw misuse(`--retries takes honour, ignore or none, not ${show(retries)}`);
  }
}

function termsOf(
  quota: string | undefined,
  window: string | undefined,
  isOptional: boolean,
): Terms | undefined {
  if (quota === undefined && window === undefined && isOptional) return undefined;
  if (quota === undefined) throw misuse('--quota is missing');
  if (window === undefined) throw misuse('--window is missing');
  return { quota: numberOf('quota', quota), window: durationOf('window', window) };
}

function numberOf(option: string, text: string): number {
  if (/^\d{1,16}(\.\d{1,9})?$/.test(text)) return Number(text);
  throw misuse(`--${option} takes a number, not ${show(text)}`);
}

function durationOf(option: string, text: string): number {
  try {
    return parseDuration(text as Duration, option);
  } catch (error) {
    return asMisuse(error);
  }
}

/** A wrong option of the lab is a wrong option of the command. */
function asMisuse(error: unknown): never {
  if (!isHeadgateError(error, 'PolicyError')) throw error;
  const option = error.path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw misuse(`--${option}: ${error.faults[0]?.message}`);
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
