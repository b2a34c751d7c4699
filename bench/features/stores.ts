/** State outside of the process, and response fields. */
import { createEngine, rateLimitHeaders } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { cite, type Row } from './cell.ts';
import { throughExpress, throughFastify, throughHono } from './hosts.ts';

const MINUTE = 60_000;
const down = async (): Promise<never> => {
  throw new Error('the store is down');
};

/** What a limiter of HTTP answers while its store fails, by default and when it is told to let pass. */
function failing(byDefault: { status: number }, told: { status: number } | undefined): string {
  const first = byDefault.status === 500 ? 'error 500' : `status ${byDefault.status}`;
  return told?.status === 200 ? `${first}, or let pass` : first;
}

const silent = { error: () => undefined, warn: () => undefined };
const failingStore = {
  algorithms: ['fixed-window'],
  isPartitioned: false,
  decide: down,
} as never;
const hitStore = { increment: down, decrement: down, resetKey: down };

function FailingStore(): object {
  const incr = (_key: string, tell: (error: Error) => void): void => tell(new Error('the store is down'));
  return { incr, child: FailingStore };
}

/** Names and values of the fields that limits are told in. */
function fieldsOf(headers: Headers): string {
  const told = [...headers].filter(([name]) => /^(x-)?ratelimit/.test(name));
  return told.map(([name, value]) => `\`${name}: ${value.replaceAll('|', '\\|')}\``).join(' ');
}

