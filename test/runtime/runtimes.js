import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findChromium, runChromium } from './runners/chromium.js';
import { runLambda } from './runners/lambda.js';
import { runPackage } from './runners/package.js';
import { results, version } from './runners/process.js';

const installed = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** A program that one of the packages here brings. */
const program = (path) => async () => {
  const file = installed(path);
  return existsSync(file) ? { file, version: await version(file) } : undefined;
};

const onNode = async ({ file }, { folder }) => [
  ...(await results(file, ['hosts/server.js'], folder)),
  ...(await results(file, ['hosts/require.cjs'], folder)),
];

const thisNode = async () => ({ file: process.execPath, version: process.versions.node });

/** Every runtime: where it is found, and how the checks are run in it. `inCi` are run where nothing else is said. */
export const RUNTIMES = [
  {
    name: 'package',
    inCi: true,
    find: async () => ({ version: '' }),
    run: (_found, place) => runPackage(place),
  },
  { name: 'node', inCi: true, find: thisNode, run: onNode },
  ...[20, 22, 24, 26].map((major) => ({
    name: `node-${major}`,
    inCi: false,
    find: program(`node-${major}/bin/node`),
    run: onNode,
  })),
  {
    name: 'bun',
    inCi: true,
    find: program('@oven/bun-linux-x64/bin/bun'),
    run: ({ file }, { folder }) => results(file, ['hosts/server.js'], folder),
  },
  {
    name: 'deno',
    inCi: true,
    find: program('@deno/linux-x64-glibc/deno'),
    run: ({ file }, { folder }) =>
      results(file, ['run', '--no-remote', '--allow-net=127.0.0.1', 'hosts/server.js'], folder),
  },
  {
    name: 'workerd',
    inCi: true,
    find: program('@cloudflare/workerd-linux-64/bin/workerd'),
    run: async ({ file }, { folder }) => (await import('./runners/workerd.js')).runWorkerd(file, folder),
  },
  {
    name: 'edge-runtime',
    inCi: true,
    find: async () => {
      const file = installed('edge-runtime/package.json');
      return existsSync(file) ? { version: JSON.parse(readFileSync(file, 'utf8')).version } : undefined;
    },
    run: async (_found, { folder }) => (await import('./runners/edge.js')).runEdge(folder),
  },
  { name: 'lambda', inCi: true, find: thisNode, run: ({ file }, { folder }) => runLambda(file, folder) },
  {
    name: 'chromium',
    inCi: false,
    find: async () => {
      const file = await findChromium();
      return file && { file, version: await version(file) };
    },
    run: ({ file }, { folder }) => runChromium(file, folder),
  },
];
