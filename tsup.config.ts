import { writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import { defineConfig } from 'tsup';
import { customAlgorithmName, policySchema } from './src/policy/schema.ts';

const dts = { compilerOptions: { ignoreDeprecations: '6.0' } };

/** What the package exports. */
const entry = {
  index: 'src/index.ts',
  testing: 'src/testing.ts',
  batch: 'src/engine/batch.ts',
  pool: 'src/engine/pool.ts',
  lab: 'src/lab/index.ts',
  lint: 'src/policy/lint.ts',
  fetch: 'src/adapters/fetch.ts',
  node: 'src/adapters/node.ts',
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

const common = { target: 'es2022', platform: 'neutral', external: ['node:http'] } as const;

export default defineConfig([
  {
    ...common,
    entry: { ...entry, ...parts },
    format: 'esm',
    dts: { ...dts, entry },
    clean: true,
    onSuccess: async () => {
      const schema = toJsonSchema(policySchema([customAlgorithmName]), { errorMode: 'ignore' });
      writeFileSync('dist/policy.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
    },
  },
  { ...common, entry, format: 'cjs', dts },
  {
    entry: { cli: 'src/cli/bin.ts' },
    format: 'esm',
    target: 'node20',
    platform: 'node',
  },
]);
