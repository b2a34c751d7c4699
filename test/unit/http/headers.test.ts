import { describe, expect, it } from 'vitest';
import { rateLimitHeaders, retryAfterSeconds, wholeSeconds } from '../../../src/http/headers.ts';
import type { Decision } from '../../../src/limiter/decision.ts';
import type { HeaderDialect } from '../../../src/policy/document.ts';
import {
  AT,
  decisionOf,
  denialWithoutLimit,
  limitDecision,
  permitDecision,
  refusal,
} from '../../fixtures/decisions.ts';

/** What is decided -> the fields a dialect makes of it. */
type Row = [title: string, decision: Decision, fields: Record<string, string>];

const allowed = decisionOf([limitDecision()]);
const denied = decisionOf([refusal()]);
/** What a distributed engine has let pass because its policy says so, without asking anybody. */
const guess: Decision = Object.assign(decisionOf([limitDecision()]), { source: 'fallback' });
const daily = limitDecision({
  name: 'daily',
  quota: 10_000,
  window: 86_400_000,
  remaining: 9_000,
  resetAt: AT + 5,
});
const tokens = limitDecision({ name: 'spend', unit: 'tokens', window: 1_500, remaining: 40 });
const fullHouse = permitDecision({ allowed: false, remaining: 0, reason: 'concurrency' });

function rows(dialect: HeaderDialect, table: Row[]): void {
  describe(dialect, () => {
    it.each(table)('should %s', (_title, decision, fields) => {
      expect(rateLimitHeaders(decision, { headers: [dialect] })).toEqual(fields);
    });
  });
}

const xRateLimit = (limit: string, remaining: string, reset?: string): Record<string, string> => ({
  'X-RateLimit-Limit': limit,
  'X-RateLimit-Remaining': remaining,
  ...(reset !== undefined && { 'X-RateLimit-Reset': reset }),
});

rows('x-ratelimit', [
  ['give the reset as a Unix second', allowed, xRateLimit('600', '587', '1715900060')],
  ['round the reset up', decisionOf([limitDecision({ resetAt: 1_001 })]), xRateLimit('600', '587', '2')],
  ['keep a whole second', decisionOf([limitDecision({ resetAt: 1_000 })]), xRateLimit('600', '587', '1')],
  ['say 0 remaining on a denial', denied, xRateLimit('600', '0', '1715900060')],
  ['give a permit no reset', decisionOf([permitDecision()]), xRateLimit('10', '3')],
  ['give a limit of quota 0', decisionOf([refusal({ quota: 0, resetAt: 0 })]), xRateLimit('0', '0', '0')],
  ['be silent without limits', decisionOf([]), {}],
  ['be silent where nothing matched', denialWithoutLimit('unmatched'), {}],
  ['be silent where a store failed, and nobody knows', guess, {}],
  ['be silent without a limit to show', { ...allowed, limit: undefined }, {}],
  [
    'be silent about a limit in shadow mode',
    { ...decisionOf([limitDecision({ mode: 'shadow' })]), limit: 'reads' },
    {},
  ],
  [
    'clamp to fifteen digits',
    decisionOf([limitDecision({ quota: Number.MAX_SAFE_INTEGER, remaining: 1e21, resetAt: 1e21 })]),
    xRateLimit('999999999999999', '999999999999999', '999999999999999'),
  ],
  [
    'write nonsense as 0',
    decisionOf([limitDecision({ quota: Number.NaN, remaining: -0, resetAt: -5 })]),
    xRateLimit('0', '0', '0'),
  ],
  [
    'leave out a reset that never comes',
    decisionOf([limitDecision({ resetAt: Number.POSITIVE_INFINITY })]),
    xRateLimit('600', '587'),
  ],
]);

rows('x-ratelimit-delta', [
  ['give the reset in seconds, rounded up', allowed, xRateLimit('600', '587', '13')],
  [
    'say 0 when the quota is full',
    decisionOf([limitDecision({ resetAt: AT })]),
    xRateLimit('600', '587', '0'),
  ],
  ['give a permit no reset', decisionOf([permitDecision()]), xRateLimit('10', '3')],
  ['be silent without limits', decisionOf([]), {}],
]);

rows('retry-after', [
  ['round up', denied, { 'Retry-After': '13' }],
  ['keep whole seconds', decisionOf([refusal({ retryAt: AT + 12_000 })]), { 'Retry-After': '12' }],
  ['say at least 1', decisionOf([refusal({ retryAt: AT })]), { 'Retry-After': '1' }],
  [
    'be exact at the far end of time',
    decisionOf([refusal({ retryAt: 2 ** 53 - 1 })], { at: 0 }),
    { 'Retry-After': '9007199254741' },
  ],
  ['not be sent to who may go ahead', { ...allowed, retryAt: AT + 1 }, {}],
  [
    'not be sent where there is no next time',
    decisionOf([refusal({ retryAt: Number.POSITIVE_INFINITY })]),
    {},
  ],
  ['not be sent where nobody knows', decisionOf([fullHouse]), {}],
  [
    'be sent without any limit',
    { ...denialWithoutLimit('store-failure'), retryAt: AT + 1 },
    { 'Retry-After': '1' },
  ],
]);

