/** One permit of each package, as its users take it. */
import { createSemaphore } from 'headgate';

type Work<T> = () => Promise<T> | T;

/** One permit. */
export interface Single {
  run<T>(work: Work<T>, options?: { priority?: 'low' | 'high'; signal?: AbortSignal }): Promise<T>;
  readonly dispose?: () => unknown;
}

export const OPEN = {
  headgate: async (): Promise<Single> => {
    const semaphore = createSemaphore({ quota: 1, queue: { size: 1_000_000 } });
    return {
      run: (work, { priority, signal } = {}) =>
        semaphore.run('key', work, {
          priority: priority === 'high' ? 1 : 0,
          ...(signal !== undefined && { signal }),
        }),
    };
  },
  bottleneck: async (): Promise<Single> => {
    const { default: Bottleneck } = await import('bottleneck');
    const limiter = new Bottleneck({ maxConcurrent: 1 });
    return {
      run: (work, { priority } = {}) =>
        limiter.schedule({ priority: priority === 'high' ? 1 : 9 }, async () => work()),
      dispose: () => limiter.disconnect(),
    };
  },
  'p-queue': async (): Promise<Single> => {
    const { default: PQueue } = await import('p-queue');
    const queue = new PQueue({ concurrency: 1 });
    return {
      run: (work, { priority, signal } = {}) =>
        queue.add(async () => work(), {
          priority: priority === 'high' ? 1 : 0,
          ...(signal !== undefined && { signal }),
        }),
    };
  },
  'p-limit': async (): Promise<Single> => {
    const { default: pLimit } = await import('p-limit');
    const limit = pLimit(1);
    return { run: (work) => limit(work) };
  },
  'async-sema': async (): Promise<Single> => {
    const { Sema } = await import('async-sema');
    const semaphore = new Sema(1);
    return {
      run: async (work) => {
        await semaphore.acquire();
        try {
          return await work();
        } finally {
          semaphore.release();
        }
      },
    };
  },
} satisfies Readonly<Record<string, () => Promise<Single>>>;

/** Runs `steps` while one job holds the permit, and then lets it go. */
export async function whileHeld(single: Single, steps: () => Promise<unknown>[]): Promise<void> {
  let release = (): void => undefined;
  let hasBegun = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    hasBegun = resolve;
  });
  const held = single.run(() => {
    hasBegun();
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  await begun;
  // Whoever leaves the line is rejected at once.
  const waiting = Promise.allSettled(steps());
  await settle();
  release();
  await Promise.all([held, waiting]);
  await single.dispose?.();
}

/** Some packages let work begin in a later turn of the event loop, and some need several: counted, since a turn may take long. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
}
