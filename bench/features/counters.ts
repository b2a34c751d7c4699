/** One limit of each package, as its users ask it, without a server around it. */
import { createLimiter, fixedWindow, type Plan, slidingWindow, tokenBucket } from 'headgate';

/** One limit for many keys. */
export interface Counter {
  ask(key: string): Promise<boolean>;
  /** When whoever was just denied is told to come back; undefined: nothing is told. */
  readonly until?: (key: string) => Promise<number>;
  /** Units given back that one request had taken. */
  readonly giveBack?: (key: string) => Promise<void>;
  /** Which of these keys are remembered. */
  readonly remembered: (keys: readonly string[]) => Promise<number>;
}

export type OpenCounter = (quota: number, windowMs: number) => Promise<Counter>;

export const COUNTERS = {
  headgate: (quota, windowMs) => ofHeadgate(fixedWindow({ quota, window: windowMs })),
  'headgate, sliding': (quota, windowMs) => ofHeadgate(slidingWindow({ quota, window: windowMs })),
  'headgate, bucket': (quota, windowMs) => ofHeadgate(tokenBucket({ quota, window: windowMs })),
  'express-rate-limit': async (quota, windowMs) => {
    const { MemoryStore } = await import('express-rate-limit');
    return ofStore(new MemoryStore(), quota, windowMs);
  },
  'hono-rate-limiter': async (quota, windowMs) => {
    const { MemoryStore } = await import('hono-rate-limiter');
    return ofStore(new MemoryStore(), quota, windowMs);
  },
  '@fastify/rate-limit': async (quota, windowMs) => {
    const { default: LocalStore } = await import('@fastify/rate-limit/store/LocalStore.js');
    // The default size of its cache.
    const store = new LocalStore(false, false);
    let told = { current: 0, ttl: 0 };
    const tell = (_error: Error | null, state: typeof told): void => {
      told = state;
    };
    return {
      ask: async (key) => {
        store.incr(key, tell, windowMs, quota);
        return told.current <= quota;
      },
      until: async () => Date.now() + told.ttl,
      remembered: async (keys) =>
        keys.filter((key) => {
          store.read(key, tell, windowMs);
          return told.current > 0;
        }).length,
    };
  },
  'rate-limiter-flexible': async (quota, windowMs) => {
    const { RateLimiterMemory } = await import('rate-limiter-flexible');
    const limiter = new RateLimiterMemory({ points: quota, duration: windowMs / 1000 });
    return {
      ask: (key) =>
        limiter.consume(key).then(
          () => true,
          () => false,
        ),
      until: async (key) => Date.now() + ((await limiter.get(key))?.msBeforeNext ?? 0),
      giveBack: async (key) => void (await limiter.reward(key)),
      remembered: (keys) => countOf(keys, async (key) => (await limiter.get(key)) !== null),
    };
  },
  limiter: async (quota, windowMs) => {
    const { RateLimiter } = await import('limiter');
    const limiter = new RateLimiter({ tokensPerInterval: quota, interval: windowMs });
    return {
      ask: async () => limiter.tryRemoveTokens(1),
      until: async () => Date.now() + limiter.getWaitTime(1),
      remembered: async () => 1,
    };
  },
} satisfies Readonly<Record<string, OpenCounter>>;

async function ofHeadgate(plan: Plan): Promise<Counter> {
  const limiter = createLimiter(plan, { maxKeys: 1000 });
  let last = limiter.peek('nobody');
  return {
    ask: async (key) => {
      last = limiter.check(key);
      return last.allowed;
    },
    until: async () => Number(last.retryAt),
    giveBack: async () => void limiter.refund(last),
    remembered: async () => limiter.stats().keys,
  };
}

interface HitStore {
  init(options: never): void;
  increment(key: string): Hits | Promise<Hits>;
  decrement(key: string): void | Promise<void>;
  get(key: string): (Hits | undefined) | Promise<Hits | undefined>;
  shutdown(): void;
}

interface Hits {
  readonly totalHits: number;
  readonly resetTime?: Date | undefined;
}

/** The store of express-rate-limit, whose shape hono-rate-limiter shares. */
async function ofStore(store: HitStore, quota: number, windowMs: number): Promise<Counter> {
  // All that init reads is the window; the rest belongs to the middleware around the store.
  store.init({ windowMs } as never);
  return {
    ask: async (key) => (await store.increment(key)).totalHits <= quota,
    until: async (key) => (await store.get(key))?.resetTime?.getTime() ?? 0,
    giveBack: async (key) => store.decrement(key),
    remembered: (keys) => countOf(keys, async (key) => (await store.get(key)) !== undefined),
  };
}

async function countOf(keys: readonly string[], holds: (key: string) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (const key of keys) if (await holds(key)) count++;
  return count;
}
