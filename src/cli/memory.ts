import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collections at least, and at most until the figure stands still: one that was under way already leaves some behind. */
const LEAST = 4;
const MOST = 12;

/** Makes what tells how many bytes are in use once everything that can be is collected. */
export function bytesInUse(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const measure = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  return () => {
    // What one collection sets free may hold what only the next one can.
    let bytes = measure();
    for (let i = 1; i < MOST; i++) {
      const next = measure();
      if (i >= LEAST && next >= bytes) break;
      bytes = Math.min(bytes, next);
    }
    return bytes;
  };
}
