/** What is held and when it is collected. Needs `--expose-gc`. */
import { setImmediate as turn } from 'node:timers/promises';

export function collect(): void {
  if (gc === undefined) throw new Error('start node with --expose-gc');
  gc();
}

/** Bytes held, on the heap and outside of it, once garbage is gone. Buffers are given back a turn after they are found. */
export async function heldBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Watches collections: how long each took, in milliseconds. */
export function watchCollections(): { readonly pauses: number[]; stop: () => Promise<void> } {
  const pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    pauses,
    stop: async () => {
      // Collections are told of a turn later.
      for (let i = 0; i < 3; i++) await turn();
      observer.disconnect();
    },
  };
}
