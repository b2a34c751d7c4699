import { describe, expect, it } from 'vitest';
import { conflicts, createMatcher, type MatchOptions, type Route } from '../../../src/policy/match.ts';
import { parsePattern } from '../../../src/policy/pattern.ts';
import { allParams } from '../../fixtures/path-params.ts';

/** Each pattern is a group of its own, named by its text. */
const routes = (...patterns: string[]): Route[] =>
  patterns.map((text) => ({ pattern: parsePattern(text), group: text }));

const matcher = (patterns: string[], options?: MatchOptions) => createMatcher(routes(...patterns), options);

/** A request -> the pattern it is to meet, or `-`. */
type Row = [request: string, pattern: string];

function rows(title: string, patterns: string[], table: Row[], options?: MatchOptions): void {
  const matching = matcher(patterns, options);
  it.each(table)(`should ${title}: %s -> %s`, (request, pattern) => {
    const [, method = '', path = ''] = /^(\S+) (.*)$/s.exec(request) ?? [];
    expect(matching.match(method, path)?.group ?? '-').toBe(pattern);
  });
}

describe('wildcards', () => {
  rows(
    'match as many segments as they say',
    ['GET /', 'GET /v1/**', 'GET /calls/:call', 'GET /teams/*/members'],
    [
      ['GET /', 'GET /'],
      ['GET /v1', 'GET /v1/**'],
      ['GET /v1/a/b/c', 'GET /v1/**'],
      ['GET /v2', '-'],
      ['GET /calls', '-'],
      ['GET /calls/7', 'GET /calls/:call'],
      ['GET /calls/7/say', '-'],
      ['GET /teams/7/members', 'GET /teams/*/members'],
      ['GET /teams/members', '-'],
      ['GET /teams/7/8/members', '-'],
    ],
  );

  rows(
    'let /** match everything',
    ['* /**'],
    [
      ['GET /', '* /**'],
      ['BREW //a/%zz', '* /**'],
      ['OPTIONS *', '* /**'],
    ],
  );
});

describe('the most specific pattern', () => {
  rows(
    'win, segment by segment from the left',
    ['* /**', 'GET /*/b', 'GET /:x/**', 'GET /a/**', 'GET /a/:x', 'GET /a/*/c', 'GET /a/b'],
    [
      ['GET /a/b', 'GET /a/b'],
      ['GET /a/z', 'GET /a/:x'],
      ['GET /a/z/c', 'GET /a/*/c'],
      ['GET /a/z/z', 'GET /a/**'],
      ['GET /a', 'GET /a/**'],
      ['GET /z/b', 'GET /:x/**'],
      ['GET /z', 'GET /:x/**'],
      ['GET /', '* /**'],
      ['POST /a/b', '* /**'],
    ],
  );

  rows(
    'prefer a parameter to a star',
    ['GET /*/b', 'GET /:x/c', 'GET /:x/b'],
    [
      ['GET /a/b', 'GET /:x/b'],
      ['GET /a/c', 'GET /:x/c'],
    ],
  );

  rows(
    'prefer an end to a rest of nothing',
    ['GET /a/**', 'GET /a'],
    [
      ['GET /a', 'GET /a'],
      ['GET /a/b', 'GET /a/**'],
    ],
  );

  rows(
    'be found after a wrong turn',
    ['GET /a/b/c', 'GET /:x/b/d', 'GET /*/b/e', 'GET /**'],
    [
      ['GET /a/b/c', 'GET /a/b/c'],
      ['GET /a/b/d', 'GET /:x/b/d'],
      ['GET /a/b/e', 'GET /*/b/e'],
      ['GET /a/b/f', 'GET /**'],
    ],
  );
});

