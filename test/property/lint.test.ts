import fc from 'fast-check';
import { lintPolicy } from 'headgate/lint';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/engine.ts';
import type { Decision } from '../../src/limiter/decision.ts';
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

const small = fc.integer({ min: 1, max: 12 });
const rate: fc.Arbitrary<LimitDocument> = fc
  .record({
    kind: fc.constantFrom('first-use', 'epoch', 'sliding-window', 'token-bucket'),
    quota: small,
    factor: fc.constantFrom(1, 1, 1, 2, 3, 5, 8),
    window: fc.constantFrom(1, 2, 4, 5, 8, 12),
    burst: fc.option(small, { nil: undefined }),
    per: fc.constantFrom('account', 'account', ['account', 'call']),
  })
  .map(({ kind, quota, factor, window, burst, per }): LimitDocument => {
    const base = { quota: quota * factor, window, per };
    if (kind === 'sliding-window') return { algorithm: 'sliding-window', ...base };
    if (kind === 'token-bucket')
      return {
        algorithm: 'token-bucket',
        ...base,
        ...(burst === undefined ? {} : { burst: burst * factor }),
      };
    return { algorithm: 'fixed-window', ...base, anchor: kind === 'epoch' ? 'epoch' : 'first-use' };
  });
const permits = fc
  .record({ quota: small, per: fc.constantFrom('account', ['account', 'call']) })
  .map((fields): LimitDocument => ({ algorithm: 'concurrency', ...fields }));

/** Two limits that two groups have, one of them perhaps alone in a third, and tiers. */
const pairedPolicy = fc
  .record({
    pair: fc.oneof({ arbitrary: fc.tuple(rate, rate), weight: 5 }, fc.tuple(permits, permits)),
    isAlone: fc.constantFrom(undefined, undefined, 'one' as const, 'two' as const),
    grants: fc.array(fc.tuple(fc.option(small), fc.option(small)), { maxLength: 2 }),
    leave: fc.nat(2),
  })
  .map(({ pair: [one, two], isAlone, grants, leave }): PolicyDocument => {
    const tiers = grants.map(([a, b], i) => [
      `t${i}`,
      { ...(a === null ? {} : { one: a }), ...(b === null ? {} : { two: b }) },
    ]);
    const groups = {
      main: { limits: ['one', 'two'] },
      other: {
        limits: ['two', 'one'],
        ...(one.algorithm === 'concurrency' && leave > 0 ? { leave: { one: leave } } : {}),
      },
      ...(isAlone === undefined ? {} : { alone: { limits: [isAlone] } }),
    };
    return { version: 1, limits: { one, two }, groups, tiers: Object.fromEntries(tiers), unmatched: 'deny' };
  });

/** Requests that come where windows begin and end, and all at once. */
const requests = fc.array(
  fc.record({
    wait: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5, 7, 8, 11, 12, 24),
    cost: fc.constantFrom(1, 1, 1, 2, 5, 12),
    call: fc.constantFrom('c1', 'c1', 'c2'),
    group: fc.constantFrom('main', 'main', 'other', 'alone'),
    ends: fc.boolean(),
  }),
  { minLength: 40, maxLength: 120 },
);
type Requests = typeof requests extends fc.Arbitrary<infer T> ? T : never;

/** Every decision on these requests, of an account that is in one tier throughout. */
function* decisionsOn(
  policy: PolicyDocument,
  asked: Requests,
  tier: string | undefined,
): Generator<Decision> {
  let now = 1_000;
  const clock = { now: () => now };
  const engine = createEngine(policy, { clock });
  const open: { release(): boolean }[] = [];
  for (const { wait, cost, call, group, ends } of asked) {
    now += wait;
    if (ends) open.shift()?.release();
    const name = group in policy.groups ? group : 'main';
    const facts = { group: name, account: 'a', call, cost, ...(tier === undefined ? {} : { tier }) };
    const admission = engine.tryAcquire(facts);
    if (admission.allowed) open.push(admission);
    yield admission;
  }
}

/** Whether a limit was seen to deny what the other one allowed. */
function bindsAlone(weak: string, decisions: Iterable<Decision>): boolean {
  return [...decisions].some(({ limits }) => {
    const [own] = limits.filter(({ name }) => name === weak);
    return own?.allowed === false && limits.every((each) => each === own || each.allowed);
  });
}

describe('a limit', () => {
  it('should never deny what others allow, where that is claimed', () => {
    const count = { always: 0, tier: 0, bound: 0, unclaimed: 0 };
    fc.assert(
      fc.property(pairedPolicy, requests, (policy, asked) => {
        const findings = lintPolicy(policy);
        const tiers = Object.keys(policy.tiers ?? {});
        for (const weak of ['one', 'two']) {
          const isNever = findings.some(
            ({ code, path }) => code === 'never-binding-limit' && path === `limits.${weak}`,
          );
          for (const tier of [undefined, ...tiers]) {
            const isLoose = findings.some(
              ({ code, path }) => code === 'loose-tier' && path === `tiers.${tier}.${weak}`,
            );
            const isBinding = bindsAlone(weak, decisionsOn(policy, asked, tier));
            if (isNever || isLoose) expect(isBinding).toBe(false);
            if (isNever) count.always++;
            else if (isLoose) count.tier++;
            else count[isBinding ? 'bound' : 'unclaimed']++;
          }
        }
      }),
      { numRuns: 1500 },
    );
    // Neither may be rare, or the property says nothing.
    expect(count.always).toBeGreaterThan(300);
    expect(count.tier).toBeGreaterThan(150);
    expect(count.bound).toBeGreaterThan(2000);
  });
});