export const STORES: readonly Row[] = [
  {
    name: 'stores',
    how: 'As each package says.',
    cells: {
      headgate: cite(
        'process, Redis, Valkey; Durable Objects',
        'docs/distributed.md',
        'Redis (6.2 or later) or Valkey (7.2 or later)',
      ),
      'express-rate-limit': cite(
        'process; many more as packages, such as Redis, Memcached',
        'readme.md',
        'external data stores',
      ),
      'hono-rate-limiter': cite(
        'process, Redis, Unstorage, Cloudflare',
        'dist/index.d.ts',
        'class UnstorageStore',
      ),
      '@fastify/rate-limit': cite(
        'process, Redis; your own',
        'README.md',
        'This plugin requires the use of [`ioredis`]',
      ),
      'rate-limiter-flexible': cite(
        'process, cluster, Redis, Valkey, Memcached, MongoDB, DynamoDB, MySQL, PostgreSQL, SQLite, Prisma',
        'README.md',
        'It works with _Valkey_, _Redis_, _Prisma_, _DynamoDB_, process _Memory_, _Cluster_ or _PM2_, _Memcached_, _MongoDB_, _MySQL_, _SQLite_, and _PostgreSQL_.',
      ),
      limiter: cite('process', 'README.md', 'State is local to the instance'),
      '@upstash/ratelimit': cite('Redis over HTTP', 'README.md', 'connectionless (HTTP based)'),
    },
  },
  {
    name: 'on Redis: one atomic step, by whose clock',
    how: 'As the scripts that are sent to the server say.',
    cells: {
      headgate: cite("atomic; the server's", 'src/stores/redis/rows-lua.ts', "redis.call('TIME')"),
      'express-rate-limit': cite('in a package of its own', 'readme.md', 'external data stores'),
      'hono-rate-limiter': cite(
        "atomic; the server's",
        'dist/index.js',
        'redis.call("PEXPIRE", KEYS[1], tonumber(ARGV[2]))',
      ),
      '@fastify/rate-limit': cite(
        "atomic; the server's",
        'store/RedisStore.js',
        "redis.call('PEXPIRE', key, timeWindow)",
      ),
      'rate-limiter-flexible': cite(
        "atomic; the server's",
        'lib/RateLimiterRedis.js',
        "local consumed = redis.call('incrby', KEYS[1], ARGV[1])",
      ),
      '@upstash/ratelimit': cite(
        "atomic; the caller's",
        'dist/index.mjs',
        'const bucket = Math.floor(Date.now() / windowDuration);',
      ),
    },
  },
  {
    name: 'when the store fails',
    how: 'A store, or a client of Redis, that fails at every call.',
    cells: {
      headgate: async () => {
        const sources: string[] = [];
        for (const onStoreFailure of ['deny', 'allow', 'local'] as const) {
          const engine = createDistributedEngine(
            {
              version: 1,
              limits: { all: { algorithm: 'fixed-window', quota: 10, window: '1m', onStoreFailure } },
              groups: { all: { limits: ['all'] } },
              unmatched: 'deny',
            },
            { store: failingStore },
          );
          const { allowed, source } = await engine.check({ group: 'all' });
          sources.push(`${allowed} ${source}`);
        }
        const isSo = sources.join() === 'false fallback,true fallback,true local';
        return isSo ? 'deny, let pass, or decide in process; per limit' : sources.join();
      },
      'express-rate-limit': async () => {
        const store = { ...hitStore } as never;
        const keyGenerator = (): string => 'key';
        const told = await throughExpress(
          [{ store, keyGenerator, passOnStoreError: true, logger: silent }],
          1,
        );
        return failing(await throughExpress([{ store: { ...hitStore } as never, keyGenerator }], 1), told);
      },
      'hono-rate-limiter': async () =>
        failing(await throughHono([{ store: hitStore as never }], 1), undefined),
      '@fastify/rate-limit': async () => {
        const store = FailingStore;
        return failing(
          await throughFastify([{ store }], 1),
          await throughFastify([{ store, skipOnError: true }], 1),
        );
      },
      'rate-limiter-flexible': async () => {
        const { RateLimiterMemory, RateLimiterRedis } = await import('rate-limiter-flexible');
        const storeClient = { rlflxIncr: down, defineCommand: () => undefined };
        const insuranceLimiter = new RateLimiterMemory({ points: 1, duration: 60 });
        const options = { storeClient, points: 10, duration: 60 };
        const bare = await new RateLimiterRedis(options).consume('key').catch((error: unknown) => error);
        const insured = await new RateLimiterRedis({ ...options, insuranceLimiter }).consume('key');
        const isSo = bare instanceof Error && insured.remainingPoints === 0;
        return isSo ? 'an error, or another limiter decides, in process for instance' : 'otherwise';
      },
      '@upstash/ratelimit': async () => {
        const { Ratelimit } = await import('@upstash/ratelimit');
        const limit = (redis: object) =>
          new Ratelimit({
            redis: redis as never,
            limiter: Ratelimit.fixedWindow(1, '1 s'),
            timeout: 5,
          }).limit('key');
        const never = (): Promise<never> => new Promise(() => undefined);
        const late = await limit({ get: never, set: never, evalsha: never });
        const failed = await limit({ get: down, set: down, evalsha: down }).catch((error: unknown) => error);
        return late.success && failed instanceof Error ? 'an error; let pass when it is late' : 'otherwise';
      },
    },
  },
  {
    name: 'fields of the IETF draft',
    how: 'The first of ten requests a minute; the fields of the newest draft each one knows.',
    cells: {
      headgate: () => {
        const engine = createEngine({
          version: 1,
          limits: { requests: { algorithm: 'fixed-window', quota: 10, window: '1m' } },
          groups: { all: { limits: ['requests'] } },
          unmatched: 'deny',
        });
        const fields = rateLimitHeaders(engine.check({ group: 'all' }), { headers: ['draft-11'] } as never);
        return `draft 11: ${fieldsOf(new Headers(fields))}`;
      },
      'express-rate-limit': async () => {
        const options = {
          windowMs: MINUTE,
          limit: 10,
          legacyHeaders: false,
          identifier: 'requests',
        } as const;
        const { headers } = await throughExpress(
          [{ ...options, standardHeaders: 'draft-8', keyGenerator: () => 'key' }],
          1,
        );
        return `draft 8, 7, 6: ${fieldsOf(headers)}`;
      },
      'hono-rate-limiter': async () => {
        const { headers } = await throughHono(
          [{ windowMs: MINUTE, limit: 10, standardHeaders: 'draft-7' }],
          1,
        );
        return `draft 7, 6: ${fieldsOf(headers)}`;
      },
      '@fastify/rate-limit': async () => {
        const { headers } = await throughFastify([{ max: 10, timeWindow: MINUTE, enableDraftSpec: true }], 1);
        return `an early one: ${fieldsOf(headers)}`;
      },
      'rate-limiter-flexible': cite(
        'yours to write',
        'README.md',
        'You may want to set HTTP headers for the response',
      ),
      limiter: cite('yours to write', 'README.md', '"Retry-After": String(seconds)'),
      '@upstash/ratelimit': cite('yours to write', 'dist/index.d.ts', 'remaining: number;'),
    },
  },
  {
    name: 'made for',
    how: 'As each package says.',
    cells: {
      headgate: cite(
        'Express, Fastify, Hono, Koa, fetch, Lambda, node',
        'README.md',
        '`headgate/express`, `/fastify`, `/hono`, `/koa`, `/lambda` and `/node`',
      ),
      'express-rate-limit': cite('Express', 'readme.md', 'Basic rate-limiting middleware for [Express]'),
      'hono-rate-limiter': cite('Hono, also its WebSockets', 'dist/index.d.ts', 'interface WSConfigType'),
      '@fastify/rate-limit': cite('Fastify', 'README.md', 'A low overhead rate limiter for your routes.'),
      'rate-limiter-flexible': cite(
        'anything; recipes for Express, Koa, Hapi, NestJS, GraphQL',
        'README.md',
        '[Hapi plugin]',
      ),
      limiter: cite('anything', 'README.md', 'Control when work starts in Node.js and browsers.'),
      '@upstash/ratelimit': cite(
        'anything that has fetch',
        'README.md',
        'Serverless functions (AWS Lambda, Vercel ....)',
      ),
    },
  },
];
