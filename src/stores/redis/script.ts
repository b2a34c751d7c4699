import { StoreError } from '../../errors.ts';
import type { Commands } from './client.ts';

/** A script on the server: sent once, and called by its digest from then on. */
export class Script {
  readonly #commands: Commands;
  readonly #text: string;
  /** Asked for at the first call, and again after a failure. */
  #digest: Promise<string> | undefined;
  #known: string | undefined;

  constructor(commands: Commands, text: string) {
    this.#commands = commands;
    this.#text = text;
  }

  /**
   * Runs it, in one round trip once it is loaded. A server that does not know it (any more) is given it anew, with the
   * same call: nothing was done, so nothing is done twice.
   *
   * @throws StoreError
   */
  run(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    if (this.#known === undefined) return this.#runFirst(keys, args);
    try {
      return this.#commands
        .evalsha(this.#known, keys, args)
        .then(undefined, (error) => this.#recover(error, keys, args));
    } catch (error) {
      return Promise.reject(storeError(error));
    }
  }

  async #recover(error: unknown, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    if (!textOf(error).includes('NOSCRIPT')) throw storeError(error);
    try {
      return await this.#commands.eval(this.#text, keys, args);
    } catch (failure) {
      throw storeError(failure);
    }
  }

  async #runFirst(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      await this.#load();
    } catch (error) {
      throw storeError(error);
    }
    return this.run(keys, args);
  }

  async #load(): Promise<void> {
    const loading = this.#digest ?? this.#commands.load(this.#text).then(String);
    this.#digest = loading;
    try {
      this.#known = await loading;
    } finally {
      this.#digest = undefined;
    }
  }
}

/** Errors of the server that say what is the matter, and what they are called here. */
const CODES: readonly (readonly [word: string, code: string])[] = [
  ['READONLY', 'read-only'],
  ['OOM', 'out-of-memory'],
  ['CROSSSLOT', 'cross-slot'],
  ['NOPERM', 'not-permitted'],
  ['NOAUTH', 'not-permitted'],
  ['LOADING', 'loading'],
  ['BUSY', 'busy'],
  ['CLUSTERDOWN', 'cluster-down'],
];

function storeError(error: unknown): StoreError {
  const text = textOf(error);
  const code = CODES.find(([word]) => text.includes(word))?.[1] ?? 'failed';
  const message = `the store failed: ${text}`;
  return new StoreError({ code, path: 'store', value: error, message }, error);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
