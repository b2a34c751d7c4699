/**
 * The Redis clients that are understood, each told by its shape: none is imported.
 *
 * @module
 */

import { PolicyError, show } from '../../errors.ts';

/** Any method: those of the clients have forms of their own, which are not looked at. */
export type Method = (...args: never[]) => unknown;

/** ioredis or iovalkey: a client or a `Cluster`. */
export interface IoredisLike {
  /** Runs a script by its digest. */
  readonly evalsha: Method;
  /** Runs a script. */
  readonly eval: Method;
  /** `SCRIPT LOAD` among others. */
  readonly script: Method;
  /** What tells it from the others. */
  readonly defineCommand: Method;
  /** Whether it is a `Cluster`. */
  readonly isCluster?: boolean;
}

/** node-redis (`redis`), version 4 or 5: a client, a pool or a cluster. */
export interface NodeRedisLike {
  /** Runs a script by its digest. */
  readonly evalSha: Method;
  /** Runs a script. */
  readonly eval: Method;
  /** `SCRIPT LOAD`. */
  readonly scriptLoad?: Method;
}

/** The client of `@upstash/redis`, which speaks HTTP. */
export interface UpstashLike {
  /** Runs a script by its digest. */
  readonly evalsha: Method;
  /** Runs a script. */
  readonly eval: Method;
  /** `SCRIPT LOAD`. */
  readonly scriptLoad: Method;
}

/** A client that {@link redisStore} can use. */
export type RedisClient = IoredisLike | NodeRedisLike | UpstashLike;

type Reply = Promise<unknown>;

/** What the store needs of a client. */
export interface Commands {
  /** Whether keys of one call have to share a hash slot. */
  readonly isCluster: boolean;
  /** @returns the digest of the script */
  load(script: string): Reply;
  /** @param digest - of a script that the server knows */
  evalsha(digest: string, keys: readonly string[], args: readonly string[]): Reply;
  eval(script: string, keys: readonly string[], args: readonly string[]): Reply;
}

/**
 * The commands of a client.
 *
 * @throws PolicyError (`bad-option`) for anything that is none of the known clients
 */
export function commandsOf(client: RedisClient): Commands {
  const methods = client as unknown as { readonly [name: string]: unknown };
  const has = (name: string): boolean => typeof methods?.[name] === 'function';
  if (has('evalsha') && has('defineCommand')) return ioredisCommands(client as unknown as Ioredis);
  if (has('evalsha') && has('scriptLoad')) return upstashCommands(client as unknown as Upstash);
  if (has('evalSha')) return nodeRedisCommands(client as unknown as NodeRedis);
  const message = `${show(client)} is no Redis client that is known; give one of ioredis, redis (4 or 5), iovalkey or @upstash/redis`;
  throw new PolicyError([{ code: 'bad-option', path: 'client', value: client, message }]);
}

interface Ioredis {
  readonly isCluster?: boolean;
  evalsha(digest: string, keyCount: number, ...rest: string[]): Reply;
  eval(script: string, keyCount: number, ...rest: string[]): Reply;
  script(subcommand: 'LOAD', script: string): Reply;
}

function ioredisCommands(client: Ioredis): Commands {
  return {
    isCluster: client.isCluster === true,
    load: (script) => client.script('LOAD', script),
    evalsha: (digest, keys, args) => client.evalsha(digest, keys.length, ...keys, ...args),
    eval: (script, keys, args) => client.eval(script, keys.length, ...keys, ...args),
  };
}

interface NodeRedis {
  /** Clusters have it. */
  readonly masters?: unknown;
  evalSha(digest: string, options: { keys: readonly string[]; arguments: readonly string[] }): Reply;
  eval(script: string, options: { keys: readonly string[]; arguments: readonly string[] }): Reply;
  scriptLoad(script: string): Reply;
}

function nodeRedisCommands(client: NodeRedis): Commands {
  return {
    isCluster: client.masters !== undefined,
    load: (script) => client.scriptLoad(script),
    evalsha: (digest, keys, args) => client.evalSha(digest, { keys, arguments: args }),
    eval: (script, keys, args) => client.eval(script, { keys, arguments: args }),
  };
}

interface Upstash {
  evalsha(digest: string, keys: readonly string[], args: readonly string[]): Reply;
  eval(script: string, keys: readonly string[], args: readonly string[]): Reply;
  scriptLoad(script: string): Reply;
}

function upstashCommands(client: Upstash): Commands {
  return {
    isCluster: false,
    load: (script) => client.scriptLoad(script),
    evalsha: (digest, keys, args) => client.evalsha(digest, keys, args),
    eval: (script, keys, args) => client.eval(script, keys, args),
  };
}
