// What users' bundles grow by: each import, minified and gzipped, against its budget. Run by `npm run check:sizes`, after
// the build. Timings are not checked; `npm run bench` takes them.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// The very esbuild that tsup builds with.
const { build } = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild');

const LRU = ['lru-cache'];

/**
 * Bytes, rounded up to the next 500 or so from what was reached. Whoever gets below a budget lowers it. The bars of the
 * bench are 4 kB for one limiter and 20 kB for an engine; neither is reached.
 */
const BUDGETS = [
  { what: 'one limiter, lru-cache apart', code: '{ createLimiter, tokenBucket }', most: 8500, external: LRU },
  {
    what: 'one limiter, any algorithm, lru-cache apart',
    code: '{ createLimiter, fixedWindow, slidingWindow, tokenBucket }',
    most: 9500,
    external: LRU,
  },
  { what: 'a semaphore and all it imports', code: '{ createSemaphore }', most: 18_500 },
  { what: 'an engine and all it imports', code: '{ createEngine }', most: 46_000 },
  { what: 'a policy alone', code: '{ definePolicy }', most: 200 },
  { what: 'batch', code: '*', from: 'batch', most: 2000 },
  { what: 'pool', code: '*', from: 'pool', most: 3000 },
  { what: 'diff', code: '*', from: 'diff', most: 10_500 },
  { what: 'lab', code: '*', from: 'lab', most: 85_000 },
  { what: 'lint', code: '*', from: 'lint', most: 29_500 },
  { what: 'client', code: '*', from: 'client', most: 9000 },
  { what: 'distributed and all it imports', code: '*', from: 'distributed', most: 63_000 },
  { what: 'redis', code: '*', from: 'redis', most: 10_500 },
  { what: 'express', code: '*', from: 'express', most: 5000 },
  { what: 'fastify', code: '*', from: 'fastify', most: 5000 },
  { what: 'fetch', code: '*', from: 'fetch', most: 5000 },
  { what: 'hono', code: '*', from: 'hono', most: 5000 },
  { what: 'koa', code: '*', from: 'koa', most: 5000 },
  { what: 'lambda', code: '*', from: 'lambda', most: 5000 },
  { what: 'node', code: '*', from: 'node', most: 5000 },
  {
    what: 'opentelemetry, its API apart',
    code: '*',
    from: 'opentelemetry',
    most: 3000,
    external: ['@opentelemetry/api'],
  },
  { what: 'durable-object and the engine', code: '*', from: 'durable-object', most: 47_000 },
  { what: 'testing', code: '*', from: 'testing', most: 8000 },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const rows = await Promise.all(
  BUDGETS.map(async ({ what, code, from = 'index', most, external = [] }) => {
    const contents = `export ${code} from './dist/module/${from}.js'`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root },
      absWorkingDir: root,
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      logLevel: 'error',
      external: [...external, 'node:*'],
    });
    const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
    return { what, bytes, most, verdict: bytes <= most ? '' : `${bytes - most} too many` };
  }),
);
const isOver = rows.some(({ bytes, most }) => bytes > most);
if (isOver || process.argv.includes('--print')) {
  const table = [{ what: 'min + gzip', bytes: 'bytes', most: 'budget', verdict: '' }, ...rows];
  for (const { what, bytes, most, verdict } of table) {
    console.log(what.padEnd(45), String(bytes).padStart(7), String(most).padStart(8), ` ${verdict}`);
  }
}
if (isOver) process.exitCode = 1;
