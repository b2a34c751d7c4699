/**
 * A policy as tables: all work that does not depend on the request is done here, once.
 *
 * @module
 */

import type { QueuePlan } from '../concurrency/gate.ts';
import { PermitQuestion } from '../concurrency/permit-question.ts';
import { PermitTable } from '../concurrency/permits.ts';
import { queuePlan } from '../concurrency/semaphore.ts';
import type { Question, Slot } from '../limiter/question.ts';
import { RateQuestion } from '../limiter/rate-question.ts';
import { PartitionTable, type TableOptions } from '../partition/table.ts';
import { parseDuration } from '../time.ts';
import type { LooseDescriptor } from './descriptor.ts';
import type { ConcurrencyDocument, GroupDocument, LimitDocument, PolicyDocument } from './document.ts';
import { type GrantSource, Grants, planMaker } from './grants.ts';
import { createMatcher, type Matcher } from './match.ts';
import { Partition, type PathParams, partitionId } from './partition.ts';
import { parsePattern } from './pattern.ts';
import { type Algorithms, isConcurrency, type RateDocument } from './plans.ts';

/** The facts of a request that say what a limit grants it. */
interface Facts {
  readonly descriptor: LooseDescriptor;
  readonly params: PathParams | undefined;
  readonly tier: string | undefined;
}

/** A question that fills itself in with what its limit grants. */
interface Member {
  readonly question: Question;
  /** @param quota - what the descriptor brings for this limit */
  grant(facts: Facts, quota: unknown): GrantSource;
}

/** One limit of a policy. */
interface CompiledLimit {
  readonly slot: Slot;
  readonly missing: 'error' | 'shared' | 'deny';
  readonly partition: Partition;
  /** A question of its own for a group. */
  member(leave: number): Member;
}

/** One group: its limits, and a question to each of them, which every request of the group fills in anew. */
export interface CompiledGroup {
  readonly name: string;
  readonly limits: readonly (CompiledLimit & Member)[];
  readonly questions: readonly Question[];
  /** The first concurrency limit of the group, if it has one. */
  readonly permits: string | undefined;
  /** Where its requests may wait. */
  readonly queue: QueuePlan | undefined;
}

/** A whole policy. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  readonly groups: ReadonlyMap<string, CompiledGroup>;
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
 */
export function compilePolicy(
  document: PolicyDocument,
  algorithms: Algorithms,
  options: TableOptions,
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
    const table = new PartitionTable(
      rates.map(({ shape }) => shape),
      options,
    );
    const partition = new Partition([members[0]?.[1].per ?? []].flat().sort(), table);
    partitions.set(id, partition);
    let offset = 0;
    for (const { name, limit, shape, grants } of rates) {
      const slot: Slot = { name, kind: limit.algorithm, unit: limit.unit ?? 'requests', table };
      const first = offset;
      offset += shape.algorithm.cells;
      const member = (): Member => {
        const question = new RateQuestion(slot, shape, first);
        return {
          question,
          grant: ({ descriptor, params, tier }, quota) => {
            const { granted, source } = grants.find(descriptor, params, tier, quota);
            question.plan = granted;
            return source;
          },
        };
      };
      limits.set(name, { slot, missing: limit.missing ?? 'error', partition, member });
    }
    for (const [name, limit] of members.filter(isPermitEntry)) {
      const held = new PermitTable(options.maxKeys);
      permits.set(name, held);
      limits.set(name, compilePermits(name, limit, { document, partition, held }));
    }
  }
  const groups = Object.entries(document.groups).map(([name, group]) => compileGroup(name, group, limits));
  const units = [...limits.values()].map(({ slot }) => slot.unit);
  return {
    document,
    groups: new Map(groups.map((group) => [group.name, group])),
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
  const slot: Slot = { name, kind: 'concurrency', unit: 'permits', table: partition.table };
  const lease = limit.lease === undefined ? Number.POSITIVE_INFINITY : parseDuration(limit.lease, 'lease');
  const grants = new Grants(name, document, ({ quota }) => quota);
  const member = (leave: number): Member => {
    const question = new PermitQuestion(slot, held, lease, leave);
    return {
      question,
      grant: ({ descriptor, params, tier }, quota) => {
        const { granted, source } = grants.find(descriptor, params, tier, quota);
        question.granted = granted;
        return source;
      },
    };
  };
  return { slot, missing: limit.missing ?? 'error', partition, member };
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
): CompiledGroup {
  const members = group.limits.flatMap((limit) => {
    const compiled = limits.get(limit);
    return compiled === undefined ? [] : [{ ...compiled, ...compiled.member(group.leave?.[limit] ?? 0) }];
  });
  return {
    name,
    limits: members,
    questions: members.map(({ question }) => question),
    permits: members.find(({ slot }) => slot.kind === 'concurrency')?.slot.name,
    queue: group.queue === undefined ? undefined : queuePlan(group.queue, 'queue'),
  };
}

function compileMatcher(document: PolicyDocument): Matcher {
  const routes = Object.entries(document.groups).flatMap(([group, { match = [] }]) =>
    match.map((text) => ({ pattern: parsePattern(text), group })),
  );
  return createMatcher(routes, { case: document.paths?.case ?? 'insensitive' });
}
