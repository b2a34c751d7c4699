import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collections at most until the figure stands still. */
const MOST = 10;

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
    for (let i = 1, next = measure(); i < MOST && next < bytes; i++, next = measure()) bytes = next;
    return bytes;
  };
}
