import { isHeadgateError, StoreError } from '../../errors.ts';
import type { StoreReply, StoreRequest } from '../store.ts';
import { escapeId, leasesKey, lineKeys, pushRow, rowKey, slotTag } from './encode.ts';
import { Replies } from './replies.ts';
import type { Script } from './script.ts';

/** Decisions that one call takes at most: the server does nothing else meanwhile, and the client gets on with the next call. */
const MOST = 32;

/** Operations of failed calls that are kept, in case they are asked for again. */
const MOST_FAILED = 1024;

/** How keys are made, and for how long calls are remembered. */
export interface BatchOptions {
  readonly prefix: string;
  /** Milliseconds; 0: not at all. */
  readonly remember: number;
  /** Whether all keys of a call have to share a slot. */
  readonly isPartitioned: boolean;
}

interface Waiting {
  readonly request: StoreRequest;
  resolve(reply: StoreReply): void;
  reject(error: unknown): void;
}

/** What is sent to the server at once, and again if it is not known whether it got there. */
interface Call {
  readonly batch: readonly Waiting[];
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly lane: number;
  /** Its reply, while it is sent again. */
  again: Promise<unknown> | undefined;
}

/**
 * Sends the decisions that are asked for in one tick in one call: a round trip and a script call cost more than a decision.
 *
 * The server remembers calls, so that one which a client sends again after a lost reply is done once. A call that has been
 * answered need not be remembered any longer: so each is made in a *lane*, of which there are as many as there have been
 * calls at once, and the memory of a lane is that of its latest call. Calls are numbered, so one that arrives after a
 * later call of its lane is told from that.
 */
export class Batch {
  readonly #script: Script;
  readonly #options: BatchOptions;
  /** What tells lanes from those of other processes. */
  readonly #owner = Math.floor(Math.random() * 2 ** 52).toString(36);
  readonly #keep: string;
  /** By slot, where that matters. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #free: number[] = [];
  readonly #failed = new Map<string, Call>();
  /** Node's `queueMicrotask` makes a resource for asynchronous hooks of each call. */
  readonly #now: Promise<void> = Promise.resolve();
  #lanes = 0;
  #turns = 0;
  readonly #flush: () => void;

  constructor(script: Script, options: BatchOptions) {
    this.#script = script;
    this.#options = options;
    // The server does not set the expiry anew within the same second.
    this.#keep = options.remember > 0 ? String(options.remember + 1000) : '0';
    this.#flush = () => {
      for (const batch of this.#waiting.values()) if (batch.length > 0) this.#send(batch);
      this.#waiting.clear();
    };
  }

