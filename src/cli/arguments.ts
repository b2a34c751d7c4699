import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggest } from '../errors.ts';
import { misuse } from './io.ts';

/** The option that every command has. */
export const HELP_OPTION: { type: 'boolean'; short: 'h'; default: false } = {
  type: 'boolean',
  short: 'h',
  default: false,
};

/**
 * Reads a command line, as `parseArgs` of `node:util` does.
 *
 * @throws Failure (exit code 2) for an option that does not exist, with the nearest that does, or a missing value
 */
export function readArguments<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
  const { tokens = [] } = parseArgs({ ...config, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || known.includes(`--${token.name}`)) continue;
    throw misuse(`unknown option "${token.rawName}"${suggest(token.rawName, known)}`);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw misuse(reasonOf(error));
  }
}

/**
 * The arguments that are no options: as many as there are `names`.
 *
 * @param most - how many there may be; default: no more than that
 * @throws Failure (exit code 2) if there are more or fewer
 */
export function expectFiles<const N extends readonly string[]>(
  positionals: readonly string[],
  names: N,
  most: number = names.length,
): { [K in keyof N]: string } {
  if (positionals.length < names.length) throw misuse(`${names[positionals.length]} is missing`);
  const extra = positionals[most];
  if (extra !== undefined) throw misuse(`unexpected argument ${JSON.stringify(extra)}`);
  return positionals as unknown as { [K in keyof N]: string };
}

/**
 * Options that only go with something else.
 *
 * @throws Failure (exit code 2) naming the first that was given
 */
export function expectUnused(values: Readonly<Record<string, string | undefined>>, needed: string): void {
  for (const [option, value] of Object.entries(values))
    if (value !== undefined) throw misuse(`--${option} goes with ${needed}`);
}

/** What `parseArgs` finds fault with, in a line. */
function reasonOf({ message }: TypeError): string {
  const [, option] = /^Option '(?:-\w, )?(--[\w-]+)[^']*' argument is ambiguous/.exec(message) ?? [];
  if (option !== undefined)
    return `${option} lacks its value; one that begins with "-" is written ${option}=VALUE`;
  return message.split('. ')[0] ?? message;
}
