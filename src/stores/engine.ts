/**
 * headgate/distributed: the engine for more than one process. Policy, descriptors and decisions are those of
 * `createEngine`; the state is in a store, and so every answer is a promise.
 *
 * @module headgate/distributed
 */

import {
  type AcquireOptions,
  checkPriority,
  checkSignal,
  checkTimeout,
  disposed,
} from '../concurrency/gate.ts';
import type { ReloadOptions } from '../engine/contract.ts';
import { copyOfDescriptor, copyOfPolicy } from '../engine/copies.ts';
import { locate } from '../engine/locate.ts';
import { checkRatesOnly, type Sources } from '../engine/request.ts';
import { checkFields } from '../errors.ts';
import { Answer } from '../limiter/answer.ts';
import type { Decision } from '../limiter/decision.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import { stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import type { CompiledGroup } from '../policy/compile.ts';
import type { LooseDescriptor, Partition } from '../policy/descriptor.ts';
import { diffPolicies, type ReloadReport, tellDiff } from '../policy/diff.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { type Clock, type Millis, steady, systemClock, toInstant } from '../time.ts';
import type { Desk } from './admission.ts';
import type { DistributedAdmission } from './admitted.ts';
import type { DistributedDecision } from './answer.ts';
import { Applicant } from './applicant.ts';
import type { Call } from './call.ts';
import { checkCarry } from './carry.ts';
import { checkId, checkStore, denialsFrom, patienceFrom, shareFrom } from './checks.ts';
import type {
  DistributedAcquireOptions,
  DistributedCheckOptions,
  DistributedEngine,
  DistributedEngineOptions,
  DistributedStats,
} from './contract.ts';
import { type Changes, corrections, storeKey } from './corrections.ts';
import { Decider } from './decider.ts';
import type { DistributedEventListener, DistributedEventName } from './events.ts';
import { explain } from './explain.ts';
import type { DistributedExplanation } from './explanation.ts';
import { LocalAdmission } from './fallback.ts';
import { type Guarded, GuardedStore, type StoreEvent } from './guard.ts';
import { Ledger } from './ledger.ts';
import { operationIds } from './operation.ts';
import type { Draw } from './prefetch.ts';
import { ReservingStore } from './reserve.ts';
import { Rules, type RulesOptions } from './rules.ts';
import { Sleepers } from './sleepers.ts';
import type { StoreKey } from './store.ts';
import { type AnyAdmission, waitForTurn } from './turn.ts';

