/**
 * Working a list through a group. Start with {@link runBatch}.
 *
 * @module headgate/batch
 */

import type { Admission } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import { checkGiven, checkOptionsObject, DescriptorError, show } from '../errors.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Millis } from '../time.ts';
import { type AnyEngine, type EngineAdmission, isPromise } from './any-engine.ts';

/** How far a batch is. */
export interface BatchProgress {
  /** Items that have ended, failed ones among them. */
  readonly done: number;
  /** Items whose worker threw. */
  readonly failed: number;
  /** Items at work now. */
  readonly running: number;
  /** Items in all; `undefined` where the source does not say. */
  readonly total: number | undefined;
  /** Time since the batch began, in milliseconds. */
  readonly elapsedMs: Millis;
  /** Time left at the pace so far; `undefined` while nothing is done or the total is unknown. */
  readonly etaMs: Millis | undefined;
}

/** What a worker is told beside its item. */
export interface BatchTurn<A extends EngineAdmission = Admission> {
  /** Place of the item in the batch, from 0. */
  readonly index: number;
  /** What the item was admitted with; permits are released when the worker ends, and renewed until then in a store. */
  readonly admission: A;
  /** The batch's signal, if it has one. */
  readonly signal: AbortSignal | undefined;
}

/** Options of {@link runBatch}. */
export interface BatchOptions<P extends PolicyDocument> extends Pick<AcquireOptions, 'priority'> {
  /** Stops the batch when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** What every item is admitted as. Without a queue in its group, the first item that would have to wait is denied. */
  readonly descriptor: Descriptor<P>;
  /** Quotas of this batch, such as `{ campaign: 5 }`; they go into the descriptor. */
  readonly quotas?: Descriptor<P>['quotas'];
  /** What the first failure of a worker does: `continue` (default), or `stop` starting further items. */
  readonly onError?: 'continue' | 'stop';
  /** Called whenever an item starts or ends. What it throws ends the batch. */
  readonly onProgress?: (progress: BatchProgress) => void;
}

/**
 * Works a list through a group, in order, as many items at once as its limits admit. An item is read only when there is an
 * admission for it, and every permit is given back, whatever happens: where a store fails, at the end of its lease.
 *
 * @param engine - of either kind
 * @param items - anything that can be iterated, also asynchronously
 * @returns what became of each item that was started, in input order
 * @throws the signal's reason once it is aborted; DeniedError if an item is denied rather than kept waiting; whatever the
 * source or `onProgress` throws. By then all workers that had been started have ended. PolicyError naming an argument that
 * does not fit, before anything has started
 */
export async function runBatch<P extends PolicyDocument, Item, Result, A extends EngineAdmission = Admission>(
  engine: AnyEngine<P, A>,
  items: Iterable<Item> | AsyncIterable<Item>,
  worker: (item: Item, turn: BatchTurn<A>) => Result | Promise<Result>,
  options: BatchOptions<P>,
): Promise<PromiseSettledResult<Result>[]> {
  checkGiven(typeof engine?.acquire === 'function', 'engine', engine, 'an engine');
  checkGiven(isIterable(items), 'items', items, 'anything that can be iterated');
  checkGiven(typeof worker === 'function', 'worker', worker, 'a function');
  checkOptionsObject(options);
  checkOptionsObject(options.descriptor, 'options.descriptor');
  const { signal, priority, onProgress } = options;
  const quotas = { ...options.descriptor.quotas, ...options.quotas };
  const descriptor: Descriptor<P> = { ...options.descriptor, quotas };
  const source = new Source(items);
  const total = sizeOf(items);
  const startedAt = engine.clock.now();
  const results: PromiseSettledResult<Result>[] = [];
  const running = new Set<Promise<void>>();
  /** Ends the wait for the next turn; its reason is thrown unless it is {@link STOPPED}. */
  const halt = new AbortController();
  const onAbort = (): void => halt.abort(signal?.reason);
  let started = 0;
  let done = 0;
  let failed = 0;

  const report = (): void => {
    const elapsedMs = engine.clock.now() - startedAt;
    const etaMs =
      total === undefined || done === 0 ? undefined : Math.ceil((elapsedMs / done) * (total - done));
    try {
      onProgress?.({ done, failed, running: running.size, total, elapsedMs, etaMs });
    } catch (error) {
      halt.abort(error);
    }
  };
  const work = async (item: Item, index: number, admission: A, giveBack: GiveBack): Promise<void> => {
    try {
      results[index] = { status: 'fulfilled', value: await worker(item, { index, admission, signal }) };
    } catch (reason) {
      results[index] = { status: 'rejected', reason };
      failed++;
      if (options.onError === 'stop') halt.abort(STOPPED);
    } finally {
      done++;
      const giving = giveBack('release');
      if (giving !== undefined) await giving;
    }
  };

  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  try {
    while (started !== total) {
      const admission = await engine.acquire(descriptor, { signal: halt.signal, priority });
      if (!admission.allowed) throw new DeniedError(admission);
      const giveBack = keep(admission);
      const next = await source.read(giveBack, halt.signal);
      if (next.done === true) break;
      const turn = work(next.value, started++, admission, giveBack).then(() => {
        running.delete(turn);
        report();
      });
      running.add(turn);
      report();
    }
    await Promise.all(running);
    halt.signal.throwIfAborted();
  } catch (error) {
    if (error !== STOPPED) throw error;
  } finally {
    await Promise.all(running);
    signal?.removeEventListener('abort', onAbort);
    await source.close();
  }
  return results;
}

