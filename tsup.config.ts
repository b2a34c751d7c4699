import { writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import { defineConfig } from 'tsup';
import { customAlgorithmName, policySchema } from './src/policy/schema.ts';

const dts = { compilerOptions: { ignoreDeprecations: '6.0' } };

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      testing: 'src/testing.ts',
      batch: 'src/engine/batch.ts',
      pool: 'src/engine/pool.ts',
      express: 'src/adapters/express.ts',
      fastify: 'src/adapters/fastify.ts',
      fetch: 'src/adapters/fetch.ts',
      hono: 'src/adapters/hono.ts',
      node: 'src/adapters/node.ts',
    },
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    external: ['node:http'],
    dts,
    clean: true,
    onSuccess: async () => {
      const schema = toJsonSchema(policySchema([customAlgorithmName]), { errorMode: 'ignore' });
      writeFileSync('dist/policy.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
    },
  },
  {
    entry: { cli: 'src/cli/bin.ts' },
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: ['csv-parse'],
  },
]);
