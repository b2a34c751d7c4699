import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collections at least, and at most until the figure stands still: one that was under way already leaves some behind. */
const LEAST = 4;
const MOST = 12;

/** Makes what tells how many bytes are in use once everything that can be is collected. */
export function bytesInUse(): () => Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { execution: 'async' }) => Promise<void>;
  const measure = async (): Promise<number> => {
    // Between the tasks of the process: what is being compiled meanwhile holds what it was compiled for until one ends.
    await collect({ execution: 'async' });
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  return async () => {
    // What one collection sets free may hold what only the next one can.
    let bytes = await measure();
    for (let i = 1; i < MOST; i++) {
      const next = await measure();
      if (i >= LEAST && next >= bytes) break;
      bytes = Math.min(bytes, next);
    }
    return bytes;
  };
}
