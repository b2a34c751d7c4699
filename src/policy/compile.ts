/**
 * A policy as tables: all work that does not depend on the request is done here, once.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import { Question, type Slot } from '../limiter/decide.ts';
import { PartitionTable, type TableOptions } from '../partition/table.ts';
import type { LimitDocument, PolicyDocument } from './document.ts';
import { Grants } from './grants.ts';
import { createMatcher, type Matcher } from './match.ts';
import { Partition, partitionId } from './partition.ts';
import { parsePattern } from './pattern.ts';
import { type Algorithms, isConcurrency, type RateDocument } from './plans.ts';

/** One rate limit of a policy. */
interface CompiledLimit {
  readonly name: string;
  readonly missing: 'error' | 'shared' | 'deny';
  readonly grants: Grants;
  readonly partition: Partition;
  readonly slot: Slot;
}

/** One group: its limits, and a question to each of them, which every request of the group fills in anew. */
export interface CompiledGroup {
  readonly name: string;
  readonly limits: readonly CompiledLimit[];
  readonly questions: readonly Question[];
  /** The first concurrency limit of the group, if it has one. */
  readonly permits: string | undefined;
}

/** A whole policy. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  readonly groups: ReadonlyMap<string, CompiledGroup>;
  readonly matcher: Matcher;
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  /** By {@link partitionId}. */
  readonly partitions: ReadonlyMap<string, Partition>;
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
  const rates = Object.entries(document.limits).filter(isRateEntry);
  const grants = new Map(rates.map(([name, limit]) => [name, new Grants(name, limit, document, algorithms)]));
  const partitions = new Map<string, Partition>();
  const limits = new Map<string, CompiledLimit>();
  for (const [id, members] of byPartition(rates)) {
    const shapes = members.map(([name]) => (grants.get(name) as Grants).shape);
    const table = new PartitionTable(shapes, options);
    const partition = new Partition([members[0]?.[1].per ?? []].flat().sort(), table);
    partitions.set(id, partition);
    let offset = 0;
    members.forEach(([name, limit], i) => {
      const slot: Slot = { name, unit: limit.unit ?? 'requests', table, offset };
      offset += (shapes[i] as Plan).algorithm.cells;
      const missing = limit.missing ?? 'error';
      limits.set(name, { name, missing, grants: grants.get(name) as Grants, partition, slot });
    });
  }
  return {
    document,
    groups: compileGroups(document, limits),
    matcher: compileMatcher(document),
    limits,
    partitions,
    tiers: new Set(Object.keys(document.tiers ?? {})),
    units: new Set(['requests', ...rates.map(([, limit]) => limit.unit ?? 'requests')]),
  };
}

function isRateEntry(entry: [string, LimitDocument]): entry is [string, RateDocument] {
  return !isConcurrency(entry[1]);
}

function byPartition(rates: readonly [string, RateDocument][]): Map<string, [string, RateDocument][]> {
  const members = new Map<string, [string, RateDocument][]>();
  for (const rate of rates) {
    const id = partitionId([rate[1].per ?? []].flat());
    members.set(id, [...(members.get(id) ?? []), rate]);
  }
  return members;
}

function compileGroups(
  document: PolicyDocument,
  limits: ReadonlyMap<string, CompiledLimit>,
): Map<string, CompiledGroup> {
  return new Map(
    Object.entries(document.groups).map(([name, group]) => {
      const members = group.limits.flatMap((limit) => limits.get(limit) ?? []);
      const questions = members.map(({ slot, grants }) => new Question(slot, grants.shape));
      const permits = group.limits.find((limit) => !limits.has(limit));
      return [name, { name, limits: members, questions, permits }];
    }),
  );
}

function compileMatcher(document: PolicyDocument): Matcher {
  const routes = Object.entries(document.groups).flatMap(([group, { match = [] }]) =>
    match.map((text) => ({ pattern: parsePattern(text), group })),
  );
  return createMatcher(routes, { case: document.paths?.case ?? 'insensitive' });
}
