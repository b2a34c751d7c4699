/**
 * Limits as tables: where the usage of each is, what it grants to whom, and what it takes over from an earlier policy.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import { PermitQuestion } from '../concurrency/permit-question.ts';
import { PermitTable } from '../concurrency/permits.ts';
import type { Question, Slot, Terms } from '../limiter/question.ts';
import { type Home, RateQuestion } from '../limiter/rate-question.ts';
import type { Row } from '../partition/row.ts';
import { type Move, PartitionTable, type TableOptions } from '../partition/table.ts';
import { type Millis, parseDuration } from '../time.ts';
import { quotaName } from './candidates.ts';
import { type Carry, fateOf, type UsageReport } from './carry.ts';
import type { ConcurrencyDocument, LimitDocument, PolicyDocument } from './document.ts';
import { Grants, planMaker } from './grants.ts';
import { type Missing, Partition, partitionId } from './partition.ts';
import { type Algorithms, isConcurrency, type RateDocument } from './plans.ts';

/** One limit of a policy. */
export interface CompiledLimit {
  readonly slot: Slot;
  readonly missing: Missing;
  readonly partition: Partition;
  readonly grants: Grants<Terms>;
  /** What its state is made by. */
  readonly document: LimitDocument;
  /** A question of its own for a group. */
  question(row: Row, leave: number): Question;
  /** Rates: where the usage is. */
  readonly rate?: CompiledRate;
  /** Concurrency: who holds what. */
  readonly held?: PermitTable;
}

interface CompiledRate {
  /** One of its plans; quota and burst do not matter. */
  readonly plan: Plan;
  /** Cells before its own within a row. */
  readonly offset: number;
  readonly home: Home;
}

/** All limits of a policy, and the partitions that keep their usage. */
export interface CompiledLimits {
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  /** Partitions of limits that are enforced, by {@link partitionId}. */
  readonly partitions: ReadonlyMap<string, Partition>;
  /** The same of shadow limits: they have tables of their own, lest they evict what is enforced. */
  readonly shadows: ReadonlyMap<string, Partition>;
  readonly usage: readonly UsageReport[];
  /** Has the usage of the earlier policy go on in this one. Nothing of it has changed until then. */
  takeOver(): void;
}

/** A limit of the policy that was in force. */
export type Earlier = Pick<CompiledLimit, 'document' | 'rate' | 'held'> &
  Partial<Pick<CompiledLimit, 'slot'>>;

/** The policy that was in force. */
export interface Before {
  readonly policy: {
    readonly limits: ReadonlyMap<string, Earlier>;
    readonly partitions: ReadonlyMap<string, Pick<Partition, 'table'>>;
    readonly shadows: ReadonlyMap<string, Pick<Partition, 'table'>>;
  };
  /** How the usage of a limit is to be carried. */
  carry(limit: string): Carry;
  readonly now: Millis;
}

type Named<L> = readonly [name: string, limit: L];

/** @param document - with candidates written out */
export function compileLimits(
  document: PolicyDocument,
  algorithms: Algorithms,
  options: TableOptions,
  before?: Before,
  Table: typeof PartitionTable = PartitionTable,
): CompiledLimits {
  const limits = new Map<string, CompiledLimit>();
  const usage = new Map<string, Omit<UsageReport, 'limit'>>();
  const takeOvers: (() => void)[] = [];
  const known = { partitions: new Map<string, Partition>(), shadows: new Map<string, Partition>() };
  for (const { id, kind, members } of byPartition(document)) {
    const earlier = before?.policy[kind].get(id)?.table;
    const rates = members
      .filter(isRateEntry)
      .map((entry) => compileRate(entry, document, algorithms, before));
    const plans = rates.map(({ plan }) => plan);
    const table = earlier ?? new Table(plans, options);
    const partition = new Partition([members[0]?.[1].per ?? []].flat().sort(), table);
    known[kind].set(id, partition);
    const moves: Move[] = [];
    let offset = 0;
    for (const rate of rates) {
      limits.set(rate.name, limitOf(rate, partition, offset));
      usage.set(rate.name, rate.fate);
      if (rate.move !== undefined) moves.push({ ...rate.move, into: offset });
      const { home } = rate;
      const at = offset;
      takeOvers.push(() => {
        home.offset = at;
      });
      offset += rate.plan.algorithm.cells;
    }
    if (earlier !== undefined) takeOvers.push(earlier.arrange(plans, moves));
    for (const [name, limit] of members.filter(isPermitEntry)) {
      const old = before?.policy.limits.get(name);
      const fate = fateOfLimit(name, limit, before);
      const held = fate.usage === 'kept' && old?.held ? old.held : new PermitTable(options.maxKeys, name);
      usage.set(name, fate);
      limits.set(
        name,
        compilePermits(name, limit, {
          document,
          partition,
          held,
          old: fate.usage === 'kept' ? old : undefined,
        }),
      );
    }
  }
  const reports = Object.keys(document.limits).flatMap(
    (limit) => ({ limit, ...usage.get(limit) }) as UsageReport,
  );
  for (const limit of before?.policy.limits.keys() ?? [])
    if (!limits.has(limit)) reports.push({ limit, usage: 'dropped', why: 'the limit is gone' });
  return {
    limits,
    ...known,
    usage: reports,
    takeOver: () => {
      // Decisions made before find what they charged by the home, unless it is theirs no more.
      for (const { rate } of before?.policy.limits.values() ?? [])
        if (rate !== undefined) rate.home.offset = -1;
      for (const take of takeOvers) take();
    },
  };
}

