/**
 * What changed from one policy to another.
 *
 * @module headgate/diff
 */

import { checkGiven, join } from '../errors.ts';
import { readDuration } from '../time.ts';
import type { UsageReport } from './carry.ts';
import type { PolicyDocument } from './document.ts';
import { createMatcher } from './match.ts';
import { parsePattern } from './pattern.ts';

/** One field that differs. */
export interface FieldChange {
  /** Where it stands, as a dotted path such as `limits.reads.quota`. */
  readonly path: string;
  /** What stood there; `undefined`: nothing. */
  readonly before: unknown;
  /** What stands there now; `undefined`: nothing. */
  readonly after: unknown;
}

/** Where the requests of a pattern go that only one of the two policies has. */
export interface MatchChange {
  /** The pattern, with one of its methods; `unmatched`: what no pattern matches. */
  readonly pattern: string;
  /** The group of a request that nothing more specific matches, before; `allow` or `deny` where none matched. */
  readonly before: string;
  /** The same, now. */
  readonly after: string;
}

/** Names that came, went, or stand for something else now. */
export interface NameChanges {
  /** Names that are new. */
  readonly added: readonly string[];
  /** Names that are gone. */
  readonly removed: readonly string[];
  /** Names under which some field differs. */
  readonly changed: readonly string[];
}

/** What changed from one policy to another. */
export interface PolicyDiff {
  /** Limits by name. */
  readonly limits: NameChanges;
  /** Groups by name. */
  readonly groups: NameChanges;
  /** Tiers by name. */
  readonly tiers: NameChanges;
  /** Every field that differs, in the order of the documents. */
  readonly changes: readonly FieldChange[];
  /** Patterns whose requests go to another group. */
  readonly matching: readonly MatchChange[];
}

/** What `reload` did. */
export interface ReloadReport extends PolicyDiff {
  /** What became of the usage of each limit, and why; a candidate is called `limit.candidate`. */
  readonly usage: readonly UsageReport[];
  /** All of it as lines of text. */
  readonly text: string;
}

/**
 * What changed from one policy to another. Lengths of time are compared as such: `"60s"` is `"1m"`.
 *
 * @param before - a policy that has been parsed, as `after`
 * @throws PolicyError naming the one that is no policy; use `parsePolicy` to find out what is wrong with it
 */
export function diffPolicies(before: PolicyDocument, after: PolicyDocument): PolicyDiff {
  checkPolicy(before, 'before');
  checkPolicy(after, 'after');
  const changes = [...changesIn(before, after, '')];
  return {
    limits: namesIn('limits', before, after, changes),
    groups: namesIn('groups', before, after, changes),
    tiers: namesIn('tiers', before, after, changes),
    changes,
    matching: matchChanges(before, after),
  };
}

function checkPolicy(policy: PolicyDocument, path: string): void {
  const { limits, groups }: Partial<PolicyDocument> = policy ?? {};
  const isRight = isFields(limits) && isFields(groups);
  checkGiven(isRight, path, policy, 'a policy: an object with limits and groups, as parsePolicy returns it');
}

/**
 * The diff and what became of usage, as text.
 *
 * @throws PolicyError naming the argument that is none
 */
export function tellDiff(diff: PolicyDiff, usage: readonly UsageReport[] = []): string {
  const { changes, matching }: Partial<PolicyDiff> = diff ?? {};
  checkGiven(Array.isArray(changes) && Array.isArray(matching), 'diff', diff, 'what diffPolicies returned');
  checkGiven(Array.isArray(usage), 'usage', usage, 'the usage of a ReloadReport');
  const told = usage.filter(({ usage }) => usage !== 'kept' && usage !== 'new');
  const kept = usage.filter((report) => report.usage === 'kept').map(({ limit }) => limit);
  return [
    ...(changes.length === 0 ? ['nothing changed'] : changes.map(tellChange)),
    ...matching.map(({ pattern, before, after }) => `> ${pattern}: ${before} -> ${after}`),
    ...told.map(({ limit, usage, why }) => `usage of ${limit}: ${usage} (${why})`),
    ...(kept.length === 0 ? [] : [`usage kept: ${kept.join(', ')}`]),
  ].join('\n');
}