describe('methods', () => {
  rows(
    'prefer a named one to any',
    ['* /a', 'GET|POST /a'],
    [
      ['GET /a', 'GET|POST /a'],
      ['POST /a', 'GET|POST /a'],
      ['PUT /a', '* /a'],
      ['HEAD /a', 'GET|POST /a'],
    ],
  );

  rows(
    'give way to a less specific pattern that has the method',
    ['GET /a/b', 'POST /a/:x', '* /**', 'DELETE /a/**'],
    [
      ['POST /a/b', 'POST /a/:x'],
      ['DELETE /a/b', 'DELETE /a/**'],
      ['PUT /a/b', '* /**'],
    ],
  );

  rows(
    'let HEAD follow GET unless it is listed there',
    ['GET /a', 'GET /b', 'HEAD /b', '* /c', 'GET /d', '* /d', 'HEAD /**', 'POST /e'],
    [
      ['HEAD /a', 'GET /a'],
      ['HEAD /b', 'HEAD /b'],
      ['HEAD /c', '* /c'],
      ['HEAD /d', 'GET /d'],
      ['HEAD /e', 'HEAD /**'],
      ['GET /e', '-'],
    ],
  );

  rows(
    'compare in upper case, and fall to nothing when unlisted',
    ['GET|M-SEARCH /a'],
    [
      ['get /a', 'GET|M-SEARCH /a'],
      ['m-search /a', 'GET|M-SEARCH /a'],
      ['OPTIONS /a', '-'],
      ['TRACE /a', '-'],
      ['* /a', '-'],
      ['__proto__ /a', '-'],
    ],
  );
});

describe('literals', () => {
  rows(
    'be met by every spelling of a route',
    ['GET /login', 'GET /a/:id', 'GET /café', 'GET /a%20b', 'GET /__proto__'],
    [
      ['GET /Login', 'GET /login'],
      ['GET /login/', 'GET /login'],
      ['GET //login', 'GET /login'],
      ['GET /./login', 'GET /login'],
      ['GET /x/../login', 'GET /login'],
      ['GET /log%69n', 'GET /login'],
      ['GET /login?x', 'GET /login'],
      ['GET /login#f', 'GET /login'],
      ['GET http://x/login', 'GET /login'],
      ['GET /login%2f', '-'],
      ['GET /login;a=b', '-'],
      ['GET /login%00', '-'],
      ['GET \\login', '-'],
      ['GET %zz', '-'],
      ['GET /caf%c3%A9', 'GET /café'],
      ['GET /CAF%C3%A9', 'GET /café'],
      ['GET /CAFÉ', '-'],
      ['GET /a%20b', 'GET /a%20b'],
      ['GET /__proto__', 'GET /__proto__'],
      ['GET /constructor', '-'],
    ],
  );

  rows(
    'compare without regard to case',
    ['GET /Login', 'GET /CAF%C3%A9'],
    [
      ['GET /lOGIN', 'GET /Login'],
      ['GET /caf%c3%a9', 'GET /CAF%C3%A9'],
    ],
  );

  rows(
    'compare with regard to case where that is asked for',
    ['GET /Login', 'GET /login', 'GET /caf%c3%a9'],
    [
      ['GET /Login', 'GET /Login'],
      ['GET /l%6Fgin', 'GET /login'],
      ['GET /LOGIN', '-'],
      ['GET /caf%C3%A9', 'GET /caf%c3%a9'],
    ],
    { case: 'sensitive' },
  );
});

describe('parameters', () => {
  const { match } = matcher(['GET /:a/*/:b', 'GET /static/**', 'POST /:other/*/:b']);
  const paramsOf = (path: string, method = 'GET') => allParams(match(method, path));

  it.each<[path: string, a: string, b: string]>([
    ['/x/y/z', 'x', 'z'],
    ['/CaSe/y/Z', 'CaSe', 'Z'],
    ['/x%2Fy/_/a%5Cb', 'x/y', 'a\\b'],
    ['/x;y=1/_/a%3Bb', 'x;y=1', 'a;b'],
    ['/caf%C3%A9/_/é', 'café', 'é'],
    ['/a+b/_/a%20b', 'a+b', 'a b'],
    ['/%25/_/%2541', '%', '%41'],
    ['/%zz/_/x%', '%zz', 'x%'],
    ['/%ff/_/%00', '%FF', '\0'],
    ['/\ud83d/_/...', '\ufffd', '...'],
    ['/__proto__/_/constructor', '__proto__', 'constructor'],
  ])('should be handed on from %j', (path, a, b) => {
    expect(paramsOf(path)).toEqual({ a, b });
  });

  it('should have the names of the pattern that won', () => {
    expect(paramsOf('/x/y/z', 'POST')).toEqual({ other: 'x', b: 'z' });
  });

  it('should be none where the pattern has none', () => {
    expect(paramsOf('/static/x/y')).toEqual({});
  });

  it.each(['/x/y/z', '/static'])('should inherit nothing: %s', (path) => {
    const params = match('GET', path)?.params;
    const names = ['constructor', 'toString', '__proto__', 'length', '0'];
    expect(names.map((name) => params?.get(name))).toEqual(names.map(() => undefined));
  });

  it('should come with the group and the pattern', () => {
    const pattern = parsePattern('GET /a/:id');
    const match = createMatcher([{ pattern, group: 'read' }]).match('GET', '/a/7');
    expect(match).toMatchObject({ group: 'read' });
    expect(allParams(match)).toEqual({ id: '7' });
    expect(match?.pattern).toBe(pattern);
  });
});

