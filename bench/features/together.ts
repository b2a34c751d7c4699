/** Several limits, and how they are written down. */
import { createEngine, isHeadgateError, type PolicyDocument, parsePolicy } from 'headgate';
import { cite, type Row } from './cell.ts';
import { throughExpress, throughFastify, throughHono } from './hosts.ts';
import { recordedErrors } from './recorded.ts';

const MINUTE = 60_000;

/** Ten and one a minute: the second request is denied by the narrow limit. What did it cost the wide one? */
function verdict(usedOfWide: number): string {
  return usedOfWide === 1 ? 'yes' : 'no: a denied request is charged on the others';
}

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    wide: { algorithm: 'fixed-window', quota: 10, window: '1m' },
    narrow: { algorithm: 'fixed-window', quota: 1, window: '1m' },
  },
  groups: { all: { limits: ['wide', 'narrow'] } },
  unmatched: 'deny',
};

/** What becomes of an option that is misspelt, and of a quota of -1. */
async function faultsOf(make: Readonly<Record<'misspelt' | 'negative', () => unknown>>): Promise<string> {
  const found: string[] = [];
  for (const [name, attempt] of Object.entries(make)) {
    const said = await recordedErrors(attempt);
    found.push(`${name}: ${said}`);
  }
  return found.join('; ');
}

