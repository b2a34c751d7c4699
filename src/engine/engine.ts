import type { Admission } from '../concurrency/admission.ts';
import type { Applicant } from '../concurrency/caller.ts';
import { type AcquireOptions, checkWork, Gate, runAdmitted } from '../concurrency/gate.ts';
import type { Entrance } from '../concurrency/line.ts';
import { checkFields, checkOptionsObject } from '../errors.ts';
import { Answer, refund } from '../limiter/answer.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Mode } from '../limiter/question.ts';
import { STATE_OPTIONS, stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import type { TableOptions } from '../partition/table.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { LooseDescriptor, Partition } from '../policy/descriptor.ts';
import { diffPolicies, type ReloadReport, tellDiff } from '../policy/diff.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { Algorithms } from '../policy/plans.ts';
import { type Clock, type Millis, toInstant } from '../time.ts';
import { carryBy } from './carry-options.ts';
import type { Engine, EngineCheckOptions, EngineOptions, EngineStats, ReloadOptions } from './contract.ts';
import { copyOfDescriptor, copyOfPolicy } from './copies.ts';
import { ENGINE_EVENTS, type EventListener, type EventName, Events } from './events.ts';
import { type Explanation, explanationOf, limitsOf } from './explain.ts';
import { locate } from './locate.ts';
import { EngineObserver } from './observer.ts';
import { checkRatesOnly, fillQuestions, type Request, readRequest, type Sources } from './request.ts';
import { type RestoreReport, readSnapshot, restoreReport, snapshotOf } from './snapshot.ts';

/**
 * An engine for one policy. It does nothing until it is asked, and has no timer unless somebody waits or listens for the
 * loss of a lease.
 *
 * @param policy - from {@link definePolicy}, from {@link parsePolicy}, or a parsed JSON document
 * @throws PolicyError with every fault of the policy, or of the options; SnapshotError for a `restore` that is no snapshot
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
  checkFields(options, [...STATE_OPTIONS, 'algorithms', 'restore']);
  return new PolicyEngine(policy, options) as Engine<P>;
}

class PolicyEngine implements Engine {
  #policy: CompiledPolicy;
  readonly #algorithms: Algorithms;
  readonly #tables: TableOptions;
  readonly #gate: Gate;
  readonly restored: RestoreReport | undefined;
  #allowed = 0;
  #denied = 0;
  /** Made when somebody first listens. */
  #events: Events | undefined;
  #observer: EngineObserver | undefined;

  constructor(document: PolicyDocument, options: EngineOptions) {
    const { table, clock } = stateFrom(options);
    const { algorithms = {}, restore } = options;
    const parsed = copyOfPolicy(parsePolicy(document, algorithms));
    this.#gate = new Gate(clock);
    this.#algorithms = algorithms;
    const restored =
      restore === undefined ? undefined : readSnapshot(restore, algorithms, table, this.#gate.now());
    this.#tables = restored === undefined ? table : { ...table, seed: restored.seed };
    this.#policy = compilePolicy(parsed, algorithms, this.#tables, this, restored?.before);
    this.#policy.takeOver();
    this.restored = restored && restoreReport(restored, this.#policy.usage);
  }

  get policy(): PolicyDocument {
    return this.#policy.document;
  }

  policyOf(decision: Decision): PolicyDocument {
    return Answer.of(decision, this).document as PolicyDocument;
  }

  get clock(): Clock {
    return this.#gate.clock;
  }

  check(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    const request = readRequest(this.#policy, descriptor);
    if (request.group !== undefined) checkRatesOnly(request.group);
    // Whoever only checks does not pass those who wait for the same rate either.
    if (this.#gate.room.waiting > 0) return this.tryAcquire(descriptor, options);
    if (request.group !== undefined && request.group.shadows.members.length > 0)
      this.#gate.shadows.expire(this.#gate.now());
    const decision = this.#decide(descriptor, request, options, 'charge');
    if (decision.allowed) this.#allowed++;
    else this.#denied++;
    const { inquiry } = request.group?.entrance ?? this.#policy.unmatched;
    if (inquiry.shadows.length > 0) inquiry.compareShadows(decision.allowed);
    this.#observer?.onDecided(decision, inquiry);
    return decision;
  }

  tryAcquire(descriptor: LooseDescriptor, options?: EngineCheckOptions): Admission {
    const now = this.#gate.open(this.#now(options));
    return this.#gate.tryAcquire(this.#apply(descriptor), now);
  }

  acquire(descriptor: LooseDescriptor, options: AcquireOptions = {}): Promise<Admission> {
    const kept = copyOfDescriptor(descriptor);
    const applicant: Applicant = { apply: () => this.#apply(kept) };
    return this.#gate.acquire(applicant, options);
  }

  async run<T>(
    descriptor: LooseDescriptor,
    work: (admission: Admission) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    checkWork(work);
    return runAdmitted(await this.acquire(descriptor, options), work);
  }

  peek(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    this.#expire();
    return this.#decide(descriptor, readRequest(this.#policy, descriptor), options, 'peek');
  }

  explain(descriptor: LooseDescriptor, options?: EngineCheckOptions): Explanation {
    this.#expire();
    const request = readRequest(this.#policy, descriptor);
    const sources: Sources = new Map();
    const decision = this.#decide(descriptor, request, options, 'peek', sources);
    const questions = request.group?.entrance.inquiry.all ?? [];
    return explanationOf(decision, limitsOf(decision, questions, sources), { descriptor, request });
  }

  refund(decision: Decision, options?: EngineCheckOptions): void {
    refund(decision, this, this.#now(options));
    this.#gate.room.servePaced(this.#gate.now());
  }

  block(partition: Partition, options: BlockOptions): void {
    const { table, key } = locate(this.#policy, partition);
    const now = this.#now();
    table.blocks.add(key, blockFrom(options, now), now);
    // A shorter block may have taken the place of the one whose end they wait for.
    this.#gate.room.servePaced(now);
  }

  unblock(partition: Partition): boolean {
    const { table, key } = locate(this.#policy, partition);
    const wasBlocked = table.blocks.remove(key, this.#now());
    this.#gate.serveAll();
    return wasBlocked;
  }

  forget(partition: Partition): boolean {
    const { table, key, shadow } = locate(this.#policy, partition);
    const wasKept = table.forget(key, this.#now());
    shadow?.forget(key, this.#now());
    this.#gate.serveAll();
    return wasKept;
  }

  stats(): EngineStats {
    const { permits, limits, partitions, shadows } = this.#policy;
    this.#gate.room.expire(this.#gate.now());
    this.#gate.shadows.expire(this.#gate.now());
    const tables = [
      ...[...partitions.values()].map(({ name, table }) => [name, table.stats()]),
      ...[...shadows.values()].map(({ name, table }) => [`${name} (shadow)`, table.stats()]),
    ];
    return {
      allowed: this.#allowed + this.#gate.admitted,
      denied: this.#denied + this.#gate.denied,
      partitions: Object.fromEntries(tables),
      permits: Object.fromEntries([...permits].map(([name, table]) => [name, table.stats()])),
      waiting: this.#gate.room.waiting,
      leases: this.#gate.room.leases.counts(),
      shadows: Object.fromEntries(
        [...limits.values()].flatMap(({ slot: { name, agreement } }) =>
          agreement === undefined ? [] : [[name, { ...agreement }]],
        ),
      ),
      listenerErrors: this.#events?.errors ?? 0,
    };
  }

  reload(document: PolicyDocument, options: ReloadOptions = {}): ReloadReport {
    const parsed = copyOfPolicy(parsePolicy(document, this.#algorithms));
    const now = this.#gate.now();
    // Whoever hears that a lease was lost may reload as well: that comes first.
    this.#gate.room.expire(now);
    const before = this.#policy;
    const carry = carryBy(options, [before.document, parsed]);
    const earlier = { policy: before, carry, now };
    const policy = compilePolicy(parsed, this.#algorithms, this.#tables, this, earlier);
    const diff = diffPolicies(before.document, parsed);
    const report = { ...diff, usage: policy.usage, text: tellDiff(diff, policy.usage) };
    // From here on nothing can fail.
    policy.takeOver();
    this.#policy = policy;
    this.#listen();
    if (this.#events?.heard.reloaded) this.#events.emit('reloaded', { report });
    this.#gate.reseat();
    return report;
  }

  snapshot(): Uint8Array<ArrayBuffer> {
    return snapshotOf(this.#policy, this.#tables.seed);
  }

  on<E extends EventName>(event: E, listener: EventListener<E>): () => void {
    this.#events ??= new Events(ENGINE_EVENTS);
    const off = this.#events.on(event, listener);
    this.#observer ??= new EngineObserver(this.#events);
    this.#listen();
    return () => {
      off();
      this.#listen();
    };
  }

  /** Has those who know of events tell them, if anybody listens. */
  #listen(): void {
    const [events, observer] = [this.#events, this.#observer];
    if (events === undefined || observer === undefined) return;
    const { leases } = this.#gate.room;
    this.#gate.observer = observer;
    const hearsLeases = events.heard.released || events.heard['lease-expired'];
    leases.onEnded = hearsLeases ? (lease, now) => observer.onEnded(lease, now) : undefined;
    const hearsEvictions = events.heard.evicted;
    for (const { name, table } of this.#policy.partitions.values()) {
      table.onEvicted = hearsEvictions
        ? (key, isJoined) => observer.onEvicted(name, key, isJoined)
        : undefined;
    }
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

  /** Takes back what is held too long, before the policy is read: whoever hears of it may put another in force. */
  #expire(): void {
    const { room, shadows } = this.#gate;
    if (Math.min(room.leases.nextExpiry, shadows.nextExpiry) === Number.POSITIVE_INFINITY) return;
    const now = this.#gate.now();
    room.expire(now);
    shadows.expire(now);
  }

  #decide(
    descriptor: LooseDescriptor,
    request: Request,
    options: EngineCheckOptions | undefined,
    mode: Mode,
    sources?: Sources,
  ): Decision {
    const { group } = request;
    const now = this.#now(options);
    if (group !== undefined) fillQuestions(this.#policy, group, descriptor, request, sources);
    const { inquiry, denied } = group?.entrance ?? this.#policy.unmatched;
    const isAgreed = inquiry.decide(now, mode);
    return new Answer(inquiry, isAgreed && denied === undefined, denied);
  }

  #now(options?: EngineCheckOptions): Millis {
    if (options?.now !== undefined) return toInstant(options.now);
    if (options !== undefined) checkOptionsObject(options);
    return this.#gate.now();
  }
}
