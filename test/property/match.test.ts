import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher, type Route } from '../../src/policy/match.ts';
import { canonicalPath, canonicalSegments } from '../../src/policy/path.ts';
import { type Pattern, type PatternSegment, parsePattern } from '../../src/policy/pattern.ts';
import { allParams } from '../fixtures/path-params.ts';

/** Any UTF-16, halves of pairs included. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
  .map((units) => String.fromCharCode(...units));

/** Text made of what paths are attacked with. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '//',
        '.',
        '..',
        '/./',
        '/../',
        '%',
        '%2',
        '%2e',
        '%2F',
        '%5c',
        '%00',
        '%25',
        '%61',
      ),
      fc.constantFrom(
        '\\',
        ';',
        '?',
        '#',
        'a',
        'B',
        '7',
        'http://',
        '*',
        ':x',
        'é',
        '%C3%A9',
        '%ff',
        '[',
        '|',
      ),
      anyText,
    ),
    { maxLength: 16 },
  )
  .map((parts) => parts.join(''));

describe('canonicalPath', () => {
  it('should change nothing the second time', () => {
    fc.assert(
      fc.property(hostileText, (target) => {
        const path = canonicalPath(target);
        expect(canonicalPath(path)).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });

  it('should hold only what may stand in a path, and no dot or empty segment', () => {
    fc.assert(
      fc.property(hostileText, (target) => {
        for (const segment of canonicalSegments(target)) {
          expect(segment).toMatch(/^(?:[\w!$&'()*+,;=:@.~-]|%[\dA-F]{2})+$/);
          expect(segment).not.toMatch(/^\.\.?$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('should read a path as the URL parser of the platform does', () => {
    // The parser drops tabs and line ends, and takes every backslash for a slash; no router does both.
    const path = hostileText.map((text) => `/${text.replaceAll(/[\\\t\n\r]/g, '')}`);
    fc.assert(
      fc.property(path, (target) => {
        // A query keeps the parser from trimming the path.
        const { pathname } = new URL(`http://x${target}?`);
        expect(canonicalPath(target)).toBe(canonicalPath(pathname));
      }),
      { numRuns: 2000 },
    );
  });
});

const METHODS = ['GET', 'HEAD', 'POST', 'BREW'];

const segmentText = fc.constantFrom('a', 'b', 'B', 'café', '*', ':p');
const patternText = fc
  .record({
    methods: fc.oneof(
      fc.constant('*'),
      fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST'), { minLength: 1 }).map((list) => list.join('|')),
    ),
    segments: fc.array(segmentText, { maxLength: 4 }),
    rest: fc.constantFrom('', '/**'),
  })
  .map(({ methods, segments, rest }) => {
    const named = segments.map((text, i) => (text === ':p' ? `:p${i}` : text));
    return `${methods} /${named.join('/')}${rest}`.replace('//', '/');
  });
const requestSegments = fc.array(fc.constantFrom('a', 'A', 'b', 'caf%C3%A9', 'x', 'x%2Fy'), { maxLength: 5 });

/** Tries every pattern, and sorts those that fit: no trie, no backtracking. */
function oracle(routes: readonly Route[], method: string, segments: readonly string[], fold: boolean) {
  const [best] = routes
    .filter(({ pattern }) => methodRank(pattern, method) < 3 && fits(pattern, segments, fold))
    .sort((a, b) => comparePatterns(a.pattern, b.pattern, method));
  return best;
}

function fits({ segments }: Pattern, actual: readonly string[], fold: boolean): boolean {
  const isOpen = segments.at(-1)?.kind === 'rest';
  const fixed = isOpen ? segments.slice(0, -1) : segments;
  if (isOpen ? actual.length < fixed.length : actual.length !== fixed.length) return false;
  return fixed.every((segment, i) => {
    if (segment.kind !== 'literal') return true;
    const text = actual[i] ?? '';
    return fold ? segment.text.toUpperCase() === text.toUpperCase() : segment.text === text;
  });
}

const RANK: Record<PatternSegment['kind'] | 'end', number> = {
  literal: 0,
  end: 0,
  param: 1,
  one: 2,
  rest: 3,
};

function comparePatterns(a: Pattern, b: Pattern, method: string): number {
  for (let i = 0; i < Math.max(a.segments.length, b.segments.length); i++) {
    const difference = RANK[a.segments[i]?.kind ?? 'end'] - RANK[b.segments[i]?.kind ?? 'end'];
    if (difference !== 0) return difference;
  }
  return methodRank(a, method) - methodRank(b, method);
}

