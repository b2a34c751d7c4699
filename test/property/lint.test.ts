import fc from 'fast-check';
import { lintPolicy } from 'headgate/lint';
import { describe, expect, it } from 'vitest';
import type { LimitDocument, PolicyDocument } from '../../src/policy/document.ts';
import { conflicts, createMatcher } from '../../src/policy/match.ts';
import { parsePattern } from '../../src/policy/pattern.ts';
import { ALGORITHMS, anyPolicy } from '../fixtures/random-policies.ts';

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  }
  return value;
}

/** A text for each path, in whose order paths should be. */
function rankOf(path: string): string {
  return path
    .split('.')
    .map((step) => (/^\d+$/.test(step) ? step.padStart(9, '0') : step))
    .join('\0');
}

/** What a path leads to in a document. */
function valueAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce((value, step) => (value as Record<string, unknown> | undefined)?.[step], document);
}

describe('lintPolicy', () => {
  it('should take every sound policy, change nothing, and say where each finding is', () => {
    const codes = new Set<string>();
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        const findings = lintPolicy(frozen(policy), { algorithms: ALGORITHMS });
        expect(lintPolicy(structuredClone(policy), { algorithms: ALGORITHMS })).toEqual(findings);
        for (const { code, path, message, remedy } of findings) {
          codes.add(code);
          expect(valueAt(policy, path), path).toBeDefined();
          expect(`${message} ${remedy}`).not.toMatch(/undefined|NaN|\[object|[\r\n]/);
        }
        const ranks = findings.map(({ path }) => rankOf(path));
        expect(new Set(findings.map((each) => JSON.stringify(each))).size).toBe(findings.length);
        expect(ranks).toEqual(ranks.toSorted());
      }),
      { numRuns: 1000 },
    );
    expect([...codes]).toEqual(expect.arrayContaining(['unused-limit', 'unused-tier', 'unmatched-allowed']));
  });
});

const METHODS = ['GET', 'HEAD', 'POST', 'BREW'];
const WORDS = ['a', 'b', 'B', 'x'];
/** One more than the longest pattern has before its rest. */
const DEEPEST = 4;

/** Every path of up to this many segments. */
const PATHS = Array.from({ length: DEEPEST + 1 }, (_, depth) =>
  Array.from({ length: depth }).reduce<string[]>(
    (paths) => paths.flatMap((p) => WORDS.map((w) => `${p}/${w}`)),
    [''],
  ),
).flat();

const patternText = fc
  .record({
    methods: fc.constantFrom('*', 'GET', 'HEAD', 'POST', 'GET|POST', 'GET|HEAD'),
    segments: fc.array(fc.constantFrom('a', 'b', 'B', '*', '*', ':p', ':p'), { maxLength: 3 }),
    rest: fc.constantFrom('', '/**'),
  })
  .map(({ methods, segments, rest }) => {
    const named = segments.map((text, i) => (text === ':p' ? `:p${i}` : text));
    return `${methods} /${named.join('/')}${rest}`.replace('//', '/');
  });

/** Groups with one pattern and a limit of its own each; no two patterns are equal. */
const routedPolicy = fc
  .record({ texts: fc.array(patternText, { minLength: 2, maxLength: 9 }), isSensitive: fc.boolean() })
  .map(({ texts, isSensitive }): PolicyDocument => {
    const letterCase = isSensitive ? 'sensitive' : 'insensitive';
    const routes = texts.map((text) => ({ pattern: parsePattern(text), group: text }));
    const twice = new Set(conflicts(routes, { case: letterCase }).map(({ second }) => second));
    const kept = routes.filter((route) => !twice.has(route)).map(({ group }) => group);
    const limit = (i: number): LimitDocument => ({ algorithm: 'concurrency', quota: i + 1, per: `f${i}` });
    return {
      version: 1,
      limits: Object.fromEntries(kept.map((_text, i) => [`l${i}`, limit(i)])),
      groups: Object.fromEntries(kept.map((text, i) => [`g${i}`, { match: [text], limits: [`l${i}`] }])),
      unmatched: 'deny',
      paths: { case: letterCase },
    };
  });

/** What each pattern wins of all requests there are, by the methods it lists. */
function winsOf({ groups, paths }: PolicyDocument): Map<string, Set<string>> {
  const routes = Object.entries(groups).flatMap(([group, { match = [] }]) =>
    match.map((text) => ({ pattern: parsePattern(text), group })),
  );
  const matcher = createMatcher(routes, { case: paths?.case ?? 'insensitive' });
  const wins = new Map(Object.keys(groups).map((group) => [group, new Set<string>()]));
  for (const path of PATHS) {
    for (const method of METHODS) {
      const match = matcher.match(method, path);
      if (match !== undefined) wins.get(match.group)?.add(`${method} ${path}`);
    }
  }
  return wins;
}

describe('a pattern', () => {
  it('should be called unreachable just where it wins none of all short requests', () => {
    const count = { pattern: 0, method: 0 };
    fc.assert(
      fc.property(routedPolicy, (policy) => {
        const wins = winsOf(policy);
        const findings = lintPolicy(policy);
        for (const [group, { match: [text = ''] = [] }] of Object.entries(policy.groups)) {
          const own = wins.get(group) ?? new Set();
          const { methods } = parsePattern(text);
          const dead = methods.filter((method) =>
            [...own].every((request) => method !== '*' && !request.startsWith(`${method} `)),
          );
          const alive =
            methods.includes('*') && own.size > 0 ? methods : methods.filter((m) => !dead.includes(m));
          const at = findings
            .filter(({ path }) => path === `groups.${group}.match.0`)
            .map(({ code }) => code);
          const isDead = methods.includes('*') ? own.size === 0 : alive.length === 0;
          expect(at.includes('unreachable-pattern'), text).toBe(isDead);
          expect(at.includes('unreachable-method'), text).toBe(!isDead && alive.length < methods.length);
          if (isDead) count.pattern++;
          else if (alive.length < methods.length) count.method++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(count.pattern).toBeGreaterThan(100);
    expect(count.method).toBeGreaterThan(20);
  });

  it('should be called shadowed only where another group takes what fits it, and not after the remedy', () => {
    let mended = 0;
    fc.assert(
      fc.property(routedPolicy, (policy) => {
        const wins = winsOf(policy);
        for (const { code, path, message, remedy } of lintPolicy(policy)) {
          if (code !== 'shadowed-pattern') continue;
          const [, group = ''] = path.split('.');
          expect(wins.get(group)?.size).toBeGreaterThan(0);
          const [, text = ''] = /^List "(.*?)" in the group/.exec(remedy) ?? [];
          const pattern = parsePattern(text);
          const fitting = createMatcher([{ pattern, group }], { case: policy.paths?.case ?? 'insensitive' });
          const others = [...wins].filter(
            ([name]) => name !== group && message.includes(`of group "${name}"`),
          );
          const taken = others.flatMap(([, requests]) => [...requests]);
          expect(taken.some((request) => isFitting(fitting, request))).toBe(true);

          const match = [...(policy.groups[group]?.match ?? []), text];
          const groups = { ...policy.groups, [group]: { limits: [], ...policy.groups[group], match } };
          const rest = lintPolicy({ ...policy, groups }).map((finding) => finding.message);
          expect(rest).not.toContain(message);
          mended++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(mended).toBeGreaterThan(50);
  });
});

function isFitting(matcher: ReturnType<typeof createMatcher>, request: string): boolean {
  const [method = '', path = ''] = request.split(' ');
  return matcher.match(method, path) !== undefined;
}
