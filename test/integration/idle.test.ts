import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { program } from '../fixtures/program.ts';

const idle = program('test/fixtures/idle-process.ts');

it('should let a process with idle semaphores, held leases and finished queues exit by itself', async () => {
  // It holds leases that last for hours; a process that waited for one would be ended here, with an error.
  const { stdout } = await promisify(execFile)(process.execPath, [idle], { timeout: 15_000 });
  expect(JSON.parse(stdout)).toEqual({ isWatched: false, waiting: 0, held: 1, stuck: 0 });
});