  /** @throws StoreError (the promise is rejected) */
  decide(request: StoreRequest): Promise<StoreReply> {
    const failed = this.#failed.size === 0 ? undefined : this.#failed.get(request.id);
    if (failed !== undefined && modeOf(failed, request) === request.mode)
      return this.#sendAgain(failed, request);
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, resolve, reject };
      // Others may have been given another instant.
      if (request.now !== undefined) this.#send([waiting]);
      else this.#add(waiting);
    });
  }

  #add(waiting: Waiting): void {
    const [row] = waiting.request.rows;
    const { isPartitioned, prefix } = this.#options;
    const slot = isPartitioned && row !== undefined ? slotTag(prefix, row) : '';
    const batch = this.#waiting.get(slot);
    if (batch === undefined) {
      if (this.#waiting.size === 0) void this.#now.then(this.#flush);
      this.#waiting.set(slot, [waiting]);
      return;
    }
    batch.push(waiting);
    if (batch.length < MOST) return;
    this.#waiting.set(slot, []);
    this.#send(batch);
  }

  #send(batch: readonly Waiting[]): void {
    const call = this.#callOf(batch);
    this.#script.run(call.keys, call.args).then(
      (text) => {
        this.#free.push(call.lane);
        const replies = new Replies(text);
        for (const { request, resolve, reject } of batch) {
          const reply = replies.next(request, admits(request));
          if (reply === undefined) reject(badReply(text));
          else resolve(reply);
        }
      },
      (error) => {
        this.#fail(call, error);
        for (const { reject } of batch) reject(error);
      },
    );
  }

  /** Keeps a call of which it is not known whether it was done. Its lane is not given to another. */
  #fail(call: Call, error: unknown): void {
    if (!isHeadgateError(error, 'StoreError') || error.code !== 'failed') return;
    for (const { request } of call.batch) this.#failed.set(request.id, call);
    for (const id of this.#failed.keys()) {
      if (this.#failed.size <= MOST_FAILED) break;
      this.#failed.delete(id);
    }
  }

  /** Sends the whole call that an operation was part of: the same call is done once. */
  async #sendAgain(call: Call, request: StoreRequest): Promise<StoreReply> {
    call.again ??= this.#script.run(call.keys, call.args).finally(() => {
      call.again = undefined;
    });
    const text = await call.again;
    if (this.#failed.delete(request.id) && call.batch.length === 1) this.#free.push(call.lane);
    const at = call.batch.findIndex((waiting) => waiting.request.id === request.id);
    const first = call.batch[at]?.request ?? request;
    const replies = new Replies(text);
    replies.skip(at);
    const reply = replies.next(first, admits(first));
    if (reply === undefined) throw badReply(text);
    return reply;
  }

  #callOf(batch: readonly Waiting[]): Call {
    const { prefix } = this.#options;
    const keys: string[] = [];
    const lane = this.#free.pop() ?? this.#lanes++;
    const turn = String(++this.#turns).padStart(12, '0');
    const first = batch[0]?.request;
    const given = first?.now;
    const args = [given === undefined ? '' : String(given), '0', turn];
    let charges = false;
    for (const { request } of batch) {
      args[2] += ` ${request.id}`;
      charges ||= request.mode === 'charge';
      pushRequest(prefix, keys, args, request);
    }
    const row = first?.rows[0];
    if (charges && this.#keep !== '0' && row !== undefined) {
      args[1] = this.#keep;
      const place = this.#options.isPartitioned ? slotTag(prefix, row) : prefix;
      keys.push(`${place}:op:${this.#owner}.${lane}`);
    }
    return { batch, keys, args, lane, again: undefined };
  }
}

/** How an operation was asked for: whoever asks for it in another way does not repeat it. */
function modeOf({ batch }: Call, { id }: StoreRequest): StoreRequest['mode'] | undefined {
  return batch.find(({ request }) => request.id === id)?.request.mode;
}

function pushRequest(
  prefix: string,
  keys: string[],
  args: string[],
  { id, mode, rows, lease, line }: StoreRequest,
): void {
  const letter = mode.charAt(0);
  const isAdmission = admits({ rows, line });
  args.push(`${isAdmission ? letter.toUpperCase() : letter}${rows.length}`);
  for (const row of rows) {
    keys.push(rowKey(prefix, row));
    pushRow(args, row);
    for (const { name } of row.permits) keys.push(leasesKey(prefix, row, name));
  }
  if (!isAdmission) return;
  args.push(escapeId(lease?.id ?? id));
  const [first] = rows;
  if (line === undefined || first === undefined) {
    args.push('');
    return;
  }
  keys.push(...lineKeys(prefix, first, line));
  const rank = String(100 - line.priority).padStart(3, '0');
  args.push('line', line.ticket ?? '', rank, line.order, String(line.size), String(line.patience));
}

/** Whether it is about permits, or has to wait for its turn. */
function admits({ rows, line }: Pick<StoreRequest, 'rows' | 'line'>): boolean {
  if (line !== undefined) return true;
  for (const { permits } of rows) if (permits.length > 0) return true;
  return false;
}

function badReply(value: unknown): StoreError {
  const message = 'the script replied what is no decision; is it another version?';
  return new StoreError({ code: 'bad-reply', path: 'store', value, message });
}
