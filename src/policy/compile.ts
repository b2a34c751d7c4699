/**
 * A policy as tables: all work that does not depend on the request is done here, once.
 *
 * @module
 */

import { Entrance } from '../concurrency/line.ts';
import type { PermitTable } from '../concurrency/permits.ts';
import { queuePlan } from '../concurrency/semaphore.ts';
import { Inquiry, type Origin } from '../limiter/inquiry.ts';
import type { Question, Terms } from '../limiter/question.ts';
import { Row } from '../partition/row.ts';
import type { PartitionTable, TableOptions } from '../partition/table.ts';
import { quotaName, withCandidates } from './candidates.ts';
import { type Before, type CompiledLimit, type CompiledLimits, compileLimits } from './compile-limits.ts';
import type { GroupDocument, PolicyDocument } from './document.ts';
import type { Grants } from './grants.ts';
import { createMatcher, type Matcher } from './match.ts';
import type { Missing, Partition } from './partition.ts';
import { parsePattern } from './pattern.ts';
import type { Algorithms } from './plans.ts';

/** A question of a group, and what says how much its limit grants to whom. */
interface Member {
  readonly question: Question;
  readonly grants: Grants<Terms>;
  /** The limit by which a descriptor gives the quota of a single request. */
  readonly quotaName: string;
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
  /** The same of its shadow limits. */
  readonly shadows: { readonly members: readonly Member[]; readonly places: readonly Place[] };
  readonly entrance: Entrance;
  /** The first concurrency limit of the group, if it has one. */
  readonly permits: string | undefined;
}

/** The group that decisions name when no pattern matched. */
const UNMATCHED = 'unmatched';

/** A whole policy. */
export interface CompiledPolicy extends CompiledLimits {
  readonly document: PolicyDocument;
  readonly groups: ReadonlyMap<string, CompiledGroup>;
  /** For requests that no pattern matches, where the policy names no group for them. */
  readonly unmatched: Entrance;
  readonly matcher: Matcher;
  readonly permits: ReadonlyMap<string, PermitTable>;
  readonly tiers: ReadonlySet<string>;
  readonly units: ReadonlySet<string>;
}

/**
 * Compiles a policy that has been parsed.
 *
 * @param options - ceilings of each partition's table
 * @param owner - the engine that will decide by it
 * @param before - whose usage is taken over, by {@link CompiledLimits.takeOver}
 * @param Table - what keeps the usage of a partition
 */
export function compilePolicy(
  document: PolicyDocument,
  algorithms: Algorithms,
  options: TableOptions,
  owner: object,
  before?: Before,
  Table?: typeof PartitionTable,
): CompiledPolicy {
  const whole = withCandidates(document);
  const compiled = compileLimits(whole, algorithms, options, before, Table);
  const limits = [...compiled.limits.values()];
  const units = new Set(['requests', ...limits.map(({ slot }) => slot.unit)]);
  const origin = { document, units };
  const groups = Object.entries(whole.groups).map(([name, group]) =>
    compileGroup(name, group, { limits: compiled.limits, origin, owner }),
  );
  const isDenied = document.unmatched === 'deny';
  return {
    ...compiled,
    document,
    groups: new Map(groups.map((group) => [group.name, group])),
    unmatched: new Entrance(
      new Inquiry(owner, UNMATCHED, [], origin),
      undefined,
      isDenied ? 'unmatched' : undefined,
    ),
    matcher: compileMatcher(document),
    permits: new Map(limits.flatMap(({ slot, held }) => (held === undefined ? [] : [[slot.name, held]]))),
    tiers: new Set(Object.keys(document.tiers ?? {})),
    units,
  };
}

interface Whole {
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  readonly origin: Origin;
  readonly owner: object;
}

function compileGroup(name: string, group: GroupDocument, { limits, origin, owner }: Whole): CompiledGroup {
  const parts = {
    enforce: { members: [] as Member[], places: [] as Place[] },
    shadow: { members: [] as Member[], places: [] as Place[] },
  };
  const questions: Question[] = [];
  for (const limit of group.limits) {
    const compiled = limits.get(limit);
    if (compiled === undefined) continue;
    const { members, places } = parts[compiled.slot.mode ?? 'enforce'];
    const { row } = placeOf(compiled, places);
    const question = compiled.question(row, group.leave?.[limit] ?? 0);
    questions.push(question);
    members.push({ question, grants: compiled.grants, quotaName: quotaName(limit) });
  }
  const queue = group.queue === undefined ? undefined : queuePlan(group.queue, 'queue');
  const { members, places } = parts.enforce;
  const entrance = new Entrance(new Inquiry(owner, name, questions, origin), queue);
  const permits = members.find(({ question }) => question.slot.kind === 'concurrency')?.question.slot.name;
  return { name, members, places, shadows: parts.shadow, entrance, permits };
}

/** The group's row of a limit's partition, which is made if need be. */
function placeOf({ partition, missing }: CompiledLimit, places: Place[]): Place {
  const found = places.find((place) => place.partition === partition && place.missing === missing);
  if (found !== undefined) return found;
  const place = { row: new Row(partition.table), partition, missing };
  places.push(place);
  return place;
}

function compileMatcher(document: PolicyDocument): Matcher {
  const routes = Object.entries(document.groups).flatMap(([group, { match = [] }]) =>
    match.map((text) => ({ pattern: parsePattern(text), group })),
  );
  return createMatcher(routes, { case: document.paths?.case ?? 'insensitive' });
}
