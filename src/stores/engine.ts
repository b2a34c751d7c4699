/**
 * headgate/distributed: the engine for more than one process. Policy, descriptors and decisions are those of
 * `createEngine`; the state is in a store, and so every answer is a promise.
 *
 * @module
 */

import { locate } from '../engine/locate.ts';
import { checkRatesOnly, fillQuestions, readRequest } from '../engine/request.ts';
import { checkFields, PolicyError, StoreError, show, suggest } from '../errors.ts';
import { Answer } from '../limiter/answer.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Mode } from '../limiter/question.ts';
import { stateFrom } from '../limiter/state-options.ts';
import type { Verdict } from '../limiter/verdict.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import { splitKey } from '../partition/key.ts';
import type { PartitionTable } from '../partition/table.ts';
import { type CompiledGroup, type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { Descriptor, LooseDescriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { type Clock, type Millis, systemClock, toInstant } from '../time.ts';
import { DistributedAnswer, type DistributedDecision } from './answer.ts';
import { Inquest, sitesOf } from './inquest.ts';
import { operationIds } from './operation.ts';
import { ScratchTable } from './scratch.ts';
import { storePartitions } from './slots.ts';
import type { Store, StoreCharge, StoreCorrection, StoreKey } from './store.ts';

export type { DecisionSource, DistributedDecision } from './answer.ts';
export type {
  Store,
  StoreBlock,
  StoreCharge,
  StoreCorrection,
  StoredRow,
  StoreKey,
  StoreLimit,
  StorePartition,
  StoreReply,
  StoreRequest,
  StoreRow,
} from './store.ts';

/** Options of {@link createDistributedEngine}. */
export interface DistributedEngineOptions {
  /** What keeps the state, such as `redisStore({ client })` of `headgate/redis`. */
  readonly store: Store;
  /** Tells the time where the store is not asked; default: the machine's clock. It decides about nothing else. */
  readonly clock?: Clock;
}

/** Options of one call. */
export interface DistributedCheckOptions {
  /**
   * The instant to decide at, in milliseconds since the epoch, instead of the store's own. For tests and simulations:
   * whoever shares the store has to give instants of the same clock.
   */
  readonly now?: Millis;
}

/** A policy whose usage is kept in a store. See {@link createDistributedEngine}. */
export interface DistributedEngine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /**
   * Asks every limit that applies to the request and, if all agree, charges them all: in one call of the store, by its
   * clock. A denied request leaves no trace in any limit.
   *
   * @throws DescriptorError or CostError (the promise is rejected) naming the field that is wrong; nothing is charged then
   */
  check(descriptor: Descriptor<P>, options?: DistributedCheckOptions): Promise<DistributedDecision>;
  /** What would be answered now, with what is left before it. Writes nothing. */
  peek(descriptor: Descriptor<P>, options?: DistributedCheckOptions): Promise<DistributedDecision>;
  /**
   * Gives back what is still outstanding of a decision's charges, once.
   *
   * @param decision - the very object that this engine returned; a denied one gives back nothing
   * @throws DescriptorError for a copy, or for a decision of another engine; StoreError if the store fails
   */
  refund(decision: Decision, options?: DistributedCheckOptions): Promise<void>;
  /**
   * Denies, with reason `blocked`, every request that a limit per this partition applies to, in all processes.
   *
   * @param partition - the fields of some limit's `per`, and their values: `{ apiKey: 'key_42' }`
   * @throws DescriptorError (`unknown-partition`), or StoreError if the store fails
   */
  block(partition: Partition<P>, options: BlockOptions & DistributedCheckOptions): Promise<void>;
  /** Lifts a block; whether there was one. */
  unblock(partition: Partition<P>, options?: DistributedCheckOptions): Promise<boolean>;
  /** Forgets what a partition has used in all limits that share it; whether anything was kept. A block on it stays. */
  forget(partition: Partition<P>, options?: DistributedCheckOptions): Promise<boolean>;
}

/**
 * An engine for one policy that any number of processes decide by together.
 *
 * @param policy - from `definePolicy`, from `parsePolicy`, or a parsed JSON document
 * @throws PolicyError with every fault of the policy, or of the options; among them limits that the store cannot keep
 *
 * @example
 * ```ts
 * const engine = createDistributedEngine(policy, { store: redisStore({ client }) });
 * const decision = await engine.check({ method: 'GET', path: '/v1/calls', apiKey: 'key_42' });
 * ```
 */
export function createDistributedEngine<const P extends PolicyDocument>(
  policy: P,
  options: DistributedEngineOptions,
): DistributedEngine<P> {
  checkFields(options, ['store', 'clock']);
  return new StoreEngine(policy, options) as DistributedEngine<P>;
}

class StoreEngine implements DistributedEngine {
  readonly #policy: CompiledPolicy;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #sites: ReadonlyMap<CompiledGroup, ReturnType<typeof sitesOf>>;
  readonly #nextId: () => string = operationIds();

  constructor(document: PolicyDocument, { store, clock = systemClock }: DistributedEngineOptions) {
    const { table } = stateFrom({ clock });
    const parsed = parsePolicy(document);
    checkStore(store);
    checkAlgorithms(parsed, store);
    this.#store = store;
    this.#clock = clock;
    this.#policy = compilePolicy(parsed, {}, table, this, undefined, ScratchTable);
    const partitions = storePartitions(parsed, store.isPartitioned);
    for (const isShadow of [false, true]) {
      for (const [id, { table: kept }] of this.#policy[isShadow ? 'shadows' : 'partitions']) {
        const partition = partitions.get(id);
        if (partition !== undefined) scratch(kept).partition = { ...partition, isShadow };
      }
    }
    this.#sites = new Map([...this.#policy.groups.values()].map((group) => [group, sitesOf(group)]));
  }

  get policy(): PolicyDocument {
    return this.#policy.document;
  }

  check(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    return this.#decide(descriptor, options, 'charge');
  }

  peek(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    return this.#decide(descriptor, options, 'peek');
  }

  async refund(decision: Decision, options?: DistributedCheckOptions): Promise<void> {
    const now = given(options);
    const rows = corrections(Answer.of(decision, this).takeCharges());
    if (rows.length > 0) await this.#store.refund(this.#nextId(), rows, now);
  }

  async block(partition: Partition, options: BlockOptions & DistributedCheckOptions): Promise<void> {
    const { until, reason } = blockFrom(options, 0);
    const length = options.for === undefined ? { until } : { for: until };
    await this.#store.block(this.#keyOf(partition), { ...length, reason }, given(options));
  }

  async unblock(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    return this.#store.unblock(this.#keyOf(partition), given(options));
  }

  async forget(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    const { table, key, shadow } = locate(this.#policy, partition);
    const tables = shadow === undefined ? [table] : [table, shadow];
    return this.#store.forget(
      tables.map((each) => storeKey(each, key)),
      given(options),
    );
  }

  async #decide(
    descriptor: LooseDescriptor,
    options: DistributedCheckOptions | undefined,
    mode: Mode,
  ): Promise<DistributedDecision> {
    const request = readRequest(this.#policy, descriptor);
    const { group } = request;
    if (group !== undefined && mode === 'charge') checkRatesOnly(group);
    const now = given(options);
    if (group === undefined) return this.#decideUnmatched(now, mode);
    fillQuestions(this.#policy, group, descriptor, request);
    const inquest = new Inquest(group, this.#sites.get(group) ?? []);
    return this.#ask(inquest, group, now, mode);
  }

  #decideUnmatched(now: Millis | undefined, mode: Mode): DistributedDecision {
    const { inquiry, denied } = this.#policy.unmatched;
    inquiry.decide(now ?? this.#now(), mode);
    return new DistributedAnswer(inquiry, 'local', denied === undefined, denied);
  }

  async #ask(
    inquest: Inquest,
    { entrance }: CompiledGroup,
    now: Millis | undefined,
    mode: Mode,
  ): Promise<DistributedDecision> {
    const { inquiry } = entrance;
    const { rows } = inquest;
    if (rows.length === 0) {
      const agreed = inquest.decide(undefined, now ?? this.#now(), mode);
      return new DistributedAnswer(inquiry, 'local', agreed);
    }
    // Nothing is charged for a request that lacks a key, whatever the others say.
    const asked = inquest.lacksKey && mode === 'charge' ? 'deny' : mode;
    const reply = await this.#store.decide({ id: this.#nextId(), mode: asked, now, rows });
    const agreed = inquest.decide(reply, reply.now, mode);
    if (asked === 'charge' && agreed !== reply.agreed) throw disagreement(reply);
    return new DistributedAnswer(inquiry, 'store', agreed);
  }

  #keyOf(partition: Partition): StoreKey {
    const { table, key } = locate(this.#policy, partition);
    return storeKey(table, key);
  }

  #now(): Millis {
    return toInstant(this.#clock.now());
  }
}

/** A table of this engine, which are all of the kind it compiles its policy with. */
function scratch(table: PartitionTable): ScratchTable {
  if (table instanceof ScratchTable) return table;
  throw new TypeError('a table that was not made for a distributed engine');
}

function storeKey(table: PartitionTable, key: string): StoreKey {
  const { partition } = scratch(table);
  return { partition, values: splitKey(key, partition.fields.length) };
}

/** What has to be given back, by row. */
function corrections(charges: readonly Verdict[]): StoreCorrection[] {
  const rows = new Map<PartitionTable, { born: number; key: string; limits: StoreCharge[] }>();
  for (const { question, terms, key, cost, chargedAt, era } of charges) {
    const { table } = question.row;
    if (key === undefined || cost === 0) continue;
    const row = rows.get(table) ?? { born: era, key, limits: [] };
    rows.set(table, row);
    row.limits.push({ name: question.slot.name, plan: terms as StoreCharge['plan'], cost, since: chargedAt });
  }
  return [...rows].map(([table, { born, key, limits }]) => ({ ...storeKey(table, key), born, limits }));
}

function given(options: DistributedCheckOptions | undefined): Millis | undefined {
  return options?.now === undefined ? undefined : toInstant(options.now);
}

function disagreement(value: unknown): StoreError {
  const message =
    'the store and this process draw different decisions from the same state; is it another version?';
  return new StoreError({ code: 'disagreement', path: 'store', value, message });
}

function checkStore(store: Store): void {
  if (typeof store === 'object' && store !== null && typeof store.decide === 'function') return;
  const message = `${show(store)} is no store; give one such as redisStore({ client }) of headgate/redis`;
  throw new PolicyError([{ code: 'bad-option', path: 'store', value: store, message }]);
}

/** @throws PolicyError (`unsupported-algorithm`) for every limit that the store cannot do */
function checkAlgorithms({ limits }: PolicyDocument, { algorithms }: Store): void {
  const faults = Object.entries(limits).flatMap(([name, { algorithm }]) => {
    if (algorithm === 'concurrency' || algorithms.includes(algorithm)) return [];
    const message = `the store cannot do ${show(algorithm)}${suggest(algorithm, algorithms)}`;
    const path = `limits.${name}.algorithm`;
    return [{ code: 'unsupported-algorithm', path, value: algorithm, message }];
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}
