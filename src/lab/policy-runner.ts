import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/contract.ts';
import { createEngine } from '../engine/engine.ts';
import { isHeadgateError } from '../errors.ts';
import type { Decision, LimitDecision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { isConcurrency } from '../policy/plans.ts';
import type { Arrival } from './arrival.ts';
import type { Asked, Runner, Setting, Taken } from './contender.ts';
import { costsFor } from './units.ts';

/** A policy as a contender, and the engine that decides by it. */
export interface PolicyRunner extends Runner {
  readonly engine: Engine;
}

/**
 * A policy as a contender. Arrivals that hold permits for a while acquire them, and wait where their group has a queue;
 * others are checked.
 */
export function policyRunner(
  document: PolicyDocument,
  { clock, maxKeys, seed }: Pick<Setting, 'clock' | 'maxKeys' | 'seed'>,
): PolicyRunner {
  const engine = createEngine(document, { clock, maxKeys, seed });
  const { policy } = engine;
  const describe = describer(policy);
  const counted = costsFor(policy);
  const descriptorOf = (arrival: Arrival) =>
    arrival.descriptor ? counted(arrival.descriptor) : describe(arrival);
  const isWaiting = Object.values(policy.groups).some(({ queue }) => queue !== undefined);
  return {
    engine,
    kind: 'policy',
    isWaiting,
    check(_key, _cost, now, arrival) {
      const descriptor = descriptorOf(arrival);
      if (arrival.hold === undefined) return engine.check(descriptor, { now });
      return isWaiting ? engine.acquire(descriptor) : engine.tryAcquire(descriptor, { now });
    },
    asked: (verdict) => (verdict as Decision).limits.flatMap(askedOf),
    peek(arrival) {
      try {
        return engine.peek(descriptorOf(arrival)).limits.flatMap(askedOf);
      } catch (error) {
        // What one policy can decide about may be misuse for another.
        if (isHeadgateError(error, 'DescriptorError') || isHeadgateError(error, 'CostError')) return [];
        throw error;
      }
    },
    work(verdict) {
      const admission = verdict as Admission;
      if (admission.holdsPermits !== true) return undefined;
      return { taken: admission.limits.flatMap(takenOf), end: () => admission.release() };
    },
  };
}

/** The policy as one that nobody has to wait for, and whether its limits want to be told when work is over. */
export function unqueued(policy: PolicyDocument): {
  readonly policy: PolicyDocument;
  readonly holds: boolean;
} {
  const groups = Object.entries(policy.groups).map(([name, { queue: _queue, ...group }]) => [name, group]);
  return {
    policy: { ...policy, groups: Object.fromEntries(groups) },
    holds: Object.values(policy.limits).some(isConcurrency),
  };
}

/** A limit in the shadow decides nothing, so nobody is measured by it. */
function askedOf({ name, key, cost, quota, window, mode }: LimitDecision): Asked[] {
  return key === undefined || window === undefined || mode === 'shadow'
    ? []
    : [{ limit: name, key, cost, quota, window }];
}

function takenOf({ name, kind, key, cost, quota, mode }: LimitDecision): Taken[] {
  return key === undefined || kind !== 'concurrency' || mode === 'shadow'
    ? []
    : [{ limit: name, key, permits: cost, quota }];
}

/** Makes a descriptor of a request that has only a key: every partition field holds it. */
function describer({ limits, groups }: PolicyDocument): (arrival: Arrival) => Record<string, unknown> {
  const fields = [...new Set(Object.values(limits).flatMap(({ per = [] }) => [per].flat()))];
  const units = new Set(
    Object.values(limits).map((limit) => ('unit' in limit ? limit.unit : undefined) ?? 'requests'),
  );
  const isPlain = [...units].every((unit) => unit === 'requests');
  const [group, ...others] = Object.keys(groups);
  const named = group === undefined || others.length > 0 ? {} : { group };
  return ({ key, cost }) => {
    const costs = isPlain ? cost : Object.fromEntries([...units].map((unit) => [unit, cost]));
    const descriptor: Record<string, unknown> = { ...named, cost: costs };
    for (const field of fields) descriptor[field] = key;
    return descriptor;
  };
}
