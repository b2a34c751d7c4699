import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { type FetchOptions, headgate } from 'headgate/fetch';
import { beforeEach, describe, expect, it, vi } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' } },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads'] },
    free: { match: ['GET /health'], limits: [] },
  },
  unmatched: 'deny',
};
/** 2024-05-16T23:13:20.400Z. */
const START = 1_715_901_200_400;

let engine: Engine;
beforeEach(() => {
  engine = createEngine(POLICY, { clock: manualClock(START) });
});

type Options = FetchOptions<PolicyDocument, []>;
const identify: Options['identify'] = (request) => ({ apiKey: request.headers.get('x-api-key') ?? 'a' });
const get = (path: string, method = 'GET') => new Request(`https://api.example${path}`, { method });
const hello = () => new Response('hello', { headers: { 'X-Own': 'kept' } });
const left = () => engine.peek({ group: 'read', apiKey: 'a' }).remaining;

describe('an allowed request', () => {
  it('should reach the handler, and take its fields along', async () => {
    const handler = vi.fn(hello);
    const request = get('/v1/calls?page=2');
    const response = await headgate(engine, { identify }, handler)(request);
    expect([response.status, await response.text()]).toEqual([200, 'hello']);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/plain;charset=UTF-8',
      'x-own': 'kept',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-reset': '1715901261',
    });
    expect(handler.mock.calls).toEqual([[request]]);
  });

  it('should pass on what the runtime hands over besides the request', async () => {
    const context = { waitUntil: () => {} };
    const seen: unknown[][] = [];
    const wrapped = headgate(
      engine,
      {
        identify: (_request, env: { readonly tenant: string }, ctx: object) => {
          seen.push([env, ctx]);
          return { apiKey: env.tenant };
        },
      },
      (_request, env, ctx) => {
        seen.push([env, ctx]);
        return new Response('hello');
      },
    );
    await wrapped(get('/v1/calls'), { tenant: 'a' }, context);
    expect(seen).toEqual([
      [{ tenant: 'a' }, context],
      [{ tenant: 'a' }, context],
    ]);
    expect(left()).toBe(1);
  });

  it('should append to the fields of another limiter', async () => {
    const handler = () => new Response('hello', { headers: { 'X-RateLimit-Limit': '1000' } });
    const { headers } = await headgate(engine, { identify }, handler)(get('/v1/calls'));
    expect([headers.get('X-RateLimit-Limit'), headers.get('X-RateLimit-Remaining')]).toEqual([
      '1000, 2',
      '1',
    ]);
  });

  it.each<[string, () => Response, number]>([
    ['a redirect', () => Response.redirect('https://api.example/v2/calls', 308), 308],
    ['an answer without a body', () => new Response(null, { status: 204 }), 204],
    ['an answer in JSON', () => Response.json({ ok: true }), 200],
  ])('should get its fields also on %s', async (_what, handler, status) => {
    const response = await headgate(engine, { identify }, handler)(get('/v1/calls'));
    expect([response.status, response.headers.get('X-RateLimit-Remaining')]).toEqual([status, '1']);
    expect(response.headers.get('Location')).toBe(handler().headers.get('Location'));
    expect(await response.text()).toBe(await handler().text());
  });

  it('should get its fields also on a response of fetch, whose headers are immutable', async () => {
    const upstream = createServer((_request, response) => {
      response.writeHead(201, { 'X-Own': 'kept', 'X-RateLimit-Limit': '1000' }).end('from upstream');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as AddressInfo;
    const proxy = headgate(engine, { identify }, () =>
      fetch(`http://127.0.0.1:${port}/`, { keepalive: false }),
    );
    const response = await proxy(get('/v1/calls'));
    expect([response.status, await response.text()]).toEqual([201, 'from upstream']);
    expect(
      ['X-Own', 'X-RateLimit-Limit', 'X-RateLimit-Remaining'].map((name) => response.headers.get(name)),
    ).toEqual(['kept', '1000, 2', '1']);
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
  });

  it('should get no fields where no limit applies', async () => {
    const response = await headgate(engine, { identify }, hello)(get('/health'));
    expect([...response.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
  });
});

describe('a denied request', () => {
  it('should be answered by the policy, without the handler', async () => {
    const handler = vi.fn(hello);
    const wrapped = headgate(engine, { identify }, handler);
    for (let i = 0; i < 2; i++) await wrapped(get('/v1/calls'));
    const response = await wrapped(get('/v1/calls'));
    expect(response.status).toBe(429);
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'retry-after': '60',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1715901261',
    });
    expect(await response.json()).toMatchObject({ error: { code: 'quota', limit: 'reads', retryAfter: 60 } });
    expect(handler).toHaveBeenCalledTimes(2);
  });

  it('should have no body if it is a HEAD, and the same fields', async () => {
    const wrapped = headgate(engine, { identify }, hello);
    for (let i = 0; i < 2; i++) await wrapped(get('/v1/calls', 'HEAD'));
    const [head, full] = [await wrapped(get('/v1/calls', 'HEAD')), await wrapped(get('/v1/calls'))];
    expect([head.status, head.body]).toEqual([429, null]);
    expect([...head.headers]).toEqual([...full.headers]);
    expect(await full.text()).not.toBe('');
  });

  it.each([
    ['/v1/calls', 'DELETE'],
    ['/v2/calls', 'GET'],
  ])('should be one that matches nothing: %s %s', async (path, method) => {
    const handler = vi.fn(hello);
    const response = await headgate(engine, { identify }, handler)(get(path, method));
    expect([response.status, handler.mock.calls.length]).toEqual([404, 0]);
  });
});

