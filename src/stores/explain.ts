import { explanationOf, type LimitExplanation, limitsOf } from '../engine/explain.ts';
import type { Sources } from '../engine/request.ts';
import type { LimitDecision } from '../limiter/decision.ts';
import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { Millis } from '../time.ts';
import type { Call } from './call.ts';
import type { Decider } from './decider.ts';
import type { DistributedExplanation } from './explanation.ts';

/** What was asked. */
interface Asked {
  readonly call: Call;
  /** A copy. */
  readonly descriptor: LooseDescriptor;
  /** Where each quota came from. */
  readonly sources: Sources;
  readonly now: Millis | undefined;
}

/** Has a request looked at, and tells what was found. */
export async function explain(
  decider: Decider,
  { call, descriptor, sources, now }: Asked,
): Promise<DistributedExplanation> {
  let limits: readonly LimitExplanation[] | undefined;
  const decision = await decider.decide(call, now, 'peek', (decided, inquiry) => {
    if (inquiry !== undefined) limits = limitsOf(decided, inquiry.all, sources);
  });
  limits ??= decision.limits.map((limit) => ownUsage(limit, sources));
  const { source } = decision;
  const story = explanationOf(decision, limits, { descriptor, request: call.request });
  return { ...story, decision, source, text: `${story.text}\nsource   ${source}` };
}

/** What this process has used of its share. */
function ownUsage(limit: LimitDecision, sources: Sources): LimitExplanation {
  const { name, burst, quota, remaining } = limit;
  const quotaFrom = [...sources].find(([{ slot }]) => slot.name === name)?.[1] ?? 'limit';
  return { ...limit, used: (burst ?? quota) - remaining, quotaFrom, blockReason: undefined };
}
