/** What is in the package, and what of it a bundle takes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { same } from '../expect.js';
import { inOrder } from './process.js';

const ENTRIES = [
  ...[
    'batch',
    'client',
    'diff',
    'distributed',
    'durable-object',
    'express',
    'fastify',
    'fetch',
    'hono',
    'index',
    'koa',
    'lab',
  ],
  ...['lambda', 'lint', 'node', 'opentelemetry', 'pool', 'redis', 'testing'],
];
/** Entries that import what only some have. */
const SOME_ONLY = ['node', 'opentelemetry'];
const PARTS = [
  'engine',
  'fixed-window',
  'http',
  'limiter',
  'policy',
  'semaphore',
  'sliding-window',
  'token-bucket',
];

/** All of it; names that the build makes up, `*` in their stead. */
const CONTENT = [
  ...['LICENSE', 'README.md', 'package.json', 'dist/cli.js', 'dist/licences.txt', 'dist/policy.schema.json'],
  ...ENTRIES.flatMap((name) => ['js', 'cjs', 'd.ts', 'd.cts'].map((kind) => `dist/${name}.${kind}`)),
  ...ENTRIES.map((name) => `dist/module/${name}.js`),
  ...PARTS.map((name) => `dist/module/parts/${name}.js`),
  ...['dist/*.d.ts', 'dist/*.d.cts', 'dist/module/chunk-*.js'],
].sort();

/** `contract-u5BCG_3g.d.cts` and its like. */
const shapeOf = (file) =>
  file
    .replace(/\/chunk-[A-Z0-9]{8}[.]js$/, '/chunk-*.js')
    .replace(/\/[a-z-]+-[\w-]{8}([.]d[.]c?ts)$/, '/*$1');

/** The files of a bundle of `code`, without the bytes that were dropped; and the bundle. */
async function bundle(folder, code) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    metafile: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    conditions: ['module'],
    // It warns of imports that have no effects, which is what is wanted.
    logLevel: 'error',
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  const files = Object.keys(inputs).filter((file) => inputs[file].bytesInOutput > 0);
  return { files, text: outputFiles[0].text };
}

export function runPackage({ folder, tarball }) {
  const packageOf = (path) => JSON.parse(readFileSync(`${folder}/node_modules/${path}/package.json`, 'utf8'));
  const manifest = packageOf('headgate');
  return inOrder({
    'the tarball holds what it should, and nothing else': () => {
      const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
      const shapes = files.map((file) => shapeOf(file.replace('package/', '')));
      same([...new Set(shapes)].sort(), CONTENT);
    },
    'every file that the exports name is there': () => {
      const targets = (entry) =>
        typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(targets);
      const missing = targets(Object.values(manifest.exports)).filter(
        (file) => !existsSync(`${folder}/node_modules/headgate/${file}`),
      );
      same(missing, []);
    },
    'nothing is run on installation, by it or by what it needs': () => {
      const names = readdirSync(`${folder}/node_modules`).filter((name) => !name.startsWith('.'));
      same(names.sort(), ['headgate', ...Object.keys(manifest.dependencies)].sort());
      for (const name of names) {
        const { scripts = {} } = packageOf(name);
        same(
          ['preinstall', 'install', 'postinstall'].filter((hook) => hook in scripts),
          [],
          name,
        );
      }
    },
    'one algorithm brings no policy, no engine, no permits and no other algorithm': async () => {
      const foreignTo = async (names, use) => {
        const { files, text } = await bundle(
          folder,
          `import { ${names} } from 'headgate'; console.log(${use});`,
        );
        const foreign =
          /valibot|eventemitter3|parts\/(engine|fixed-window|http|policy|semaphore|sliding-window)[.]js$/;
        const words = [
          'defaultTier',
          'overrides',
          'lease',
          'fixed-window',
          'sliding-window',
          'X-RateLimit',
          'hgss',
        ];
        return [
          ...files.filter((file) => foreign.test(file)),
          ...words.filter((word) => text.includes(word)),
        ];
      };
      same(
        await foreignTo('createLimiter, tokenBucket', 'createLimiter(tokenBucket({ quota: 1, window: 1 }))'),
        [],
      );
      // An engine does bring all that, so it would be seen.
      same((await foreignTo('createEngine', 'createEngine')).length >= 8, true);
    },
    "the types of a Worker's class agree with Cloudflare's own": () => {
      const types = fileURLToPath(new URL('../node_modules/@cloudflare/workers-types', import.meta.url));
      const compilerOptions = {
        ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: true },
        ...{ module: 'preserve', target: 'es2022', lib: ['es2023'], types: [types] },
      };
      cpSync(new URL('../types/worker.ts', import.meta.url), `${folder}/types-worker.ts`);
      writeFileSync(
        `${folder}/tsconfig.json`,
        JSON.stringify({ compilerOptions, files: ['types-worker.ts'] }),
      );
      const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
        encoding: 'utf8',
      });
      same(stdout, '');
    },
    'what is imported and not used is dropped, all of it': async () => {
      const entries = ENTRIES.filter((name) => !SOME_ONLY.includes(name)).map((name) =>
        name === 'index' ? '' : `/${name}`,
      );
      const { text } = await bundle(folder, entries.map((name) => `import 'headgate${name}';`).join('\n'));
      same(text, '');
    },
  });
}
