import { describe, expect, it } from 'vitest';
import { canonicalPath, canonicalSegments } from '../../../src/policy/path.ts';

/** A request target -> its canonical path. */
type Row = [title: string, target: string, path: string];

function rows(subject: string, table: Row[]): void {
  describe(subject, () => {
    it.each(table)('should %s: %j', (_title, target, path) => {
      expect(canonicalPath(target)).toBe(path);
    });
  });
}

rows('an ordinary path', [
  ['stay as it is', '/v1/calls/CA42', '/v1/calls/CA42'],
  ['keep its case', '/V1/Calls', '/V1/Calls'],
  ['keep what may stand raw', "/-._~!$&'()*+,;=:@09AZaz", "/-._~!$&'()*+,;=:@09AZaz"],
  ['keep dots inside a segment', '/a.b/c../x.', '/a.b/c../x.'],
  ['keep dots that begin a longer segment', '/.well-known/...', '/.well-known/...'],
  ['keep ;params', '/login;a=b', '/login;a=b'],
]);

rows('what stands around the path', [
  ['lose a query', '/login?x=/a', '/login'],
  ['lose a fragment', '/login#f', '/login'],
  ['lose a query in a fragment', '/login#f?x', '/login'],
  ['lose a fragment in a query', '/login?x#f', '/login'],
  ['lose scheme and authority', 'http://x/login', '/login'],
  ['lose them whatever their case', 'HTTPS://User:p@X:8080/Login', '/Login'],
  ['lose an authority without a path', 'http://x', '/'],
  ['lose an authority before a query', 'http://x?/login', '/'],
  ['lose an empty authority', 'http:///login', '/login'],
  ['take nothing else for an authority', '//login', '/login'],
  ['keep an authority that is inside the path', '/http://x/login', '/http:/x/login'],
  ['read the asterisk form as the root', '*', '/'],
  ['read a leading asterisk as a slash, as Fastify does', '*login', '/login'],
  ['read nothing as the root', '', '/'],
  ['read a lone query as the root', '?x', '/'],
  ['supply a leading slash', 'login', '/login'],
]);

rows('empty segments', [
  ['go at the front', '//login', '/login'],
  ['go in the middle', '/a//b', '/a/b'],
  ['go at the end', '/login/', '/login'],
  ['go before a query', '/login/?x', '/login'],
  ['go when there is nothing else', '///', '/'],
]);

rows('dot segments', [
  ['go', '/./login', '/login'],
  ['go at the end', '/login/.', '/login'],
  ['go without a leading slash', './login', '/login'],
  ['take the segment before along', '/x/../login', '/login'],
  ['do so when escaped', '/x/%2e%2E/%2e/login', '/login'],
  ['do so when half escaped', '/x/.%2e/login', '/login'],
  ['take an empty segment along, as URL parsers do', '/a//../7', '/a/7'],
  ['stay at the root', '/../../login', '/login'],
  ['resolve to the root', '/a/..', '/'],
  ['not be made by a separator that is escaped', '/x/..%2flogin', '/x/..%2Flogin'],
  ['not be made by ;params', '/x/..;/login', '/x/..;/login'],
]);

rows('escapes', [
  ['be undone for letters', '/log%69n', '/login'],
  ['be undone for capitals, digits and marks', '/%41%37%2D%2e%5f%7E%21%2A%27%28%29a', "/A7-._~!*'()a"],
  ['stay in upper case for a slash', '/login%2f', '/login%2F'],
  ['stay in upper case for a backslash', '/a%5cb', '/a%5Cb'],
  ['stay for NUL', '/login%00', '/login%00'],
  ['stay for other reserved characters', '/%24%26%2b%2C%3b%3d%3A%40', '/%24%26%2B%2C%3B%3D%3A%40'],
  ['stay for ? and #', '/login%3Fx%23f', '/login%3Fx%23f'],
  ['stay for %, once', '/%2541', '/%2541'],
  ['stay for what is no UTF-8', '/%ff', '/%FF'],
]);

rows('a stray %', [
  ['be escaped', '/%zz', '/%25zz'],
  ['be escaped at the end', '/100%', '/100%25'],
  ['be escaped before one digit', '/100%2', '/100%252'],
  ['make no escape with what follows it', '/%%36%31', '/%2561'],
]);

rows('characters that may not stand raw', [
  ['be escaped as UTF-8', '/café/€/😀', '/caf%C3%A9/%E2%82%AC/%F0%9F%98%80'],
  ['meet the escaped spelling', '/caf%c3%a9', '/caf%C3%A9'],
  ['be escaped in ASCII', '/a b"<>[]^`{|}', '/a%20b%22%3C%3E%5B%5D%5E%60%7B%7C%7D'],
  ['be escaped if they are controls', '/\0\t\r\n\x7f', '/%00%09%0D%0A%7F'],
  ['be U+FFFD if they are half a pair', '/\ud83d/\ude00\ud83d', '/%EF%BF%BD/%EF%BF%BD%EF%BF%BD'],
  ['keep composed and decomposed letters apart', '/e\u0301', '/e%CC%81'],
]);

rows('a backslash', [
  ['stay in its segment', '/a/x\\y', '/a/x%5Cy'],
  ['stay in it before a query', '/a/x\\y?q', '/a/x%5Cy'],
  ['be a slash where there is a fragment, as Express reads it', '/a\\7#f', '/a/7'],
  ['be a slash in absolute form', 'http://x\\a\\7', '/a/7'],
]);

describe('segments', () => {
  it('should be none for the root', () => {
    expect([canonicalSegments('/'), canonicalSegments('')]).toEqual([[], []]);
  });

  it('should be the same with and without something to respell', () => {
    expect(canonicalSegments('/v1/calls/CA42')).toEqual(canonicalSegments('/v1/./c%61lls/CA42'));
  });
});

describe('a path of a megabyte', () => {
  const MEGABYTE = 1 << 20;
  const units = [
    '/../',
    '/./',
    '//',
    '%',
    '%41',
    '%2f',
    '%%36',
    '/%2e%2e',
    '/a',
    'a',
    'é',
    '\ud83d',
    '\\',
    'a:',
  ];

  it.each(units)('should be made canonical, made of %j', (unit) => {
    const path = unit.repeat(Math.ceil(MEGABYTE / unit.length));
    const canonical = canonicalPath(`/${path}#`);
    expect(canonicalPath(canonical)).toBe(canonical);
    expect(canonicalPath(`${path}/../login`).endsWith('/login')).toBe(true);
  });
});
