import type { Plan } from '../algorithms/algorithm.ts';
import { checkFields, checkOptionsObject, collectFaults, PolicyError, show } from '../errors.ts';
import { type BlockOptions, blockFrom } from '../partition/blocks.ts';
import { checkKey } from '../partition/key.ts';
import { Row } from '../partition/row.ts';
import { PartitionTable, type TableStats } from '../partition/table.ts';
import { type Clock, type Millis, toInstant } from '../time.ts';
import { Answer, refund } from './answer.ts';
import { checkCost } from './cost.ts';
import type { Decision } from './decision.ts';
import { Inquiry } from './inquiry.ts';
import { checkName } from './name.ts';
import type { Mode } from './question.ts';
import { RateQuestion } from './rate-question.ts';
import { STATE_OPTIONS, type StateOptions, stateFrom } from './state-options.ts';

/** Options of {@link createLimiter}. */
export interface LimiterOptions extends StateOptions {
  /** What decisions and response fields call the limit: a name as in a policy; default `default`. */
  readonly name?: string;
  /** What is counted: a name as in a policy; default `requests`. */
  readonly unit?: string;
}

/** Options of one call. */
export interface CheckOptions {
  /** Units this request takes, a whole number from 0; default 1. With 0 it asks and takes nothing. */
  readonly cost?: number;
  /** The instant to decide at, in milliseconds since the epoch; default: the limiter's clock. */
  readonly now?: Millis;
}

/** Counts of one limiter. */
export interface LimiterStats extends TableStats {
  /** Requests that `check` has allowed. */
  readonly allowed: number;
  /** Requests that `check` has denied. */
  readonly denied: number;
}

/** One rate limit, kept for every key. See {@link createLimiter}. */
export interface Limiter {
  /**
   * Asks whether a request of `key` may go ahead now and, if so, charges it. A denied request leaves no trace.
   *
   * @param key - whose budget: a non-empty string of at most 512 UTF-16 units
   * @throws DescriptorError for a bad key or instant, CostError for a bad cost; nothing is charged then
   */
  check(key: string, options?: CheckOptions): Decision;
  /** What {@link Limiter.check} would answer, with what is left before it. Writes nothing. */
  peek(key: string, options?: CheckOptions): Decision;
  /**
   * Gives back what is still outstanding of a decision's charge, once. A token bucket may give back more of it than that
   * where charges before it were refunded meanwhile: up to their units, and never more than the charge.
   *
   * @param decision - the very object that {@link Limiter.check} returned; a denied one gives back nothing
   * @throws DescriptorError for a copy, or for a decision of another limiter
   */
  refund(decision: Decision, options?: Pick<CheckOptions, 'now'>): void;
  /**
   * Denies every request of `key`, with reason `blocked`, until an instant or for a while.
   *
   * @throws DescriptorError (`too-many-blocks`) when `maxBlocks` keys are blocked already
   */
  block(key: string, options: BlockOptions): void;
  /** Lifts a block; whether there was one. What the key has used stays. */
  unblock(key: string): boolean;
  /** Forgets what `key` has used; whether anything was kept. A block on it stays. */
  forget(key: string): boolean;
  /** What has been decided and what is kept, as counts. */
  stats(): LimiterStats;
}

/**
 * A limiter for one rate limit and any number of keys.
 *
 * @param plan - what {@link fixedWindow}, {@link slidingWindow} or {@link tokenBucket} returned, or one of your own
 * @throws PolicyError naming every faulty option
 *
 * @example
 * ```ts
 * const limiter = createLimiter(tokenBucket({ quota: 600, window: '1m', burst: 50 }));
 * const decision = limiter.check('key_42');
 * if (!decision.allowed) console.log(`try again at ${decision.retryAt}`);
 * ```
 */
export function createLimiter(plan: Plan, options: LimiterOptions = {}): Limiter {
  if (typeof plan?.algorithm?.availableAt !== 'function') {
    const message = `${show(plan)} is no plan; give what fixedWindow, slidingWindow or tokenBucket returns`;
    throw new PolicyError([{ code: 'bad-plan', path: 'plan', value: plan, message }]);
  }
  checkFields(options, [...STATE_OPTIONS, 'name', 'unit']);
  return new KeyedLimiter(plan, options);
}

class KeyedLimiter implements Limiter {
  readonly #clock: Clock;
  readonly #table: PartitionTable;
  readonly #row: Row;
  readonly #question: RateQuestion;
  readonly #inquiry: Inquiry;
  #allowed = 0;
  #denied = 0;

  constructor(plan: Plan, options: LimiterOptions) {
    const { state, name, unit } = collectFaults({
      state: () => stateFrom(options),
      name: () => checkName(options.name ?? 'default', 'name'),
      unit: () => checkName(options.unit ?? 'requests', 'unit'),
    });
    this.#clock = state.clock;
    this.#table = new PartitionTable([plan], state.table);
    this.#row = new Row(this.#table);
    this.#question = new RateQuestion({ name, kind: plan.algorithm.kind, unit }, this.#row, plan);
    this.#inquiry = new Inquiry(this, name, [this.#question]);
  }

  check(key: string, options?: CheckOptions): Decision {
    const decision = this.#decide(key, options, 'charge');
    if (decision.allowed) this.#allowed++;
    else this.#denied++;
    return decision;
  }

  peek(key: string, options?: CheckOptions): Decision {
    return this.#decide(key, options, 'peek');
  }

  refund(decision: Decision, options?: Pick<CheckOptions, 'now'>): void {
    refund(decision, this, this.#now(options));
  }

  block(key: string, options: BlockOptions): void {
    const now = this.#now();
    this.#table.blocks.add(checkKey(key, 'key'), blockFrom(options, now), now);
  }

  unblock(key: string): boolean {
    return this.#table.blocks.remove(checkKey(key, 'key'), this.#now());
  }

  forget(key: string): boolean {
    return this.#table.forget(checkKey(key, 'key'), this.#now());
  }

  stats(): LimiterStats {
    return { ...this.#table.stats(), allowed: this.#allowed, denied: this.#denied };
  }

  #decide(key: string, options: CheckOptions | undefined, mode: Mode): Decision {
    const cost = options?.cost === undefined ? 1 : checkCost(options.cost);
    const now = this.#now(options);
    this.#row.key = checkKey(key, 'key');
    this.#question.cost = cost;
    this.#inquiry.decide(now, mode);
    return new Answer(this.#inquiry);
  }

  #now(options?: Pick<CheckOptions, 'now'>): Millis {
    if (options?.now !== undefined) return toInstant(options.now);
    if (options !== undefined) checkOptionsObject(options);
    return toInstant(this.#clock.now());
  }
}
