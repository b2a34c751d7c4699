/**
 * The contenders that a command line names.
 *
 * @module
 */

import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fixedWindow } from '../algorithms/fixed-window.ts';
import { slidingWindow } from '../algorithms/sliding-window.ts';
import { tokenBucket } from '../algorithms/token-bucket.ts';
import { isHeadgateError, show, suggest } from '../errors.ts';
import type { Contender, Custom, Terms } from '../lab/contender.ts';
import { exactLog } from '../lab/exact-limiter.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { Failure, fileFailure, misuse } from './io.ts';
import { openPolicy } from './policy-file.ts';

/** Makes the contender that a word stands for. */
const BY_WORD: Readonly<Record<string, (terms: Terms) => Contender>> = {
  'exact-log': exactLog,
  'fixed-window': (terms) => fixedWindow(terms),
  'fixed-window:epoch': (terms) => fixedWindow({ ...terms, anchor: 'epoch' }),
  'sliding-window': slidingWindow,
  'token-bucket': (terms) => tokenBucket(terms),
};

/** Who is compared unless somebody is named. */
const USUAL = [
  'exact-log',
  'fixed-window',
  'fixed-window:epoch',
  'sliding-window',
  'token-bucket',
  'token-bucket:10%',
] as const;

/** Words that `--algorithms` takes, for its help. */
export const ALGORITHM_WORDS: readonly string[] = [...Object.keys(BY_WORD), 'token-bucket:BURST'];

/**
 * The algorithms of a list such as `fixed-window,token-bucket:10%`, all with the same quota and window.
 *
 * @throws Failure (exit code 2) for a word that stands for none
 */
export function namedAlgorithms(list: string | undefined, terms: Terms): Record<string, Contender> {
  const words = list === undefined ? USUAL : list.split(',').map((word) => word.trim());
  return Object.fromEntries(words.map((word) => [word, algorithmOf(word, terms)]));
}

function algorithmOf(word: string, terms: Terms): Contender {
  const [, burst, percent] = /^token-bucket:(\d{1,16})(%?)$/.exec(word) ?? [];
  try {
    if (burst !== undefined) {
      const units =
        percent === '' ? Number(burst) : Math.max(1, Math.round((Number(burst) * terms.quota) / 100));
      return tokenBucket({ ...terms, burst: units });
    }
    const make = Object.hasOwn(BY_WORD, word) ? BY_WORD[word] : undefined;
    if (make !== undefined) return make(terms);
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    throw misuse(`--algorithms ${word}: ${error.faults[0]?.message}`);
  }
  throw misuse(`--algorithms: unknown algorithm ${show(word)}${suggest(word, ALGORITHM_WORDS)}`);
}

/** The policies in files, by their names. */
export async function policiesIn(files: readonly string[]): Promise<[string, PolicyDocument][]> {
  const read: [string, PolicyDocument][] = [];
  for (const file of files) read.push([nameOf(file), await openPolicy(file)]);
  return read;
}

/**
 * The limiters that modules export: as `create`, or as the `create` of what they export by default.
 *
 * @throws Failure if a module cannot be loaded, or exports no limiter
 */
export async function modulesIn(files: readonly string[]): Promise<[string, Custom][]> {
  return Promise.all(files.map(async (file) => [nameOf(file), await limiterIn(file)] as [string, Custom]));
}

async function limiterIn(file: string): Promise<Custom> {
  const url = pathToFileURL(resolve(file)).href;
  const loaded: unknown = await import(url).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')
      throw fileFailure(Object.assign(error, { code: 'ENOENT', syscall: 'import' }), file);
    throw new Failure(`${file}: cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  });
  for (const exported of [loaded, (loaded as { default?: unknown }).default]) {
    if (isCustom(exported)) return exported;
  }
  throw new Failure(`${file}: exports no function create({ clock, maxKeys, seed }) that makes a limiter`);
}

function isCustom(exported: unknown): exported is Custom {
  return (
    typeof exported === 'object' &&
    exported !== null &&
    'create' in exported &&
    typeof exported.create === 'function'
  );
}

function nameOf(file: string): string {
  return basename(file, extname(file));
}
