import type { LoggedRequest } from '../lab/trace/request.ts';
import type { Decision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { partitionId } from '../policy/partition.ts';
import { type Replayed, replay, type Side } from './replay.ts';

/** How many requests of a group went ahead. */
interface Tally {
  allowed: number;
  denied: number;
}

/** What a policy would have done to a log. */
export interface Outcome extends Replayed {
  readonly allowed: number;
  readonly denied: number;
  /** By group; every group of the policy, and `unmatched` if there was such a request. */
  readonly groups: ReadonlyMap<string, Tally>;
  /** By limit, how many requests its own answer denied; every limit of the policy. In the shadow, none are. */
  readonly limits: ReadonlyMap<string, number>;
  /** Distinct partition keys, counted per partition. */
  readonly keys: number;
}

/**
 * Asks a policy about every request, and sums up what it decides.
 *
 * @param requests - in time order
 * @param refused - told of each request that the policy takes for misuse; it counts nowhere in the outcome
 */
export async function outcomeOf(
  requests: readonly LoggedRequest[],
  policy: PolicyDocument,
  side: Side,
  refused: (line: number, reason: string) => void,
): Promise<Outcome> {
  const groups = new Map<string, Tally>();
  for (const name of Object.keys(policy.groups)) groups.set(name, { allowed: 0, denied: 0 });
  const limits = new Map(Object.keys(policy.limits).map((name) => [name, 0]));
  const seen = keySets(policy);
  const total: Tally = { allowed: 0, denied: 0 };
  const count = (decision: Decision): void => {
    const group = groups.get(decision.group) ?? { allowed: 0, denied: 0 };
    groups.set(decision.group, group);
    const answer = decision.allowed ? 'allowed' : 'denied';
    total[answer] += 1;
    group[answer] += 1;
    for (const { name, key } of decision.limits) if (key !== undefined) seen.get(name)?.add(key);
    if (decision.allowed) return;
    for (const { name } of refusing(decision)) limits.set(name, (limits.get(name) ?? 0) + 1);
  };
  const replayed = await replay(
    requests,
    [side],
    ([answer]) => {
      if (typeof answer === 'string') return answer;
      count(answer);
      return undefined;
    },
    refused,
  );
  const keys = [...new Set(seen.values())].reduce((sum, { size }) => sum + size, 0);
  return { ...replayed, ...total, groups, limits, keys };
}

/** The limits that have denied a request. */
export function refusing({ limits }: Decision): Decision['limits'] {
  return limits.filter(({ allowed, mode }) => !allowed && mode !== 'shadow');
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
