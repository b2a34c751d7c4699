import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { headgate } from 'headgate/hono';
import { type Handler, Hono } from 'hono';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { listening } from '../../fixtures/adapter-hosts.ts';
import { send } from '../../fixtures/http.ts';
import { settled } from '../../fixtures/virtual-time.ts';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'apiKey' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads'] },
    job: { match: ['GET /job'], limits: ['jobs'], queue: { size: 1 } },
  },
  unmatched: 'deny',
};

let engine: Engine;
let app: Hono;
beforeEach(() => {
  engine = createEngine(POLICY, { clock: manualClock() });
  app = new Hono();
});
const identify = () => ({ apiKey: 'a' });
const limit = (handler: Handler) => app.use(headgate(engine, { identify })).get('*', handler);
const held = () => engine.stats().permits.jobs?.held;

describe('the fields', () => {
  it.each<[string, Handler, string, number]>([
    ['of its context', (context) => context.text('hello'), '2', 200],
    ['of its own', () => new Response('hello'), '2', 200],
    ['that cannot be changed', () => Response.redirect('https://api.example/v2', 302), '2', 302],
    [
      'with fields of another limiter',
      () => new Response('', { headers: { 'X-RateLimit-Limit': '1000' } }),
      '1000, 2',
      200,
    ],
    ['that does not exist', (context) => context.notFound(), '2', 404],
  ])('should be on a response %s', async (_what, handler, expected, status) => {
    const response = await limit(handler).request('/v1/calls');
    expect([response.status, response.headers.get('X-RateLimit-Limit')]).toEqual([status, expected]);
    expect(response.headers.get('Location')).toBe(status === 302 ? 'https://api.example/v2' : null);
  });

  it('should be appended to those that were set before, on a denial too', async () => {
    app.use(async (context, next) => {
      context.header('X-RateLimit-Limit', '1000');
      context.header('Cache-Control', 'public');
      await next();
    });
    limit((context) => context.text('hello'));
    for (const status of [200, 200, 429]) {
      const response = await app.request('/v1/calls');
      expect([response.status, response.headers.get('X-RateLimit-Limit')]).toEqual([status, '1000, 2']);
      expect(response.headers.get('Cache-Control')).toBe(status === 429 ? 'no-store' : 'public');
    }
  });
});

describe('a permit', () => {
  const streaming = () => {
    const cancelled = vi.fn();
    let sent = 0;
    const body = new ReadableStream({
      pull: (controller) => (sent++ < 2 ? controller.enqueue(new Uint8Array(1)) : controller.close()),
      cancel: cancelled,
    });
    return { body, cancelled };
  };

  it('should be held until the body has been read', async () => {
    const response = await limit(() => new Response(streaming().body)).request('/job');
    expect([response.headers.get('X-RateLimit-Remaining'), held()]).toEqual(['0', 1]);
    expect((await response.arrayBuffer()).byteLength).toBe(2);
    expect(held()).toBe(0);
  });

  it('should come back when the body is cancelled', async () => {
    const { body, cancelled } = streaming();
    const response = await limit(() => new Response(body)).request('/job');
    await response.body?.cancel('gone');
    expect([held(), cancelled.mock.calls]).toEqual([0, [['gone']]]);
  });

  it.each<[string, Handler, string]>([
    ['no body', () => new Response(null, { status: 204 }), 'GET'],
    ['no body for HEAD', () => new Response(streaming().body), 'HEAD'],
  ])('should come back at once if there is %s', async (_what, handler, method) => {
    await limit(handler).request('/job', { method });
    expect(held()).toBe(0);
  });

  it('should come back when the handler throws what Hono does not handle', async () => {
    const fail: Handler = () => Promise.reject('no error');
    await expect(limit(fail).request('/job')).rejects.toBe('no error');
    expect(held()).toBe(0);
  });

  it('should come back on Node though the body is never read', async () => {
    app.use(async (context, next) => {
      await next();
      context.res = new Response(null, { status: 304 });
    });
    limit(() => new Response(streaming().body));
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    const host = await listening(createServer(listener));
    expect((await send(host.port, 'GET', '/job')).status).toBe(304);
    while (held() !== 0) await settled();
    await host.close();
  });

  it('should not be waited for once the request has been aborted, and that is no error', async () => {
    const onError = vi.fn();
    app.onError(onError);
    limit((context) => context.text('hello'));
    const first = engine.tryAcquire({ group: 'job', apiKey: 'a' });
    const gone = new AbortController();
    const waiting = app.request(new Request('http://api.example/job', { signal: gone.signal }));
    await settled();
    expect(engine.stats().waiting).toBe(1);
    gone.abort();
    expect((await waiting).status).toBe(499);
    expect([engine.stats().waiting, onError.mock.calls.length, first.release()]).toEqual([0, 0, true]);
  });
});
