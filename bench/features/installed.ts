/** What a package is as it is installed. */
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Row } from './cell.ts';
import { bytesIn, closure, folderOf, manifestOf, PEERS, ROOT } from './packages.ts';

const NAMES = ['headgate', ...PEERS];

function everybody(observe: (name: string) => string | Promise<string>): Row['cells'] {
  return Object.fromEntries(NAMES.map((name) => [name, () => observe(name)]));
}

/** An export for `require` of its own, or a package that is CommonJS. Node 22 loads modules by `require`, too. */
function hasCommonJs(name: string): boolean {
  const manifest = manifestOf(name);
  if (hasCondition(manifest.exports, 'require')) return true;
  return manifest.type !== 'module';
}

function hasModules(name: string): boolean {
  const manifest = manifestOf(name);
  return (
    manifest.type === 'module' ||
    hasCondition(manifest.exports, 'import') ||
    existsSync(join(folderOf(name), 'dist/index.mjs'))
  );
}

function hasCondition(exports: unknown, condition: string): boolean {
  if (typeof exports !== 'object' || exports === null) return false;
  return Object.entries(exports).some(([key, value]) => key === condition || hasCondition(value, condition));
}

function hasTypes(name: string): boolean {
  const { types, typings, exports } = manifestOf(name);
  const declared = types !== undefined || typings !== undefined || hasCondition(exports, 'types');
  return declared || ['lib/index.d.ts', 'index.d.ts'].some((file) => existsSync(join(folderOf(name), file)));
}

/** The built-ins of Node it imports once it is bundled for a browser. */
async function builtinsOf(name: string): Promise<string> {
  const entry = name === 'headgate' ? join(ROOT, 'dist/module/index.js') : name;
  const { metafile } = await build({
    stdin: { contents: `export * from ${JSON.stringify(entry)}`, resolveDir: join(ROOT, 'bench') },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    external: [
      ...builtinModules,
      ...builtinModules.map((each) => `node:${each}`),
      'express',
      'fastify',
      'hono',
      'unstorage',
      'redis',
    ],
    logLevel: 'silent',
  });
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const builtins = imported
    .map((path) => path.replace('node:', ''))
    .filter((path) => builtinModules.includes(path));
  return builtins.length === 0 ? 'none' : [...new Set(builtins)].sort().join(', ');
}

export const INSTALLED: readonly Row[] = [
  {
    name: 'version',
    how: 'As it is installed.',
    cells: everybody((name) => manifestOf(name).version),
  },
  {
    name: 'ES modules, CommonJS, types',
    how: 'By `package.json` and the files that come with it; for CommonJS, an export for `require`.',
    cells: everybody((name) =>
      [hasModules(name) && 'ESM', hasCommonJs(name) && 'CJS', hasTypes(name) && 'types']
        .filter(Boolean)
        .join(', '),
    ),
  },
  {
    name: 'packages installed with it',
    how: 'Its dependencies and theirs; peers apart, such as the framework.',
    cells: everybody((name) => {
      const others = [...closure(name)].slice(1);
      return others.length === 0 ? 'none' : `${others.length}: ${others.join(', ')}`;
    }),
  },
  {
    name: 'size on disk, with these',
    how: 'The sum of its files and theirs.',
    cells: everybody((name) => {
      const bytes = [...closure(name)].reduce((sum, each) => sum + bytesOf(each), 0);
      return `${(bytes / 1e6).toFixed(2)} MB`;
    }),
  },
  {
    name: 'built-ins of Node it imports',
    how: 'Its main entry is bundled for a browser, and what the bundle still imports is listed.',
    cells: everybody(builtinsOf),
  },
];

function bytesOf(name: string): number {
  return name === 'headgate' ? bytesIn(join(ROOT, 'dist')) : bytesIn(folderOf(name));
}
