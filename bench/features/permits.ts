/** Work in progress: how many at once, and who waits how. */
import { createEngine, createSemaphore, type Semaphore } from 'headgate';
import { type Citation, cite, type Row } from './cell.ts';
import { OPEN, type Single, settle, whileHeld } from './single.ts';

function everybody(observe: (open: () => Promise<Single>) => Promise<string>): Row['cells'] {
  return Object.fromEntries(Object.entries(OPEN).map(([name, open]) => [name, () => observe(open)]));
}

const WITHOUT: Readonly<Record<'p-limit' | 'async-sema', readonly [file: string, quote: string]>> = {
  'p-limit': ['index.d.ts', 'concurrency: number | Options'],
  'async-sema': ['lib/index.d.ts', 'acquire(): Promise<any>;'],
};

function no(name: keyof typeof WITHOUT): Citation {
  return cite('no', ...WITHOUT[name]);
}

/** Holds the only permit, and sees whether another gets in within a second. */
async function expiry(hold: () => unknown, next: () => Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), 1000);
  });
  hold();
  const came = next().then(
    () => true,
    () => false,
  );
  const isIn = await Promise.race([came, late]);
  clearTimeout(timer);
  return isIn;
}

const forever = (): Promise<never> => new Promise(() => undefined);

/** Takes the permit, gives it back twice, and counts how many can be held then. */
function twice(semaphore: { tryAcquire(): unknown; release(permit: unknown): unknown }): string {
  const permit = semaphore.tryAcquire();
  semaphore.release(permit);
  semaphore.release(permit);
  let held = 0;
  while (held < 5 && semaphore.tryAcquire() !== undefined) held++;
  return held === 1 ? 'nothing happens' : `${held} permits instead of 1`;
}

function tryIn(semaphore: Semaphore): unknown {
  const admission = semaphore.tryAcquire('key');
  return admission.allowed ? admission : undefined;
}

const CANNOT = 'cannot happen: work is a function';

