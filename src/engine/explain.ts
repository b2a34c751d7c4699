import type { Decision, LimitDecision } from '../limiter/decision.ts';
import type { Question } from '../limiter/question.ts';
import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { GrantSource } from '../policy/grants.ts';
import { canonicalPath } from '../policy/path.ts';
import type { Request, Sources } from './request.ts';

/** One limit's part in a decision, told in full. */
export interface LimitExplanation extends LimitDecision {
  /** Units of the quota (token bucket: of the burst) that were in use before this request. */
  readonly used: number;
  /** Where the quota came from. */
  readonly quotaFrom: GrantSource;
  /** The reason that was given for a block, if the key is blocked. */
  readonly blockReason: string | undefined;
}

/** The whole story of one decision. */
export interface Explanation {
  /** The decision that `check` would make now. */
  readonly decision: Decision;
  /** Canonical form of the path; `undefined` if the descriptor named its group. */
  readonly path: string | undefined;
  /** The pattern that matched, as the policy has it. */
  readonly pattern: string | undefined;
  /** The group that was asked. */
  readonly group: string;
  /** The account's plan; `undefined` without one. */
  readonly tier: string | undefined;
  /** Whether the descriptor named the tier, or the policy's default was taken. */
  readonly tierFrom: 'descriptor' | 'default' | undefined;
  /** Each limit's part, in policy order. */
  readonly limits: readonly LimitExplanation[];
  /** The limit that decided: the one that blocks, or the one nearest to empty. */
  readonly decidedBy: string | undefined;
  /** All of it as lines of text. */
  readonly text: string;
}

/**
 * Each limit's part in a decision that has just been made.
 *
 * @param questions - to the limits, which still hold what was said
 */
export function limitsOf(
  decision: Decision,
  questions: readonly Question[],
  sources: Sources,
): LimitExplanation[] {
  return questions.map((question, i) => {
    const limit = decision.limits[i] as LimitDecision;
    return {
      ...limit,
      used: limit.key === undefined ? 0 : question.used(decision.at),
      quotaFrom: sources.get(question) ?? 'limit',
      blockReason: question.blockReason,
    };
  });
}

/** What was asked, and how it was understood. */
interface Asked {
  readonly descriptor: LooseDescriptor;
  readonly request: Request;
}

/** The whole story of a decision. */
export function explanationOf(
  decision: Decision,
  limits: readonly LimitExplanation[],
  { descriptor, request: { match, tier } }: Asked,
): Explanation {
  const isRouted = descriptor.group === undefined;
  const tierFrom = descriptor.tier === undefined ? 'default' : 'descriptor';
  const story: Omit<Explanation, 'text'> = {
    decision,
    path: isRouted ? canonicalPath(String(descriptor.path)) : undefined,
    pattern: match?.pattern.text,
    group: decision.group,
    tier,
    tierFrom: tier === undefined ? undefined : tierFrom,
    limits,
    decidedBy: decision.limit,
  };
  return { ...story, text: tell(story) };
}

/** Tells the story as text. */
function tell(story: Omit<Explanation, 'text'>): string {
  const { decision, path, pattern, group, tier, tierFrom, limits } = story;
  return [
    `${decision.allowed ? 'allowed' : `denied (${decision.reason})`} at ${instant(decision.at)}`,
    path === undefined ? undefined : `path     ${path}`,
    path === undefined ? undefined : `pattern  ${pattern ?? 'none matches'}`,
    `group    ${group}`,
    tier === undefined ? undefined : `tier     ${tier}${tierFrom === 'default' ? ' (default)' : ''}`,
    limits.length === 0 ? 'no limits apply' : undefined,
    ...limits.map((limit) => tellLimit(limit, limit.name === story.decidedBy)),
    ...(decision.allowed ? [] : [`retry    ${retry(decision)}`]),
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}

function tellLimit(limit: LimitExplanation, decides: boolean): string {
  const { name, kind, unit, key, cost, quota, window, burst, used, quotaFrom, remaining, blockReason } =
    limit;
  const per = window === undefined ? '' : ` per ${window} ms`;
  const shadow = limit.mode === 'shadow' ? ', in the shadow' : '';
  const verdict = `${limit.allowed ? 'agrees' : `refuses (${limit.reason})`}${shadow}`;
  const lines = [
    `${decides ? '*' : ' '} ${name}: ${verdict}`,
    `    ${kind}, ${quota} ${unit}${per}${burst === undefined ? '' : `, burst ${burst}`} (from the ${quotaFrom})`,
    `    key ${key === undefined ? 'missing' : JSON.stringify(key)}: ${used} used, ${remaining} left, this takes ${cost}`,
  ];
  if (limit.retryAt !== undefined) lines.push(`    agrees ${retry(limit)}`);
  if (limit.reason === 'blocked')
    lines.push(`    blocked${blockReason === undefined ? '' : `: ${blockReason}`}`);
  return lines.join('\n');
}

function retry({ retryAt }: { readonly retryAt: number | undefined }): string {
  if (retryAt === undefined) return 'when a permit comes back';
  return retryAt === Number.POSITIVE_INFINITY ? 'never' : `at ${instant(retryAt)}`;
}

/** ISO 8601 where a date can say it, else milliseconds. */
function instant(ms: number): string {
  return ms <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}