function tellChange({ path, before, after }: FieldChange): string {
  if (before === undefined) return `+ ${path}: ${JSON.stringify(after)}`;
  if (after === undefined) return `- ${path}: ${JSON.stringify(before)}`;
  return `~ ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
}

/** Where names stand for entries: a whole entry that came or went is one change. */
function* changesIn(before: unknown, after: unknown, path: string): Generator<FieldChange> {
  if (isEqual(before, after)) return;
  const isDeep = isFields(before) && isFields(after);
  if (!isDeep) yield { path, before, after };
  else {
    for (const field of new Set([...Object.keys(before), ...Object.keys(after)]))
      yield* changesIn(own(before, field), own(after, field), join(path, field));
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a === 'object' || typeof b === 'object') {
    return Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b);
  }
  const [x, y] = [readDuration(a), readDuration(b)];
  return x !== undefined && x === y;
}

function namesIn(
  part: 'limits' | 'groups' | 'tiers',
  before: PolicyDocument,
  after: PolicyDocument,
  changes: readonly FieldChange[],
): NameChanges {
  const [was, is] = [Object.keys(before[part] ?? {}), Object.keys(after[part] ?? {})];
  const touched = new Set(
    changes.filter(({ path }) => path.startsWith(`${part}.`)).map(({ path }) => path.split('.')[1]),
  );
  return {
    added: is.filter((name) => !was.includes(name)),
    removed: was.filter((name) => !is.includes(name)),
    changed: is.filter((name) => was.includes(name) && touched.has(name)),
  };
}

function matchChanges(before: PolicyDocument, after: PolicyDocument): MatchChange[] {
  const [was, is] = [routesOf(before), routesOf(after)];
  const patterns = new Set([...was.keys(), ...is.keys()]);
  const isSame = [...patterns].every((text) => was.get(text) === is.get(text));
  if (isSame && before.unmatched === after.unmatched && before.paths?.case === after.paths?.case) return [];
  const [old, now] = [judge(before, was), judge(after, is)];
  const requests = new Set([...patterns].flatMap(eachMethod));
  const moved = [...requests].map((pattern) => ({ pattern, before: old(pattern), after: now(pattern) }));
  const unmatched = { pattern: 'unmatched', before: before.unmatched, after: after.unmatched };
  return [...moved, unmatched].filter((change) => change.before !== change.after);
}

/** A pattern for each method that it lists. */
function eachMethod(pattern: string): string[] {
  const [methods = '', path = ''] = pattern.split(' ');
  return methods.split('|').map((method) => `${method} ${path}`);
}

function routesOf(policy: PolicyDocument): Map<string, string> {
  return new Map(
    Object.entries(policy.groups).flatMap(([group, { match = [] }]) => match.map((text) => [text, group])),
  );
}

/** Says which group gets a request that matches a pattern and nothing more specific. */
function judge(policy: PolicyDocument, routes: ReadonlyMap<string, string>): (pattern: string) => string {
  const compiled = [...routes].map(([text, group]) => ({ pattern: parsePattern(text), group }));
  const matcher = createMatcher(compiled, { case: policy.paths?.case ?? 'insensitive' });
  return (pattern) => {
    const [listed = '', path = ''] = pattern.split(' ');
    const method = listed === '*' ? 'UNLISTED' : listed;
    const sample = path
      .split('/')
      .map((segment) =>
        segment === '*' || segment.startsWith(':') ? '~any~' : segment === '**' ? '~any~/~rest~' : segment,
      )
      .join('/');
    return matcher.match(method, sample)?.group ?? policy.unmatched;
  };
}
