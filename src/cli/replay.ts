import { isHeadgateError } from '../errors.ts';
import type { LoggedDescriptor, LoggedRequest } from '../lab/trace/request.ts';
import type { Decision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { partitionId } from '../policy/partition.ts';
import type { Millis } from '../time.ts';

/** What is asked: the one method of an engine that a replay needs. */
export interface Checker {
  check(descriptor: LoggedDescriptor, options: { readonly now: Millis }): Decision;
}

/** How many requests of a group went ahead. */
interface Tally {
  allowed: number;
  denied: number;
}

/** What a policy would have done to a log. */
export interface Outcome {
  readonly requests: number;
  readonly allowed: number;
  readonly denied: number;
  /** By group; every group of the policy, and `unmatched` if there was such a request. */
  readonly groups: ReadonlyMap<string, Tally>;
  /** By limit, how many requests its own answer denied; every limit of the policy. In the shadow, none are. */
  readonly limits: ReadonlyMap<string, number>;
  /** Distinct partition keys, counted per partition. */
  readonly keys: number;
  /** Instants of the first and the last request; `undefined` if there was none. */
  readonly span: { readonly from: Millis; readonly to: Millis } | undefined;
}

/**
 * Asks `engine` about every request at its own instant, in time order, those of the same instant in the order given.
 *
 * @param refused - told of each request that the engine takes for misuse; it counts nowhere in the outcome
 */
export function replay(
  requests: readonly LoggedRequest[],
  policy: PolicyDocument,
  engine: Checker,
  refused: (line: number, reason: string) => void,
): Outcome {
  const groups = new Map<string, Tally>();
  for (const name of Object.keys(policy.groups)) groups.set(name, { allowed: 0, denied: 0 });
  const limits = new Map(Object.keys(policy.limits).map((name) => [name, 0]));
  const seen = keySets(policy);
  const total: Tally = { allowed: 0, denied: 0 };
  let from: Millis | undefined;
  let to: Millis = 0;

  for (const { line, at, descriptor } of inTimeOrder(requests)) {
    const decision = ask(engine, descriptor, at);
    if (typeof decision === 'string') {
      refused(line, decision);
      continue;
    }
    from ??= at;
    to = at;
    const group = groups.get(decision.group) ?? { allowed: 0, denied: 0 };
    groups.set(decision.group, group);
    const answer = decision.allowed ? 'allowed' : 'denied';
    total[answer] += 1;
    group[answer] += 1;
    for (const { name, key, allowed, mode } of decision.limits) {
      if (!allowed && mode !== 'shadow') limits.set(name, (limits.get(name) ?? 0) + 1);
      if (key !== undefined) seen.get(name)?.add(key);
    }
  }

  return {
    requests: total.allowed + total.denied,
    ...total,
    groups,
    limits,
    keys: [...new Set(seen.values())].reduce((sum, keys) => sum + keys.size, 0),
    span: from === undefined ? undefined : { from, to },
  };
}

/** Requests as they came; those of the same instant in the order given. */
export function inTimeOrder(requests: readonly LoggedRequest[]): LoggedRequest[] {
  return requests.toSorted((a, b) => a.at - b.at);
}

/** The decision, or why the engine would not make one. */
export function ask(engine: Checker, descriptor: LoggedDescriptor, now: Millis): Decision | string {
  try {
    return engine.check(descriptor, { now });
  } catch (error) {
    if (isHeadgateError(error, 'DescriptorError') || isHeadgateError(error, 'CostError'))
      return error.message;
    throw error;
  }
}

/** A set of keys for each limit; limits of one partition share theirs. */
function keySets(policy: PolicyDocument): Map<string, Set<string>> {
  const byPartition = new Map<string, Set<string>>();
  const byLimit = new Map<string, Set<string>>();
  for (const [name, { per = [] }] of Object.entries(policy.limits)) {
    const id = partitionId([per].flat());
    const keys = byPartition.get(id) ?? new Set();
    byPartition.set(id, keys);
    byLimit.set(name, keys);
  }
  return byLimit;
}
