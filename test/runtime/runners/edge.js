/** Vercel's edge-runtime: the checks, bundled as its users bundle. */

import { EdgeRuntime } from 'edge-runtime';
import { build } from 'esbuild';

export async function runEdge(folder) {
  const { outputFiles } = await build({
    entryPoints: [`${folder}/hosts/edge.js`],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    platform: 'neutral',
    // This tries the files for bundlers.
    conditions: ['module', 'edge-light'],
    mainFields: ['module', 'main'],
  });
  const runtime = new EdgeRuntime({ initialCode: outputFiles[0].text });
  const response = await runtime.dispatchFetch('https://edge.example/');
  return response.json();
}
