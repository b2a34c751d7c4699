import { checkUnits } from '../algorithms/algorithm.ts';
import { checkFields, checkOptionsObject, collectFaults, PolicyError, show } from '../errors.ts';
import { checkCost } from '../limiter/cost.ts';
import { Inquiry } from '../limiter/inquiry.ts';
import { checkName } from '../limiter/name.ts';
import type { Terms } from '../limiter/question.ts';
import { type StateOptions, stateFrom } from '../limiter/state-options.ts';
import { checkKey, joinKey } from '../partition/key.ts';
import { Row } from '../partition/row.ts';
import { PartitionTable } from '../partition/table.ts';
import { type Duration, type Millis, parseDuration } from '../time.ts';
import { type Admission, AdmissionAnswer } from './admission.ts';
import type { Applicant } from './caller.ts';
import { type AcquireOptions, checkWork, Gate, runAdmitted } from './gate.ts';
import type { LeaseCounts } from './leases.ts';
import { Entrance, type QueuePlan } from './line.ts';
import { PermitQuestion } from './permit-question.ts';
import { PermitTable } from './permits.ts';
import type { QueueOrder } from './wait-queue.ts';

/** How callers wait for a permit. */
export interface QueueOptions {
  /** Waiters for one key, at most: an integer from 0. */
  readonly size: number;
  /** How long one waits at most; default: until it is one's turn. */
  readonly timeout?: Duration;
  /** Who goes first among equal priorities; default `oldest-first`. */
  readonly order?: QueueOrder;
  /**
   * `notify` (default): whoever gives a permit back hands it to the next waiter, in the same call. `poll`: every waiter
   * looks for itself, under a timer of its own; for runtimes where one request must not resolve another's promise.
   */
  readonly strategy?: 'notify' | 'poll';
}

/** Options of {@link createSemaphore}. */
export interface SemaphoreOptions extends Pick<StateOptions, 'maxKeys' | 'clock'> {
  /** Permits of each key: an integer from 0. */
  readonly quota: number;
  /** How long a permit may be held before it is taken back; default: until it is released. */
  readonly lease?: Duration;
  /** Without it nobody waits: `acquire` answers at once. */
  readonly queue?: QueueOptions;
  /** What decisions call the limit: a name as in a policy; default `default`. */
  readonly name?: string;
}

/** Options of one attempt. */
export interface PermitOptions {
  /** Permits taken: an integer from 0; default 1. */
  readonly permits?: number;
  /**
   * Makes the attempt repeatable: while one with this id waits for the key, a further `acquire` gets the same answer
   * (its own options do not count) and `tryAcquire` is denied; while its lease is held, both get that.
   */
  readonly id?: string;
}

/** Counts of one semaphore. */
export interface SemaphoreStats extends LeaseCounts {
  /** Keys of which something is held or awaited. */
  readonly keys: number;
  /** Callers that wait, over all keys. */
  readonly waiting: number;
}

/** Permits for work in progress, kept for every key. See {@link createSemaphore}. */
export interface Semaphore {
  /**
   * Takes permits if they are free and nobody waits for them.
   *
   * @throws DescriptorError for a bad key, CostError for a bad number of permits; nothing is taken then
   */
  tryAcquire(key: string, options?: PermitOptions): Admission;
  /**
   * Takes permits, waiting for one's turn if the semaphore has a queue. A denial (`queue-full`, `queue-timeout`,
   * `never`, `capacity`) is a decision; the promise is rejected only when the signal is aborted or the semaphore
   * disposed of.
   */
  acquire(key: string, options?: PermitOptions & AcquireOptions): Promise<Admission>;
  /**
   * Acquires, works, and releases whatever happens.
   *
   * @throws DeniedError carrying the decision, and whatever the work throws
   */
  run<T>(
    key: string,
    work: (admission: Admission) => T | Promise<T>,
    options?: PermitOptions & AcquireOptions,
  ): Promise<T>;
  /** Permits of `key` that are held. */
  held(key: string): number;
  /** Callers that wait for `key`. */
  waiting(key: string): number;
  /**
   * Changes the quota of all keys: nothing is taken back, waiters who fit now are served at once, and those who ask for
   * more than there will ever be are denied (`never`).
   */
  resize(quota: number): void;
  /** What is held and awaited, as counts. */
  stats(): SemaphoreStats;
  /** Rejects everybody who waits, and every later attempt. What is held may still be released. */
  dispose(): void;
}