interface Rate extends Omit<CompiledRate, 'offset'> {
  readonly name: string;
  readonly limit: RateDocument;
  readonly grants: Grants<Plan>;
  readonly fate: Omit<UsageReport, 'limit'>;
  readonly old: Earlier | undefined;
  /** What it takes over. */
  readonly move: Omit<Move, 'into'> | undefined;
}

function compileRate(
  [name, limit]: Named<RateDocument>,
  document: PolicyDocument,
  algorithms: Algorithms,
  before: Before | undefined,
): Rate {
  const earlier = before?.policy.limits.get(name);
  const old = earlier?.rate;
  let fate = fateOfLimit(name, limit, before);
  const isCarried = old !== undefined && (fate.usage === 'kept' || fate.usage === 'converted');
  const make = planMaker(limit, algorithms, isCarried ? horizonOf(old.plan, limit) : 0);
  const grants = new Grants(name, document, make);
  const plan = grants.sample ?? make({ quota: 0 });
  const { algorithm } = plan;
  if (isCarried && fate.usage === 'converted' && algorithm.convert === undefined)
    fate = { usage: 'reset', why: `${algorithm.kind} cannot convert what was used under other options` };
  const isKept = fate.usage === 'kept' && old !== undefined;
  const convert =
    fate.usage !== 'converted' || old === undefined || before === undefined
      ? undefined
      : (cells: Float64Array, at: number): void => algorithm.convert?.(plan, cells, at, before.now, old.plan);
  const move = isKept || convert ? { from: old?.offset ?? 0, cells: algorithm.cells, convert } : undefined;
  return {
    name,
    limit,
    grants,
    plan,
    fate,
    move,
    home: isKept ? old.home : { offset: 0 },
    old: isCarried ? earlier : undefined,
  };
}

/** How far ahead usage from before may lie, once it counts under a limit whose window is another. */
function horizonOf(plan: Plan, limit: RateDocument): Millis {
  const { horizon = 0, window } = plan;
  return window === undefined
    ? horizon
    : Math.ceil(horizon * (parseDuration(limit.window, 'window') / window));
}

function fateOfLimit(
  name: string,
  limit: LimitDocument,
  before: Before | undefined,
): Omit<UsageReport, 'limit'> {
  const old = before?.policy.limits.get(name);
  if (before === undefined || old === undefined) return { usage: 'new', why: 'the limit is' };
  return fateOf(old.document, limit, before.carry(name));
}

function slotOf(name: string, limit: LimitDocument, unit: string, old: Earlier | undefined): Slot {
  const { algorithm: kind, mode = 'enforce', nearLimit } = limit;
  const agreement = old?.slot?.agreement ?? { agreed: 0, wouldDeny: 0, wouldAllow: 0 };
  const shadow = mode === 'shadow' ? { rival: quotaName(name), agreement } : {};
  return { name, kind, unit, mode, ...shadow, ...(nearLimit === undefined ? {} : { nearLimit }) };
}

function limitOf(
  { name, limit, grants, plan, home, old }: Rate,
  partition: Partition,
  offset: number,
): CompiledLimit {
  const { unit = 'requests', missing = 'error' } = limit;
  const slot = slotOf(name, limit, unit, old);
  const question = (row: Row): Question => new RateQuestion(slot, row, plan, offset, home);
  return { slot, missing, partition, grants, document: limit, question, rate: { plan, offset, home } };
}

interface PermitParts {
  readonly document: PolicyDocument;
  readonly partition: Partition;
  readonly held: PermitTable;
  readonly old: Earlier | undefined;
}

function compilePermits(
  name: string,
  limit: ConcurrencyDocument,
  { document, partition, held, old }: PermitParts,
): CompiledLimit {
  const { missing = 'error' } = limit;
  const slot = slotOf(name, limit, 'permits', old);
  const lease = limit.lease === undefined ? Number.POSITIVE_INFINITY : parseDuration(limit.lease, 'lease');
  const grants = new Grants(name, document, ({ quota }): Terms => ({ quota }));
  const question = (row: Row, leave: number): Question =>
    new PermitQuestion(slot, row, held, { lease, leave });
  return { slot, missing, partition, grants, document: limit, question, held };
}

function isRateEntry(entry: Named<LimitDocument>): entry is Named<RateDocument> {
  return !isConcurrency(entry[1]);
}

function isPermitEntry(entry: Named<LimitDocument>): entry is Named<ConcurrencyDocument> {
  return isConcurrency(entry[1]);
}

interface Members {
  readonly id: string;
  readonly kind: 'partitions' | 'shadows';
  readonly members: Named<LimitDocument>[];
}

function byPartition(document: PolicyDocument): Iterable<Members> {
  const all = new Map<string, Members>();
  for (const entry of Object.entries(document.limits)) {
    const id = partitionId([entry[1].per ?? []].flat());
    const kind = entry[1].mode === 'shadow' ? 'shadows' : 'partitions';
    const place = `${kind} ${id}`;
    const found = all.get(place);
    if (found === undefined) all.set(place, { id, kind, members: [entry] });
    else found.members.push(entry);
  }
  return all.values();
}
