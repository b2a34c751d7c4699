/** What becomes of the results of functions, in the forms that gateways take. */

import { createEngine, type Engine, type PolicyDocument } from 'headgate';
import { headgate, type LambdaEvent } from 'headgate/lambda';
import { beforeEach, describe, expect, it } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' } },
  groups: { all: { match: ['* /**'], limits: ['reads'] } },
  unmatched: 'deny',
  headers: ['draft-11'],
};
const EVENTS = {
  'REST API': { httpMethod: 'GET', path: '/', requestContext: { stage: 'prod' } },
  'HTTP API': { rawPath: '/', requestContext: { http: { method: 'GET' } } },
  'load balancer': { httpMethod: 'GET', path: '/', requestContext: { elb: {} } },
} satisfies Record<string, LambdaEvent>;
const FIELDS = { 'RateLimit-Policy': '"reads";q=2;w=60', RateLimit: '"reads";r=1;t=60' };
const JSON_FIELDS = { 'content-type': 'application/json', ...FIELDS };

let engine: Engine;
beforeEach(() => {
  engine = createEngine(POLICY);
});

async function answer(event: LambdaEvent, result: unknown, countWhen = (_status: unknown) => true) {
  const options = {
    identify: () => ({ apiKey: 'a' }),
    countWhen: ({ statusCode }: { statusCode: unknown }) => countWhen(statusCode),
  };
  return headgate(engine, options, async () => result)(event, {});
}
const left = () => engine.peek({ group: 'all', apiKey: 'a' }).remaining;

describe.each(Object.entries(EVENTS))('a result behind a gateway: %s', (_kind, event) => {
  it.each([201, '201'])('should keep its status %j and what else it holds', async (statusCode) => {
    const headers = { 'X-Own': 'kept' };
    const result = { statusCode, body: 'made', headers, cookies: ['a=b'], isBase64Encoded: false };
    expect(await answer(event, result)).toEqual({
      ...result,
      statusCode: 201,
      headers: { ...headers, ...FIELDS },
    });
  });

  it.each([401, '401'])('should be given back when its status %j does not count', async (statusCode) => {
    await answer(event, { statusCode, body: '' }, (status) => status !== 401);
    expect(left()).toBe(2);
  });

  it.each([null, 'gone', ['201']])('should be left as it is where its status is %j', async (statusCode) => {
    const result = { statusCode, body: 'made' };
    expect(await answer(event, result)).toBe(result);
  });
});

describe('a result without a status', () => {
  it.each<[unknown, string]>([
    ['hello', 'hello'],
    [{ a: 1 }, '{"a":1}'],
    [{ body: 'made' }, '{"body":"made"}'],
    [null, 'null'],
  ])('should be what an HTTP API makes of it: %j', async (result, body) => {
    expect(await answer(EVENTS['HTTP API'], result)).toEqual({ statusCode: 200, headers: JSON_FIELDS, body });
  });

  it('should be left as it is where no gateway takes it', async () => {
    const result = { a: 1 };
    expect(await answer(EVENTS['REST API'], result)).toBe(result);
    expect(await answer(EVENTS['HTTP API'], undefined)).toBeUndefined();
  });
});