/**
 * A semaphore: at most `quota` permits of each key are held at once.
 *
 * A lease is a claim for a time, not a lock. Work that outlives it goes on; pass {@link Admission.fence} to whatever it
 * writes to, and listen to {@link Admission.signal}.
 *
 * @throws PolicyError naming every faulty option
 *
 * @example
 * ```ts
 * const calls = createSemaphore({ quota: 25, lease: '4h', queue: { size: 1000, timeout: '5m' } });
 * await calls.run('acct_42', () => dial());
 * ```
 */
export function createSemaphore(options: SemaphoreOptions): Semaphore {
  checkFields(options, ['quota', 'lease', 'queue', 'name', 'maxKeys', 'clock']);
  return new KeyedSemaphore(options);
}

class KeyedSemaphore implements Semaphore {
  readonly #gate: Gate;
  readonly #permits: PermitTable;
  readonly #row: Row;
  readonly #question: PermitQuestion;
  readonly #entrance: Entrance;
  /** Attempts that were given an id, by key and id, as long as they wait or their lease is held. */
  readonly #byId = new Map<string, Promise<AdmissionAnswer> | AdmissionAnswer>();
  #terms: Terms;

  constructor(options: SemaphoreOptions) {
    const { queue } = options;
    const { maxKeys, clock } = options;
    const parts = collectFaults({
      state: () =>
        stateFrom({ ...(maxKeys !== undefined && { maxKeys }), ...(clock !== undefined && { clock }) }),
      quota: () => checkUnits(options.quota, 'quota'),
      lease: () => lengthOf(options.lease, 'lease'),
      name: () => checkName(options.name ?? 'default', 'name'),
      queue: () => (queue === undefined ? undefined : queuePlan(queue, 'queue')),
    });
    this.#gate = new Gate(parts.state.clock);
    this.#terms = { quota: parts.quota };
    this.#permits = new PermitTable(parts.state.table.maxKeys, parts.name);
    this.#row = new Row(new PartitionTable([], parts.state.table));
    const slot = { name: parts.name, kind: 'concurrency', unit: 'permits' };
    this.#question = new PermitQuestion(slot, this.#row, this.#permits, { lease: parts.lease });
    this.#entrance = new Entrance(new Inquiry(this, parts.name, [this.#question]), parts.queue);
  }

  tryAcquire(key: string, options: PermitOptions = {}): Admission {
    const request = this.#request(key, options);
    const now = this.#gate.open();
    const identity = identityOf(key, options);
    const earlier = identity === undefined ? undefined : this.#byId.get(identity);
    if (earlier instanceof AdmissionAnswer) return earlier;
    const entrance = request.apply();
    if (earlier === undefined) return this.#remember(identity, this.#gate.tryAcquire(entrance, now));
    entrance.inquiry.decide(now, 'peek');
    return this.#gate.refuse(entrance, 'concurrency');
  }

