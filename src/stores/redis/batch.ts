import type { StoreReply, StoreRequest } from '../store.ts';
import { pushRow, readReply, rowKey, slotTag } from './encode.ts';
import type { Script } from './script.ts';

/** Decisions that one call takes at most: the server does nothing else meanwhile. */
const MOST = 64;

/** How keys are made, and for how long operations are remembered. */
export interface BatchOptions {
  readonly prefix: string;
  readonly remember: number;
  /** Whether all keys of a call have to share a slot. */
  readonly isPartitioned: boolean;
  /** The key under which an operation is remembered. */
  operationKey(request: StoreRequest): string;
}

interface Waiting {
  readonly request: StoreRequest;
  resolve(reply: StoreReply | undefined): void;
  reject(error: unknown): void;
}

/** Sends the decisions that are asked for in one tick in one call: a round trip and a script call cost more than a decision. */
export class Batch {
  readonly #script: Script;
  readonly #options: BatchOptions;
  /** By slot, where that matters. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(script: Script, options: BatchOptions) {
    this.#script = script;
    this.#options = options;
  }

  /** @returns `undefined` if the script replied what is no decision */
  decide(request: StoreRequest): Promise<StoreReply | undefined> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, resolve, reject };
      // Others may have been given another instant.
      if (request.now !== undefined) void this.#send([waiting]);
      else this.#add(waiting);
    });
  }

  #add(waiting: Waiting): void {
    const [row] = waiting.request.rows;
    const { isPartitioned, prefix } = this.#options;
    const slot = isPartitioned && row !== undefined ? slotTag(prefix, row) : '';
    const batch = this.#waiting.get(slot);
    if (batch === undefined) {
      this.#waiting.set(slot, [waiting]);
      if (this.#waiting.size === 1) queueMicrotask(() => this.#flush());
      return;
    }
    batch.push(waiting);
    if (batch.length < MOST) return;
    this.#waiting.set(slot, []);
    void this.#send(batch);
  }

  #flush(): void {
    const batches = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const batch of batches) if (batch.length > 0) void this.#send(batch);
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const { prefix, remember } = this.#options;
    const now = batch[0]?.request.now;
    const keys: string[] = [];
    const args = [String(batch.length), now === undefined ? '' : String(now), String(remember)];
    for (const { request } of batch) {
      const { mode, rows } = request;
      args.push(mode, String(rows.length));
      for (const row of rows) {
        keys.push(rowKey(prefix, row));
        pushRow(args, row);
      }
      if (mode === 'charge' && remember > 0) keys.push(this.#options.operationKey(request));
    }
    try {
      const replies = await this.#script.run(keys, args);
      for (const [i, { request, resolve }] of batch.entries())
        resolve(Array.isArray(replies) ? readReply(replies[i], request.rows, false) : undefined);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
