import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Decision, type Engine, type ManualClock, manualClock } from 'headgate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Reply, send } from '../fixtures/http.ts';

interface Nixflex {
  readonly engine: Engine;
  readonly server: Server;
  mayDeliverWebhook(account: string): Decision;
}

/** 2024-05-16T23:13:20.400Z: resets fall between seconds. */
const START = 1_715_901_200_400;
const example = new URL('../../docs/examples/nixflex/server.js', import.meta.url).href;
const { createNixflex } = (await import(/* @vite-ignore */ example)) as {
  createNixflex(options: { clock: ManualClock }): Nixflex;
};

describe('Nixflex over real HTTP', () => {
  let clock: ManualClock;
  let nixflex: Nixflex;
  const call = (method: string, path: string, key = 'nix_reader'): Promise<Reply> =>
    send((nixflex.server.address() as AddressInfo).port, method, path, { Authorization: `Bearer ${key}` });
  const callTimes = async (times: number, method: string, path: string, key?: string): Promise<void> => {
    for (let i = 0; i < times; i++) expect((await call(method, path, key)).status).toBe(200);
  };

  beforeEach(async () => {
    clock = manualClock(START);
    nixflex = createNixflex({ clock });
    await new Promise<void>((resolve) => nixflex.server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => nixflex.server.close(resolve)));

  const denied = (limit: number, reset: number, seconds: number): Reply => ({
    status: 429,
    headers: {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': String(reset),
      'Retry-After': String(seconds),
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
    },
    body: `{"error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"Rate limit exceeded. Try again in ${seconds} seconds.","details":{"retry_after":${seconds}}}}`,
  });

  it('should grant 600 reads a minute and key, and answer the next with 429 until the window resets (N1, N5)', async () => {
    await callTimes(600, 'GET', '/v1/calls');
    clock.advance('48s');
    expect(await call('GET', '/v1/other?page=2')).toEqual(denied(600, 1_715_901_261, 12));
    clock.set(START + 59_999);
    expect(await call('GET', '/v1/calls')).toEqual(denied(600, 1_715_901_261, 1));
    clock.set(START + 60_000);
    expect((await call('GET', '/v1/calls')).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'should count %s among 120 writes a minute and key (N2)',
    async (method) => {
      await callTimes(60, 'POST', '/v1/calls', 'nix_writer');
      await callTimes(60, method, '/v1/calls/call_1', 'nix_writer');
      expect(await call(method, '/v1/calls', 'nix_writer')).toEqual(denied(120, 1_715_901_261, 60));
      expect((await call('GET', '/v1/calls', 'nix_writer')).status).toBe(200);
      expect((await call('POST', '/v1/calls', 'nix_reader')).status).toBe(200);
    },
  );

  it('should grant 10 new keys an hour and key, in every spelling of the path (N3)', async () => {
    await callTimes(9, 'POST', '/v1/keys', 'nix_admin');
    await callTimes(1, 'POST', '/V1//keys/', 'nix_admin');
    expect(await call('POST', '/v1/keys', 'nix_admin')).toEqual(denied(10, 1_715_904_801, 3600));
    clock.advance('59m');
    expect(await call('POST', '/v1/%6Beys', 'nix_admin')).toEqual(denied(10, 1_715_904_801, 60));
    clock.advance('1m');
    expect((await call('POST', '/v1/keys', 'nix_admin')).status).toBe(200);
  });

  it('should not spend a write on a key that was refused', async () => {
    await callTimes(10, 'POST', '/v1/keys', 'nix_admin');
    for (let i = 0; i < 5; i++) expect((await call('POST', '/v1/keys', 'nix_admin')).status).toBe(429);
    expect((await call('POST', '/v1/calls', 'nix_admin')).headers['X-RateLimit-Remaining']).toBe('109');
  });

  it('should send limit, remaining and reset with every response (N4)', async () => {
    await callTimes(12, 'GET', '/v1/calls');
    expect(await call('GET', '/v1/calls')).toEqual({
      status: 200,
      headers: {
        'X-RateLimit-Limit': '600',
        'X-RateLimit-Remaining': '587',
        'X-RateLimit-Reset': '1715901261',
        'Content-Type': 'application/json',
      },
      body: '{"method":"GET","path":"/v1/calls"}',
    });
  });

  it('should not limit webhook deliveries (N12)', async () => {
    for (let i = 0; i < 5000; i++) {
      expect(nixflex.mayDeliverWebhook('acct_small')).toMatchObject({
        allowed: true,
        remaining: Number.POSITIVE_INFINITY,
      });
    }
  });

  it('should grant more to an account that outgrew its plan (N13)', async () => {
    await callTimes(240, 'POST', '/v1/calls', 'nix_grown');
    expect(await call('POST', '/v1/calls', 'nix_grown')).toEqual(denied(240, 1_715_901_261, 60));
    expect((await call('GET', '/v1/calls', 'nix_grown')).headers['X-RateLimit-Limit']).toBe('1200');
    expect((await call('GET', '/v1/calls', 'nix_reader')).headers['X-RateLimit-Limit']).toBe('600');
  });

  it('should answer a method that no limit covers with 404, and an unknown key with 401', async () => {
    expect((await call('OPTIONS', '/v1/calls')).status).toBe(404);
    expect((await call('GET', '/v1/calls', 'nix_nobody')).status).toBe(401);
  });
});