  acquire(key: string, options: PermitOptions & AcquireOptions = {}): Promise<Admission> {
    if (options?.id !== undefined) return this.#acquireOnce(key, options);
    try {
      return this.#gate.acquire(this.#request(key, options), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #acquireOnce(key: string, options: PermitOptions & AcquireOptions): Promise<Admission> {
    const request = this.#request(key, options);
    const identity = identityOf(key, options) as string;
    this.#gate.open();
    const earlier = this.#byId.get(identity);
    if (earlier !== undefined) return earlier;
    const pending = this.#gate.acquire(request, options);
    this.#byId.set(identity, pending);
    try {
      return this.#remember(identity, await pending);
    } finally {
      if (this.#byId.get(identity) === pending) this.#byId.delete(identity);
    }
  }

  async run<T>(
    key: string,
    work: (admission: Admission) => T | Promise<T>,
    options: PermitOptions & AcquireOptions = {},
  ): Promise<T> {
    checkWork(work);
    return runAdmitted(await this.acquire(key, options), work);
  }

  held(key: string): number {
    this.#gate.room.expire(this.#gate.now());
    return this.#permits.find(checkKey(key, 'key'))?.held ?? 0;
  }

  waiting(key: string): number {
    return this.#entrance.lines.get(checkKey(key, 'key'))?.queue.size ?? 0;
  }

  resize(quota: number): void {
    this.#terms = { quota: checkUnits(quota, 'quota') };
    this.#gate.reseat();
  }

  stats(): SemaphoreStats {
    this.#gate.room.expire(this.#gate.now());
    return { keys: this.#permits.size, waiting: this.#gate.room.waiting, ...this.#gate.room.leases.counts() };
  }

  dispose(): void {
    this.#gate.dispose();
  }

  /** A request that was checked once, to be asked as often as need be. */
  #request(key: string, options: PermitOptions): PermitRequest {
    checkOptionsObject(options);
    const { permits = 1 } = options;
    return new PermitRequest(this, checkKey(key, 'key'), checkCost(permits, 'permits'));
  }

  apply({ key, permits }: PermitRequest): Entrance {
    this.#row.key = key;
    this.#question.cost = permits;
    this.#question.terms = this.#terms;
    return this.#entrance;
  }

  #remember(identity: string | undefined, admission: AdmissionAnswer): AdmissionAnswer {
    if (identity === undefined || !admission.allowed) return admission;
    this.#byId.set(identity, admission);
    admission.whenEnded(() => this.#byId.delete(identity));
    return admission;
  }
}

/** So many permits of a key. */
class PermitRequest implements Applicant {
  readonly #semaphore: KeyedSemaphore;
  readonly key: string;
  readonly permits: number;

  constructor(semaphore: KeyedSemaphore, key: string, permits: number) {
    this.#semaphore = semaphore;
    this.key = key;
    this.permits = permits;
  }

  apply(): Entrance {
    return this.#semaphore.apply(this);
  }
}

function identityOf(key: string, { id }: PermitOptions): string | undefined {
  return id === undefined ? undefined : joinKey([key, checkKey(id, 'id')]);
}

/** How waiting goes on, with its defaults. */
export function queuePlan(queue: QueueOptions, path: string): QueuePlan {
  checkFields(queue, ['size', 'timeout', 'order', 'strategy'], path);
  const { order = 'oldest-first', strategy = 'notify' } = queue;
  return collectFaults<{ [F in keyof QueuePlan]: QueuePlan[F] }>({
    size: () => checkUnits(queue.size, `${path}.size`),
    timeout: () => lengthOf(queue.timeout, `${path}.timeout`),
    order: () => oneOf(order, ['oldest-first', 'newest-first'], `${path}.order`),
    strategy: () => oneOf(strategy, ['notify', 'poll'], `${path}.strategy`),
  });
}

/** A length that may be left out for "for ever". */
function lengthOf(duration: Duration | undefined, path: string): Millis {
  return duration === undefined ? Number.POSITIVE_INFINITY : parseDuration(duration, path);
}

function oneOf<T extends string>(value: T, known: readonly T[], path: string): T {
  if (known.includes(value)) return value;
  const message = `${show(value)} does not fit; give ${known.map((each) => show(each)).join(' or ')}`;
  throw new PolicyError([{ code: 'bad-value', path, value, message }]);
}