function isIterable(items: unknown): boolean {
  const object = Object(items);
  return Symbol.iterator in object || Symbol.asyncIterator in object;
}

/** The reason of a batch that stops because a worker has failed. */
const STOPPED = Symbol('stopped');

/** What {@link estimateBatch} needs to know. */
export interface BatchEstimate {
  /** Items, from 0. */
  readonly count: number;
  /** Items at once, from 1. */
  readonly concurrency: number;
  /** How long one item takes, in milliseconds, from 0. */
  readonly averageMs: Millis;
}

/**
 * How long a batch will take, in milliseconds: its waves, `ceil(count / concurrency)`, times the average duration.
 *
 * @throws DescriptorError (`bad-value`) naming the faulty field, PolicyError for what has no fields
 */
export function estimateBatch(estimate: BatchEstimate): Millis {
  checkOptionsObject(estimate, 'estimate');
  const { count, concurrency, averageMs } = estimate;
  return (
    Math.ceil(from(0, count, 'count') / from(1, concurrency, 'concurrency')) * from(0, averageMs, 'averageMs')
  );
}

function from(least: number, value: number, path: string): number {
  if (Number.isFinite(value) && value >= least) return value;
  const message = `${path} is ${show(value)}; give a number from ${least}`;
  throw new DescriptorError({ code: 'bad-value', path, value, message });
}

/** Gives back what was admitted; a promise, never rejected, if that takes a while. */
type GiveBack = (how: 'release' | 'cancel') => Promise<unknown> | undefined;

/** Has permits renewed, where they need it, until they are given back. A source may take its time, not only a worker. */
function keep(admission: EngineAdmission): GiveBack {
  const stop = admission.keep?.();
  return (how) => {
    stop?.();
    const giving = admission[how]();
    return isPromise(giving) ? giving.catch(() => undefined) : undefined;
  };
}

/** Items, read one at a time. */
class Source<Item> {
  readonly #items: Iterator<Item> | AsyncIterator<Item>;
  #state: 'open' | 'reading' | 'ended' = 'open';

  constructor(items: Iterable<Item> | AsyncIterable<Item>) {
    this.#items = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  /** The next item, unless it is halted first; where there is none, the admission meant for it is given back. */
  async read(giveBack: GiveBack, halt: AbortSignal): Promise<IteratorResult<Item>> {
    let onHalt: (() => void) | undefined;
    const halted = new Promise<never>((_, reject) => {
      onHalt = () => reject(halt.reason);
      halt.addEventListener('abort', onHalt);
    });
    try {
      halt.throwIfAborted();
      const next = await Promise.race([this.#next(), halted]);
      if (next.done === true) await giveBack('cancel');
      return next;
    } catch (error) {
      await giveBack('cancel');
      throw error;
    } finally {
      if (onHalt !== undefined) halt.removeEventListener('abort', onHalt);
    }
  }

  /** Tells the source that no more is read. One that is still looking for an item is told, and not waited for. */
  async close(): Promise<void> {
    if (this.#state === 'ended') return;
    const closed = Promise.resolve(this.#items.return?.());
    if (this.#state === 'open') await closed;
    else closed.catch(() => undefined);
  }

  async #next(): Promise<IteratorResult<Item>> {
    this.#state = 'reading';
    try {
      const next = await this.#items.next();
      this.#state = next.done === true ? 'ended' : 'open';
      return next;
    } catch (error) {
      this.#state = 'ended';
      throw error;
    }
  }
}

function sizeOf(items: object): number | undefined {
  if (Array.isArray(items)) return items.length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}