const draft = (policies: string, state?: string): Record<string, string> => ({
  'RateLimit-Policy': policies,
  ...(state !== undefined && { RateLimit: state }),
});

rows('draft-11', [
  ['describe one limit', allowed, draft('"reads";q=600;w=60', '"reads";r=587;t=13')],
  ['be silent where a store failed, and nobody knows', guess, {}],
  [
    'list all limits in policy order',
    decisionOf([limitDecision(), daily]),
    draft('"reads";q=600;w=60, "daily";q=10000;w=86400', '"reads";r=587;t=13, "daily";r=9000;t=1'),
  ],
  [
    'list only those that denied, each with Retry-After',
    decisionOf([daily, refusal(), refusal({ name: 'writes', quota: 120, retryAt: AT + 1 })]),
    draft(
      '"daily";q=10000;w=86400, "reads";q=600;w=60, "writes";q=120;w=60',
      '"reads";r=0;t=13, "writes";r=0;t=13',
    ),
  ],
  [
    'name a unit, and round windows up',
    decisionOf([tokens]),
    draft('"spend";q=600;w=2;qu="tokens"', '"spend";r=40;t=13'),
  ],
  [
    'give permits their unit, no window and no time',
    decisionOf([permitDecision()]),
    draft('"calls";q=10;qu="concurrent-requests"', '"calls";r=3'),
  ],
  [
    'give no time when a permit is awaited',
    decisionOf([fullHouse, limitDecision()]),
    draft('"calls";q=10;qu="concurrent-requests", "reads";q=600;w=60', '"calls";r=0'),
  ],
  [
    'give no time where there is no next time',
    decisionOf([refusal({ retryAt: Number.POSITIVE_INFINITY, reason: 'never' })]),
    draft('"reads";q=600;w=60', '"reads";r=0'),
  ],
  [
    'hide limits in shadow mode',
    decisionOf([refusal({ name: 'trial', mode: 'shadow' }), limitDecision()]),
    draft('"reads";q=600;w=60', '"reads";r=587;t=13'),
  ],
  [
    'leave out the state where no limit denied',
    decisionOf([limitDecision()], { allowed: false, reason: 'queue-full' }),
    draft('"reads";q=600;w=60'),
  ],
  ['be silent without limits', decisionOf([]), {}],
  ['be silent when all limits are in shadow mode', decisionOf([limitDecision({ mode: 'shadow' })]), {}],
  ['be silent without a limit to show', { ...allowed, limit: undefined }, {}],
  [
    'escape names, which a policy would not allow',
    decisionOf([limitDecision({ name: 'a"b\\c\r\nd\u{1f600}' })]),
    draft('"a\\"b\\\\c__d__";q=600;w=60', '"a\\"b\\\\c__d__";r=587;t=13'),
  ],
]);

describe('rateLimitHeaders', () => {
  it('should send x-ratelimit and retry-after unless told otherwise', () => {
    expect(rateLimitHeaders(denied)).toEqual({
      ...xRateLimit('600', '0', '1715900060'),
      'Retry-After': '13',
    });
  });

  it('should send all dialects asked for', () => {
    const fields = rateLimitHeaders(denied, { headers: ['draft-11', 'x-ratelimit-delta', 'retry-after'] });
    expect(Object.keys(fields).sort()).toEqual([
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
    ]);
  });

  it('should send nothing if no dialect is asked for', () => {
    expect(rateLimitHeaders(denied, { headers: [] })).toEqual({});
  });

  it.each(['draft-1', 'retryafter', 'constructor', '__proto__'])(
    'should refuse the dialect %s',
    (dialect) => {
      const headers = [dialect as HeaderDialect];
      expect(() => rateLimitHeaders(allowed, { headers })).toThrow(
        expect.objectContaining({
          name: 'PolicyError',
          code: 'unknown-dialect',
          path: 'headers',
          value: dialect,
        }),
      );
    },
  );

  it('should suggest the dialect that was meant', () => {
    const headers = ['retryafter' as HeaderDialect];
    expect(() => rateLimitHeaders(allowed, { headers })).toThrow('did you mean "retry-after"?');
  });
});

describe('retryAfterSeconds', () => {
  it.each<[string, Decision, number | undefined]>([
    ['say what Retry-After says', denied, 13],
    ['not know for who may go ahead', allowed, undefined],
    ['not know for permits', decisionOf([fullHouse]), undefined],
    ['not know for never', decisionOf([refusal({ retryAt: Number.POSITIVE_INFINITY })]), undefined],
  ])('should %s', (_title, decision, seconds) => {
    expect(retryAfterSeconds(decision)).toBe(seconds);
  });
});

describe('wholeSeconds', () => {
  it.each<[ms: number | undefined, seconds: number | undefined]>([
    [0, 0],
    [1, 1],
    [1_000, 1],
    [1_001, 2],
    [-1, 0],
    [2 ** 53 - 1, 9_007_199_254_741],
    [1e21, 999_999_999_999_999],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NaN, undefined],
    [undefined, undefined],
  ])('should turn %s ms into %s s', (ms, seconds) => {
    expect(wholeSeconds(ms)).toBe(seconds);
  });
});
