import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

const config: ViteUserConfig = defineConfig({
  root: file(''),
  resolve: {
    alias: [
      { find: /^headgate$/, replacement: file('src/index.ts') },
      { find: /^headgate\/testing$/, replacement: file('src/testing.ts') },
      { find: /^headgate\/(batch|pool)$/, replacement: file('src/engine/$1.ts') },
      { find: /^headgate\/distributed$/, replacement: file('src/stores/engine.ts') },
      { find: /^headgate\/redis$/, replacement: file('src/stores/redis/store.ts') },
      { find: /^headgate\/(diff|lint)$/, replacement: file('src/policy/$1.ts') },
      { find: /^headgate\/client$/, replacement: file('src/client/index.ts') },
      {
        find: /^headgate\/(durable-object|express|fastify|fetch|hono|koa|lambda|node|opentelemetry)$/,
        replacement: file('src/adapters/$1.ts'),
      },
      { find: /^headgate\/lab$/, replacement: file('src/lab/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    coverage: { include: ['src/**/*.ts'] },
  },
});

export default config;
