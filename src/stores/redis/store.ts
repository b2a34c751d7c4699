/**
 * headgate/redis: a store on Redis or Valkey, over the client you have.
 *
 * @module
 */

import { checkFields, PolicyError, StoreError, show } from '../../errors.ts';
import type { Duration, Millis } from '../../time.ts';
import { parseDuration } from '../../time.ts';
import type {
  Store,
  StoreBlock,
  StoreCorrection,
  StoreKey,
  StoreReply,
  StoreRequest,
  StoreRow,
} from '../store.ts';
import { type Commands, commandsOf, type RedisClient } from './client.ts';
import { ALGORITHMS, escapeId, pushCharges, pushRow, readReply, rowKey, slotTag } from './encode.ts';
import { Script } from './script.ts';
import { CORRECT, DECIDE, MANAGE } from './scripts.ts';

export type { IoredisLike, NodeRedisLike, RedisClient, UpstashLike } from './client.ts';

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
  readonly #decide: Script;
  readonly #correct: Script;
  readonly #manage: Script;

  constructor(commands: Commands, prefix: string, remember: Millis) {
    this.isPartitioned = commands.isCluster;
    this.#prefix = prefix;
    this.#remember = String(remember);
    this.#keeps = remember > 0;
    this.#decide = new Script(commands, DECIDE);
    this.#correct = new Script(commands, CORRECT);
    this.#manage = new Script(commands, MANAGE);
  }

  async decide({ id, mode, now, rows }: StoreRequest): Promise<StoreReply> {
    const isKept = mode === 'charge' && this.#keeps;
    const keys = this.#keys(rows, isKept ? id : undefined);
    const args = [mode, instant(now), isKept ? this.#remember : '0'];
    for (const row of rows) pushRow(args, row);
    const reply = await this.#decide.run(keys, args);
    const read = readReply(reply, rows);
    if (read !== undefined) return read;
    const message = `the script replied ${show(reply)}, which is no decision`;
    throw new StoreError({ code: 'bad-reply', path: 'store', value: reply, message });
  }

  async refund(id: string, rows: readonly StoreCorrection[], now?: Millis): Promise<void> {
    const keys = this.#keys(rows, this.#keeps ? id : undefined);
    const args = ['refund', instant(now), this.#remember];
    for (const { limits, born } of rows) {
      pushCharges(args, limits);
      args.push(String(born));
    }
    await this.#correct.run(keys, args);
  }

  async block(key: StoreKey, block: StoreBlock, now?: Millis): Promise<void> {
    const until = block.until ?? block.for;
    const args = ['block', instant(now), block.until === undefined ? 'for' : 'until', String(until)];
    if (block.reason !== undefined) args.push(block.reason);
    await this.#manage.run([rowKey(this.#prefix, key)], args);
  }

  async unblock(key: StoreKey, now?: Millis): Promise<boolean> {
    return Number(await this.#manage.run([rowKey(this.#prefix, key)], ['unblock', instant(now)])) === 1;
  }

  async forget(keys: readonly StoreKey[], now?: Millis): Promise<boolean> {
    const rows = keys.map((key) => rowKey(this.#prefix, key));
    return Number(await this.#manage.run(rows, ['forget', instant(now)])) === 1;
  }

  #keys(rows: readonly StoreRow[], operation: string | undefined): string[] {
    const keys = rows.map((row) => rowKey(this.#prefix, row));
    const [first] = rows;
    if (operation !== undefined && first !== undefined)
      keys.push(`${slotTag(this.#prefix, first)}:op:${escapeId(operation)}`);
    return keys;
  }
}

function instant(now: Millis | undefined): string {
  return now === undefined ? '' : String(now);
}

function checkPrefix(prefix: string): string {
  if (typeof prefix === 'string' && /^[\w.@-]{1,64}$/.test(prefix)) return prefix;
  const message = `${show(prefix)} is no prefix; give 1 to 64 letters, digits and _.@-`;
  throw new PolicyError([{ code: 'bad-option', path: 'prefix', value: prefix, message }]);
}
