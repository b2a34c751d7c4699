/**
 * headgate/distributed: the engine for more than one process. Policy, descriptors and decisions are those of
 * `createEngine`; the state is in a store, and so every answer is a promise.
 *
 * @module
 */

import { type AcquireOptions, checkPriority, checkTimeout } from '../concurrency/gate.ts';
import { locate } from '../engine/locate.ts';
import { checkRatesOnly } from '../engine/request.ts';
import { checkFields } from '../errors.ts';
import { Answer } from '../limiter/answer.ts';
import type { Decision, Reason } from '../limiter/decision.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import { stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import type { LooseDescriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { type Clock, type Millis, systemClock, toInstant } from '../time.ts';
import type { Desk } from './admission.ts';
import type { DistributedDecision } from './answer.ts';
import type { Call } from './call.ts';
import { checkId, checkStore, denialsFrom, patienceFrom, shareFrom } from './checks.ts';
import type {
  DistributedAcquireOptions,
  DistributedAdmission,
  DistributedCheckOptions,
  DistributedEngine,
  DistributedEngineOptions,
} from './contract.ts';
import { type Changes, corrections, storeKey } from './corrections.ts';
import { Decider } from './decider.ts';
import { Denials } from './denials.ts';
import { LocalAdmission } from './fallback.ts';
import { GuardedStore } from './guard.ts';
import { operationIds } from './operation.ts';
import { Rules } from './rules.ts';
import type { StoreKey } from './store.ts';
import { type AnyAdmission, type Attempt, waitForTurn } from './turn.ts';

export type { DecisionSource, DistributedDecision } from './answer.ts';
export type {
  DistributedAcquireOptions,
  DistributedAdmission,
  DistributedCheckOptions,
  DistributedEngine,
  DistributedEngineOptions,
} from './contract.ts';
export type { StoreEvent } from './guard.ts';
export type {
  Store,
  StoreBlock,
  StoreCharge,
  StoreCorrection,
  StoredRow,
  StoreKey,
  StoreLease,
  StoreLimit,
  StoreLine,
  StorePartition,
  StorePermit,
  StoreReply,
  StoreRequest,
  StoreRow,
} from './store.ts';

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
  checkFields(options, ['store', 'clock', 'deadline', 'localShare', 'denialCache', 'onStoreEvent']);
  return new StoreEngine(policy, options) as DistributedEngine<P>;
}

class StoreEngine implements DistributedEngine, Desk {
  readonly #rules: Rules;
  readonly #decider: Decider;
  readonly store: GuardedStore;
  readonly clock: Clock;
  readonly nextId: () => string = operationIds();

  constructor(document: PolicyDocument, options: DistributedEngineOptions) {
    const { store, clock = systemClock, onStoreEvent } = options;
    stateFrom({ clock });
    const parsed = parsePolicy(document);
    checkStore(store);
    this.store = new GuardedStore(store, clock, patienceFrom(options), onStoreEvent);
    this.clock = clock;
    const most = denialsFrom(options);
    this.#decider = new Decider(this, most === undefined ? undefined : new Denials(most, clock));
    const share = shareFrom(options);
    this.#rules = new Rules(parsed, { store, clock, share, owner: this });
  }

  get policy(): PolicyDocument {
    return this.#rules.policy.document;
  }

  async check(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    const call = this.#read(descriptor);
    if (call.group !== undefined) checkRatesOnly(call.group);
    // Whoever only checks does not pass those who wait for the same rate either.
    if (call.group?.entrance.queue !== undefined) return this.#admit(call, { ...options });
    return this.#decider.decide(call, given(options), 'charge');
  }

  async peek(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    return this.#decider.decide(this.#read(descriptor), given(options), 'peek');
  }

  async tryAcquire(descriptor: LooseDescriptor, options?: DistributedAcquireOptions): Promise<AnyAdmission> {
    return this.#admit(this.#read(descriptor), { ...options });
  }

  async acquire(
    descriptor: LooseDescriptor,
    options: AcquireOptions & DistributedAcquireOptions = {},
  ): Promise<AnyAdmission> {
    const call = this.#read(descriptor);
    const { queue } = call.group?.entrance ?? {};
    const priority = checkPriority(options.priority);
    const patience = checkTimeout(options.timeout) ?? queue?.timeout ?? 0;
    const attempt = (ticket: string | undefined, keep: Millis, refusal?: Reason): Promise<Attempt> =>
      this.#decider.attempt(call, given(options), priority, { ticket, keep, refusal });
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    if (queue === undefined) return (await attempt(undefined, 0)).admission;
    return waitForTurn({
      clock: this.clock,
      patience,
      signal: options.signal,
      attempt,
      leave: (ticket) => this.#decider.leave(call, ticket),
    });
  }

  async run<T>(
    descriptor: LooseDescriptor,
    work: (admission: DistributedAdmission) => T | Promise<T>,
    options?: AcquireOptions & DistributedAcquireOptions,
  ): Promise<T> {
    const admission = await this.acquire(descriptor, options);
    if (!admission.allowed) throw new DeniedError(admission);
    const stop = admission.keep();
    try {
      return await work(admission);
    } finally {
      stop();
      // A store that fails gives the permits back when the lease has run out.
      await admission.release().catch(() => false);
    }
  }

  async refund(decision: Decision, options?: DistributedCheckOptions): Promise<void> {
    const now = given(options);
    if (decision instanceof LocalAdmission) return this.#rules.fallback.refund(decision);
    const charges = Answer.of(decision, this).takeCharges();
    await this.correct(
      'refund',
      charges.map((charge) => [charge, charge.cost]),
      now,
    );
  }

  async correct(how: 'refund' | 'charge', charges: Changes, now?: Millis): Promise<void> {
    const rows = corrections(charges);
    this.#decider.denials?.clear();
    if (rows.length > 0) await this.store.correct(this.nextId(), how, rows, now);
  }

  async block(partition: Partition, options: BlockOptions & DistributedCheckOptions): Promise<void> {
    const { until, reason } = blockFrom(options, 0);
    const length = options.for === undefined ? { until } : { for: until };
    await this.store.block(this.#keyOf(partition), { ...length, reason }, given(options));
  }

  async unblock(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    this.#decider.denials?.clear();
    return this.store.unblock(this.#keyOf(partition), given(options));
  }

  async forget(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    const { table, key, shadow } = locate(this.#rules.policy, partition);
    this.#decider.denials?.clear();
    const tables = shadow === undefined ? [table] : [table, shadow];
    return this.store.forget(
      tables.map((each) => storeKey(each, key)),
      given(options),
    );
  }

  #read(descriptor: LooseDescriptor): Call {
    return this.#rules.read(descriptor, this.nextId());
  }

  async #admit(call: Call, options: DistributedAcquireOptions): Promise<AnyAdmission> {
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    return (await this.#decider.attempt(call, given(options), 0, { keep: 0 })).admission;
  }

  #keyOf(partition: Partition): StoreKey {
    const { table, key } = locate(this.#rules.policy, partition);
    return storeKey(table, key);
  }
}

function given(options: DistributedCheckOptions | undefined): Millis | undefined {
  return options?.now === undefined ? undefined : toInstant(options.now);
}