describe('conflicts', () => {
  const found = (patterns: string[], options?: MatchOptions) =>
    conflicts(routes(...patterns), options).map(({ first, second }) => [first.group, second.group]);

  it.each<[first: string, second: string]>([
    ['GET /a', 'GET /a'],
    ['GET /:a', 'GET /:b'],
    ['GET|HEAD /x', 'GET /x'],
    ['GET|PUT /x', 'POST|PUT|GET /x'],
    ['* /**', '* /**'],
    ['GET /a/**', 'GET /A/**'],
    ['GET /caf%C3%A9', 'GET /café'],
    ['GET /%61', 'GET /a'],
  ])('should be found between %s and %s', (first, second) => {
    expect(found([first, second])).toEqual([[first, second]]);
  });

  it.each<[first: string, second: string]>([
    ['GET /a', 'POST /a'],
    ['GET /a', 'HEAD /a'],
    ['GET /a', '* /a'],
    ['GET /:a', 'GET /*'],
    ['GET /*', 'GET /**'],
    ['GET /a', 'GET /a/**'],
    ['GET /a', 'GET /a/a'],
    ['GET /%2A', 'GET /*'],
    ['GET /caf%C3%A9', 'GET /caf%C3%89'],
  ])('should not be found between %s and %s', (first, second) => {
    expect(found([first, second])).toEqual([]);
  });

  it('should regard the case of literals where that is asked for', () => {
    expect(found(['GET /a', 'GET /A'], { case: 'sensitive' })).toEqual([]);
  });

  it('should name the first holder of each method', () => {
    expect(found(['GET /a', 'PUT /a', 'GET|PUT /A', 'GET /a'])).toEqual([
      ['GET /a', 'GET|PUT /A'],
      ['PUT /a', 'GET|PUT /A'],
      ['GET /a', 'GET /a'],
    ]);
  });

  it('should leave the first in force', () => {
    const matching = matcher(['GET /:a', 'GET|PUT /:b']);
    expect(matching.match('GET', '/x')?.group).toBe('GET /:a');
    expect(matching.match('PUT', '/x')?.group).toBe('GET|PUT /:b');
  });

  it('should be counted among a hundred thousand equal patterns', () => {
    const [route] = routes('GET|POST /v1/calls/:call/say');
    const many = Array.from({ length: 100_000 }, () => ({ ...(route as Route) }));
    expect(conflicts(many)).toHaveLength(99_999);
  });
});

describe('the work of one match', () => {
  it('should stay within the size of the trie when every turn is wrong', () => {
    const shapes = Array.from({ length: 2 ** 12 }, (_, bits) =>
      Array.from({ length: 12 }, (_, i) => ((bits >> i) & 1 ? '*' : `:p${i}`)).join('/'),
    );
    const { match } = matcher([...shapes.map((shape) => `POST /${shape}`), 'GET /**']);
    expect(match('GET', '/a'.repeat(12))?.group).toBe('GET /**');
  });

  it.each(['/a', '/../', '//', '%', '/%2e', 'a', '/a/%61'])('should end for a megabyte of %j', (unit) => {
    const { match } = matcher(['GET /a/:id/**', 'GET /:x', '* /**']);
    expect(match('GET', `/${unit.repeat(Math.ceil((1 << 20) / unit.length))}`)).toBeDefined();
  });
});