function methodRank({ methods }: Pattern, method: string): number {
  const ranked = [method, method === 'HEAD' ? 'GET' : method, '*'];
  const rank = ranked.findIndex((candidate) => methods.includes(candidate));
  return rank === -1 ? 3 : rank;
}

describe('createMatcher', () => {
  it.each(['insensitive', 'sensitive'] as const)(
    'should pick what trying every pattern picks: %s',
    (mode) => {
      let matched = 0;
      fc.assert(
        fc.property(
          fc.array(patternText, { maxLength: 12 }),
          fc.constantFrom(...METHODS),
          requestSegments,
          (texts, method, segments) => {
            const routes = texts.map((text, i) => ({ pattern: parsePattern(text), group: `g${i}` }));
            const expected = oracle(routes, method, segments, mode === 'insensitive');
            const match = createMatcher(routes, { case: mode }).match(method, `/${segments.join('/')}`);
            if (expected !== undefined) matched++;
            expect(match?.group).toBe(expected?.group);
            expect(match?.pattern).toBe(expected?.pattern);
            expect(allParams(match)).toEqual(paramsOf(expected?.pattern, segments));
          },
        ),
        { numRuns: 3000 },
      );
      expect(matched).toBeGreaterThan(500);
    },
  );
});

function paramsOf(pattern: Pattern | undefined, segments: readonly string[]): Record<string, string> {
  const named = (pattern?.segments ?? []).map((segment, i) =>
    segment.kind === 'param' ? [[segment.name, decodeURIComponent(segments[i] ?? '')]] : [],
  );
  return Object.fromEntries(named.flat());
}

/** How one and the same path may be spelled. */
interface Spelling {
  readonly before: string;
  readonly after: string;
  readonly junk: readonly string[];
  readonly escapes: readonly ('none' | 'upper' | 'lower')[];
}

const spelling: fc.Arbitrary<Spelling> = fc.record({
  before: fc.constantFrom('', '', 'http://x', 'HTTPS://u:p@h:8080', '/.', '/', '/..'),
  after: fc.constantFrom('', '/', '//', '?x=/a/../b', '#f', '/?', '/.', '/x/..', '/%2E'),
  junk: fc.array(fc.constantFrom('/', '//', '/./', '/x/../', '/%2e/', '/x/%2E./', '/%2F/../'), {
    minLength: 1,
  }),
  escapes: fc.array(fc.constantFrom('none', 'upper', 'lower'), { minLength: 1 }),
});

function spell(segments: readonly string[], { before, after, junk, escapes }: Spelling): string {
  let letters = 0;
  const path = segments.map((segment, i) => {
    const escaped = segment.replaceAll(/%[\dA-F]{2}|[\w.!~*'()-]/g, (char) => {
      const how = escapes[letters++ % escapes.length];
      const code = char.length > 1 ? char : `%${char.charCodeAt(0).toString(16)}`;
      if (how === 'none') return char;
      return how === 'upper' ? code.toUpperCase() : code.toLowerCase();
    });
    return `${junk[i % junk.length]}${escaped}`;
  });
  return `${before}${path.join('')}${after}`;
}

describe('a path', () => {
  const routes = ['GET /login', 'GET /a/:id', 'GET /a/:id/edit', 'GET /café/b%2Ar', 'GET /**'].map(
    (text) => ({ pattern: parsePattern(text), group: text }),
  );
  const { match } = createMatcher(routes);
  const path = fc.oneof(
    fc.constantFrom(['login'], ['a', 'edit'], ['caf%C3%A9', 'b*r'], ['a', '.x', 'edit'], ['a', 'x%2Fy;z']),
    fc.array(fc.constantFrom('a', 'login', 'edit', 'Id-7~', '%E2%82%AC', ';', '...'), { maxLength: 4 }),
  );

  it('should keep its group and parameters in every spelling', () => {
    fc.assert(
      fc.property(path, spelling, (segments, how) => {
        const plain = match('GET', `/${segments.join('/')}`);
        const spelled = match('GET', spell(segments, how));
        expect(spelled?.group).toBe(plain?.group);
        expect(allParams(spelled)).toEqual(allParams(plain));
      }),
      { numRuns: 2000 },
    );
  });

  it('should keep its group in either case', () => {
    fc.assert(
      fc.property(path, spelling, (segments, how) => {
        const plain = match('GET', `/${segments.join('/')}`);
        expect(match('GET', spell(segments, how).toUpperCase())?.group).toBe(plain?.group);
        expect(match('GET', spell(segments, how).toLowerCase())?.group).toBe(plain?.group);
      }),
      { numRuns: 2000 },
    );
  });
});
