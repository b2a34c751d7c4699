import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'tsup';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../fixtures/idle-process.ts', import.meta.url));

it('should let a process with idle semaphores, held leases and finished queues exit by itself', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'headgate-idle-'));
  try {
    await build({
      ...{ entry: { program }, outDir, format: 'esm', target: 'node20', noExternal: [/./] },
      ...{ config: false, silent: true, dts: false, outExtension: () => ({ js: '.mjs' }) },
    });
    // It holds leases that last for hours; a process that waited for one would be ended here, with an error.
    const { stdout } = await promisify(execFile)(process.execPath, [join(outDir, 'program.mjs')], {
      timeout: 15_000,
    });
    expect(JSON.parse(stdout)).toEqual({ isWatched: false, waiting: 0, held: 1, stuck: 0 });
  } finally {
    await rm(outDir, { recursive: true });
  }
});
