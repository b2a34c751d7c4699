import { describe, expect, it } from 'vitest';
import { type DenialOptions, denialResponse } from '../../../src/http/denial.ts';
import type { Decision, Reason } from '../../../src/limiter/decision.ts';
import type { Json, PolicyDocument } from '../../../src/policy/document.ts';
import {
  AT,
  decisionOf,
  denialWithoutLimit,
  limitDecision,
  permitDecision,
  refusal,
} from '../../fixtures/decisions.ts';

const denied = decisionOf([refusal({ retryAt: AT + 11_600 })]);
const never = decisionOf([refusal({ reason: 'never', retryAt: Number.POSITIVE_INFINITY })]);
const fullHouse = decisionOf([permitDecision({ allowed: false, remaining: 0, reason: 'concurrency' })], {
  group: 'inbound-call',
});
const unmatched = denialWithoutLimit('unmatched');

function because(reason: Reason): Decision {
  return reason === 'unmatched' ? unmatched : { ...denied, reason };
}

function bodyOf(decision: Decision, options?: DenialOptions): unknown {
  return JSON.parse(denialResponse(decision, options).body);
}

describe('a built-in denial', () => {
  it.each<[Reason, number]>([
    ['quota', 429],
    ['concurrency', 429],
    ['never', 429],
    ['blocked', 429],
    ['missing', 400],
    ['unmatched', 404],
    ['capacity', 503],
    ['queue-full', 503],
    ['queue-timeout', 503],
    ['store-failure', 503],
  ])('should answer "%s" with %i and a code', (reason, status) => {
    const response = denialResponse(because(reason));
    expect(response.status).toBe(status);
    expect(JSON.parse(response.body)).toMatchObject({
      error: { code: reason, message: expect.stringMatching(/\.$/) },
    });
  });

  it('should say which limit, and how long to wait', () => {
    expect(denialResponse(denied)).toEqual({
      status: 429,
      headers: {
        'X-RateLimit-Limit': '600',
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': '1715900060',
        'Retry-After': '12',
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
      },
      body: '{"error":{"code":"quota","message":"Too many requests.","limit":"reads","retryAfter":12}}',
    });
  });

  it('should say nothing it does not know', () => {
    expect(bodyOf(unmatched)).toEqual({
      error: { code: 'unmatched', message: 'There is no such endpoint.' },
    });
    expect(bodyOf(never)).toEqual({ error: expect.not.objectContaining({ retryAfter: expect.anything() }) });
  });

  it.each<Reason>(['quota', 'unmatched', 'missing', 'store-failure'])(
    'should keep caches off "%s"',
    (reason) => {
      const { headers } = denialResponse(because(reason), { headers: [] });
      expect(headers).toEqual({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    },
  );
});

describe('a template', () => {
  const wait = {
    error: { message: 'Try again in {retryAfter} seconds.', details: { retry_after: '{retryAfter}' } },
  };

  it.each<[string, Json, Decision, unknown]>([
    [
      'interpolate text and make numbers of lone placeholders',
      wait,
      denied,
      { error: { message: 'Try again in 12 seconds.', details: { retry_after: 12 } } },
    ],
    ['fill in lists', ['{limit}', ['{quota}'], '{resetAt}'], denied, ['reads', [600], 1_715_900_060]],
    ['leave numbers, booleans and null alone', [1, true, null, {}], denied, [1, true, null, {}]],
    ['read doubled braces', ['{{limit}}'], denied, ['{limit}']],
    ['leave names of fields alone', { '{limit}': 1 }, denied, { '{limit}': 1 }],
    ['send null', null, denied, null],
  ])('should %s', (_title, body, decision, sent) => {
    const response = denialResponse(decision, { denial: { body } });
    expect(JSON.parse(response.body)).toEqual(sent);
    expect(response.headers).toMatchObject({ 'Content-Type': 'application/json' });
  });

  it('should send a text as plain text, even one that is a lone placeholder', () => {
    expect(denialResponse(denied, { denial: { body: '{retryAfter}' } })).toMatchObject({
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      body: '12',
    });
  });

  it('should give a status and leave the body as built in', () => {
    const response = denialResponse(fullHouse, { denial: { status: 486 } });
    expect(response.status).toBe(486);
    expect(JSON.parse(response.body)).toMatchObject({ error: { code: 'concurrency', limit: 'calls' } });
  });

  it('should give a body and leave the status as built in', () => {
    expect(denialResponse(unmatched, { denial: { body: 'no' } })).toMatchObject({ status: 404, body: 'no' });
  });

  it('should be chosen by reason', () => {
    const denial = { never: { body: 'never' }, quota: { body: 'later' } };
    expect(denialResponse(denied, { denial }).body).toBe('later');
    expect(denialResponse(never, { denial }).body).toBe('never');
    expect(bodyOf(unmatched, { denial })).toMatchObject({ error: { code: 'unmatched' } });
  });

  it('should be chosen by group, then by policy', () => {
    const groups = { 'inbound-call': { denial: { concurrency: { body: 'busy' } } } };
    const options = { denial: { body: 'no' }, groups };
    expect(denialResponse(fullHouse, options).body).toBe('busy');
    expect(denialResponse({ ...fullHouse, group: 'outbound-call' }, options).body).toBe('no');
    expect(denialResponse({ ...fullHouse, reason: 'queue-full' }, options).body).toBe('no');
  });

  it.each(['constructor', '__proto__', 'toString'])(
    'should not be looked for in what groups inherit: %s',
    (group) => {
      expect(denialResponse({ ...denied, group }, { groups: {}, denial: { body: 'no' } }).body).toBe('no');
    },
  );

  it('should say the seconds that Retry-After says', () => {
    const response = denialResponse(decisionOf([refusal({ retryAt: AT + 1 })]), {
      denial: { body: '{retryAfter}' },
    });
    expect(response.body).toBe(response.headers['Retry-After']);
  });

  it('should render the name __proto__ as any other', () => {
    const denial = { body: JSON.parse('{"__proto__":{"polluted":"{limit}"},"toJSON":"x"}') };
    expect(denialResponse(denied, { denial }).body).toBe('{"__proto__":{"polluted":"reads"},"toJSON":"x"}');
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('a template for the whole policy', () => {
  it.each<[string, string, Decision]>([
    ['seconds to wait where there is no next time', '{retryAfter}', never],
    ['seconds to wait where nobody knows', 'x {retryAfter}', fullHouse],
    ['a reset of permits', '{resetAt}', fullHouse],
    ['a limit where none was asked', '{limit}', unmatched],
    ['a quota where no limit was asked', '{quota}', unmatched],
  ])('should give way to the built-in denial if it needs %s', (_title, text, decision) => {
    const response = denialResponse(decision, { denial: { status: 418, body: [text] } });
    expect(response).toEqual(denialResponse(decision));
  });

  it('should stay if the braces are literal', () => {
    expect(denialResponse(never, { denial: { status: 418, body: '{{retryAfter}}' } }).status).toBe(418);
  });

  it('should keep its status if it is keyed or belongs to a group', () => {
    const template = { status: 486, body: ['{retryAfter}'] };
    const builtIn = { ...denialResponse(never), status: 486 };
    expect(denialResponse(never, { denial: { never: template } })).toEqual(builtIn);
    expect(denialResponse(never, { groups: { read: { denial: template } } })).toEqual(builtIn);
  });
});

describe('a problem document', () => {
  const registry = 'https://iana.org/assignments/http-problem-types';
  const denial = { format: 'problem+json' } as const;

  it.each<[Reason, number, string, string]>([
    ['quota', 429, `${registry}#quota-exceeded`, 'Quota exceeded'],
    ['concurrency', 429, `${registry}#quota-exceeded`, 'Quota exceeded'],
    ['never', 429, `${registry}#quota-exceeded`, 'Quota exceeded'],
    ['blocked', 429, `${registry}#abnormal-usage-detected`, 'Abnormal usage'],
    ['capacity', 503, `${registry}#temporary-reduced-capacity`, 'Capacity reached'],
    ['queue-full', 503, `${registry}#temporary-reduced-capacity`, 'Capacity reached'],
    ['queue-timeout', 503, `${registry}#temporary-reduced-capacity`, 'Capacity reached'],
    ['store-failure', 503, `${registry}#temporary-reduced-capacity`, 'Capacity reached'],
    ['missing', 400, 'about:blank', 'Bad Request'],
    ['unmatched', 404, 'about:blank', 'Not Found'],
  ])('should type "%s"', (reason, status, type, title) => {
    const response = denialResponse(because(reason), { denial });
    expect(response.status).toBe(status);
    expect(response.headers).toMatchObject({
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
    });
    expect(JSON.parse(response.body)).toMatchObject({ type, title, status, detail: expect.any(String) });
  });

  it('should name the limits that denied, and no keys', () => {
    const decision = decisionOf([
      limitDecision({ name: 'daily', key: 'secret' }),
      refusal({ name: 'trial', mode: 'shadow', key: 'secret' }),
      refusal({ key: 'secret' }),
      refusal({ name: 'writes', key: 'secret' }),
    ]);
    const { body } = denialResponse(decision, { denial });
    expect(JSON.parse(body)).toMatchObject({ 'violated-policies': ['reads', 'writes'] });
    expect(body).not.toContain('secret');
  });

  it('should name no limits where none denied', () => {
    expect(bodyOf(unmatched, { denial })).not.toHaveProperty('violated-policies');
  });

  it('should hold the status that is sent', () => {
    const response = denialResponse(unmatched, { denial: { ...denial, status: 403 } });
    expect(response.status).toBe(403);
    expect(JSON.parse(response.body)).toMatchObject({ status: 403, title: 'Forbidden' });
  });

  it('should have no title that contradicts an unusual status', () => {
    expect(bodyOf(unmatched, { denial: { ...denial, status: 486 } })).not.toHaveProperty('title');
  });

  it('should go before a body', () => {
    expect(bodyOf(denied, { denial: { ...denial, body: 'no {x}' } })).toMatchObject({ status: 429 });
  });
});

describe('denialResponse', () => {
  it.each<[string, Decision]>([
    ['that allows', decisionOf([limitDecision()])],
    ['without a reason', { ...denied, reason: 'ok' }],
  ])('should refuse a decision %s', (_title, decision) => {
    expect(() => denialResponse(decision)).toThrow(
      expect.objectContaining({ name: 'DescriptorError', code: 'not-denied', path: 'decision.allowed' }),
    );
  });

  it('should send the dialects asked for', () => {
    expect(denialResponse(denied, { headers: ['draft-11'] }).headers).toMatchObject({
      RateLimit: '"reads";r=0;t=12',
    });
  });

  it('should take a policy as it is', () => {
    const policy: PolicyDocument = {
      version: 1,
      limits: { reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' } },
      groups: {
        read: { match: ['GET /v1/**'], limits: ['reads'] },
        'inbound-call': { limits: [], denial: { status: 486, body: { error: 'busy' } } },
      },
      unmatched: 'deny',
      denial: {
        status: 429,
        body: {
          error: {
            type: 'rate_limit_error',
            code: 'rate_limit_exceeded',
            message: 'Rate limit exceeded. Try again in {retryAfter} seconds.',
            details: { retry_after: '{retryAfter}' },
          },
        },
      },
    };
    expect(denialResponse(denied, policy)).toMatchObject({
      status: 429,
      body: '{"error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"Rate limit exceeded. Try again in 12 seconds.","details":{"retry_after":12}}}',
    });
    expect(denialResponse(fullHouse, policy)).toMatchObject({ status: 486, body: '{"error":"busy"}' });
    expect(denialResponse(unmatched, policy).status).toBe(404);
  });
});
