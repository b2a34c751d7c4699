/** The semaphores that are compared, each behind the same few functions. Only the one that is asked for is loaded. */

export interface SemaphoreContender {
  /** Works when a permit is free. */
  readonly run: <T>(job: () => Promise<T>) => Promise<T>;
  /** Takes a permit and gives it back, one at a time. */
  readonly uncontended: (times: number) => Promise<void>;
  /** The same without a promise. */
  readonly uncontendedSync?: (times: number) => void;
  /** Waits, until the signal is aborted. */
  readonly wait?: (signal: AbortSignal) => Promise<unknown>;
}

const noJob = async () => undefined;

export const SEMAPHORES: Readonly<Record<string, (permits: number) => Promise<SemaphoreContender>>> = {
  headgate: async (permits) => {
    const { createSemaphore } = await import('headgate');
    const semaphore = createSemaphore({ quota: permits, queue: { size: 1_000_000 } });
    return {
      run: async (job) => {
        const lease = await semaphore.acquire('key');
        try {
          return await job();
        } finally {
          lease.release();
        }
      },
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) {
          const lease = await semaphore.acquire('key');
          lease.release();
        }
      },
      uncontendedSync: (times) => {
        for (let i = 0; i < times; i++) semaphore.tryAcquire('key').release();
      },
      wait: (signal) => semaphore.acquire('key', { signal }),
    };
  },

  'async-sema': async (permits) => {
    const { Sema } = await import('async-sema');
    const semaphore = new Sema(permits);
    return {
      run: async (job) => {
        await semaphore.acquire();
        try {
          return await job();
        } finally {
          semaphore.release();
        }
      },
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) {
          await semaphore.acquire();
          semaphore.release();
        }
      },
      uncontendedSync: (times) => {
        for (let i = 0; i < times; i++) {
          semaphore.tryAcquire();
          semaphore.release();
        }
      },
    };
  },

  'p-limit': async (permits) => {
    const { default: pLimit } = await import('p-limit');
    const limit = pLimit(permits);
    return {
      run: (job) => limit(job),
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) await limit(noJob);
      },
    };
  },

  'p-queue': async (permits) => {
    const { default: PQueue } = await import('p-queue');
    const queue = new PQueue({ concurrency: permits });
    return {
      run: (job) => queue.add(job),
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) await queue.add(noJob);
      },
      wait: (signal) => queue.add(noJob, { signal }),
    };
  },

  cockatiel: async (permits) => {
    const { bulkhead } = await import('cockatiel');
    const policy = bulkhead(permits, 1_000_000);
    return {
      run: (job) => policy.execute(job),
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) await policy.execute(noJob);
      },
    };
  },

  bottleneck: async (permits) => {
    const { default: Bottleneck } = await import('bottleneck');
    const limiter = new Bottleneck({ maxConcurrent: permits });
    return {
      run: (job) => limiter.schedule(job),
      uncontended: async (times) => {
        for (let i = 0; i < times; i++) await limiter.schedule(noJob);
      },
    };
  },
};
