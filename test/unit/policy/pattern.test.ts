import { describe, expect, it } from 'vitest';
import { isHeadgateError } from '../../../src/errors.ts';
import { type PatternSegment, parsePattern } from '../../../src/policy/pattern.ts';

const literal = (text: string): PatternSegment => ({ kind: 'literal', text });
const param = (name: string): PatternSegment => ({ kind: 'param', name });
const one: PatternSegment = { kind: 'one' };
const rest: PatternSegment = { kind: 'rest' };

describe('parsePattern', () => {
  it.each<[text: string, methods: string[], segments: PatternSegment[]]>([
    ['GET /', ['GET'], []],
    ['* /**', ['*'], [rest]],
    ['GET /v1/**', ['GET'], [literal('v1'), rest]],
    ['GET|HEAD /v1/calls/:call', ['GET', 'HEAD'], [literal('v1'), literal('calls'), param('call')]],
    ['POST /v1/*/say', ['POST'], [literal('v1'), one, literal('say')]],
    ['M-SEARCH /:a/:b', ['M-SEARCH'], [param('a'), param('b')]],
    ['GET /Café', ['GET'], [literal('Caf%C3%A9')]],
    ['GET /a%20b/%7euser', ['GET'], [literal('a%20b'), literal('~user')]],
    ['GET /100%25/a%2Ab', ['GET'], [literal('100%25'), literal('a*b')]],
    ['GET /.well-known/x', ['GET'], [literal('.well-known'), literal('x')]],
    ['GET /__proto__/constructor', ['GET'], [literal('__proto__'), literal('constructor')]],
  ])('should read %j', (text, methods, segments) => {
    expect(parsePattern(text)).toEqual({ text, methods, segments });
  });

  it.each<[text: string, code: string, words: RegExp]>([
    ['', 'incomplete-pattern', /write "GET \/v1\/\*\*"/],
    ['/v1', 'incomplete-pattern', /write "GET \/v1", or "\* \/v1" for all methods/],
    [' /v1', 'incomplete-pattern', /all methods/],
    ['GET', 'incomplete-pattern', /all methods/],
    ['get /v1', 'bad-method', /write GET$/],
    ['GET|post /v1', 'bad-method', /write POST$/],
    ['GET| /v1', 'bad-method', /\* alone for all/],
    ['GET|* /v1', 'bad-method', /\* alone for all/],
    ['GET,POST /v1', 'bad-method', /GET\|HEAD/],
    ['GET|GET /v1', 'duplicate-method', /list each once/],
    ['GET v1', 'bad-path', /start with \//],
    ['GET  /v1', 'bad-path', /one space/],
    ['GET http://x/v1', 'bad-path', /start with \//],
    ['GET /v1?x', 'bad-path', /the path alone/],
    ['GET /v1#f', 'bad-path', /the path alone/],
    ['GET /v1 ', 'bad-path', /%20/],
    [`GET ${'/a'.repeat(65)}`, 'bad-path', /64 are the most/],
    ['GET /v1/', 'bad-segment', /trailing/],
    ['GET //v1', 'bad-segment', /doubled/],
    ['GET /./v1', 'bad-segment', /dot segment/],
    ['GET /a/%2e%2E', 'bad-segment', /dot segment/],
    ['GET /a*', 'bad-segment', /whole segment/],
    ['GET /***', 'bad-segment', /whole segment/],
    ['GET /a:b', 'bad-segment', /whole segment/],
    ['GET /%zz', 'bad-segment', /%25/],
    ['GET /100%', 'bad-segment', /%25/],
    ['GET /a%2fb', 'bad-segment', /use \* or :name/],
    ['GET /a%5Cb', 'bad-segment', /use \* or :name/],
    ['GET /a\\b', 'bad-segment', /use \* or :name/],
    ['GET /a%00', 'bad-segment', /use \* or :name/],
    ['GET /a;v=1', 'bad-segment', /use \* or :name/],
    ['GET /**/a', 'misplaced-rest', /\* for one segment/],
    ['GET /:', 'bad-param', /letter/],
    ['GET /:1', 'bad-param', /letter/],
    ['GET /:a.b', 'bad-param', /letter/],
    [`GET /:${'a'.repeat(65)}`, 'bad-param', /63/],
    ['GET /:__proto__', 'bad-param', /letter/],
    ['GET /:path', 'reserved-param', /descriptor/],
    ['GET /:quotas', 'reserved-param', /descriptor/],
    ['GET /:constructor', 'reserved-param', /every object/],
    ['GET /:toString', 'reserved-param', /every object/],
    ['GET /:a/b/:a', 'duplicate-param', /name of its own/],
  ])('should refuse %j: %s', (text, code, words) => {
    const error = thrownBy(() => parsePattern(text, 'groups.read.match.0'));
    expect(error).toMatchObject({ name: 'PolicyError', code, path: 'groups.read.match.0', value: text });
    expect(error.faults[0]?.message).toMatch(words);
  });

  it('should report every fault at once', () => {
    const error = thrownBy(() => parsePattern('get /a*/:path/**/:b/:b'));
    expect(error.faults.map((fault) => fault.code)).toEqual([
      'bad-method',
      'bad-segment',
      'reserved-param',
      'misplaced-rest',
      'duplicate-param',
    ]);
  });

  it('should refuse a pattern of a megabyte in one sentence', () => {
    expect(thrownBy(() => parsePattern(`GET ${'/'.repeat(1 << 20)}`)).faultCount).toBe(1);
  });

  it('should give patterns that cannot be changed', () => {
    const pattern = parsePattern('GET /a');
    expect([pattern, pattern.methods, pattern.segments].every(Object.isFrozen)).toBe(true);
  });
});

function thrownBy(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (isHeadgateError(error, 'PolicyError')) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
