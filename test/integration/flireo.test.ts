import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { type Engine, type ManualClock, manualClock } from 'headgate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Reply, send } from '../fixtures/http.ts';

interface Flireo {
  readonly engine: Engine;
  readonly fetch: (request: Request) => Promise<Response>;
}

const START = 1_715_901_200_400;
const example = new URL('../../docs/examples/flireo/server.js', import.meta.url).href;
const { createFlireo } = (await import(/* @vite-ignore */ example)) as {
  createFlireo(options: { clock: ManualClock }): Flireo;
};

describe('Flireo over real HTTP', () => {
  let clock: ManualClock;
  let server: ServerType;
  let engine: Engine;
  const call = async (method: string, path: string, key = 'fli_small'): Promise<Reply> => {
    const { port } = (server as Server).address() as AddressInfo;
    const reply = await send(port, method, path, { 'X-Api-Key': key });
    // Which names the host of a fetch handler writes in capitals is its own affair.
    const fields = Object.entries(reply.headers).map(([name, value]) => [name.toLowerCase(), value]);
    return { ...reply, headers: Object.fromEntries(fields) };
  };
  const callTimes = async (times: number, method: string, path: string, key?: string): Promise<void> => {
    for (let i = 0; i < times; i++) expect((await call(method, path, key)).status).toBe(200);
  };

  beforeEach(async () => {
    clock = manualClock(START);
    const flireo = createFlireo({ clock });
    const { fetch } = flireo;
    engine = flireo.engine;
    await new Promise((resolve) => {
      server = serve({ fetch, hostname: '127.0.0.1', port: 0 }, resolve);
    });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const denied = (limit: number, reset: number, seconds: number): Reply => ({
    status: 429,
    headers: {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(reset),
      'retry-after': String(seconds),
      'content-type': 'application/json',
      'cache-control': 'no-store',
    },
    body: `{"error":{"code":"rate_limit_exceeded","message":"Too many requests. Please retry after ${seconds} seconds."}}`,
  });

  it('should grant 100 requests a minute and key, of whatever kind (F1, F4)', async () => {
    await callTimes(50, 'GET', '/v1/calls');
    await callTimes(50, 'DELETE', '/v1/agents/agent_1');
    clock.advance('15s');
    expect(await call('PATCH', '/v1/agents')).toEqual(denied(100, 1_715_901_261, 45));
    expect((await call('GET', '/v1/calls', 'fli_other')).status).toBe(200);
    clock.advance('45s');
    expect((await call('GET', '/v1/calls')).status).toBe(200);
  });

  it.each(['inject-context', 'say', 'end-call', 'transfer'])(
    'should count %s among 10 commands a minute and call (F2)',
    async (command) => {
      await callTimes(9, 'POST', '/v1/calls/call_1/say');
      expect(await call('POST', `/v1/calls/call_1/${command}`)).toMatchObject({
        status: 200,
        headers: { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0' },
      });
      await callTimes(10, 'POST', '/v1/calls/call_2/say');
      expect(await call('POST', `/v1/calls/call_2/${command}`)).toEqual(denied(10, 1_715_901_261, 60));
      expect((await call('POST', `/v1/calls/call_2/${command}`, 'fli_other')).status).toBe(429);
      expect((await call('POST', `/v1/calls/call_3/${command}`)).status).toBe(200);
    },
  );

  it('should count a command against the key too, and a refused one against nothing (F2 in addition to F1)', async () => {
    await callTimes(10, 'POST', '/v1/calls/call_1/say');
    for (let i = 0; i < 5; i++) expect((await call('POST', '/v1/calls/call_1/say')).status).toBe(429);
    expect((await call('GET', '/v1/calls')).headers['x-ratelimit-remaining']).toBe('89');
  });

  it("should forget a call's commands when the call has ended, and only then (F2)", async () => {
    const commandsUsed = (): number => {
      const { limits } = engine.explain({
        method: 'POST',
        path: '/v1/calls/call_1/say',
        apiKey: 'fli_small',
      });
      return limits.find(({ name }) => name === 'commands')?.used ?? 0;
    };
    await callTimes(9, 'POST', '/v1/calls/call_1/say');
    await callTimes(3, 'POST', '/v1/calls/call_2/say');
    expect(commandsUsed()).toBe(9);
    await callTimes(1, 'POST', '/v1/calls/call_1/end-call');
    expect(commandsUsed()).toBe(0);
    // The key's own budget stays, and so does the other call's.
    expect((await call('GET', '/v1/calls')).headers['x-ratelimit-remaining']).toBe('86');
    expect((await call('POST', '/v1/calls/call_2/say')).headers['x-ratelimit-remaining']).toBe('6');
    expect((await call('POST', '/v1/calls/call_1/say')).status).toBe(404);
  });

  it('should not forget a call whose end was refused (F2)', async () => {
    await callTimes(10, 'POST', '/v1/calls/call_1/say');
    expect((await call('POST', '/v1/calls/call_1/end-call')).status).toBe(429);
    expect((await call('POST', '/v1/calls/call_1/say')).status).toBe(429);
    expect(engine.stats().partitions.call?.keys).toBe(1);
  });

  it('should send limit, remaining and reset with every response (F3)', async () => {
    await callTimes(3, 'GET', '/v1/calls');
    expect(await call('GET', '/v1/calls')).toEqual({
      status: 200,
      headers: {
        'x-ratelimit-limit': '100',
        'x-ratelimit-remaining': '96',
        'x-ratelimit-reset': '1715901261',
        'content-type': 'application/json',
      },
      body: '{"method":"GET","path":"/v1/calls"}',
    });
  });

  it('should grant an organisation the limit it was given on request (F6)', async () => {
    await callTimes(500, 'GET', '/v1/calls', 'fli_large');
    expect(await call('GET', '/v1/calls', 'fli_large')).toEqual(denied(500, 1_715_901_261, 60));
  });
});
