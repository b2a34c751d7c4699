import { checkFields, DescriptorError, join, show } from '../errors.ts';
import { answer, answerUnmatched, refund } from '../limiter/answer.ts';
import { decide, type Question } from '../limiter/decide.ts';
import type { Decision } from '../limiter/decision.ts';
import { STATE_OPTIONS, type StateOptions, stateFrom } from '../limiter/state-options.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import { isMissing } from '../partition/key.ts';
import type { TableStats } from '../partition/table.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { Descriptor, LooseDescriptor, Partition } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { GrantSource } from '../policy/grants.ts';
import { parsePolicy } from '../policy/parse.ts';
import { type Partition as CompiledPartition, partitionId } from '../policy/partition.ts';
import { canonicalPath } from '../policy/path.ts';
import type { Algorithms } from '../policy/plans.ts';
import { type Clock, type Millis, toInstant } from '../time.ts';
import { type Explanation, tell } from './explain.ts';
import { fillQuestions, type Request, readRequest } from './request.ts';

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
}

/** The group that decisions name when no pattern matched. */
const UNMATCHED = 'unmatched';

/** A policy and the usage of everyone under it. See {@link createEngine}. */
export interface Engine<P extends PolicyDocument = PolicyDocument> {
  /** The policy in force. */
  readonly policy: PolicyDocument;
  /**
   * Asks every limit that applies to the request and, if all agree, charges them all. A denied request leaves no trace
   * in any limit.
   *
   * @throws DescriptorError or CostError naming the field that is wrong; nothing is charged then
   */
  check(descriptor: Descriptor<P>, options?: EngineCheckOptions): Decision;
  /** What {@link Engine.check} would answer, with what is left before it. Writes nothing. */
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
  readonly #clock: Clock;
  #allowed = 0;
  #denied = 0;

  constructor(document: PolicyDocument, options: EngineOptions) {
    const { table, clock } = stateFrom(options);
    const { algorithms = {} } = options;
    this.#policy = compilePolicy(parsePolicy(document, algorithms), algorithms, table);
    this.#clock = clock;
  }

  get policy(): PolicyDocument {
    return this.#policy.document;
  }

  check(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    const decision = this.#decide(descriptor, readRequest(this.#policy, descriptor), options, 'charge');
    if (decision.allowed) this.#allowed++;
    else this.#denied++;
    return decision;
  }

  peek(descriptor: LooseDescriptor, options?: EngineCheckOptions): Decision {
    return this.#decide(descriptor, readRequest(this.#policy, descriptor), options, 'peek');
  }

  explain(descriptor: LooseDescriptor, options?: EngineCheckOptions): Explanation {
    const request = readRequest(this.#policy, descriptor);
    const sources: GrantSource[] = [];
    const decision = this.#decide(descriptor, request, options, 'peek', sources);
    const questions = request.group?.questions ?? [];
    const limits = decision.limits.map((limit, i) => ({
      ...limit,
      used: usedUnits(questions[i], decision.at),
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
  }

  block(partition: Partition, options: BlockOptions): void {
    const { table, key } = this.#locate(partition);
    const now = this.#now();
    table.blocks.add(key, blockFrom(options, now), now);
  }

  unblock(partition: Partition): boolean {
    const { table, key } = this.#locate(partition);
    return table.blocks.remove(key, this.#now());
  }

  forget(partition: Partition): boolean {
    const { table, key } = this.#locate(partition);
    return table.forget(key, this.#now());
  }

  stats(): EngineStats {
    const partitions = [...this.#policy.partitions.values()];
    return {
      allowed: this.#allowed,
      denied: this.#denied,
      partitions: Object.fromEntries(partitions.map(({ name, table }) => [name, table.stats()])),
    };
  }

  #decide(
    descriptor: LooseDescriptor,
    request: Request,
    options: EngineCheckOptions | undefined,
    mode: 'charge' | 'peek',
    sources?: GrantSource[],
  ): Decision {
    const { group } = request;
    const now = this.#now(options);
    const asked = { owner: this, group: group?.name ?? UNMATCHED, now, mode };
    if (group === undefined) {
      return this.#policy.document.unmatched === 'deny' ? answerUnmatched(asked) : answer([], true, asked);
    }
    fillQuestions(this.#policy, group, descriptor, request, sources);
    return answer(group.questions, decide(group.questions, now, mode), asked);
  }

  /** The table and the key of a partition that some limit is per. */
  #locate(partition: Partition): { table: CompiledPartition['table']; key: string } {
    const fields = typeof partition === 'object' && partition !== null ? Object.keys(partition) : [];
    const found = this.#policy.partitions.get(partitionId(fields));
    // An empty field name would otherwise pass for the shared partition, which has no fields.
    if (found === undefined || found.fields.length !== fields.length) {
      const known = [...this.#policy.partitions.values()]
        .map(({ fields }) => `{ ${fields.join(', ')} }`)
        .join(' or ');
      const message = `no limit is per { ${fields.join(', ')} }; give the fields of one limit's "per": ${known}`;
      throw new DescriptorError({ code: 'unknown-partition', path: 'partition', value: partition, message });
    }
    for (const field of fields.filter((name) => isMissing(partition[name]))) {
      const message = `${show(field)} is missing; give a non-empty string`;
      throw new DescriptorError({
        code: 'missing-field',
        path: join('partition', field),
        value: partition,
        message,
      });
    }
    return { table: found.table, key: found.keyOf(partition, undefined, 'error') as string };
  }

  #now(options?: EngineCheckOptions): Millis {
    return toInstant(options?.now ?? this.#clock.now());
  }
}

/** What was in use when the question was answered. */
function usedUnits(question: Question | undefined, now: Millis): number {
  if (question?.key === undefined) return 0;
  const { plan, cells, at } = question;
  return (plan.burst ?? plan.quota) - plan.algorithm.remaining(plan, cells, at, now);
}
