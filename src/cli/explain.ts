import { createEngine } from '../engine/engine.ts';
import type { Explanation } from '../engine/explain.ts';
import { isHeadgateError, show } from '../errors.ts';
import { readInstant } from '../lab/trace/instant.ts';
import { FIELD_FORM, isField } from '../policy/name.ts';
import type { Millis } from '../time.ts';
import { expectFiles, HELP_OPTION, readArguments } from './arguments.ts';
import { EXIT, type ExitCode, type Io, misuse } from './io.ts';
import { wrapped } from './layout.ts';
import { openPolicy } from './policy-file.ts';

/** `headgate explain --help`. */
const EXPLAIN_HELP = `Says how a policy would decide one request, and why: path, pattern, group, tier,
and for each limit the key, the quota and where it comes from.

Usage: headgate explain POLICY REQUEST [options]
       headgate explain POLICY --group NAME [options]

REQUEST is a method and a path, such as 'GET /v1/calls?page=2'. Nothing has been
used yet: what is told is what the first request would meet.

Options:
  --group NAME              the endpoint group, instead of finding it by REQUEST
  --tier NAME               the plan of the account; default: the policy's
  --partition FIELD=VALUE   whose budget, such as account=acct_1; repeatable
  --cost UNIT=NUMBER        units taken, such as tokens=812; repeatable
  --quota LIMIT=NUMBER      a quota of this very request; repeatable
  --at INSTANT              ISO 8601, or seconds or milliseconds since 1970;
                            default: now
  --json                    the explanation as one line of JSON
  -h, --help                this text

Exit code: 0 done, whatever would be decided, 1 the policy is faulty or cannot
be read, 2 wrong usage, also a request that the policy takes for misuse.
`;

/** The option that mends what is wrong with a descriptor, by the error's code. */
const OPTION_FOR: Readonly<Record<string, (name: string) => string>> = {
  'missing-field': (field) => `--partition ${field}=VALUE`,
  'missing-cost': (unit) => `--cost ${unit}=NUMBER`,
  'no-quota': (limit) => `--quota ${limit}=NUMBER`,
};

/** Runs `headgate explain`. */
export async function explain(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: {
      group: { type: 'string' },
      tier: { type: 'string' },
      partition: { type: 'string', multiple: true, default: [] },
      cost: { type: 'string', multiple: true, default: [] },
      quota: { type: 'string', multiple: true, default: [] },
      at: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: HELP_OPTION,
    },
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(EXPLAIN_HELP);
    return EXIT.done;
  }
  const { group, tier } = values;
  const names = group === undefined ? ['POLICY', 'REQUEST'] : ['POLICY'];
  const [file = '', request] = expectFiles(positionals, names, 2);
  const cost = readNumbers('cost', 'UNIT', values.cost);
  const quotas = readNumbers('quota', 'LIMIT', values.quota);
  const descriptor = {
    ...readPartitionValues(values.partition),
    ...(request === undefined ? {} : readTarget(request)),
    ...(group === undefined ? {} : { group }),
    ...(tier === undefined ? {} : { tier }),
    ...(cost === undefined ? {} : { cost }),
    ...(quotas === undefined ? {} : { quotas }),
  };
  const now = values.at === undefined ? undefined : readAt(values.at);
  const engine = createEngine(await openPolicy(file));
  try {
    const explanation = engine.explain(descriptor, now === undefined ? {} : { now });
    io.stdout(values.json ? jsonExplanation(explanation) : textExplanation(explanation));
    return EXIT.done;
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    const option = OPTION_FOR[error.code]?.(error.path.split('.').at(-1) ?? '');
    throw misuse(option === undefined ? error.message : `${error.message}; see ${option}`);
  }
}

/** Without the text. What is `Infinity` ("never", or no limit at all) is `null`: JSON has no word for it. */
function jsonExplanation({ text: _, ...explanation }: Explanation): string {
  return `${JSON.stringify(explanation)}\n`;
}

function textExplanation({ text }: Explanation): string {
  const lines = text.split('\n').flatMap((line) => {
    const indent = /^ */.exec(line)?.[0] ?? '';
    return wrapped(line.slice(indent.length), `${indent}    `, indent);
  });
  return `${lines.join('\n')}\n`;
}

/** `GET /v1/calls` as method and path. */
function readTarget(text: string): { method: string; path: string } {
  const [, method, path] = /^([\w!#$%&'*+.^`|~-]+) +(\S.*)$/su.exec(text.trim()) ?? [];
  if (method !== undefined && path !== undefined) return { method, path };
  throw misuse(`REQUEST is a method and a path, such as 'GET /v1/calls', not ${show(text)}`);
}

function readAt(text: string): Millis {
  const at = readInstant(text);
  if (at !== undefined) return at;
  throw misuse(`--at takes an instant, such as 2026-01-31T12:00:00Z, not ${show(text)}`);
}

/** `account=acct_1`, as a map without the prototype of objects. */
function readPartitionValues(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    readPairs('partition', 'FIELD=VALUE', texts).map(([field, value]) => {
      if (!isField(field)) throw misuse(`--partition: ${show(field)} is not ${FIELD_FORM}`);
      return [field, value];
    }),
  );
}

function readNumbers(
  option: string,
  what: string,
  texts: readonly string[],
): Record<string, number> | undefined {
  if (texts.length === 0) return undefined;
  return Object.fromEntries(
    readPairs(option, `${what}=NUMBER`, texts).map(([name, value]) => {
      if (!/^\d{1,16}$/.test(value)) throw misuse(`--${option}: ${show(value)} is no whole number`);
      return [name, Number(value)];
    }),
  );
}

/** Texts cut at their first `=`, since values may hold more. */
function readPairs(option: string, form: string, texts: readonly string[]): [string, string][] {
  const seen = new Set<string>();
  return texts.map((text) => {
    const cut = text.indexOf('=');
    const [name, value] = [text.slice(0, cut), text.slice(cut + 1)];
    if (cut < 1 || value === '') throw misuse(`--${option} takes ${form}, not ${show(text)}`);
    if (seen.has(name)) throw misuse(`--${option} names ${show(name)} twice`);
    seen.add(name);
    return [name, value];
  });
}
