/** Adapters over a store, in real time: responses that outlast their lease, and servers that fail in the middle. */

import { type IncomingMessage, request } from 'node:http';
import { HeadgateError, type PolicyDocument } from 'headgate';
import { createDistributedEngine, type Store } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { Host, Limit } from '../../contract/adapter.ts';
import { FUNCTIONS, HOSTS } from '../../fixtures/adapter-hosts.ts';
import { send } from '../../fixtures/http.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { sleep, until } from '../../fixtures/sleep.ts';

const LEASE = 1500;
const policy: PolicyDocument = {
  version: 1,
  limits: {
    strict: { algorithm: 'fixed-window', quota: 9, window: '1h', per: 'account' },
    lenient: { algorithm: 'fixed-window', quota: 9, window: '1h', per: 'account', onStoreFailure: 'allow' },
    shared: { algorithm: 'fixed-window', quota: 50, window: '1h', per: 'account', onStoreFailure: 'local' },
    streams: { algorithm: 'concurrency', quota: 1, per: 'account', lease: LEASE },
  },
  groups: {
    strict: { match: ['GET /strict'], limits: ['strict', 'lenient'] },
    lenient: { match: ['GET /lenient'], limits: ['lenient'] },
    shared: { match: ['GET /shared'], limits: ['shared', 'lenient'] },
    stream: { match: ['GET /stream'], limits: ['strict', 'streams'] },
  },
  unmatched: 'deny',
  headers: ['x-ratelimit', 'retry-after'],
};
const hosts = Object.entries({ ...HOSTS, ...FUNCTIONS });

async function textOf(response: IncomingMessage): Promise<string> {
  let whole = '';
  for await (const chunk of response.setEncoding('utf8')) whole += chunk;
  return whole;
}

