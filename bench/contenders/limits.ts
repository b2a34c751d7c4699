/**
 * One limit for any number of keys, by whoever offers that. Only the contender that is asked for is loaded.
 *
 * Bounded ones get room for every key, so that nobody is faster for forgetting.
 */
import type { RateLimiterRes } from 'rate-limiter-flexible';
import type { Setting } from '../case.ts';
import { DENIED, type Subject, seen } from './subject.ts';

export const LIMITS: Readonly<Record<string, (setting: Setting) => Promise<Subject>>> = {
  headgate: async (setting) => {
    const { createLimiter, fixedWindow, slidingWindow, tokenBucket } = await import('headgate');
    const { quota, windowMs: window, maxKeys, clock, algorithm } = setting;
    const plan = {
      'fixed-window': fixedWindow,
      'sliding-window': slidingWindow,
      'token-bucket': tokenBucket,
    };
    const limiter = createLimiter(plan[algorithm]({ quota, window }), { maxKeys });
    if (clock === 'given') {
      return {
        kind: 'sync',
        ask: (key, now) => {
          const decision = limiter.check(key, { now });
          seen.answer = decision;
          return decision.allowed ? decision.remaining : DENIED;
        },
      };
    }
    return {
      kind: 'sync',
      ask: (key) => {
        const decision = limiter.check(key);
        seen.answer = decision;
        return decision.allowed ? decision.remaining : DENIED;
      },
    };
  },

  /** The floor: a counter object for each key, made when absent. It has no window, so it never gives anything back. */
  map: async ({ quota }) => {
    const counters = new Map<string, { used: number }>();
    return {
      kind: 'sync',
      isWindowless: true,
      ask: (key) => {
        const counter = counters.get(key);
        if (counter !== undefined) return quota - ++counter.used;
        counters.set(key, { used: 1 });
        return quota - 1;
      },
    };
  },

  'rate-limiter-flexible': async ({ quota, windowMs }) => {
    const { RateLimiterMemory } = await import('rate-limiter-flexible');
    const limiter = new RateLimiterMemory({ points: quota, duration: windowMs / 1000 });
    return {
      kind: 'async',
      ask: (key) => limiter.consume(key),
      left: (answer) => (answer as RateLimiterRes).remainingPoints,
    };
  },

  'express-rate-limit': async ({ quota, windowMs }) => {
    const { MemoryStore } = await import('express-rate-limit');
    const store = new MemoryStore();
    // All that init reads is the window; the rest belongs to the middleware around the store.
    store.init({ windowMs } as Parameters<typeof store.init>[0]);
    return {
      kind: 'async',
      ask: (key) => store.increment(key),
      left: (answer) => quota - (answer as { totalHits: number }).totalHits,
    };
  },

  '@fastify/rate-limit': async ({ quota, windowMs, maxKeys }) => {
    const { default: LocalStore } = await import('@fastify/rate-limit/store/LocalStore.js');
    const store = new LocalStore(false, false, maxKeys);
    let used = 0;
    const told = (_error: Error | null, { current }: { current: number }) => {
      used = current;
    };
    return {
      kind: 'sync',
      ask: (key) => {
        store.incr(key, told, windowMs, quota);
        return quota - used;
      },
    };
  },

  'hono-rate-limiter': async ({ quota, windowMs }) => {
    const { MemoryStore } = await import('hono-rate-limiter');
    const store = new MemoryStore();
    store.init({ windowMs } as Parameters<typeof store.init>[0]);
    return {
      kind: 'sync',
      ask: (key) => {
        const client = store.increment(key);
        seen.answer = client;
        return quota - client.totalHits;
      },
    };
  },

  /** One object is one limit; several keys take a Map, as its users write it. */
  limiter: async ({ quota, windowMs }) => {
    const { RateLimiter } = await import('limiter');
    const limiters = new Map<string, InstanceType<typeof RateLimiter>>();
    return {
      kind: 'sync',
      ask: (key) => {
        let limiter = limiters.get(key);
        if (limiter === undefined) {
          limiter = new RateLimiter({ tokensPerInterval: quota, interval: windowMs });
          limiters.set(key, limiter);
        }
        // What is left is a number it keeps anyway; asking for it would read the clock a third time.
        return limiter.tryRemoveTokens(1) ? limiter.tokenBucket.content : DENIED;
      },
    };
  },

  /** The same: an object for each key. It keeps the instant of every execution in its window. */
  '@tanstack/pacer': async ({ quota, windowMs, algorithm }) => {
    const { RateLimiter } = await import('@tanstack/pacer');
    const windowType = algorithm === 'sliding-window' ? 'sliding' : 'fixed';
    const limiters = new Map<string, InstanceType<typeof RateLimiter>>();
    let executed = 0;
    const work = () => {
      executed++;
    };
    return {
      kind: 'sync',
      ask: (key) => {
        let limiter = limiters.get(key);
        if (limiter === undefined) {
          limiter = new RateLimiter(work, { limit: quota, window: windowMs, windowType });
          limiters.set(key, limiter);
        }
        const before = executed;
        limiter.maybeExecute();
        return executed > before ? 0 : DENIED;
      },
    };
  },
};
