/**
 * Builds the playground into one page, `docs/playground/build/index.html`: the engine itself, bundled, and nothing to load.
 * `npm run playground -- --open` opens it as well.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

// The very esbuild that tsup builds with.
const { build } = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild');
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const { outputFiles } = await build({
  entryPoints: [path('main.ts')],
  bundle: true,
  minify: true,
  write: false,
  format: 'iife',
  target: 'es2022',
  logLevel: 'error',
  tsconfig: path('tsconfig.json'),
  // The module of choice; its other build loads parts by name at run time.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
});
// A script ends at the first end tag, also inside a string of it.
const script = outputFiles[0].text.replaceAll('</script', '<\\/script');
const page = readFileSync(path('index.html'), 'utf8').replace(
  '<!-- script -->',
  () => `<script>${script}</script>`,
);

const folder = path('build/');
mkdirSync(folder, { recursive: true });
const file = `${folder}index.html`;
writeFileSync(file, page);
console.log(file);

if (process.argv.includes('--open')) {
  const opener = { darwin: 'open', win32: 'explorer' }[process.platform] ?? 'xdg-open';
  spawn(opener, [pathToFileURL(file).href], { stdio: 'ignore', detached: true })
    .on('error', () => console.error(`there is no ${opener}; open the file yourself`))
    .unref();
}
