/** Limits whose usage is in a Redis server, over one connection of ioredis each. */
import { createHash } from 'node:crypto';
import { Ratelimit } from '@upstash/ratelimit';
import type { PolicyDocument } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';

const HOUR = 3_600_000;

/** Something that is asked by key; whether it was allowed. */
export type RemoteAsk = (key: string) => Promise<boolean>;

export interface RemoteSetting {
  readonly quota: number;
  readonly limits: number;
  readonly prefix: string;
}

type Make = (client: Redis, setting: RemoteSetting) => RemoteAsk;

const NAMES = ['reads', 'writes', 'exports', 'a', 'b', 'c', 'd', 'e'];

function headgate(each: object = {}, options: object = {}, remember = 5000): Make {
  return (client, { quota, limits, prefix }) => {
    const document = {
      version: 1,
      limits: Object.fromEntries(
        NAMES.slice(0, limits).map((name, i) => [
          name,
          { algorithm: 'fixed-window', quota, window: HOUR * (i + 1), per: 'apiKey', ...each },
        ]),
      ),
      groups: { all: { limits: NAMES.slice(0, limits) } },
      unmatched: 'deny',
    } as PolicyDocument;
    const store = redisStore({ client, prefix, remember });
    const engine = createDistributedEngine(document, { store, ...options });
    return async (key) => {
      const { allowed, source } = await engine.check({ group: 'all', apiKey: key });
      if (source === 'fallback') throw new Error('the store has failed');
      return allowed;
    };
  };
}

const flexible: Make = (client, { quota, limits, prefix }) => {
  const limiters = NAMES.slice(0, limits).map(
    (name, i) =>
      new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `${prefix}:${name}`,
        points: quota,
        duration: (HOUR * (i + 1)) / 1000,
      }),
  );
  return async (key) => {
    for (const limiter of limiters) {
      try {
        await limiter.consume(key);
      } catch (error) {
        if (error instanceof Error) throw error;
        return false;
      }
    }
    return true;
  };
};

/**
 * What `@upstash/ratelimit` calls of its own client, on an ordinary server: its scripts run there once the flag in their
 * first line is left out, which only the service knows.
 */
function upstash(client: Redis): object {
  const digests = new Map<string, string>();
  return {
    evalsha(hash: string, keys: string[], args: unknown[]) {
      const digest = digests.get(hash);
      if (digest === undefined) return Promise.reject(new Error('NOSCRIPT'));
      return client.evalsha(digest, keys.length, ...keys, ...args.map(String));
    },
    async eval(script: string, keys: string[], args: unknown[]) {
      const plain = script.replace(/^#!.*\n/, '');
      digests.set(
        createHash('sha1').update(script).digest('hex'),
        String(await client.script('LOAD', plain)),
      );
      return client.eval(plain, keys.length, ...keys, ...args.map(String));
    },
  };
}

const ratelimit: Make = (client, { quota, limits, prefix }) => {
  const limiters = NAMES.slice(0, limits).map(
    (name, i) =>
      new Ratelimit({
        redis: upstash(client) as never,
        limiter: Ratelimit.fixedWindow(quota, `${i + 1} h`),
        prefix: `${prefix}:${name}`,
        ephemeralCache: false,
        timeout: 0,
      }),
  );
  return async (key) => {
    for (const limiter of limiters) if (!(await limiter.limit(key)).success) return false;
    return true;
  };
};

export const REMOTE: Readonly<Record<string, Make>> = {
  headgate: headgate(),
  'headgate, remember: 0': headgate({}, {}, 0),
  'headgate, denialCache': headgate({}, { denialCache: 10_000 }),
  'headgate, prefetch': headgate({ prefetch: { share: 0.1 } }),
  'rate-limiter-flexible': flexible,
  '@upstash/ratelimit': ratelimit,
  ping: (client) => async () => (await client.ping()) === 'PONG',
};

/** A connection that fails rather than waits. */
export function connect(port: number): Redis {
  return new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 1 });
}
