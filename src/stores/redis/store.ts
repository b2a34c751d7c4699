/**
 * headgate/redis: a store on Redis or Valkey, over the client you have.
 *
 * @module headgate/redis
 */

import { checkFields, PolicyError, show } from '../../errors.ts';
import type { Duration, Millis } from '../../time.ts';
import { parseDuration } from '../../time.ts';
import type { Store, StoreKey, StoreLease, StoreReply, StoreRequest, StoreRow } from '../store.ts';
import { Batch } from './batch.ts';
import { type Commands, commandsOf, type RedisClient } from './client.ts';
import { DECIDE } from './decide-lua.ts';
import { ALGORITHMS, escapeId, leasesKey, lineKeys, pushCharges, rowKey, slotTag } from './encode.ts';
import { Script } from './script.ts';
import { CORRECT, EVICTION, LEASE, LEAVE, MANAGE } from './scripts.ts';

export type { IoredisLike, Method, NodeRedisLike, RedisClient, UpstashLike } from './client.ts';

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /** A client of ioredis, iovalkey, redis (4 or 5) or `@upstash/redis`, connected or about to be. It stays yours. */
  readonly client: RedisClient;
  /** What the keys begin with: 1 to 64 letters, digits and `_.@-`; default `headgate`. Engines that share it share state. */
  readonly prefix?: string;
  /**
   * How long an operation is remembered, so that a client which sends it again after a lost reply does not charge twice;
   * default `5s`, 0 not at all.
   */
  readonly remember?: Duration;
}

/**
 * A store on Redis (6.2 or later) or Valkey (7.2 or later): a single server, a primary with replicas, or a cluster. Every
 * decision is one call of one script, by the server's clock.
 *
 * @throws PolicyError naming the faulty option
 *
 * @example
 * ```ts
 * const store = redisStore({ client: new Redis() });
 * const engine = createDistributedEngine(policy, { store });
 * ```
 */
export function redisStore(options: RedisStoreOptions): Store {
  checkFields(options, ['client', 'prefix', 'remember']);
  const { client, prefix = 'headgate', remember = '5s' } = options;
  return new RedisStore(
    commandsOf(client),
    checkPrefix(prefix),
    remember === 0 ? 0 : parseDuration(remember, 'remember'),
  );
}

class RedisStore implements Store {
  readonly algorithms: readonly string[] = ALGORITHMS;
  readonly isPartitioned: boolean;
  readonly #prefix: string;
  readonly #remember: string;
  readonly #keeps: boolean;
  readonly #batch: Batch;
  readonly #lease: Script;
  readonly #leave: Script;
  readonly #correct: Script;
  readonly #manage: Script;
  readonly #eviction: Script;

  constructor(commands: Commands, prefix: string, remember: Millis) {
    this.isPartitioned = commands.isCluster;
    this.#prefix = prefix;
    this.#remember = String(remember);
    this.#keeps = remember > 0;
    const { isCluster } = commands;
    this.#batch = new Batch(new Script(commands, DECIDE), { prefix, remember, isPartitioned: isCluster });
    this.#lease = new Script(commands, LEASE);
    this.#leave = new Script(commands, LEAVE);
    this.#correct = new Script(commands, CORRECT);
    this.#manage = new Script(commands, MANAGE);
    this.#eviction = new Script(commands, EVICTION);
  }

  decide(request: StoreRequest): Promise<StoreReply> {
    return this.#batch.decide(request);
  }

  readonly correct: Store['correct'] = async (id, how, rows, now) => {
    const keys = rows.map((row) => rowKey(this.#prefix, row));
    this.#pushOperation(keys, rows, this.#keeps ? id : undefined);
    const args = [instant(now), this.#remember, how];
    for (const row of rows) pushCharges(args, row);
    await this.#correct.run(keys, args);
  };

  readonly release: Store['release'] = async (id, lease, rows, now) =>
    (await this.#onLease('release', lease, rows, now, this.#keeps ? id : undefined)) > 0;

  readonly renew: Store['renew'] = async (lease, rows, now) => {
    const expiresAt = await this.#onLease('renew', lease, rows, now);
    return expiresAt === 0 ? undefined : expiresAt;
  };

  async #onLease(
    what: string,
    { id }: StoreLease,
    rows: readonly StoreRow[],
    now: Millis | undefined,
    operation?: string,
  ): Promise<number> {
    const keys: string[] = [];
    const args = [what, instant(now), operation === undefined ? '0' : this.#remember, escapeId(id)];
    for (const row of rows) {
      for (const { name, cost, length } of row.permits) {
        if (cost === 0) continue;
        keys.push(leasesKey(this.#prefix, row, name));
        args.push(String(cost), String(length), row.partition.isShadow ? '1' : '0');
      }
    }
    this.#pushOperation(keys, rows, operation);
    return Number(await this.#lease.run(keys, args));
  }

  readonly leave: Store['leave'] = async (line, row) => {
    if (line.ticket !== undefined) await this.#leave.run(lineKeys(this.#prefix, row, line), [line.ticket]);
  };

  readonly block: Store['block'] = async (key, block, now) => {
    const until = block.until ?? block.for;
    const args = [instant(now), 'block', block.until === undefined ? 'for' : 'until', String(until)];
    args.push(block.reason === undefined ? '' : ` reason=${escapeId(block.reason)}`);
    await this.#manage.run([rowKey(this.#prefix, key)], args);
  };

  readonly unblock: Store['unblock'] = async (key, now) =>
    Number(await this.#manage.run([rowKey(this.#prefix, key)], [instant(now), 'unblock'])) === 1;

  readonly forget: Store['forget'] = async (keys, now) => {
    const rows = keys.map((key) => rowKey(this.#prefix, key));
    return Number(await this.#manage.run(rows, [instant(now), 'forget'])) === 1;
  };

  async evictionPolicy(): Promise<string | undefined> {
    const policy = await this.#eviction.run([], []);
    return typeof policy === 'string' && policy !== '' ? policy : undefined;
  }

  #pushOperation(keys: string[], rows: readonly StoreKey[], operation: string | undefined): void {
    const [first] = rows;
    if (operation !== undefined && first !== undefined)
      keys.push(operationKey(this.#prefix, first, operation));
  }
}

/** Where an operation is remembered: beside the rows it is about. */
function operationKey(prefix: string, row: StoreKey, operation: string): string {
  return `${slotTag(prefix, row)}:op:${escapeId(operation)}`;
}

function instant(now: Millis | undefined): string {
  return now === undefined ? '' : String(now);
}

function checkPrefix(prefix: string): string {
  if (typeof prefix === 'string' && /^[\w.@-]{1,64}$/.test(prefix)) return prefix;
  const message = `${show(prefix)} is no prefix; give 1 to 64 letters, digits and _.@-`;
  throw new PolicyError([{ code: 'bad-option', path: 'prefix', value: prefix, message }]);
}
