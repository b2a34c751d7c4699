import type { Plan } from '../algorithms/algorithm.ts';
import { FRESH, type PartitionTable } from '../partition/table.ts';
import type { Millis } from '../time.ts';
import type { Reason } from './decision.ts';

/** Where one limit keeps its state, and what it is called. */
export interface Slot {
  readonly name: string;
  readonly unit: string;
  readonly table: PartitionTable;
  /** Cells before this limit's own within a row of the table. */
  readonly offset: number;
}

/**
 * One limit being asked about one request. Made once for each place a limit is used and filled in anew for every
 * request, so that deciding allocates nothing.
 */
export class Question {
  readonly slot: Slot;
  /** What the limit grants to this request's tier. */
  plan: Plan;
  /** Whose budget; `undefined` if the request does not say and the limit denies that. */
  key: string | undefined = undefined;
  cost = 1;

  /** The answer: `ok`, or why not. */
  reason: Reason = 'ok';
  /** Earliest instant at which this limit agrees; at or before now if it does. */
  availableAt: Millis = 0;
  /** What the block on the key says, if one is in force. */
  blockReason: string | undefined = undefined;
  /** Cells the answer was read from. */
  cells: Float64Array;
  at = 0;
  /** What the algorithm returned for the charge. */
  chargedAt: Millis = 0;

  constructor(slot: Slot, plan: Plan) {
    this.slot = slot;
    this.plan = plan;
    this.cells = slot.table.cells;
  }
}

/**
 * Asks every limit, then charges all of them or none.
 *
 * @param questions - filled in with plan, key and cost
 * @param mode - `peek` writes nothing at all
 * @returns whether all agree
 */
export function decide(questions: readonly Question[], now: Millis, mode: 'charge' | 'peek'): boolean {
  let isAllowed = true;
  for (const question of questions) {
    ask(question, now, mode);
    if (question.reason !== 'ok') isAllowed = false;
  }
  if (isAllowed && mode === 'charge') {
    for (const question of questions) if (question.cost > 0) charge(question, now);
    for (const question of questions) if (question.cost === 0) relocate(question);
  }
  return isAllowed;
}

function ask(question: Question, now: Millis, mode: 'charge' | 'peek'): void {
  const { slot, key, plan, cost } = question;
  const { table } = slot;
  question.blockReason = undefined;
  question.cells = table.cells;
  if (key === undefined) {
    question.reason = 'missing';
    question.availableAt = Number.POSITIVE_INFINITY;
    return;
  }
  question.at = table.locate(key) + slot.offset;
  question.availableAt = plan.algorithm.availableAt(plan, question.cells, question.at, now, cost);
  question.reason = 'ok';
  if (!(question.availableAt <= now)) refuse(question, now, mode);
  if (table.blocks.size > 0) applyBlock(question, key, now);
}

/** On the way to a "no": cells that no history explains are repaired first, and asked once more. */
function refuse(question: Question, now: Millis, mode: 'charge' | 'peek'): void {
  const { plan, cost } = question;
  const { algorithm } = plan;
  if (question.availableAt === Number.POSITIVE_INFINITY && isNever(question, now)) {
    question.reason = 'never';
    return;
  }
  if (mode === 'peek') {
    question.cells = question.cells.slice(question.at, question.at + algorithm.cells);
    question.at = 0;
  }
  algorithm.repair(plan, question.cells, question.at, now);
  question.availableAt = algorithm.availableAt(plan, question.cells, question.at, now, cost);
  if (!(question.availableAt <= now)) question.reason = 'quota';
}

/** Whether not even a fresh key would ever be granted this, so that it is not the cells that say so. */
function isNever({ slot, plan, cost }: Question, now: Millis): boolean {
  const at = FRESH + slot.offset;
  return plan.algorithm.availableAt(plan, slot.table.cells, at, now, cost) === Number.POSITIVE_INFINITY;
}

function applyBlock(question: Question, key: string, now: Millis): void {
  const block = question.slot.table.blocks.find(key, now);
  if (block === undefined) return;
  question.blockReason = block.reason;
  if (question.reason === 'never') return;
  question.reason = 'blocked';
  question.availableAt = Math.max(question.availableAt, block.until);
}

/** A charge of another limit may have given the key its row, and changed what it was asked against. */
function relocate(question: Question): void {
  const { slot, key } = question;
  if (key === undefined) return;
  question.at = slot.table.locate(key) + slot.offset;
  question.cells = slot.table.cells;
}

function charge(question: Question, now: Millis): void {
  const { slot, plan, key, cost } = question;
  if (key === undefined) return;
  question.at = slot.table.claim(key, now) + slot.offset;
  question.cells = slot.table.cells;
  question.chargedAt = plan.algorithm.charge(plan, question.cells, question.at, now, cost);
}
