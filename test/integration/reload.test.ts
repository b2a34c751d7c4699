/** A server under load whose policy is replaced a hundred times: nobody is turned away by it, and nobody gets half of it. */

import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, type PolicyDocument } from 'headgate';
import { headgate } from 'headgate/node';
import { afterEach, describe, expect, it } from 'vitest';

/**
 * Two policies that differ in all a response shows. What each limit grants is far more than is asked, but for `few`, of
 * which each grants the same.
 */
const EVEN: PolicyDocument = {
  version: 1,
  limits: {
    many: { algorithm: 'fixed-window', quota: 1_000_000, window: '1h', per: 'key' },
    few: { algorithm: 'fixed-window', quota: 50, window: '1h', per: 'key' },
    busy: { algorithm: 'concurrency', quota: 3, per: 'key' },
  },
  groups: {
    many: { match: ['GET /many'], limits: ['many'] },
    few: { match: ['GET /few'], limits: ['few'] },
    busy: { match: ['GET /busy'], limits: ['busy'], queue: { size: 1000, timeout: '1m' } },
  },
  unmatched: 'deny',
  headers: ['x-ratelimit'],
  denial: { status: 429, body: 'even {quota}' },
};
const ODD: PolicyDocument = {
  ...EVEN,
  limits: {
    busy: { algorithm: 'concurrency', quota: 2, per: 'key' },
    extra: { algorithm: 'token-bucket', quota: 3_000_000, window: '1h', per: 'key' },
    few: { algorithm: 'fixed-window', quota: 51, window: '1h', per: 'key' },
    many: { algorithm: 'fixed-window', quota: 2_000_000, window: '1h', per: 'key' },
  },
  groups: {
    all: { match: ['GET /many'], limits: ['many', 'extra'] },
    scarce: { match: ['GET /few'], limits: ['few'] },
    busy: { match: ['GET /busy'], limits: ['busy'], queue: { size: 1000, timeout: '1m' } },
  },
  headers: ['draft-11'],
  denial: { status: 503, body: 'odd {quota}' },
};

interface Seen {
  readonly status: number;
  readonly fields: string;
  readonly body: string;
}

let server: Server | undefined;
const agent = new Agent({ keepAlive: true, maxSockets: 12 });
afterEach(async () => {
  agent.destroy();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

/** What is the same for every response of a policy, with what counts down left out. */
const KINDS: readonly (readonly [path: string, status: number, fields: RegExp, body: string])[] = [
  ['/many', 200, /^x-ratelimit-limit=1000000 x-ratelimit-remaining=\d+ x-ratelimit-reset=\d+$/, 'done'],
  [
    '/many',
    200,
    /^ratelimit-policy="many";q=2000000;w=3600, "extra";q=3000000;w=3600 ratelimit="many";r=\d+;t=\d+, "extra";r=\d+;t=\d+$/,
    'done',
  ],
  ['/few', 200, /^x-ratelimit-limit=50 x-ratelimit-remaining=\d+ x-ratelimit-reset=\d+$/, 'done'],
  ['/few', 200, /^ratelimit-policy="few";q=51;w=3600 ratelimit="few";r=\d+;t=\d+$/, 'done'],
  ['/few', 429, /^x-ratelimit-limit=50 x-ratelimit-remaining=0 x-ratelimit-reset=\d+$/, 'even 50'],
  ['/few', 503, /^ratelimit-policy="few";q=51;w=3600 ratelimit="few";r=0;t=\d+$/, 'odd 51'],
  ['/busy', 200, /^x-ratelimit-limit=3 x-ratelimit-remaining=\d+$/, 'done'],
  ['/busy', 200, /^ratelimit-policy="busy";q=2;qu="concurrent-requests" ratelimit="busy";r=\d+$/, 'done'],
];

describe('a server under load', () => {
  it('should answer every request by one policy or the other while they are swapped a hundred times', async () => {
    const engine = createEngine(EVEN);
    const inside = { now: 0, most: 0, served: 0 };
    server = createServer(
      headgate(engine, { identify: () => ({ key: 'a' }) }, async (incoming, response) => {
        inside.served++;
        if (incoming.url === '/busy') inside.most = Math.max(inside.most, ++inside.now);
        await new Promise((resolve) => setImmediate(resolve));
        if (incoming.url === '/busy') inside.now--;
        response.end('done');
      }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const ask = (path: string): Promise<Seen> =>
      new Promise((resolve, reject) => {
        const call = request({ host: '127.0.0.1', port, path, agent }, async (response) => {
          let body = '';
          for await (const chunk of response.setEncoding('utf8')) body += chunk;
          const fields = Object.entries(response.headers).filter(([name]) => name.includes('ratelimit'));
          const text = fields
            .map(([name, value]) => `${name}=${value}`)
            .sort()
            .join(' ');
          resolve({ status: response.statusCode ?? 0, fields: text, body });
        });
        call.on('error', reject).end();
      });

    let reloads = 0;
    const seen: [path: string, answer: Seen][] = [];
    const client = async (path: string): Promise<void> => {
      while (reloads < 100) seen.push([path, await ask(path)]);
    };
    const swap = async (): Promise<void> => {
      while (reloads < 100) {
        const before = seen.length;
        engine.reload(reloads % 2 === 0 ? ODD : EVEN);
        reloads++;
        // Each policy is in force for a few requests at least.
        while (seen.length < before + 5) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const clients = ['/many', '/many', '/few', '/busy', '/busy', '/busy', '/busy', '/busy'].map(client);
    await Promise.all([swap(), ...clients]);

    const kindOf = ([path, { status, fields, body }]: (typeof seen)[number]): number =>
      KINDS.findIndex(
        (kind) => kind[0] === path && kind[1] === status && kind[2].test(fields) && kind[3] === body,
      );
    expect(seen.filter((each) => kindOf(each) === -1)).toEqual([]);
    // Each of them has been seen, so that none is there for nothing.
    expect([...new Set(seen.map(kindOf))].sort((a, b) => a - b)).toEqual(KINDS.map((_kind, i) => i));

    const allowed = seen.filter(([, { status }]) => status === 200).length;
    const stats = engine.stats();
    expect([inside.served, stats.allowed, stats.denied]).toEqual([allowed, allowed, seen.length - allowed]);
    // Usage went on all the while: what was granted of `few` is what the larger quota grants, and not a unit more.
    const granted = seen.filter(([path, { status }]) => path === '/few' && status === 200).length;
    expect([50, 51]).toContain(granted);
    const used = 1_000_000 - engine.peek({ group: 'many', key: 'a' }).remaining;
    expect(used).toBe(seen.filter(([path]) => path === '/many').length);
    expect(inside.most).toBeLessThanOrEqual(3);
    expect(inside.most).toBeGreaterThan(1);
    expect([stats.waiting, stats.leases.granted - stats.leases.released]).toEqual([0, 0]);
    expect(stats.permits).toEqual({ busy: { keys: 0, held: 0 } });
  });
});
