/**
 * A policy as tables: all work that does not depend on the request is done here, once.
 *
 * @module
 */

import { Entrance } from '../concurrency/line.ts';
import { PermitQuestion } from '../concurrency/permit-question.ts';
import { PermitTable } from '../concurrency/permits.ts';
import { queuePlan } from '../concurrency/semaphore.ts';
import { Inquiry } from '../limiter/inquiry.ts';
import type { Question, Slot, Terms } from '../limiter/question.ts';
import { RateQuestion } from '../limiter/rate-question.ts';
import { Row } from '../partition/row.ts';
import { PartitionTable, type TableOptions } from '../partition/table.ts';
import { parseDuration } from '../time.ts';
import type { ConcurrencyDocument, GroupDocument, LimitDocument, PolicyDocument } from './document.ts';
import { Grants, planMaker } from './grants.ts';
import { createMatcher, type Matcher } from './match.ts';
import { type Missing, Partition, partitionId } from './partition.ts';
import { parsePattern } from './pattern.ts';
import { type Algorithms, isConcurrency, type RateDocument } from './plans.ts';

/** One limit of a policy. */
interface CompiledLimit {
  readonly slot: Slot;
  readonly missing: Missing;
  readonly partition: Partition;
  readonly grants: Grants<Terms>;
  /** A question of its own for a group. */
  question(row: Row, leave: number): Question;
}

/** A question of a group, and what says how much its limit grants to whom. */
interface Member {
  readonly question: Question;
  readonly grants: Grants<Terms>;
}

/** A row that a group asks against, and how its key is found. */
interface Place {
  readonly row: Row;
  readonly partition: Partition;
  readonly missing: Missing;
}

/** One group: a question to each of its limits, which every request of the group fills in anew. */
export interface CompiledGroup {
  readonly name: string;
  readonly members: readonly Member[];
  readonly places: readonly Place[];
  readonly entrance: Entrance;
  /** The first concurrency limit of the group, if it has one. */
  readonly permits: string | undefined;
}

/** The group that decisions name when no pattern matched. */
const UNMATCHED = 'unmatched';

/** A whole policy. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  readonly groups: ReadonlyMap<string, CompiledGroup>;
  /** For requests that no pattern matches, where the policy names no group for them. */
  readonly unmatched: Entrance;
  readonly matcher: Matcher;
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  /** By {@link partitionId}. */
  readonly partitions: ReadonlyMap<string, Partition>;
  readonly permits: ReadonlyMap<string, PermitTable>;
  readonly tiers: ReadonlySet<string>;
  readonly units: ReadonlySet<string>;
}

/**
 * Compiles a policy that has been parsed.
 *
 * @param options - ceilings of each partition's table
 * @param owner - the engine that will decide by it
 * @param Table - what keeps the usage of a partition
 */
export function compilePolicy(
  document: PolicyDocument,
  algorithms: Algorithms,
  options: TableOptions,
  owner: object,
  Table: typeof PartitionTable = PartitionTable,
): CompiledPolicy {
  const partitions = new Map<string, Partition>();
  const permits = new Map<string, PermitTable>();
  const limits = new Map<string, CompiledLimit>();
  for (const [id, members] of byPartition(document)) {
    const rates = members.filter(isRateEntry).map(([name, limit]) => {
      const make = planMaker(limit, algorithms);
      const grants = new Grants(name, document, make);
      return { name, limit, shape: grants.sample ?? make({ quota: 0 }), grants };
    });
    const table = new Table(
      rates.map(({ shape }) => shape),
      options,
    );
    const partition = new Partition([members[0]?.[1].per ?? []].flat().sort(), table);
    partitions.set(id, partition);
    let offset = 0;
    for (const { name, limit, shape, grants } of rates) {
      const slot: Slot = { name, kind: limit.algorithm, unit: limit.unit ?? 'requests' };
      const first = offset;
      offset += shape.algorithm.cells;
      const question = (row: Row): Question => new RateQuestion(slot, row, shape, first);
      limits.set(name, { slot, missing: limit.missing ?? 'error', partition, grants, question });
    }
    for (const [name, limit] of members.filter(isPermitEntry)) {
      const held = new PermitTable(options.maxKeys);
      permits.set(name, held);
      limits.set(name, compilePermits(name, limit, { document, partition, held }));
    }
  }
  const groups = Object.entries(document.groups).map(([name, group]) =>
    compileGroup(name, group, limits, owner),
  );
  const isDenied = document.unmatched === 'deny';
  const units = [...limits.values()].map(({ slot }) => slot.unit);
  return {
    document,
    groups: new Map(groups.map((group) => [group.name, group])),
    unmatched: new Entrance(new Inquiry(owner, UNMATCHED, []), undefined, isDenied ? 'unmatched' : undefined),
    matcher: compileMatcher(document),
    limits,
    partitions,
    permits,
    tiers: new Set(Object.keys(document.tiers ?? {})),
    units: new Set(['requests', ...units]),
  };
}

function compilePermits(
  name: string,
  limit: ConcurrencyDocument,
  { document, partition, held }: { document: PolicyDocument; partition: Partition; held: PermitTable },
): CompiledLimit {
  const slot: Slot = { name, kind: 'concurrency', unit: 'permits' };
  const lease = limit.lease === undefined ? Number.POSITIVE_INFINITY : parseDuration(limit.lease, 'lease');
  const grants = new Grants(name, document, ({ quota }): Terms => ({ quota }));
  const question = (row: Row, leave: number): Question =>
    new PermitQuestion(slot, row, held, { lease, leave });
  return { slot, missing: limit.missing ?? 'error', partition, grants, question };
}

function isRateEntry(entry: [string, LimitDocument]): entry is [string, RateDocument] {
  return !isConcurrency(entry[1]);
}

function isPermitEntry(entry: [string, LimitDocument]): entry is [string, ConcurrencyDocument] {
  return isConcurrency(entry[1]);
}

function byPartition(document: PolicyDocument): Map<string, [string, LimitDocument][]> {
  const members = new Map<string, [string, LimitDocument][]>();
  for (const entry of Object.entries(document.limits)) {
    const id = partitionId([entry[1].per ?? []].flat());
    members.set(id, [...(members.get(id) ?? []), entry]);
  }
  return members;
}

function compileGroup(
  name: string,
  group: GroupDocument,
  limits: ReadonlyMap<string, CompiledLimit>,
  owner: object,
): CompiledGroup {
  const places: Place[] = [];
  const placeOf = ({ partition, missing }: CompiledLimit): Place => {
    const found = places.find((place) => place.partition === partition && place.missing === missing);
    if (found !== undefined) return found;
    const place = { row: new Row(partition.table), partition, missing };
    places.push(place);
    return place;
  };
  const members = group.limits.flatMap((limit) => {
    const compiled = limits.get(limit);
    if (compiled === undefined) return [];
    const question = compiled.question(placeOf(compiled).row, group.leave?.[limit] ?? 0);
    return [{ question, grants: compiled.grants }];
  });
  const questions = members.map(({ question }) => question);
  const queue = group.queue === undefined ? undefined : queuePlan(group.queue, 'queue');
  const entrance = new Entrance(new Inquiry(owner, name, questions), queue);
  const permits = questions.find(({ slot }) => slot.kind === 'concurrency')?.slot.name;
  return { name, members, places, entrance, permits };
}

function compileMatcher(document: PolicyDocument): Matcher {
  const routes = Object.entries(document.groups).flatMap(([group, { match = [] }]) =>
    match.map((text) => ({ pattern: parsePattern(text), group })),
  );
  return createMatcher(routes, { case: document.paths?.case ?? 'insensitive' });
}
