import type { Plan } from '../algorithms/algorithm.ts';
import { FRESH } from '../partition/table.ts';
import type { Millis } from '../time.ts';
import { LimitAnswer, type Mode, Question, type Slot } from './question.ts';

/** A rate limit being asked. */
export class RateQuestion extends Question {
  /** What the limit grants to this request's tier. */
  plan: Plan;
  /** Cells before this limit's own within a row of the table. */
  readonly offset: number;
  /** Cells the answer was read from. */
  #cells: Float64Array;
  #at = 0;
  /** What the algorithm returned for the charge. */
  chargedAt: Millis = 0;

  constructor(slot: Slot, plan: Plan, offset: number) {
    super(slot);
    this.plan = plan;
    this.offset = offset;
    this.#cells = slot.table.cells;
  }

  override get quota(): number {
    return this.plan.quota;
  }

  override get window(): Millis | undefined {
    return this.plan.window;
  }

  override get burst(): number | undefined {
    return this.plan.burst;
  }

  protected override inquire(key: string, now: Millis, mode: Mode): void {
    const { plan, slot, cost } = this;
    this.#cells = slot.table.cells;
    this.#at = slot.table.locate(key) + this.offset;
    const availableAt = plan.algorithm.availableAt(plan, this.#cells, this.#at, now, cost);
    if (!(availableAt <= now)) this.#refuse(availableAt, now, mode);
  }

  /** On the way to a "no": cells that no history explains are repaired first, and asked once more. */
  #refuse(availableAt: Millis, now: Millis, mode: Mode): void {
    const { plan, cost } = this;
    const { algorithm } = plan;
    if (availableAt === Number.POSITIVE_INFINITY && this.#isNever(now)) {
      this.reason = 'never';
      this.retryAt = availableAt;
      return;
    }
    if (mode === 'peek') {
      this.#cells = this.#cells.slice(this.#at, this.#at + algorithm.cells);
      this.#at = 0;
    }
    algorithm.repair(plan, this.#cells, this.#at, now);
    const retryAt = algorithm.availableAt(plan, this.#cells, this.#at, now, cost);
    if (retryAt <= now) return;
    this.reason = 'quota';
    this.retryAt = retryAt;
  }

  /** Whether not even a fresh key would ever be granted this, so that it is not the cells that say so. */
  #isNever(now: Millis): boolean {
    const { slot, plan, cost, offset } = this;
    const at = FRESH + offset;
    return plan.algorithm.availableAt(plan, slot.table.cells, at, now, cost) === Number.POSITIVE_INFINITY;
  }

  override charge(now: Millis): void {
    const { slot, plan, key, cost } = this;
    if (key === undefined || cost === 0) return;
    this.#at = slot.table.claim(key, now) + this.offset;
    this.#cells = slot.table.cells;
    this.chargedAt = plan.algorithm.charge(plan, this.#cells, this.#at, now, cost);
  }

  override used(now: Millis): number {
    return (this.plan.burst ?? this.plan.quota) - this.remaining(now);
  }

  override remaining(now: Millis): number {
    return this.plan.algorithm.remaining(this.plan, this.#cells, this.#at, now);
  }

  override resetAt(now: Millis): Millis {
    return this.plan.algorithm.resetAt(this.plan, this.#cells, this.#at, now);
  }

  override answer(now: Millis): LimitAnswer {
    if (this.reason === 'ok' && this.cost === 0) this.#relocate();
    return new RateAnswer(this, now);
  }

  /** A charge of another limit may have given the key its row, and changed what this one was asked against. */
  #relocate(): void {
    const { table } = this.slot;
    if (this.key === undefined) return;
    this.#at = table.locate(this.key) + this.offset;
    this.#cells = table.cells;
  }
}

/** A rate limit's answer, which also knows how to give its charge back. */
class RateAnswer extends LimitAnswer {
  readonly #table: Slot['table'];
  readonly #offset: number;
  readonly #plan: Plan;
  readonly #chargedAt: Millis;
  readonly #era: number;

  constructor(question: RateQuestion, now: Millis) {
    super(question, now);
    this.#table = question.slot.table;
    this.#offset = question.offset;
    this.#plan = question.plan;
    this.#chargedAt = question.chargedAt;
    this.#era = question.slot.table.era;
  }

  override refund(now: Millis): void {
    this.#giveBack(this.cost, now);
  }

  override settle(cost: number, now: Millis): void {
    if (cost < this.cost) this.#giveBack(this.cost - cost, now);
    if (cost <= this.cost || this.key === undefined) return;
    const at = this.#table.claim(this.key, now) + this.#offset;
    this.#plan.algorithm.charge(this.#plan, this.#table.cells, at, now, cost - this.cost);
  }

  #giveBack(cost: number, now: Millis): void {
    if (this.key === undefined || cost === 0 || !this.#table.remembers(this.key, this.#era)) return;
    const at = this.#table.locate(this.key) + this.#offset;
    this.#plan.algorithm.refund(this.#plan, this.#table.cells, at, now, cost, this.#chargedAt);
  }
}