export type { DistributedAdmission } from './admitted.ts';
export type { DecisionSource, DistributedDecision } from './answer.ts';
export type {
  DistributedAcquireOptions,
  DistributedCheckOptions,
  DistributedEngine,
  DistributedEngineOptions,
  DistributedStats,
} from './contract.ts';
export type {
  DistributedDecisionEvent,
  DistributedEventListener,
  DistributedEventName,
  DistributedEvents,
  DistributedGrantedEvent,
  DistributedListenerErrorEvent,
  DistributedQueuedEvent,
} from './events.ts';
export type { DistributedExplanation } from './explanation.ts';
export type { StoreEvent } from './guard.ts';
export type { PrefetchCounts } from './stock.ts';
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
  readonly #made: RulesOptions;
  /** Those of the policy in force. What is on its way keeps those by which it was read. */
  #rules: Rules;
  readonly #decider: Decider;
  readonly #ledger = new Ledger();
  readonly #sleepers: Sleepers;
  readonly #guard: GuardedStore;
  readonly store: Guarded;
  readonly clock: Clock;
  readonly now: () => Millis;
  readonly nextId: () => string = operationIds();

  constructor(document: PolicyDocument, options: DistributedEngineOptions) {
    const { store, clock = systemClock, onStoreEvent } = options;
    stateFrom({ clock });
    const parsed = copyOfPolicy(parsePolicy(document));
    checkStore(store);
    const tell = (event: StoreEvent): void => {
      this.#ledger.onStore(event);
      onStoreEvent?.(event);
    };
    this.#guard = new GuardedStore(store, clock, patienceFrom(options), tell);
    const onGivenBack = (): void => this.#decider.local.forgetDenials();
    this.store = store.isPartitioned ? new ReservingStore(this.#guard, onGivenBack) : this.#guard;
    this.clock = clock;
    this.now = steady(clock);
    this.#sleepers = new Sleepers(clock);
    this.#decider = new Decider(this, this.#ledger, denialsFrom(options));
    this.#made = { store, clock, share: shareFrom(options), owner: this };
    this.#rules = new Rules(parsed, this.#made);
  }

  get policy(): PolicyDocument {
    return this.#rules.policy.document;
  }

  policyOf(decision: Decision): PolicyDocument {
    if (decision instanceof LocalAdmission) return decision.document;
    return Answer.of(decision, this).document as PolicyDocument;
  }

  async returnPrefetched(): Promise<void> {
    await this.#decider.local.prefetch.giveBack();
  }

  async check(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    const asked = this.#rules.ask(descriptor);
    const { group } = asked;
    if (group !== undefined) {
      checkRatesOnly(group);
      const known = this.#known(group, options, this.#decider.answer);
      if (known !== undefined) return known;
    }
    const call = this.#rules.read(descriptor, this.nextId(), asked);
    // Whoever only checks does not pass those who wait for the same rate either.
    if (call.group?.entrance.queue !== undefined) return this.#admit(call, { ...options });
    return this.#decider.decide(call, given(options), 'charge', this.#ledger.onDecided);
  }

  async peek(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    return this.#decider.decide(this.#read(descriptor), given(options), 'peek');
  }

  async explain(
    descriptor: LooseDescriptor,
    options?: DistributedCheckOptions,
  ): Promise<DistributedExplanation> {
    const sources: Sources = new Map();
    const call = this.#rules.read(descriptor, this.nextId(), this.#rules.ask(descriptor, sources));
    const asked = { call, descriptor: copyOfDescriptor(descriptor), sources, now: given(options) };
    return explain(this.#decider, asked);
  }

  async tryAcquire(descriptor: LooseDescriptor, options?: DistributedAcquireOptions): Promise<AnyAdmission> {
    this.#checkOpen();
    const asked = this.#rules.ask(descriptor);
    if (options?.id !== undefined) checkId(options.id);
    const known = asked.group && this.#known(asked.group, options, this.#decider.admission);
    return known ?? this.#admit(this.#rules.read(descriptor, this.nextId(), asked), { ...options });
  }

  async acquire(
    descriptor: LooseDescriptor,
    options: AcquireOptions & DistributedAcquireOptions = {},
  ): Promise<AnyAdmission> {
    this.#checkOpen();
    if (typeof options.signal !== 'function') checkSignal(options.signal)?.throwIfAborted();
    const asked = this.#rules.ask(descriptor);
    const { queue } = asked.group?.entrance ?? {};
    const priority = checkPriority(options.priority);
    if (options.id !== undefined) checkId(options.id);
    const known = asked.group && this.#known(asked.group, options, this.#decider.admission);
    if (known !== undefined) return known;
    const call = this.#rules.read(descriptor, this.nextId(), asked);
    const patience = checkTimeout(options.timeout) ?? queue?.timeout ?? 0;
    const now = given(options);
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    if (queue === undefined) return (await this.#decider.attempt(call, now, priority, { keep: 0 })).admission;
    const applicant = new Applicant(this.#decider, call, {
      descriptor: copyOfDescriptor(descriptor),
      now,
      priority,
      reread: (kept, { rules }) => (rules === this.#rules ? undefined : this.#read(kept)),
    });
    const waiting = { now: this.now, sleepers: this.#sleepers, ledger: this.#ledger, patience, applicant };
    return waitForTurn({ ...waiting, signal: options.signal });
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
    if (rows.length === 0) return;
    const { local } = this.#decider;
    if (how === 'refund') local.beforeRefund(charges);
    try {
      await this.store.correct(this.nextId(), how, rows, now);
    } finally {
      local.after(how, charges);
    }
  }

  async block(partition: Partition, options: BlockOptions & DistributedCheckOptions): Promise<void> {
    const { until, reason } = blockFrom(options, 0);
    const length = options.for === undefined ? { until } : { for: until };
    const done = this.store.block(this.#keyOf(partition), { ...length, reason }, given(options));
    await done.finally(() => this.#changed(partition));
  }

  async unblock(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    const done = this.store.unblock(this.#keyOf(partition), given(options));
    return done.finally(() => this.#changed(partition));
  }

  async forget(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    const { table, key, shadow } = locate(this.#rules.policy, partition);
    const tables = shadow === undefined ? [table] : [table, shadow];
    const done = this.store.forget(
      tables.map((each) => storeKey(each, key)),
      given(options),
    );
    return done.finally(() => this.#changed(partition));
  }

  stats(): DistributedStats {
    const { allowed, denied, sources, waiting, listenerErrors } = this.#ledger;
    const { size, hits, prefetch } = this.#decider.local;
    const { failed, leftAloneUntil } = this.#guard;
    const shadows = [...this.#rules.policy.limits.values()].flatMap(({ slot: { name, agreement } }) =>
      agreement === undefined ? [] : [[name, { ...agreement }] as const],
    );
    return {
      ...{ allowed, denied, sources: { ...sources }, waiting },
      store: { failures: failed, leftAloneUntil },
      denialCache: { size, hits },
      prefetch: prefetch.counts,
      shadows: Object.fromEntries(shadows),
      listenerErrors,
    };
  }

  reload(document: PolicyDocument, options: ReloadOptions = {}): ReloadReport {
    const before = this.#rules;
    const rules = new Rules(copyOfPolicy(parsePolicy(document)), { ...this.#made, before });
    const [was, is] = [before.policy.document, rules.policy.document];
    checkCarry(options, [was, is]);
    const diff = diffPolicies(was, is);
    const report = { ...diff, usage: rules.usage, text: tellDiff(diff, rules.usage) };
    // From here on nothing can fail.
    rules.takeOver(before);
    this.#rules = rules;
    this.#decider.local.onReloaded();
    this.#sleepers.wake();
    this.#ledger.onReloaded(report);
    return report;
  }

  on<E extends DistributedEventName>(event: E, listener: DistributedEventListener<E>): () => void {
    return this.#ledger.on(event, listener);
  }

  dispose(): void {
    this.#sleepers.close(disposed());
    void this.returnPrefetched();
  }

  /** @throws DescriptorError (`disposed`) */
  #checkOpen(): void {
    if (this.#sleepers.error !== undefined) throw this.#sleepers.error;
  }

  #read(descriptor: LooseDescriptor): Call {
    return this.#rules.read(descriptor, this.nextId());
  }

  async #admit(call: Call, options: DistributedAcquireOptions): Promise<AnyAdmission> {
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    return (await this.#decider.attempt(call, given(options), 0, { keep: 0 })).admission;
  }

  /** What can be answered without the store. */
  #known<A>(
    group: CompiledGroup,
    options: DistributedCheckOptions | undefined,
    draw: Draw<A>,
  ): A | undefined {
    return options?.now === undefined
      ? this.#decider.local.answer(group, this.#rules.policy, draw)
      : undefined;
  }

  #changed(partition: Partition): void {
    const { table, key } = locate(this.#rules.policy, partition);
    this.#decider.local.changed(table, key);
  }

  #keyOf(partition: Partition): StoreKey {
    const { table, key } = locate(this.#rules.policy, partition);
    return storeKey(table, key);
  }
}

function given(options: DistributedCheckOptions | undefined): Millis | undefined {
  return options?.now === undefined ? undefined : toInstant(options.now);
}