describe('identify', () => {
  it.each<[string, Options['identify']]>([
    ['says it', () => ({ apiKey: 'a' })],
    ['promises it', async () => ({ apiKey: 'a' })],
    ['says it later', () => new Promise((resolve) => queueMicrotask(() => resolve({ apiKey: 'a' })))],
    ['names the group', () => ({ group: 'read', apiKey: 'a' })],
    ['gives another path', () => ({ method: 'GET', path: '/v1/other', apiKey: 'a' })],
  ])('should be believed when it %s', async (_what, identify) => {
    const response = await headgate(engine, { identify }, hello)(get('/v1/calls'));
    expect([response.status, left()]).toEqual([200, 1]);
  });

  it('should be believed about the group though no pattern matches', async () => {
    const named = headgate(engine, { identify: () => ({ group: 'read', apiKey: 'a' }) }, hello);
    expect((await named(get('/elsewhere', 'PUT'))).status).toBe(200);
  });

  const lost = new Error('no such key');
  it.each<[string, Options['identify'], unknown]>([
    [
      'throws',
      () => {
        throw lost;
      },
      lost,
    ],
    ['rejects', () => Promise.reject(lost), lost],
    ['leaves a field out', () => ({}), expect.objectContaining({ code: 'missing-field', path: 'apiKey' })],
    [
      'names a tier that is none',
      () => ({ tier: 'gold' as never }),
      expect.objectContaining({ code: 'unknown-tier' }),
    ],
    [
      'asks for a wrong cost',
      () => ({ apiKey: 'a', cost: -1 }),
      expect.objectContaining({ name: 'CostError' }),
    ],
  ])('should be heard by the caller when it %s, and nothing is charged', async (_what, identify, error) => {
    const handler = vi.fn(hello);
    await expect(headgate(engine, { identify }, handler)(get('/v1/calls'))).rejects.toEqual(error);
    expect([handler.mock.calls.length, left(), engine.stats().denied]).toEqual([0, 2, 0]);
  });
});

describe('countWhen', () => {
  const failed = (response: Response) => response.status === 401;

  it('should have a response that does not count given back', async () => {
    const statuses = [200, 401, 200, 200, 401, 401];
    const wrapped = headgate(
      engine,
      { identify, countWhen: failed },
      () => new Response('', { status: statuses.shift() ?? 500 }),
    );
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) seen.push((await wrapped(get('/v1/calls'))).status);
    expect(seen).toEqual([200, 401, 200, 200, 401, 429]);
  });

  it('should not be asked about a denial', async () => {
    const countWhen = vi.fn(() => false);
    const wrapped = headgate(engine, { identify, countWhen }, hello);
    for (let i = 0; i < 2; i++) engine.check({ group: 'read', apiKey: 'a' });
    await wrapped(get('/v1/calls'));
    await wrapped(get('/nowhere'));
    expect([countWhen.mock.calls.length, left()]).toEqual([0, 0]);
  });

  it('should be reported when it throws; the response and the charge stay', async () => {
    const error = new Error('no opinion');
    const onError = vi.fn();
    const countWhen = () => {
      throw error;
    };
    const request = get('/v1/calls');
    const response = await headgate(engine, { identify, countWhen, onError }, hello)(request);
    expect([response.status, onError.mock.calls, left()]).toEqual([200, [[error, request]], 1]);
  });
});

describe('a handler that fails', () => {
  const broken = new Error('out of order');
  it.each<[string, () => Promise<Response>]>([
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', () => Promise.reject(broken)],
  ])('should be heard by the caller when it %s, and the charge stays', async (_what, handler) => {
    const countWhen = vi.fn(() => false);
    await expect(headgate(engine, { identify, countWhen }, handler)(get('/v1/calls'))).rejects.toBe(broken);
    expect([left(), countWhen.mock.calls.length]).toEqual([1, 0]);
  });
});
