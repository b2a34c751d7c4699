/** Every example of an adapter starts, serves, and says no when it should. */

import { createServer, type RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { FastifyInstance } from 'fastify';
import { type Clock, manualClock } from 'headgate';
import type { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import type { Host } from '../contract/adapter.ts';
import { listening } from '../fixtures/adapter-hosts.ts';
import { send } from '../fixtures/http.ts';
import { gateway } from '../fixtures/lambda-gateway.ts';

const load = async <T>(path: string): Promise<T> =>
  (await import(/* @vite-ignore */ new URL(`../../docs/examples/${path}`, import.meta.url).href)) as T;
type Made<App> = { createApp(options: { clock: Clock }): App };

let host: Host;
afterEach(() => host.close());
const clock = manualClock(0);
const key = { 'x-api-key': 'key_1' };

async function statuses(times: number, method: string, path: string, fields = {}): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < times; i++) seen.push((await send(host.port, method, path, fields)).status);
  return seen;
}

describe('the examples', () => {
  it('should run on Express', async () => {
    const { createApp } = await load<Made<RequestListener>>('express/server.js');
    host = await listening(createServer(createApp({ clock })));
    expect(await statuses(1, 'GET', '/v1/items')).toEqual([401]);
    expect(await statuses(4, 'GET', '/v1/items', key)).toEqual([200, 200, 200, 429]);
    expect(await statuses(3, 'POST', '/login', { 'x-password': 'secret' })).toEqual([204, 204, 204]);
    expect(await statuses(3, 'POST', '/login')).toEqual([401, 401, 429]);
  });

  it('should run on Fastify', async () => {
    const { createApp } = await load<Made<Promise<FastifyInstance>>>('fastify/server.js');
    const app = await createApp({ clock });
    await app.listen({ port: 0, host: '127.0.0.1' });
    host = { port: (app.server.address() as { port: number }).port, close: () => app.close() };
    expect(await statuses(2, 'GET', '/items')).toEqual([200, 200]);
    expect(await statuses(1, 'GET', '/reports')).toEqual([200]);
    expect(await statuses(1, 'GET', '/items')).toEqual([429]);
    expect(await statuses(2, 'GET', '/health')).toEqual([200, 200]);
  });

  it('should run on Hono', async () => {
    const { createApp } = await load<Made<Hono>>('hono/server.js');
    host = await served(createApp({ clock }).fetch);
    expect(await statuses(1, 'GET', '/v1/items')).toEqual([401]);
    expect(await statuses(4, 'GET', '/v1/items', key)).toEqual([200, 200, 200, 429]);
  });

  it('should run as a Worker', async () => {
    type Worker = { fetch(request: Request, env: object): Promise<Response> };
    const { default: worker } = await load<{ default: Worker }>('workers/worker.js');
    host = await served((request) => worker.fetch(request, { GREETING: 'hello' }));
    const fields = { 'cf-connecting-ip': '203.0.113.7' };
    expect(await send(host.port, 'GET', '/', fields)).toMatchObject({ status: 200, body: 'hello' });
    expect(await statuses(3, 'GET', '/', fields)).toEqual([200, 200, 429]);
    expect(await statuses(1, 'GET', '/', { 'cf-connecting-ip': '203.0.113.8' })).toEqual([200]);
  });

  it('should run as a function', async () => {
    const { handler } = await load<{ handler: Parameters<typeof gateway>[1] }>('lambda/handler.js');
    host = await listening(gateway('v2', handler));
    expect(await send(host.port, 'GET', '/a')).toMatchObject({ status: 200, body: '{"path":"/a"}' });
    expect(await statuses(3, 'GET', '/a')).toEqual([200, 200, 429]);
  });

  it('should run as a route handler of Next', async () => {
    type Handler = (request: Request, context: object) => Promise<Response>;
    const methods = await load<Record<string, Handler>>('next/route.js');
    // As Next does: the method picks the export, and the parameters of the route come as a promise.
    host = await served(async (request) => {
      const [item] = new URL(request.url).pathname.split('/').slice(-1);
      const context = { params: Promise.resolve({ item }) };
      return methods[request.method]?.(request, context) ?? new Response(null, { status: 405 });
    });
    expect(await statuses(1, 'GET', '/api/items/7')).toEqual([400]);
    const reply = await send(host.port, 'GET', '/api/items/7', key);
    expect(reply).toMatchObject({ status: 200, body: '{"item":"7"}' });
    expect(await statuses(3, 'GET', '/api/items/7', key)).toEqual([200, 200, 429]);
    expect(await statuses(2, 'PUT', '/api/items/7', key)).toEqual([201, 429]);
  });
});

function served(fetch: (request: Request) => Response | Promise<Response>): Promise<Host> {
  return listening(createServer(getRequestListener(fetch, { overrideGlobalObjects: false })));
}
