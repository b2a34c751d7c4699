/** Packages as they are installed: versions, files, and the lines of theirs that are cited. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT: string = findRoot(import.meta.dirname);

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type?: string;
  readonly main?: string;
  readonly types?: string;
  readonly typings?: string;
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Where the code of each package is at home. */
const HOMES: Readonly<Record<string, string>> = {
  'express-rate-limit': 'https://github.com/express-rate-limit/express-rate-limit',
  'hono-rate-limiter': 'https://github.com/rhinobase/hono-rate-limiter',
  '@fastify/rate-limit': 'https://github.com/fastify/fastify-rate-limit',
  'rate-limiter-flexible': 'https://github.com/animir/node-rate-limiter-flexible',
  limiter: 'https://github.com/jhurliman/node-rate-limiter',
  '@upstash/ratelimit': 'https://github.com/upstash/ratelimit-js',
  bottleneck: 'https://github.com/SGrondin/bottleneck',
  'p-queue': 'https://github.com/sindresorhus/p-queue',
  'p-limit': 'https://github.com/sindresorhus/p-limit',
  'async-sema': 'https://github.com/vercel/async-sema',
};

export const PEERS: readonly string[] = Object.keys(HOMES);

export function isInstalled(name: string): boolean {
  return existsSync(join(folderOf(name), 'package.json'));
}

export function folderOf(name: string): string {
  if (name === 'headgate') return ROOT;
  const ofBench = join(ROOT, 'bench/node_modules', name);
  return existsSync(ofBench) ? ofBench : join(ROOT, 'node_modules', name);
}

export function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8'));
}

/** Name and version, as a link to the home of the package. */
export function linkTo(name: string): string {
  const home = HOMES[name];
  return home === undefined ? name : `[${name}](${home}) ${manifestOf(name).version}`;
}

/** @throws Error if the file does not say so any more */
export function lookUp(name: string, file: string, quote: string): void {
  const text = readFileSync(join(folderOf(name), file), 'utf8')
    .replaceAll(/\n\s*\*\s/g, ' ')
    .replaceAll(/\s+/g, ' ');
  if (!text.includes(quote)) throw new Error(`${file} of ${name} no longer says: ${quote}`);
}

/** The package and what it depends on, each once. */
export function closure(name: string, seen: Set<string> = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const each of Object.keys(manifestOf(name).dependencies ?? {})) closure(each, seen);
  return seen;
}

/** Bytes of all files in a folder, without packages nested in it. */
export function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? bytesIn(path) : statSync(path).size);
    }, 0);
}

function findRoot(from: string): string {
  return existsSync(join(from, 'bench/package.json')) ? from : findRoot(dirname(from));
}
