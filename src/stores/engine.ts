/**
 * headgate/distributed: the engine for more than one process. Policy, descriptors and decisions are those of
 * `createEngine`; the state is in a store, and so every answer is a promise.
 *
 * @module
 */

import { type AcquireOptions, checkPriority, checkSignal, checkTimeout } from '../concurrency/gate.ts';
import { locate } from '../engine/locate.ts';
import { checkRatesOnly, fillQuestions, type Request, readRequest } from '../engine/request.ts';
import { checkFields, isHeadgateError } from '../errors.ts';
import { Answer } from '../limiter/answer.ts';
import type { Decision, Reason } from '../limiter/decision.ts';
import { DeniedError } from '../limiter/denied-error.ts';
import type { Mode } from '../limiter/question.ts';
import { stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import { type CompiledGroup, type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { LooseDescriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { type Clock, type Millis, systemClock, toInstant } from '../time.ts';
import { type Desk, DistributedAdmissionAnswer, shortestLease } from './admission.ts';
import { DistributedAnswer, type DistributedDecision } from './answer.ts';
import { type Call, disagreement, modeOf, type Stand } from './call.ts';
import { checkId, checkLimits, checkStore, denialsFrom, patienceFrom, shareFrom } from './checks.ts';
import type {
  DistributedAcquireOptions,
  DistributedAdmission,
  DistributedCheckOptions,
  DistributedEngine,
  DistributedEngineOptions,
} from './contract.ts';
import { type Changes, corrections, scratch, storeKey } from './corrections.ts';
import { Denials, requestId } from './denials.ts';
import { Fallback, LocalAdmission, type LocalRequest } from './fallback.ts';
import { GuardedStore } from './guard.ts';
import { Inquest, type Site, sitesOf } from './inquest.ts';
import { operationIds } from './operation.ts';
import { ScratchTable } from './scratch.ts';
import { storePartitions } from './slots.ts';
import type { Store, StoreKey, StoreLine, StoreReply } from './store.ts';
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
  readonly #policy: CompiledPolicy;
  readonly store: Store;
  readonly clock: Clock;
  readonly #sites: ReadonlyMap<CompiledGroup, readonly Site[]>;
  readonly nextId: () => string = operationIds();

  readonly #fallback: Fallback;
  readonly #denials: Denials | undefined;

  constructor(document: PolicyDocument, options: DistributedEngineOptions) {
    const { store, clock = systemClock, onStoreEvent } = options;
    const { table } = stateFrom({ clock });
    const parsed = parsePolicy(document);
    checkStore(store);
    checkLimits(parsed, store);
    this.store = new GuardedStore(store, clock, patienceFrom(options), onStoreEvent);
    this.clock = clock;
    const most = denialsFrom(options);
    this.#denials = most === undefined ? undefined : new Denials(most, clock);
    this.#fallback = new Fallback(parsed, shareFrom(options), clock);
    this.#policy = compilePolicy(parsed, {}, table, this, undefined, ScratchTable);
    const partitions = storePartitions(parsed, store.isPartitioned);
    for (const isShadow of [false, true]) {
      for (const [id, { table: kept }] of this.#policy[isShadow ? 'shadows' : 'partitions']) {
        const partition = partitions.get(id);
        if (partition !== undefined) scratch(kept).partition = { ...partition, isShadow };
      }
    }
    const groups = [...this.#policy.groups.values()];
    this.#sites = new Map(groups.map((group) => [group, sitesOf(group, this.#policy)]));
  }

  get policy(): PolicyDocument {
    return this.#policy.document;
  }

  policyOf(decision: Decision): PolicyDocument {
    if (decision instanceof LocalAdmission) return decision.document;
    return Answer.of(decision, this).document as PolicyDocument;
  }

  async check(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    const call = this.#read(descriptor);
    if (call.group !== undefined) checkRatesOnly(call.group);
    // Whoever only checks does not pass those who wait for the same rate either.
    if (call.group?.entrance.queue !== undefined) return this.#admit(call, { ...options });
    return this.#decide(call, given(options), 'charge');
  }

  async peek(descriptor: LooseDescriptor, options?: DistributedCheckOptions): Promise<DistributedDecision> {
    return this.#decide(this.#read(descriptor), given(options), 'peek');
  }

  async tryAcquire(descriptor: LooseDescriptor, options?: DistributedAcquireOptions): Promise<AnyAdmission> {
    return this.#admit(this.#read(descriptor), { ...options });
  }

  async acquire(
    descriptor: LooseDescriptor,
    options: AcquireOptions & DistributedAcquireOptions = {},
  ): Promise<AnyAdmission> {
    if (typeof options.signal !== 'function') checkSignal(options.signal)?.throwIfAborted();
    const call = this.#read(descriptor);
    const { queue } = call.group?.entrance ?? {};
    const priority = checkPriority(options.priority);
    const patience = checkTimeout(options.timeout) ?? queue?.timeout ?? 0;
    const attempt = (ticket: string | undefined, keep: Millis, refusal?: Reason): Promise<Attempt> =>
      this.#attempt(call, { ...options, priority }, { ticket, keep, refusal });
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    if (queue === undefined) return (await attempt(undefined, 0)).admission;
    return waitForTurn({
      clock: this.clock,
      patience,
      signal: options.signal,
      attempt,
      leave: (ticket) => this.#leave(call, ticket),
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
    if (decision instanceof LocalAdmission) return this.#fallback.refund(decision);
    const charges = Answer.of(decision, this).takeCharges();
    await this.correct(
      'refund',
      charges.map((charge) => [charge, charge.cost]),
      now,
    );
  }

  async correct(how: 'refund' | 'charge', charges: Changes, now?: Millis): Promise<void> {
    const rows = corrections(charges);
    this.#denials?.clear();
    if (rows.length > 0) await this.store.correct(this.nextId(), how, rows, now);
  }

  async block(partition: Partition, options: BlockOptions & DistributedCheckOptions): Promise<void> {
    const { until, reason } = blockFrom(options, 0);
    const length = options.for === undefined ? { until } : { for: until };
    await this.store.block(this.#keyOf(partition), { ...length, reason }, given(options));
  }

  async unblock(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    this.#denials?.clear();
    return this.store.unblock(this.#keyOf(partition), given(options));
  }

  async forget(partition: Partition, options?: DistributedCheckOptions): Promise<boolean> {
    const { table, key, shadow } = locate(this.#policy, partition);
    this.#denials?.clear();
    const tables = shadow === undefined ? [table] : [table, shadow];
    return this.store.forget(
      tables.map((each) => storeKey(each, key)),
      given(options),
    );
  }

  /** Reads a request, to be asked as often as need be. */
  #read(descriptor: LooseDescriptor): Call {
    const request = readRequest(this.#policy, descriptor);
    const { group } = request;
    const id = this.nextId();
    if (group === undefined)
      return { id, leaseId: id, group, inquest: undefined, lineKey: '', local: undefined };
    fillQuestions(this.#policy, group, descriptor, request);
    const inquest = new Inquest(group, this.#sites.get(group) ?? []);
    return {
      id,
      leaseId: id,
      group,
      inquest,
      local: this.#localRequest(descriptor, group, request),
      lineKey: group.entrance.queue === undefined ? '' : group.entrance.lineKey(),
    };
  }

  /** What this process needs to know to decide by itself, where the policy has it do so: the caller's object may change. */
  #localRequest(
    descriptor: LooseDescriptor,
    { name }: CompiledGroup,
    { tier, match }: Request,
  ): LocalRequest | undefined {
    if (this.#fallback.strategyOf(name) !== 'local') return undefined;
    return { descriptor: { ...descriptor }, group: name, tier, params: match?.params };
  }

  async #decide(call: Call, now: Millis | undefined, mode: Mode): Promise<DistributedDecision> {
    const { id, group, inquest } = call;
    if (inquest === undefined || inquest.rows.length === 0) {
      const at = now ?? this.#now();
      const { inquiry, denied } = group?.entrance ?? this.#policy.unmatched;
      const isAgreed = inquest?.decide(undefined, at, mode, Boolean) ?? inquiry.decide(at, mode);
      return new DistributedAnswer(inquiry, 'local', isAgreed && denied === undefined, denied);
    }
    const { inquiry } = group?.entrance ?? this.#policy.unmatched;
    const asked = modeOf(inquest, mode);
    const denials = asked === 'charge' && now === undefined ? this.#denials : undefined;
    const request = denials && requestId(inquiry.group, inquest.rows);
    const denial = request === undefined ? undefined : denials?.find(request);
    if (denial !== undefined)
      return inquest.decide(
        denial.reply,
        denial.now,
        'peek',
        () => new DistributedAnswer(inquiry, 'local', false),
      );
    const since = this.clock.now();
    const reply = await this.#orNone(this.store.decide({ id, mode: asked, now, rows: inquest.rows }));
    if (reply === undefined) return this.#decideAlone(call, inquest, now, mode);
    return inquest.decide(reply, reply.now, mode, (isAgreed) => {
      if (asked === 'charge' && isAgreed !== reply.agreed) throw disagreement(reply);
      const { retryAt } = inquiry;
      if (request !== undefined && !isAgreed && retryAt !== undefined && Number.isFinite(retryAt))
        denials?.keep(request, { reply, since, retryAt });
      return new DistributedAnswer(inquiry, 'store', isAgreed);
    });
  }

  async #admit(call: Call, options: DistributedAcquireOptions): Promise<AnyAdmission> {
    if (options.id !== undefined) call.leaseId = checkId(options.id);
    return (await this.#attempt(call, { ...options, priority: 0 }, { keep: 0 })).admission;
  }

  async #attempt(
    call: Call,
    { now: at, priority }: DistributedCheckOptions & { readonly priority: number },
    { ticket, keep, refusal }: Stand,
  ): Promise<Attempt> {
    const { id, leaseId, group, inquest } = call;
    const now = given(at === undefined ? undefined : { now: at });
    const { entrance } = group ?? { entrance: this.#policy.unmatched };
    const { inquiry, denied } = entrance;
    if (inquest === undefined || inquest.rows.length === 0) {
      const decided = now ?? this.#now();
      const isAgreed =
        inquest?.decide(undefined, decided, 'charge', Boolean) ?? inquiry.decide(decided, 'charge');
      const reason = denied ?? (isAgreed ? undefined : (inquiry.blocking?.reason ?? 'missing'));
      return {
        admission: new DistributedAdmissionAnswer(inquiry, this, undefined, reason),
        ticket: undefined,
      };
    }
    const since = this.clock.now();
    const { rows } = inquest;
    const asked = modeOf(inquest, 'charge');
    const lease = { id: leaseId };
    const line = this.#line(call, priority, ticket, keep);
    const holds = rows.some(({ permits }) => permits.some(({ cost }) => cost > 0));
    const deciding = this.store.decide({ id, mode: asked, now, rows, line, ...(holds && { lease }) });
    const reply = await this.#orNone(deciding);
    // Who waits already goes on waiting; the place is kept for a while.
    if (reply === undefined) return { admission: this.#decideAlone(call, inquest, now, 'charge'), ticket };
    const { mustWait, isHeld, fence, expiresAt } = reply;
    const admission = inquest.decide(reply, reply.now, mustWait ? 'peek' : 'charge', (isAgreed) => {
      if (asked === 'charge' && !isHeld && (isAgreed && !mustWait) !== reply.agreed)
        throw disagreement(reply);
      if (reply.agreed) {
        const held = holds
          ? { lease, length: fence > 0 ? entrance.lease : shortestLease(rows), rows, fence, expiresAt, since }
          : undefined;
        return new DistributedAdmissionAnswer(inquiry, this, held);
      }
      const behind = entrance.permits.length > 0 ? 'concurrency' : 'quota';
      const reason = isAgreed ? behind : (inquiry.blocking?.reason ?? behind);
      const isPassing = reason === 'quota' || reason === 'concurrency';
      const instead = reply.ticket === 'full' ? 'queue-full' : isPassing ? (refusal ?? reason) : reason;
      return new DistributedAdmissionAnswer(inquiry, this, undefined, instead);
    });
    return { admission, ticket: reply.ticket === 'full' ? undefined : reply.ticket };
  }

  /** @returns `undefined` if the store has failed */
  async #orNone(deciding: Promise<StoreReply>): Promise<StoreReply | undefined> {
    try {
      return await deciding;
    } catch (error) {
      if (isHeadgateError(error, 'StoreError')) return undefined;
      throw error;
    }
  }

  /** What the policy says for when the store fails. */
  #decideAlone({ group, local }: Call, inquest: Inquest, now: Millis | undefined, mode: Mode): AnyAdmission {
    const { inquiry } = group?.entrance ?? this.#policy.unmatched;
    const strategy = group === undefined ? 'deny' : this.#fallback.strategyOf(group.name);
    const decided = local === undefined ? undefined : this.#fallback.decide(local, mode);
    if (decided !== undefined) return decided;
    return inquest.decide(undefined, now ?? this.#now(), 'peek', (isAgreed) => {
      const reason = isAgreed ? undefined : inquiry.blocking?.reason;
      const denied = reason ?? (strategy === 'allow' ? undefined : 'store-failure');
      return new DistributedAdmissionAnswer(inquiry, this, undefined, denied, 'fallback');
    });
  }

  #line(
    { group, lineKey }: Call,
    priority: number,
    ticket: string | undefined,
    patience: Millis,
  ): StoreLine | undefined {
    const { queue } = group?.entrance ?? {};
    if (queue === undefined || group === undefined) return undefined;
    const { size, order } = queue;
    return { group: group.name, key: lineKey, size, order, priority, ticket, patience };
  }

  async #leave(call: Call, ticket: string): Promise<void> {
    const [first] = call.inquest?.rows ?? [];
    const line = this.#line(call, 0, ticket, 0);
    if (first !== undefined && line !== undefined) await this.store.leave(line, first);
  }

  #keyOf(partition: Partition): StoreKey {
    const { table, key } = locate(this.#policy, partition);
    return storeKey(table, key);
  }

  #now(): Millis {
    return toInstant(this.clock.now());
  }
}

function given(options: DistributedCheckOptions | undefined): Millis | undefined {
  return options?.now === undefined ? undefined : toInstant(options.now);
}