describe.skipIf(lacksServer())('behind each adapter', async () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): unknown => rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  afterAll(async () => {
    await sleep(50);
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });

  let turn = 0;
  const open: Host[] = [];
  afterEach(async () => {
    for (const host of open.splice(0)) await host.close();
  });

  /** A site with one stream, that goes on until `finish` is called. */
  async function serve(client: Redis, start: (typeof hosts)[number][1], limit: Partial<Limit> = {}) {
    const store: Store = redisStore({ client, prefix: `a${turn++}` });
    const released = vi.spyOn(store, 'release');
    const renewed = vi.spyOn(store, 'renew');
    const engine = createDistributedEngine(policy, { store });
    const onError = vi.fn<(error: unknown) => void>();
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    async function* parts(): AsyncGenerator<string> {
      yield 'some ';
      await finished;
      yield 'more';
    }
    const identify = () => ({ account: 'x' });
    const handle = (path: string) => ({ status: 200, body: path === '/stream' ? parts() : 'hello' });
    const { port, close } = await start({ limits: [{ engine, identify, onError, ...limit }], handle });
    open.push({ port, close });
    const held = async (): Promise<number> => {
      const { limits } = await engine.peek({ group: 'stream', account: 'x' });
      return 1 - (limits[1]?.remaining ?? 1);
    };
    /** What the client has received in the end. */
    const streaming = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const call = request({ host: '127.0.0.1', port, path: '/stream', agent: false });
        call.on('response', (response) => resolve(textOf(response))).on('error', reject);
        call.end();
      });
    const get = (path: string) => send(port, 'GET', path);
    return { engine, onError, released, renewed, finish, held, streaming, get };
  }

  describe('a response that outlasts its lease', async () => {
    const server = lacksServer() ? undefined : await startServer();
    const client = ioredis(server?.port ?? 0);

    it('should keep its permit until it has ended, and give it back then', async () => {
      await Promise.all(
        hosts.map(async ([name, start]) => {
          const site = await serve(client, start);
          const text = site.streaming();
          await until(async () => (await site.held()) === 1);
          await sleep(2.5 * LEASE);
          expect([name, await site.held()]).toEqual([name, 1]);
          const { status, headers } = await site.get('/stream');
          expect([name, status, headers['Retry-After']]).toEqual([name, 429, undefined]);
          expect(site.renewed.mock.calls.length).toBeGreaterThan(4);
          expect(site.released).not.toHaveBeenCalled();
          site.finish();
          expect([name, await text]).toEqual([name, 'some more']);
          await until(() => site.released.mock.calls.length === 1);
          expect(await site.released.mock.results[0]?.value).toBe(true);
          expect([name, await site.held()]).toEqual([name, 0]);
          const renewals = site.renewed.mock.calls.length;
          await sleep(LEASE);
          expect([name, site.renewed.mock.calls.length]).toEqual([name, renewals]);
          expect(site.onError).not.toHaveBeenCalled();
        }),
      );
    });

    it('should come to its end though its lease was lost', async () => {
      const server = await startServer();
      const sites = await Promise.all(hosts.map(([, start]) => serve(ioredis(server.port), start)));
      const texts = sites.map((site) => site.streaming());
      for (const site of sites) await until(async () => (await site.held()) === 1);
      await ioredis(server.port).flushall();
      await sleep(LEASE);
      for (const site of sites) site.finish();
      expect(await Promise.all(texts)).toEqual(hosts.map(() => 'some more'));
      for (const site of sites) {
        await until(() => site.released.mock.calls.length === 1);
        // The first renewal that finds out is the last.
        const held = await Promise.all(site.renewed.mock.results.map(({ value }) => value));
        expect([held.indexOf(undefined), site.onError.mock.calls]).toEqual([held.length - 1, []]);
      }
    });
  });

  describe('a server that fails', () => {
    const patient = { retryStrategy: () => 50, maxRetriesPerRequest: null };

    it('should be answered for as the policy says, and told of what could not be given back', async () => {
      const server = await startServer();
      const sites = await Promise.all(
        hosts.map(([, start]) => serve(ioredis(server.port, patient), start, { countWhen: () => false })),
      );
      const texts = sites.map((site) => site.streaming());
      for (const site of sites) await until(async () => (await site.held()) === 1);
      await server.kill();
      await Promise.all(
        sites.map(async ({ get }, i) => {
          const [name] = hosts[i] ?? [];
          const [strict, lenient, shared] = [
            await get('/strict'),
            await get('/lenient'),
            await get('/shared'),
          ];
          expect([name, strict.status, JSON.parse(strict.body).error]).toEqual([
            name,
            503,
            expect.objectContaining({ code: 'store-failure', retryAfter: 1 }),
          ]);
          expect(lower(strict.headers)).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' });
          expect([name, lenient.status, lenient.body]).toEqual([name, 200, 'hello']);
          for (const { headers } of [strict, lenient])
            expect(Object.keys(lower(headers)).filter((field) => field.includes('ratelimit'))).toEqual([]);
          expect([name, shared.status, lower(shared.headers)]).toMatchObject([
            name,
            200,
            { 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '4' },
          ]);
        }),
      );
      for (const site of sites) site.finish();
      expect(await Promise.all(texts)).toEqual(hosts.map(() => 'some more'));
      for (const [i, { onError }] of sites.entries()) {
        await until(() => onError.mock.calls.length > 0);
        const errors = onError.mock.calls.map(([error]) =>
          error instanceof HeadgateError ? error.name : error,
        );
        expect([hosts[i]?.[0], new Set(errors)]).toEqual([hosts[i]?.[0], new Set(['StoreError'])]);
      }
      await server.start();
      for (const { get } of sites) {
        await until(async () => (await get('/strict')).status === 200);
        const { headers } = await get('/strict');
        expect(lower(headers)).toMatchObject({ 'x-ratelimit-limit': '9' });
      }
    });

    it('should have the permits back within the lease', async () => {
      const server = await startServer();
      const sites = await Promise.all(hosts.map(([, start]) => serve(ioredis(server.port, patient), start)));
      const texts = sites.map((site) => site.streaming());
      for (const site of sites) await until(async () => (await site.held()) === 1);
      process.kill(server.pid, 'SIGSTOP');
      for (const site of sites) site.finish();
      await Promise.all(texts);
      for (const { onError } of sites) await until(() => onError.mock.calls.length === 1);
      process.kill(server.pid, 'SIGCONT');
      const client = ioredis(server.port);
      const leases = await client.keys('*:leases');
      await sleep(LEASE);
      const now = Date.now();
      for (const key of leases) expect(await client.zcount(key, now, '+inf')).toBe(0);
    });
  });
});

/** Fields by their names in lower case. */
function lower(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
