import type { Plan } from '../algorithms/algorithm.ts';
import type { Row } from '../partition/row.ts';
import { FRESH } from '../partition/table.ts';
import type { Millis } from '../time.ts';
import { type Mode, Question, type Said, type Slot } from './question.ts';

/** Where a limit's cells are within the rows of its table. It outlives a change of the policy, if the usage does. */
export interface Home {
  /** Cells before its own; -1 once there are none any more that go on from what was charged. */
  offset: number;
}

/** A rate limit being asked. */
export class RateQuestion extends Question {
  override terms: Plan;
  /** Cells before this limit's own within a row of the table. */
  readonly offset: number;
  readonly #home: Home;
  /** What `peek` has repaired: a copy of this limit's cells. */
  #repaired: Float64Array | undefined = undefined;

  /** @param offset - that of the home, as soon as the question is asked */
  constructor(slot: Slot, row: Row, terms: Plan, offset = 0, home: Home = { offset }) {
    super(slot, row);
    this.terms = terms;
    this.offset = offset;
    this.#home = home;
  }

  protected override inquire(_key: string, now: Millis, mode: Mode): void {
    const { row, terms } = this;
    const at = row.at + this.offset;
    const availableAt = terms.algorithm.availableAt(terms, row.table.cells, at, now, this.cost);
    this.#repaired = undefined;
    if (!(availableAt <= now)) this.#refuse(availableAt, now, mode);
  }

  /** On the way to a "no": cells that no history explains are repaired first, and asked once more. */
  #refuse(availableAt: Millis, now: Millis, mode: Mode): void {
    const { terms, cost } = this;
    const { algorithm } = terms;
    if (availableAt === Number.POSITIVE_INFINITY && this.#isNever(now)) {
      this.reason = 'never';
      this.retryAt = availableAt;
      return;
    }
    let { cells } = this.row.table;
    let at = this.row.at + this.offset;
    if (mode === 'peek') {
      cells = cells.slice(at, at + algorithm.cells);
      at = 0;
      this.#repaired = cells;
    }
    algorithm.repair(terms, cells, at, now);
    const retryAt = algorithm.availableAt(terms, cells, at, now, cost);
    if (retryAt <= now) return;
    this.reason = 'quota';
    this.retryAt = retryAt;
  }

  /** Whether not even a fresh key would ever be granted this, so that it is not the cells that say so. */
  #isNever(now: Millis): boolean {
    const { row, terms, cost, offset } = this;
    const at = FRESH + offset;
    return terms.algorithm.availableAt(terms, row.table.cells, at, now, cost) === Number.POSITIVE_INFINITY;
  }

  override charge(now: Millis): void {
    const { row, terms, cost } = this;
    if (cost === 0) return;
    row.claim(now);
    this.chargedAt = terms.algorithm.charge(terms, row.table.cells, row.at + this.offset, now, cost);
  }

  override used(now: Millis): number {
    this.measure(now);
    return (this.terms.burst ?? this.terms.quota) - this.remaining;
  }

  protected override measure(now: Millis): void {
    const { terms, row } = this;
    const cells = this.#repaired ?? row.table.cells;
    const at = this.#repaired === undefined ? row.at + this.offset : 0;
    this.remaining = terms.algorithm.remaining(terms, cells, at, now);
    this.resetAt = terms.algorithm.resetAt(terms, cells, at, now);
  }

  override refund(charged: Said, units: number, now: Millis): void {
    const { key, era, chargedAt } = charged;
    const { table } = this.row;
    const { offset } = this.#home;
    if (key === undefined || units === 0 || offset < 0 || !table.remembers(key, era)) return;
    const terms = charged.terms as Plan;
    const at = table.locate(key) + offset;
    terms.algorithm.refund(terms, table.cells, at, now, units, chargedAt);
  }

  override chargeMore(charged: Said, units: number, now: Millis): void {
    const { key } = charged;
    const { table } = this.row;
    const { offset } = this.#home;
    if (key === undefined || units === 0 || offset < 0) return;
    const terms = charged.terms as Plan;
    const at = table.claim(key, table.locate(key), now) + offset;
    terms.algorithm.charge(terms, table.cells, at, now, units);
  }

  override usedAfter({ key, terms }: Said, now: Millis): number {
    const { table } = this.row;
    const { offset } = this.#home;
    if (key === undefined || offset < 0) return 0;
    const { algorithm, burst, quota } = terms as Plan;
    const at = table.locate(key) + offset;
    return (burst ?? quota) - algorithm.remaining(terms as Plan, table.cells, at, now);
  }
}
