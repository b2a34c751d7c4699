/** Bundle sizes: minified, gzipped, of what a user imports. Exact, so one round is all there is. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type BuildResult, build, type Metafile } from 'esbuild';
import type { CaseResult } from '../case.ts';
import { figure } from '../statistics.ts';
import type { Played } from './rounds.ts';

interface Bundle {
  readonly id: string;
  readonly row: string;
  readonly source: string;
  readonly external: readonly string[];
}

const OPTIONS = {
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'esm',
  target: 'es2022',
  logLevel: 'error',
} as const;
const LIMITER = "export { createLimiter, tokenBucket } from './dist/module/index.js'";
const ALL_PLANS =
  "export { createLimiter, fixedWindow, slidingWindow, tokenBucket } from './dist/module/index.js'";
const ENGINE = "export { createEngine } from './dist/module/index.js'";
const WHOLE = ['index', 'batch', 'pool', 'fetch', 'node', 'testing'].map(
  (name) => `export * as ${name} from './dist/module/${name}.js'`,
);

export const BUNDLES: readonly Bundle[] = [
  {
    id: 'size/limiter',
    row: 'one limiter: createLimiter and tokenBucket, lru-cache apart',
    source: LIMITER,
    external: ['lru-cache'],
  },
  {
    id: 'size/limiter-all',
    row: 'the same with all three algorithms',
    source: ALL_PLANS,
    external: ['lru-cache'],
  },
  { id: 'size/limiter-lru', row: 'one limiter with lru-cache', source: LIMITER, external: [] },
  {
    id: 'size/engine',
    row: 'the engine: createEngine with everything it imports',
    source: ENGINE,
    external: [],
  },
  {
    id: 'size/whole',
    row: 'the whole: every entry, adapters too',
    source: WHOLE.join(';'),
    external: ['node:*'],
  },
];

export async function playSizes(bundles: readonly Bundle[]): Promise<Played> {
  const cases: CaseResult[] = [];
  for (const { id, row, source, external } of bundles) {
    const { outputFiles } = await bundle(source, external);
    // The same from source, whose files tell what the built ones no longer do.
    const { metafile, outputFiles: fromSource } = await bundle(
      source.replaceAll(/dist\/(\w+)[.]js/g, sourceOf),
      external,
    );
    const code = outputFiles[0]?.contents ?? new Uint8Array();
    cases.push({
      id,
      table: 'Bundle sizes (esbuild)',
      row,
      unit: 'bytes',
      reference: '',
      date: new Date().toISOString(),
      values: {
        'min + gzip': [zipped(code)],
        min: [code.length],
        'min + gzip, bundled from source instead': [zipped(fromSource[0]?.contents ?? new Uint8Array())],
      },
      faults: {},
      notes: [`${row}: ${contents(metafile)}`],
    });
  }
  return { cases, checksum: cases.length, isSound: true };
}

function bundle(contents: string, external: readonly string[]): Promise<BuildResult<typeof OPTIONS>> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return build({
    ...OPTIONS,
    absWorkingDir: root,
    stdin: { contents, resolveDir: root },
    external: [...external],
  });
}

function zipped(code: Uint8Array): number {
  return gzipSync(code, { level: 9 }).length;
}

function sourceOf(_: string, entry: string): string {
  const folder = { batch: 'engine/', pool: 'engine/', fetch: 'adapters/', node: 'adapters/' }[entry] ?? '';
  return `src/${folder}${entry}.ts`;
}

/** What is in a bundle: minified bytes by package, and by folder for headgate. */
function contents({ outputs }: Metafile): string {
  const bytes = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name =
        /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? /^src\/[\w-]+/.exec(path)?.[0] ?? 'other';
      bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput);
    }
  }
  const parts = [...bytes].filter(([, size]) => size > 0).sort(([, a], [, b]) => b - a);
  return parts.map(([name, size]) => `${name} ${figure(size)} B`).join(', ');
}
