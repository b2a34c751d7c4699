/**
 * The options of the commands that replay a log.
 *
 * @module
 */

import { show, suggest } from '../errors.ts';
import type { LogFormat } from '../lab/trace/log.ts';
import type { Mapping } from '../lab/trace/request.ts';
import { unitsOf } from '../lab/units.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { HELP_OPTION, readArguments } from './arguments.ts';
import { readCosts, readFormat, readPartition } from './fields.ts';
import { type Io, misuse } from './io.ts';
import { type Holding, readHold } from './traffic.ts';

/** What a log may be, for `--help`. */
export const LOG_HELP = `LOG is in Apache's and nginx's combined or common format, with the columns
  address user time method path protocol status bytes referrer agent
or CSV with a header, or JSON with one object to a line. Columns "method" and
"path" are used where the log has them. Requests are replayed in time order.
Names that end in .gz are unpacked; "-" is standard input.`;

/** The option `--hold`, for `--help`. */
export const HOLD_HELP: string = `  --hold TIME                how long work holds permits: 3s always, ~3s on
                             average; of a log also a COLUMN of milliseconds,
                             COLUMN:s of seconds; default: permits are left out`;

/** The options, for `--help`. */
export const REPLAY_HELP: string = `  --format FORMAT            combined, csv or jsonl; default: by the file's
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
${HOLD_HELP}`;

/** An option, as `parseArgs` is told of it. */
interface TextOption {
  readonly type: 'string';
}

/** An option that has a value if it is left out. */
interface TextOptionWith<Value> extends TextOption {
  readonly default: Value;
}

/** An option that can be repeated. */
interface ListOption extends TextOptionWith<string[]> {
  readonly multiple: true;
}

/** The options, for `parseArgs`. */
export const REPLAY_OPTIONS: {
  readonly format: TextOption;
  readonly at: TextOption;
  readonly partition: ListOption;
  readonly cost: ListOption;
  readonly tier: TextOption;
  readonly group: TextOption;
  readonly hold: TextOption;
  readonly 'max-keys': TextOption;
} = {
  format: { type: 'string' },
  at: { type: 'string' },
  partition: { type: 'string', multiple: true, default: [] },
  cost: { type: 'string', multiple: true, default: [] },
  tier: { type: 'string' },
  group: { type: 'string' },
  hold: { type: 'string' },
  'max-keys': { type: 'string' },
};

/** What `parseArgs` makes of them. */
export interface ReplayValues {
  readonly format?: string;
  readonly at?: string;
  readonly partition: readonly string[];
  readonly cost: readonly string[];
  readonly tier?: string;
  readonly group?: string;
  readonly hold?: string;
  readonly 'max-keys'?: string;
}

/** The options, checked as far as that goes without a policy. */
export interface ReplaySettings {
  readonly format: LogFormat | undefined;
  readonly maxKeys: number;
  readonly group: string | undefined;
  readonly hold: Holding | undefined;
  readonly mapping: Mapping;
}

/** Most keys that a partition can keep. */
const MOST_KEYS = 2 ** 24;

/** What a command line of a command that replays a log comes to. */
export interface ReplayCommand {
  readonly values: ReplayValues & { readonly json: boolean; readonly report?: string };
  readonly positionals: readonly string[];
  readonly settings: ReplaySettings;
}

/**
 * Reads the command line of a command that replays a log.
 *
 * @returns `undefined` if only the help was asked for; it has been written then
 * @throws Failure (exit code 2)
 */
export function readReplayCommand(argv: readonly string[], help: string, io: Io): ReplayCommand | undefined {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: {
      ...REPLAY_OPTIONS,
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
      help: HELP_OPTION,
    },
    allowPositionals: true,
  });
  if (!values.help) return { values, positionals, settings: readReplayOptions(values) };
  io.stdout(help);
  return undefined;
}

/** What says how to read a log, by option, so far as it was given. */
export function logValues(values: Partial<ReplayValues>): Record<string, string | undefined> {
  const { format, at, partition, cost, tier, group } = values;
  return { format, at, partition: partition?.[0], cost: cost?.[0], tier, group };
}

/** @throws Failure (exit code 2) */
export function readReplayOptions(values: ReplayValues): ReplaySettings {
  const hold = readHold(values.hold);
  return {
    format: readFormat(values.format),
    maxKeys: checkMaxKeys(values['max-keys'] ?? '1000000'),
    group: values.group,
    hold,
    mapping: {
      at: values.at ?? 'time',
      partition: readPartition(values.partition),
      cost: readCosts(values.cost),
      ...(values.tier === undefined ? {} : { tier: values.tier }),
      ...(hold !== undefined && 'column' in hold ? { hold: hold.column } : {}),
    },
  };
}

/**
 * The mapping for a log that is replayed against these policies.
 *
 * @throws Failure (exit code 2) if an option does not go with one of them
 */
export function mappingFor({ mapping, group }: ReplaySettings, policies: readonly PolicyDocument[]): Mapping {
  checkUnits(policies, mapping.cost);
  return { ...mapping, ...groupsOf(policies, group) };
}

function checkMaxKeys(text: string): number {
  const keys = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (keys >= 1 && keys <= MOST_KEYS) return keys;
  throw misuse(`--max-keys takes a whole number from 1 to ${MOST_KEYS}, not ${show(text)}`);
}

/** A cost in a unit that no limit counts would be refused with every request. */
function checkUnits(policies: readonly PolicyDocument[], cost: Mapping['cost']): void {
  const units = [...new Set(policies.flatMap((policy) => [...unitsOf(policy)]))];
  for (const unit of cost.keys()) {
    if (!units.includes(unit)) throw misuse(`--cost: no limit counts ${show(unit)}${suggest(unit, units)}`);
  }
}

/**
 * The group that was named, or the only one there is.
 *
 * @throws Failure (exit code 2) if a policy does not have it
 */
export function groupsOf(
  policies: readonly PolicyDocument[],
  named: string | undefined,
): Pick<Mapping, 'group' | 'pathlessGroup'> {
  for (const groups of policies.map((policy) => Object.keys(policy.groups))) {
    if (named === undefined || groups.includes(named)) continue;
    throw misuse(`--group: unknown group ${show(named)}${suggest(named, groups)}`);
  }
  if (named !== undefined) return { group: named };
  const [only, ...others] = new Set(policies.flatMap((policy) => Object.keys(policy.groups)));
  return only === undefined || others.length > 0 ? {} : { pathlessGroup: only };
}