export const TOGETHER: readonly Row[] = [
  {
    name: 'several limits, all or nothing',
    how: 'Limits of 10 and of 1 a minute on one key, in this order; two requests. Of HTTP packages, two middlewares.',
    cells: {
      headgate: () => {
        const engine = createEngine(POLICY);
        engine.check({ group: 'all' });
        const denied = engine.check({ group: 'all' });
        return verdict(10 - (denied.limits[0]?.remaining ?? 0));
      },
      'express-rate-limit': async () => {
        const { MemoryStore } = await import('express-rate-limit');
        const store = new MemoryStore();
        const keyGenerator = (): string => 'key';
        await throughExpress(
          [
            { windowMs: MINUTE, limit: 10, store, keyGenerator },
            { windowMs: MINUTE, limit: 1, keyGenerator },
          ],
          2,
        );
        return verdict((await store.get('key'))?.totalHits ?? 0);
      },
      'hono-rate-limiter': async () => {
        const { MemoryStore } = await import('hono-rate-limiter');
        const store = new MemoryStore();
        await throughHono(
          [
            { windowMs: MINUTE, limit: 10, store },
            { windowMs: MINUTE, limit: 1 },
          ],
          2,
        );
        return verdict(store.get('key')?.totalHits ?? 0);
      },
      '@fastify/rate-limit': async () => {
        const limits = [10, 1].map((max) => ({ max, timeWindow: MINUTE }));
        const { status } = await throughFastify(limits, 2);
        return status === 200 ? 'no: one limit per request, further ones are skipped' : 'two limits';
      },
      'rate-limiter-flexible': async () => {
        const { RateLimiterMemory, RateLimiterUnion } = await import('rate-limiter-flexible');
        const wide = new RateLimiterMemory({ keyPrefix: 'wide', points: 10, duration: 60 });
        const narrow = new RateLimiterMemory({ keyPrefix: 'narrow', points: 1, duration: 60 });
        const union = new RateLimiterUnion(wide, narrow);
        for (let i = 0; i < 2; i++) await union.consume('key').catch(() => undefined);
        return verdict((await wide.get('key'))?.consumedPoints ?? 0);
      },
      limiter: async () => {
        const { TokenBucket } = await import('limiter');
        const wide = new TokenBucket({ bucketSize: 10, tokensPerInterval: 10, interval: 'minute' });
        const narrow = new TokenBucket({
          bucketSize: 1,
          tokensPerInterval: 1,
          interval: 'minute',
          parentBucket: wide,
        });
        // Buckets start empty.
        wide.content = 10;
        narrow.content = 1;
        for (let i = 0; i < 2; i++) narrow.tryRemoveTokens(1);
        return `${verdict(10 - Math.floor(wide.content))}: buckets with parents`;
      },
      '@upstash/ratelimit': cite(
        'no: one limit per call',
        'dist/index.d.ts',
        'limiter: Algorithm<RegionContext>;',
      ),
    },
  },
  {
    name: 'plans of customers',
    how: 'The quota of a tier, by the policy; the others as they say.',
    cells: {
      headgate: () => {
        const tiers = { free: {}, paid: { narrow: 5 } };
        const engine = createEngine({ ...POLICY, tiers, defaultTier: 'free' });
        const { limits } = engine.peek({ group: 'all', tier: 'paid' });
        return limits[1]?.quota === 5 ? 'tiers and overrides of a policy' : 'no';
      },
      'express-rate-limit': cite(
        'a function of the request',
        'readme.md',
        '| [`limit`] | `number` \\| `function` |',
      ),
      'hono-rate-limiter': cite(
        'a function of the request',
        'dist/index.d.ts',
        'limit: number | ((c: Context<E, P, I>) => Promisify<number>);',
      ),
      '@fastify/rate-limit': cite(
        'a function of the request; per route',
        'README.md',
        "max: async (request, key) => { return key === 'pro' ? 3 : 2 }",
      ),
      'rate-limiter-flexible': cite('a limiter for each', 'README.md', 'Authorized users specific limits'),
      limiter: cite('an object for each', 'README.md', 'Create and reuse a limiter for each resource'),
      '@upstash/ratelimit': cite(
        'a limiter for each; one dynamic limit',
        'dist/index.d.ts',
        'setDynamicLimit: (',
      ),
    },
  },
  {
    name: 'limits as a document',
    how: 'Two limits, their routes and a tier are read from JSON text, and a fault in it is found.',
    cells: {
      headgate: () => {
        const text = JSON.stringify(POLICY);
        const broken: unknown = JSON.parse(text.replace('"quota":10', '"qouta":10'));
        try {
          createEngine(parsePolicy(JSON.parse(text)));
          parsePolicy(broken);
        } catch (error) {
          if (isHeadgateError(error, 'PolicyError')) return 'yes: JSON, checked, with a schema';
        }
        return 'no';
      },
      'express-rate-limit': cite('options in code', 'readme.md', 'const limiter = rateLimit({'),
      'hono-rate-limiter': cite('options in code', 'dist/index.d.ts', 'keyGenerator: (c: Context<E, P, I>)'),
      '@fastify/rate-limit': cite(
        'options in code, per route',
        'README.md',
        'Rate limiting can also be configured at the route level',
      ),
      'rate-limiter-flexible': cite(
        'options in code',
        'README.md',
        'const rateLimiter = new RateLimiterMemory(opts);',
      ),
      limiter: cite(
        'options in code',
        'README.md',
        'new RateLimiter({ tokensPerInterval, interval, fireImmediately? })',
      ),
      '@upstash/ratelimit': cite('options in code', 'README.md', 'const ratelimit = new Ratelimit({'),
    },
  },
  {
    name: 'wrong options',
    how: 'An option that is misspelt, and a quota of -1, when the limiter is made and at its first request.',
    cells: {
      headgate: () =>
        faultsOf({
          misspelt: () => createEngine({ ...POLICY, groops: {} } as never),
          negative: () =>
            createEngine({
              ...POLICY,
              limits: { wide: { algorithm: 'fixed-window', quota: -1, window: '1m' } },
            }),
        }),
      'express-rate-limit': () =>
        faultsOf({
          misspelt: () => throughExpress([{ limitt: 1 } as never], 1),
          negative: () => throughExpress([{ limit: -1 }], 1),
        }),
      'hono-rate-limiter': () =>
        faultsOf({
          misspelt: () => throughHono([{ limitt: 1 } as never], 1),
          negative: () => throughHono([{ limit: -1 }], 1),
        }),
      '@fastify/rate-limit': () =>
        faultsOf({
          misspelt: () => throughFastify([{ maxx: 1 }], 1),
          negative: () => throughFastify([{ max: -1 }], 1),
        }),
      'rate-limiter-flexible': async () => {
        const { RateLimiterMemory } = await import('rate-limiter-flexible');
        const ask = (options: object) => () =>
          new RateLimiterMemory({ duration: 1, ...options } as never).consume('key').catch(() => undefined);
        return faultsOf({ misspelt: ask({ points: 1, poinst: 1 }), negative: ask({ points: -1 }) });
      },
      limiter: async () => {
        const { RateLimiter } = await import('limiter');
        const ask = (options: object) => () =>
          new RateLimiter({ tokensPerInterval: 1, interval: 1000, ...options }).tryRemoveTokens(1);
        return faultsOf({
          misspelt: ask({ fireImediately: true }),
          negative: ask({ tokensPerInterval: -1 }),
        });
      },
      '@upstash/ratelimit': async () => {
        const { Ratelimit } = await import('@upstash/ratelimit');
        const redis = { get: async () => null, set: async () => 'OK', evalsha: async () => [0, 1] };
        const ask = (tokens: number, options: object) => () =>
          new Ratelimit({
            redis: redis as never,
            limiter: Ratelimit.fixedWindow(tokens, '1 s'),
            ...options,
          }).limit('key');
        return faultsOf({ misspelt: ask(1, { timeuot: 1 }), negative: ask(-1, {}) });
      },
    },
  },
];
