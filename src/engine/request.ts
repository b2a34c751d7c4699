/**
 * From a descriptor to the limits that apply to it: the group, and for each limit whose budget, which quota and what
 * cost. Everything a caller can get wrong is found here, before any limit is asked.
 *
 * @module
 */

import { CostError, DescriptorError, isHeadgateError, join, show, suggest } from '../errors.ts';
import { checkCost } from '../limiter/cost.ts';
import type { Question } from '../limiter/question.ts';
import type { CompiledGroup, CompiledPolicy } from '../policy/compile.ts';
import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { GrantSource } from '../policy/grants.ts';
import type { Match } from '../policy/match.ts';

/** What a request was found to be. */
export interface Request {
  /** `undefined` where no pattern matched and the policy names no group for that. */
  readonly group: CompiledGroup | undefined;
  /** The pattern that matched, unless the caller named the group. */
  readonly match: Match | undefined;
  readonly tier: string | undefined;
}

/**
 * Finds the group and the tier of a request.
 *
 * @throws DescriptorError: `no-descriptor`, `unknown-group`, `unknown-tier`, `missing-field`, `bad-value`
 */
export function readRequest(policy: CompiledPolicy, descriptor: LooseDescriptor): Request {
  if (typeof descriptor !== 'object' || descriptor === null) {
    throw wrong(
      'no-descriptor',
      'descriptor',
      descriptor,
      `${show(descriptor)} is no descriptor; give an object`,
    );
  }
  const tier = readTier(policy, descriptor.tier);
  if (descriptor.group !== undefined) {
    const group = typeof descriptor.group === 'string' ? policy.groups.get(descriptor.group) : undefined;
    if (group !== undefined) return { group, match: undefined, tier };
    throw unknownName('group', descriptor.group, [...policy.groups.keys()]);
  }
  const { method, path } = descriptor;
  if (typeof path !== 'string') {
    const message = `path is ${show(path)}; give a group, or a method and a path`;
    throw wrong(path === undefined ? 'missing-field' : 'bad-value', 'path', path, message);
  }
  if (typeof method !== 'string') {
    const message = `method is ${show(method)}; give the request's method, such as "GET"`;
    throw wrong(method === undefined ? 'missing-field' : 'bad-value', 'method', method, message);
  }
  const match = policy.matcher.match(method, path);
  return { group: policy.groups.get(match?.group ?? policy.document.unmatched), match, tier };
}

/** Where each quota came from. */
export type Sources = Map<Question, GrantSource>;

/**
 * Fills in the group's questions for one request.
 *
 * @param sources - where each quota came from is written here, if given
 * @throws DescriptorError or CostError naming the field; no state has changed then
 */
export function fillQuestions(
  policy: CompiledPolicy,
  group: CompiledGroup,
  descriptor: LooseDescriptor,
  request: Request,
  sources?: Sources,
): void {
  const { quotas, cost } = descriptor;
  const own = quotas === undefined ? undefined : readQuotas(policy, quotas);
  if (cost !== undefined) checkCosts(policy, cost);
  const params = request.match?.params;
  for (const { row, partition, missing } of group.places)
    row.key = partition.keyOf(descriptor, params, missing);
  for (const { question, grants } of group.members) {
    const { name, unit } = question.slot;
    const { granted, source } = grants.find(descriptor, params, request.tier, own?.[name]);
    question.terms = granted;
    question.cost = costOf(cost, unit, name);
    sources?.set(question, source);
  }
  if (group.shadows.members.length > 0) fillShadows(group.shadows, descriptor, request, own, sources);
}

/** The same for shadow limits: what is wrong with a request for them alone is not wrong; they have nobody to ask about. */
function fillShadows(
  { members, places }: CompiledGroup['shadows'],
  descriptor: LooseDescriptor,
  request: Request,
  own: Readonly<Record<string, unknown>> | undefined,
  sources: Sources | undefined,
): void {
  const params = request.match?.params;
  for (const { row, partition, missing } of places) {
    row.key = attempt(() => partition.keyOf(descriptor, params, missing));
  }
  for (const { question, grants, quotaName } of members) {
    const { name, unit } = question.slot;
    const found = attempt(() => grants.find(descriptor, params, request.tier, own?.[quotaName]));
    const cost = attempt(() => costOf(descriptor.cost, unit, name));
    question.isUnanswerable = found === undefined || cost === undefined;
    if (found === undefined || cost === undefined) continue;
    question.terms = found.granted;
    question.cost = cost;
    sources?.set(question, found.source);
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isHeadgateError(error)) return undefined;
    throw error;
  }
}

/** @throws DescriptorError (`needs-permits`) for a group whose requests hold permits */
export function checkRatesOnly(group: CompiledGroup): void {
  if (group.permits === undefined) return;
  const message = `group ${show(group.name)} holds permits of ${show(group.permits)}, which check cannot give back; use tryAcquire, acquire or run`;
  throw wrong('needs-permits', 'group', group.name, message);
}

function readTier(policy: CompiledPolicy, tier: unknown): string | undefined {
  if (tier === undefined) return policy.document.defaultTier;
  if (typeof tier === 'string' && policy.tiers.has(tier)) return tier;
  throw unknownName('tier', tier, [...policy.tiers]);
}

function readQuotas(policy: CompiledPolicy, quotas: unknown): Readonly<Record<string, unknown>> {
  if (typeof quotas !== 'object' || quotas === null) {
    throw wrong('bad-value', 'quotas', quotas, `quotas is ${show(quotas)}; give quotas by limit`);
  }
  const { limits } = policy.document;
  for (const name of Object.keys(quotas)) {
    if (!Object.hasOwn(limits, name))
      throw unknownName('limit', name, Object.keys(limits), join('quotas', name));
  }
  return quotas as Readonly<Record<string, unknown>>;
}

/** A cost is checked whole, whichever limits apply. By unit, it may not name one that no limit of the policy counts. */
function checkCosts(policy: CompiledPolicy, cost: unknown): void {
  if (typeof cost !== 'object' || cost === null) {
    checkCost(cost);
    return;
  }
  for (const [unit, value] of Object.entries(cost)) {
    const path = join('cost', unit);
    if (!policy.units.has(unit)) {
      const message = `no limit counts ${show(unit)}${suggest(unit, [...policy.units])}`;
      throw new CostError({ code: 'unknown-unit', path, value, message });
    }
    checkCost(value, path);
  }
}

function costOf(cost: unknown, unit: string, limit: string): number {
  if (typeof cost === 'object' && cost !== null) {
    const value = (cost as Readonly<Record<string, unknown>>)[unit];
    if (value !== undefined) return checkCost(value, join('cost', unit));
  } else if (unit === 'requests' && cost !== undefined) {
    return checkCost(cost);
  }
  if (unit === 'requests' || unit === 'permits') return 1;
  const message = `limit ${show(limit)} counts ${unit}; give cost: { ${unit}: n }`;
  throw new CostError({ code: 'missing-cost', path: join('cost', unit), value: undefined, message });
}

function unknownName(what: string, value: unknown, known: readonly string[], path = what): DescriptorError {
  return wrong(`unknown-${what}`, path, value, `unknown ${what} ${show(value)}${suggest(value, known)}`);
}

function wrong(code: string, path: string, value: unknown, message: string): DescriptorError {
  return new DescriptorError({ code, path, value, message });
}