export const PERMITS: readonly Row[] = [
  {
    name: 'permits for each key',
    how: 'One permit for each of two keys, by one object.',
    cells: {
      headgate: () => {
        const semaphore = createSemaphore({ quota: 1 });
        const answers = ['a', 'b', 'a'].map((key) => semaphore.tryAcquire(key).allowed);
        return answers.join() === 'true,true,false' ? 'yes' : 'no';
      },
      bottleneck: async () => {
        const { default: Bottleneck } = await import('bottleneck');
        const group = new Bottleneck.Group({ maxConcurrent: 1 });
        const order: string[] = [];
        const jobs = ['a', 'b'].map((key) => group.key(key).schedule(async () => void order.push(key)));
        await Promise.all(jobs);
        await group.disconnect();
        return order.join() === 'a,b' ? 'yes, a group of limiters' : 'no';
      },
      'p-queue': cite('an object for each', 'dist/options.d.ts', 'readonly concurrency?: number;'),
      'p-limit': cite('an object for each', 'index.d.ts', 'concurrency: number | Options'),
      'async-sema': cite('an object for each', 'lib/index.d.ts', 'constructor(nr: number'),
    },
  },
  {
    name: 'whoever never gives his permit back',
    how: 'A holder of the only permit that never ends, with an expiry of 5 ms where there is one; then another asks, for a second.',
    cells: {
      headgate: async () => {
        const semaphore = createSemaphore({ quota: 1, lease: 5, queue: { size: 1 } });
        const isIn = await expiry(
          () => semaphore.tryAcquire('key'),
          async () => (await semaphore.acquire('key')).release(),
        );
        return isIn ? 'lease expires; renewable, with a fence' : 'stays';
      },
      bottleneck: async () => {
        const { default: Bottleneck } = await import('bottleneck');
        const limiter = new Bottleneck({ maxConcurrent: 1 });
        const isIn = await expiry(
          () => limiter.schedule({ expiration: 5 }, forever).catch(() => undefined),
          () => limiter.schedule(async () => undefined),
        );
        await limiter.disconnect();
        return isIn ? 'job fails at its expiration' : 'stays';
      },
      'p-queue': async () => {
        const { default: PQueue } = await import('p-queue');
        const queue = new PQueue({ concurrency: 1 });
        const isIn = await expiry(
          () => queue.add(forever, { timeout: 5 }).catch(() => undefined),
          () => queue.add(async () => undefined),
        );
        return isIn ? 'job fails at its timeout' : 'stays';
      },
      'p-limit': cite('keeps it', 'index.d.ts', 'This does not cancel promises that are already running.'),
      'async-sema': cite('keeps it', ...WITHOUT['async-sema']),
    },
  },
  {
    name: 'giving a permit back twice',
    how: 'The only permit is taken, given back twice, and then as many are taken as there are.',
    cells: {
      headgate: () => {
        const semaphore = createSemaphore({ quota: 1 });
        return twice({
          tryAcquire: () => tryIn(semaphore),
          release: (permit) => (permit as ReturnType<Semaphore['tryAcquire']>).release(),
        });
      },
      bottleneck: cite(
        CANNOT,
        'README.md',
        "It's safe to call the callback more than once, subsequent calls are ignored.",
      ),
      'p-queue': cite(CANNOT, 'dist/index.d.ts', 'add<TaskResultType>('),
      'p-limit': cite(CANNOT, 'index.d.ts', 'function_: (...arguments_: Arguments)'),
      'async-sema': async () => {
        const { Sema } = await import('async-sema');
        return twice(new Sema(1));
      },
    },
  },
  {
    name: 'a bound on who waits',
    how: 'One holds the only permit and two more come, with room for one.',
    cells: {
      headgate: async () => {
        const semaphore = createSemaphore({ quota: 1, queue: { size: 1 } });
        const first = await semaphore.acquire('key');
        const second = semaphore.acquire('key');
        const third = await semaphore.acquire('key');
        first.release();
        (await second).release();
        return third.reason === 'queue-full' ? 'size; the newcomer is denied' : 'no';
      },
      bottleneck: async () => {
        const { default: Bottleneck } = await import('bottleneck');
        const limiter = new Bottleneck({
          maxConcurrent: 1,
          highWater: 1,
          strategy: Bottleneck.strategy.OVERFLOW,
        });
        let release = (): void => undefined;
        const first = limiter.schedule(
          () =>
            new Promise<void>((resolve) => {
              release = resolve;
            }),
        );
        await settle();
        const second = limiter.schedule(async () => 'second');
        const third = await limiter.schedule(async () => 'third').catch(() => 'dropped');
        release();
        await Promise.all([first, second]);
        await limiter.disconnect();
        return third === 'dropped' ? 'high water mark; four strategies' : 'no';
      },
      'p-queue': cite(
        'no; `onSizeLessThan` to wait before adding',
        'dist/index.d.ts',
        'onSizeLessThan(limit: number)',
      ),
      'p-limit': no('p-limit'),
      'async-sema': no('async-sema'),
    },
  },
  {
    name: 'priority',
    how: 'While the only permit is held, two come with low priority and one with a high one.',
    cells: {
      ...everybody(async (open) => {
        const single = await open();
        const order: string[] = [];
        await whileHeld(single, () =>
          (['low', 'low', 'high'] as const).map((priority) =>
            single.run(() => void order.push(priority), { priority }),
          ),
        );
        return order[0] === 'high' ? 'yes' : 'no';
      }),
    },
  },
  {
    name: 'first come, first served',
    how: 'While the only permit is held, 100 come; each asks again when it is done.',
    cells: everybody(async (open) => {
      const single = await open();
      const order: number[] = [];
      await whileHeld(single, () =>
        Array.from({ length: 100 }, (_, i) =>
          single.run(() => void order.push(i)).then(() => single.run(() => void order.push(100 + i))),
        ),
      );
      return order.every((each, place) => each === place) ? 'yes' : 'no';
    }),
  },
  {
    name: 'leaving the line by an `AbortSignal`',
    how: 'While the only permit is held, one comes with a signal that is aborted then, where the package takes one.',
    cells: {
      ...everybody(async (open) => {
        const single = await open();
        const control = new AbortController();
        let hasRun = false;
        await whileHeld(single, () => {
          const waiting = single.run(
            () => {
              hasRun = true;
            },
            { signal: control.signal },
          );
          control.abort();
          return [waiting];
        });
        return hasRun ? 'no' : 'yes';
      }),
    },
  },
  {
    name: 'asking without waiting',
    how: 'As each package says.',
    cells: {
      headgate: () => (createSemaphore({ quota: 1 }).tryAcquire('key').allowed ? 'yes' : 'no'),
      bottleneck: cite(
        '`check()` tells, takes nothing',
        'bottleneck.d.ts',
        'check(weight?: number): Promise<boolean>;',
      ),
      'p-queue': cite('no', 'dist/index.d.ts', 'add<TaskResultType>('),
      'p-limit': no('p-limit'),
      'async-sema': async () => {
        const { Sema } = await import('async-sema');
        const semaphore = new Sema(1);
        return semaphore.tryAcquire() !== undefined && semaphore.tryAcquire() === undefined ? 'yes' : 'no';
      },
    },
  },
  {
    name: 'several permits at once',
    how: 'Two of three permits are taken, twice.',
    cells: {
      headgate: () => {
        const semaphore = createSemaphore({ quota: 3 });
        const answers = [1, 2].map(() => semaphore.tryAcquire('key', { permits: 2 }).allowed);
        return answers.join() === 'true,false' ? 'yes' : 'no';
      },
      bottleneck: async () => {
        const { default: Bottleneck } = await import('bottleneck');
        const limiter = new Bottleneck({ maxConcurrent: 3 });
        let most = 0;
        let running = 0;
        const job = async (): Promise<void> => {
          most = Math.max(most, ++running);
          await settle();
          running--;
        };
        await Promise.all([1, 2].map(() => limiter.schedule({ weight: 2 }, job)));
        await limiter.disconnect();
        return most === 1 ? 'yes, a weight' : 'no';
      },
      'p-queue': cite('no', 'dist/options.d.ts', 'readonly concurrency?: number;'),
      'p-limit': no('p-limit'),
      'async-sema': no('async-sema'),
    },
  },
  {
    name: 'a rate besides',
    how: 'One limit in progress and one of 2 an hour, on the same work; how many begin at once.',
    cells: {
      headgate: () => {
        const engine = createEngine({
          version: 1,
          limits: {
            running: { algorithm: 'concurrency', quota: 5 },
            hourly: { algorithm: 'sliding-window', quota: 2, window: '1h' },
          },
          groups: { jobs: { limits: ['running', 'hourly'] } },
          unmatched: 'deny',
        });
        const answers = [1, 2, 3].map(() => engine.tryAcquire({ group: 'jobs' }).allowed);
        return answers.join() === 'true,true,false' ? 'yes, every algorithm; all or nothing' : 'no';
      },
      bottleneck: async () => {
        const { default: Bottleneck } = await import('bottleneck');
        const limiter = new Bottleneck({ maxConcurrent: 5, reservoir: 2 });
        let begun = 0;
        for (let i = 0; i < 3; i++) limiter.schedule(async () => void begun++).catch(() => undefined);
        await settle();
        await limiter.disconnect();
        return begun === 2 ? 'yes, a reservoir, a least distance' : `${begun} begun`;
      },
      'p-queue': async () => {
        const { default: PQueue } = await import('p-queue');
        const queue = new PQueue({ concurrency: 5, interval: 3_600_000, intervalCap: 2, strict: true });
        let begun = 0;
        for (let i = 0; i < 3; i++) queue.add(async () => void begun++).catch(() => undefined);
        await settle();
        queue.pause();
        queue.clear();
        return begun === 2 ? 'yes, a window; `strict`: an exact one' : `${begun} begun`;
      },
      'p-limit': no('p-limit'),
      'async-sema': cite('apart: `RateLimit`', 'lib/index.d.ts', 'export declare function RateLimit('),
    },
  },
  {
    name: 'across processes',
    how: 'As each package says.',
    cells: {
      headgate: cite('Redis, Valkey', 'docs/distributed.md', 'Permits and queues'),
      bottleneck: cite(
        'Redis',
        'README.md',
        'If your rate limits need to be enforced across a cluster of computers',
      ),
      'p-queue': cite('no', 'dist/options.d.ts', 'readonly concurrency?: number;'),
      'p-limit': no('p-limit'),
      'async-sema': no('async-sema'),
    },
  },
];
