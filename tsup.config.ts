import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import { defineConfig, type Options } from 'tsup';
import { customAlgorithmName, policySchema } from './src/policy/schema.ts';

const dts = { compilerOptions: { ignoreDeprecations: '6.0' } };

/** What the package exports. */
const entry = {
  index: 'src/index.ts',
  testing: 'src/testing.ts',
  batch: 'src/engine/batch.ts',
  pool: 'src/engine/pool.ts',
  diff: 'src/policy/diff.ts',
  lab: 'src/lab/index.ts',
  lint: 'src/policy/lint.ts',
  client: 'src/client/index.ts',
  express: 'src/adapters/express.ts',
  fastify: 'src/adapters/fastify.ts',
  'durable-object': 'src/adapters/durable-object.ts',
  fetch: 'src/adapters/fetch.ts',
  hono: 'src/adapters/hono.ts',
  koa: 'src/adapters/koa.ts',
  lambda: 'src/adapters/lambda.ts',
  node: 'src/adapters/node.ts',
  distributed: 'src/stores/engine.ts',
  redis: 'src/stores/redis/store.ts',
  opentelemetry: 'src/adapters/opentelemetry.ts',
};

/**
 * Parts of `index`, each a file of its own that nobody imports by name: since no file has side effects, a bundler drops
 * those that it does not need. Whoever imports one limiter gets no policy.
 */
const parts = {
  'parts/fixed-window': 'src/algorithms/fixed-window.ts',
  'parts/sliding-window': 'src/algorithms/sliding-window.ts',
  'parts/token-bucket': 'src/algorithms/token-bucket.ts',
  'parts/limiter': 'src/limiter/limiter.ts',
  'parts/semaphore': 'src/concurrency/semaphore.ts',
  'parts/policy': 'src/policy/parse.ts',
  'parts/engine': 'src/engine/engine.ts',
  'parts/http': 'src/http/denial.ts',
};

const common = { target: 'es2022', platform: 'neutral', external: [/^node:/] } satisfies Options;
const dependencies = ['lru-cache', 'valibot', 'eventemitter3'];

/** What the pictures of reports are drawn with, which only `lab` and the command need. */
const drawing = [
  ...['array', 'color', 'format', 'interpolate', 'path', 'scale', 'shape', 'time', 'time-format'].map(
    (part) => `d3-${part}`,
  ),
  'internmap',
];

/** The files that stand in the package with their licences, since the dependencies are part of them. */
function addLicences(): void {
  const texts = [...dependencies, ...drawing].map((name) => {
    const folder = `node_modules/${name}`;
    const file = readdirSync(folder).find((each) => each.startsWith('LICENSE'));
    if (file === undefined) throw new Error(`${name} has no licence`);
    return `${name}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
  });
  writeFileSync('dist/licences.txt', texts.join(`\n${'-'.repeat(80)}\n\n`));
}

export default defineConfig([
  // For bundlers.
  { ...common, entry: { ...entry, ...parts }, format: 'esm', outDir: 'dist/module', clean: true },
  // For runtimes: each entry a single file, dependencies and all, which loads in half the time or less.
  {
    ...common,
    entry,
    format: 'esm',
    splitting: false,
    noExternal: dependencies,
    dts,
    onSuccess: async () => {
      const schema = toJsonSchema(policySchema([customAlgorithmName]), { errorMode: 'ignore' });
      writeFileSync('dist/policy.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
      addLicences();
    },
  },
  { ...common, entry, format: 'cjs', noExternal: dependencies, dts },
  {
    entry: { cli: 'src/cli/bin.ts' },
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: dependencies,
  },
]);
