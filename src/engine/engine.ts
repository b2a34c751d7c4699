import type { Admission } from '../concurrency/admission.ts';
import type { Applicant } from '../concurrency/caller.ts';
import { type AcquireOptions, Gate, runAdmitted } from '../concurrency/gate.ts';
import type { LeaseCounts } from '../concurrency/leases.ts';
import type { Entrance } from '../concurrency/line.ts';
import type { PermitCounts } from '../concurrency/permits.ts';
import { checkFields } from '../errors.ts';
import { Answer, refund } from '../limiter/answer.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Mode } from '../limiter/question.ts';
import { STATE_OPTIONS, type StateOptions, stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import type { TableStats } from '../partition/table.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { Descriptor, LooseDescriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { GrantSource } from '../policy/grants.ts';
import { parsePolicy } from '../policy/parse.ts';
import { canonicalPath } from '../policy/path.ts';
import type { Algorithms } from '../policy/plans.ts';
import { type Clock, type Millis, toInstant } from '../time.ts';
import { type Explanation, tell } from './explain.ts';
import { locate } from './locate.ts';
import { checkRatesOnly, fillQuestions, type Request, readRequest } from './request.ts';

/** Options of {@link createEngine}. */
export interface EngineOptions extends StateOptions {
  /** Builders of the custom algorithms that the policy names. */
  readonly algorithms?: Algorithms;
}

/** Options of one call. */
export interface EngineCheckOptions {
  /** The instant to decide at, in milliseconds since the epoch; default: the engine's clock. */
  readonly now?: Millis;
}

/** Counts of one engine. */
export interface EngineStats {
  /** Requests that `check` has allowed. */
  readonly allowed: number;
  /** Requests that `check` has denied. */
  readonly denied: number;
  /** What each partition holds, by the fields of its limits' `per`, sorted and joined by `+`; `(shared)` without any. */
  readonly partitions: { readonly [name: string]: TableStats };
  /** Permits of each concurrency limit, by its name. */
  readonly permits: { readonly [limit: string]: PermitCounts };
  /** Requests that wait, over all queues. */
  readonly waiting: number;
  /** Leases granted, and how those that ended did. */
  readonly leases: LeaseCounts;
}

/** A policy and the usage of everyone under it. See {@link createEngine}. */
export interface Engine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /** The clock it decides by. */
  readonly clock: Clock;
  /**
   * Asks every limit that applies to the request and, if all agree, charges them all. A denied request leaves no trace
   * in any limit.
   *
   * @throws DescriptorError or CostError naming the field that is wrong; nothing is charged then
   */
  check(descriptor: Descriptor<P>, options?: EngineCheckOptions): Decision;
  /**
   * Like {@link Engine.check}, for any group: rates are charged and permits are held, all of them or none. Never waits,
   * and never passes those who do.
   */
  tryAcquire(descriptor: Descriptor<P>, options?: EngineCheckOptions): Admission;
  /**
   * Like {@link Engine.tryAcquire}, but waits for its turn where the group has a `queue`: for a permit, or for a rate.
   * A denial (`queue-full`, `queue-timeout`, `never`, …) is a decision; the promise is rejected only when the signal is
   * aborted, the engine disposed of, or the descriptor wrong.
   */
  acquire(descriptor: Descriptor<P>, options?: AcquireOptions): Promise<Admission>;
  /**
   * Acquires, works, and gives permits back whatever happens.
   *
   * @throws DeniedError carrying the decision, and whatever the work throws
   */
  run<T>(
    descriptor: Descriptor<P>,
    work: (admission: Admission) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T>;
  /** What would be answered now, with what is left before it. Writes nothing. */
  peek(descriptor: Descriptor<P>, options?: EngineCheckOptions): Decision;
  /** The whole story of what {@link Engine.check} would answer, as data and as text. Writes nothing. */
  explain(descriptor: Descriptor<P>, options?: EngineCheckOptions): Explanation;
  /**
   * Gives back what is still outstanding of a decision's charges, once: "count only failed logins".
   *
   * @param decision - the very object that {@link Engine.check} returned; a denied one gives back nothing
   * @throws DescriptorError for a copy, or for a decision of another engine
   */
  refund(decision: Decision, options?: EngineCheckOptions): void;
  /**
   * Denies, with reason `blocked`, every request that a limit per this partition applies to.
   *
   * @param partition - the fields of some limit's `per`, and their values: `{ apiKey: 'key_42' }`
   * @throws DescriptorError: `unknown-partition`, or `too-many-blocks` when `maxBlocks` of its keys are blocked already
   */
  block(partition: Partition<P>, options: BlockOptions): void;
  /** Lifts a block; whether there was one. What the partition has used stays. */
  unblock(partition: Partition<P>): boolean;
  /** Forgets what a partition has used in all limits that share it; whether anything was kept. A block on it stays. */
  forget(partition: Partition<P>): boolean;
  /** What has been decided and what is kept, as counts. */
  stats(): EngineStats;
  /** Rejects everybody who waits, and every later attempt to acquire. What is held may still be released. */
  dispose(): void;
}

/**
 * An engine for one policy. It holds no timer and does nothing until it is asked.
 *
 * @param policy - from {@link definePolicy}, from {@link parsePolicy}, or a parsed JSON document
 * @throws PolicyError with every fault of the policy, or of the options
 *
 * @example
 * ```ts
 * const engine = createEngine(policy);
 * const decision = engine.check({ method: 'GET', path: '/v1/calls', apiKey: 'key_42' });
 * ```
 */
export function createEngine<const P extends PolicyDocument>(
  policy: P,
  options: EngineOptions = {},
): Engine<P> {
  checkFields(options, [...STATE_OPTIONS, 'algorithms']);
  return new PolicyEngine(policy, options) as Engine<P>;
}

class PolicyEngine implements Engine {
  readonly #policy: CompiledPolicy;
  readonly #gate: Gate;
  #allowed = 0;
  #denied = 0;

  constructor(document: PolicyDocument, options: EngineOptions) {
    const { table, clock } = stateFrom(options);
    const { algorithms = {} } = options;
    this.#policy = compilePolicy(parsePolicy(document, algorithms), algorithms, table, this);
    this.#gate = new Gate(clock);
  }

  get policy(): PolicyDocument {
    return this.#policy.document;
  }

  get clock(): Clock {
    return this.#gate.clock;
  }

  check(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    const request = readRequest(this.#policy, descriptor);
    if (request.group !== undefined) checkRatesOnly(request.group);
    // Whoever only checks does not pass those who wait for the same rate either.
    if (this.#gate.room.waiting > 0) return this.tryAcquire(descriptor, options);
    const decision = this.#decide(descriptor, request, options, 'charge');
    if (decision.allowed) this.#allowed++;
    else this.#denied++;
    return decision;
  }

  tryAcquire(descriptor: LooseDescriptor, options?: EngineCheckOptions): Admission {
    const now = this.#gate.open(this.#now(options));
    return this.#gate.tryAcquire(this.#apply(descriptor), now);
  }

  acquire(descriptor: LooseDescriptor, options: AcquireOptions = {}): Promise<Admission> {
    const kept = copyOf(descriptor);
    const applicant: Applicant = { apply: () => this.#apply(kept) };
    return this.#gate.acquire(applicant, options);
  }

  async run<T>(
    descriptor: LooseDescriptor,
    work: (admission: Admission) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    return runAdmitted(await this.acquire(descriptor, options), work);
  }

  peek(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    return this.#decide(descriptor, readRequest(this.#policy, descriptor), options, 'peek');
  }

  explain(descriptor: LooseDescriptor, options?: EngineCheckOptions): Explanation {
    const request = readRequest(this.#policy, descriptor);
    const sources: GrantSource[] = [];
    const decision = this.#decide(descriptor, request, options, 'peek', sources);
    const questions = request.group?.entrance.inquiry.questions ?? [];
    const limits = decision.limits.map((limit, i) => ({
      ...limit,
      used: limit.key === undefined ? 0 : (questions[i]?.used(decision.at) ?? 0),
      quotaFrom: sources[i] ?? 'limit',
      blockReason: questions[i]?.blockReason,
    }));
    const { match, tier } = request;
    const isRouted = descriptor.group === undefined;
    const tierFrom = descriptor.tier === undefined ? 'default' : 'descriptor';
    const story: Omit<Explanation, 'text'> = {
      decision,
      path: isRouted ? canonicalPath(String(descriptor.path)) : undefined,
      pattern: match?.pattern.text,
      group: decision.group,
      tier,
      tierFrom: tier === undefined ? undefined : tierFrom,
      limits,
      decidedBy: decision.limit,
    };
    return { ...story, text: tell(story) };
  }

  refund(decision: Decision, options?: EngineCheckOptions): void {
    refund(decision, this, this.#now(options));
    this.#gate.room.servePaced(this.#gate.now());
  }

  block(partition: Partition, options: BlockOptions): void {
    const { table, key } = locate(this.#policy, partition);
    const now = this.#now();
    table.blocks.add(key, blockFrom(options, now), now);
  }

  unblock(partition: Partition): boolean {
    const { table, key } = locate(this.#policy, partition);
    const wasBlocked = table.blocks.remove(key, this.#now());
    this.#gate.serveAll();
    return wasBlocked;
  }

  forget(partition: Partition): boolean {
    const { table, key } = locate(this.#policy, partition);
    const wasKept = table.forget(key, this.#now());
    this.#gate.serveAll();
    return wasKept;
  }

  stats(): EngineStats {
    const { permits } = this.#policy;
    const partitions = [...this.#policy.partitions.values()];
    this.#gate.room.expire(this.#gate.now());
    return {
      allowed: this.#allowed + this.#gate.admitted,
      denied: this.#denied + this.#gate.denied,
      partitions: Object.fromEntries(partitions.map(({ name, table }) => [name, table.stats()])),
      permits: Object.fromEntries([...permits].map(([name, table]) => [name, table.stats()])),
      waiting: this.#gate.room.waiting,
      leases: this.#gate.room.leases.counts(),
    };
  }

  dispose(): void {
    this.#gate.dispose();
  }

  /** Reads a request into the questions of its group. */
  #apply(descriptor: LooseDescriptor): Entrance {
    const request = readRequest(this.#policy, descriptor);
    const { group } = request;
    if (group === undefined) return this.#policy.unmatched;
    fillQuestions(this.#policy, group, descriptor, request);
    return group.entrance;
  }

  #decide(
    descriptor: LooseDescriptor,
    request: Request,
    options: EngineCheckOptions | undefined,
    mode: Mode,
    sources?: GrantSource[],
  ): Decision {
    const { group } = request;
    const now = this.#now(options);
    if (group?.permits !== undefined) this.#gate.room.expire(this.#gate.now());
    if (group !== undefined) fillQuestions(this.#policy, group, descriptor, request, sources);
    const { inquiry, denied } = group?.entrance ?? this.#policy.unmatched;
    const isAgreed = inquiry.decide(now, mode);
    return new Answer(inquiry, isAgreed && denied === undefined, denied);
  }

  #now(options?: EngineCheckOptions): Millis {
    return options?.now === undefined ? this.#gate.now() : toInstant(options.now);
  }
}

/** What waits must not change because the caller uses the object again. */
function copyOf(descriptor: LooseDescriptor): LooseDescriptor {
  if (typeof descriptor !== 'object' || descriptor === null) return descriptor;
  const copy = Object.entries(descriptor).map(([field, value]) => [
    field,
    typeof value === 'object' && value !== null ? { ...value } : value,
  ]);
  return Object.fromEntries(copy);
}
