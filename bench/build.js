// Bundles the bench to plain JavaScript in dist/, so that what is timed runs on Node alone: a loader that compiles on the
// fly wraps functions to keep their names, and that shows in figures of a few nanoseconds. Peers stay external, and so
// does headgate, which is taken from the package's own build.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const headgate = {
  name: 'headgate',
  setup({ onResolve }) {
    onResolve({ filter: /^headgate(\/.*)?$/ }, ({ path }) => ({
      path: `../../dist/${path === 'headgate' ? 'index' : path.slice('headgate/'.length)}.js`,
      external: true,
    }));
  },
};

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: {
    main: 'main.ts',
    features: 'features/main.ts',
    worker: 'worker.ts',
    server: 'http/server.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  plugins: [headgate],
});
