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
  StoreLease,
  StoreLine,
  StoreReply,
  StoreRequest,
  StoreRow,
} from '../store.ts';
import { ADMIT, LEASE, LEAVE } from './admit-lua.ts';
import { Batch } from './batch.ts';
import { type Commands, commandsOf, type RedisClient } from './client.ts';
import {
  ALGORITHMS,
  escapeId,
  leasesKey,
  lineKeys,
  pushCharges,
  pushPermits,
  pushRow,
  readReply,
  rowKey,
  slotTag,
} from './encode.ts';
import { Script } from './script.ts';
import { CORRECT, DECIDE, EVICTION, MANAGE } from './scripts.ts';

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
  readonly #admit: Script;
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
    this.#batch = new Batch(new Script(commands, DECIDE), {
      ...{ prefix, remember, isPartitioned: commands.isCluster },
      operationKey: ({ id, rows: [first] }) => (first === undefined ? '' : operationKey(prefix, first, id)),
    });
    this.#admit = new Script(commands, ADMIT);
    this.#lease = new Script(commands, LEASE);
    this.#leave = new Script(commands, LEAVE);
    this.#correct = new Script(commands, CORRECT);
    this.#manage = new Script(commands, MANAGE);
    this.#eviction = new Script(commands, EVICTION);
  }

  async decide(request: StoreRequest): Promise<StoreReply> {
    const isPlain = request.line === undefined && request.rows.every(({ permits }) => permits.length === 0);
    const reply = await (isPlain ? this.#batch.decide(request) : this.#decideOnPermits(request));
    if (reply !== undefined) return reply;
    const message = 'the script replied what is no decision; is it another version?';
    throw new StoreError({ code: 'bad-reply', path: 'store', value: undefined, message });
  }

  async #decideOnPermits(request: StoreRequest): Promise<StoreReply | undefined> {
    const { id, mode, now, rows } = request;
    const isKept = mode === 'charge' && this.#keeps;
    const keys = rows.map((row) => rowKey(this.#prefix, row));
    const args = [mode, instant(now), isKept ? this.#remember : '0'];
    this.#pushPermits(keys, args, request);
    this.#pushOperation(keys, rows, isKept ? id : undefined);
    return readReply(await this.#admit.run(keys, args), rows, true);
  }

  /** What the script for permits and lines wants to know beside the rates. */
  #pushPermits(keys: string[], args: string[], { id, rows, lease, line }: StoreRequest): void {
    args.push(String(rows.length));
    for (const row of rows) {
      pushRow(args, row);
      pushPermits(args, row);
      for (const { name } of row.permits) keys.push(leasesKey(this.#prefix, row, name));
    }
    args.push(escapeId(lease?.id ?? id));
    const [first] = rows;
    if (line === undefined || first === undefined) return;
    keys.push(...lineKeys(this.#prefix, first, line));
    const rank = String(100 - line.priority).padStart(3, '0');
    args.push(line.ticket ?? '', rank, line.order, String(line.size), String(line.patience));
  }

  async correct(
    id: string,
    how: 'refund' | 'charge',
    rows: readonly StoreCorrection[],
    now?: Millis,
  ): Promise<void> {
    const keys = rows.map((row) => rowKey(this.#prefix, row));
    this.#pushOperation(keys, rows, this.#keeps ? id : undefined);
    const args = [how, instant(now), this.#remember];
    for (const { limits, born } of rows) {
      pushCharges(args, limits);
      args.push(String(born));
    }
    await this.#correct.run(keys, args);
  }

  async release(id: string, lease: StoreLease, rows: readonly StoreRow[], now?: Millis): Promise<boolean> {
    return (await this.#onLease('release', lease, rows, now, this.#keeps ? id : undefined)) > 0;
  }

  async renew(lease: StoreLease, rows: readonly StoreRow[], now?: Millis): Promise<Millis | undefined> {
    const expiresAt = await this.#onLease('renew', lease, rows, now);
    return expiresAt === 0 ? undefined : expiresAt;
  }

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

  async leave(line: StoreLine, row: StoreKey): Promise<void> {
    if (line.ticket !== undefined) await this.#leave.run(lineKeys(this.#prefix, row, line), [line.ticket]);
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
