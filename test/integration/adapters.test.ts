/** Every adapter does what the contract says, and those for frameworks count right under load. */

import { Agent, request } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { createEngine, type PolicyDocument } from 'headgate';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { describeAdapter, type Limit } from '../contract/adapter.ts';
import { HOSTS } from '../fixtures/adapter-hosts.ts';

for (const [name, start] of Object.entries(HOSTS)) describeAdapter(name, start);

const QUOTA = 1500;
const REQUESTS = 2000;
const CONNECTIONS = 20;
const policy: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: QUOTA, window: '1m', per: 'apiKey' },
    streams: { algorithm: 'concurrency', quota: 2 * CONNECTIONS, per: 'apiKey' },
  },
  groups: {
    read: { match: ['GET /hello'], limits: ['reads', 'streams'] },
  },
  unmatched: 'deny',
};

interface Seen {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
}

function get(port: number, agent: Agent): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path: '/hello', agent }, (response) => {
      const { statusCode = 0, headers } = response;
      response.on('end', () => resolve({ status: statusCode, headers })).resume();
    });
    call.on('error', reject).end();
  });
}

describe.each(['express', 'fastify', 'hono'])('%s under load', (name) => {
  it(`should allow exactly the quota of ${REQUESTS} requests over ${CONNECTIONS} connections`, async () => {
    const engine = createEngine(policy, { clock: manualClock(0) });
    const limit: Limit = { engine, identify: () => ({ apiKey: 'a' }) };
    const host = await HOSTS[name]?.({ limits: [limit], handle: () => ({ status: 200, body: 'hello' }) });
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const seen: Seen[] = [];
    let sent = 0;
    const work = async (): Promise<void> => {
      while (sent++ < REQUESTS) seen.push(await get(host?.port ?? 0, agent));
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    const allowed = seen.filter(({ status }) => status === 200);
    const denied = seen.filter(({ status }) => status === 429);
    expect([allowed.length, denied.length]).toEqual([QUOTA, REQUESTS - QUOTA]);
    expect(denied.every(({ headers }) => headers['retry-after'] === '60')).toBe(true);
    expect(denied.every(({ headers }) => headers['x-ratelimit-remaining'] === '0')).toBe(true);
    // The limit nearest to empty is shown: of the permits, so long as there are more requests left than that.
    const limits = [String(QUOTA), String(2 * CONNECTIONS)];
    expect(seen.every(({ headers }) => limits.includes(String(headers['x-ratelimit-limit'])))).toBe(true);
    while (engine.stats().permits.streams?.held !== 0) await setImmediate();
    expect([engine.stats().waiting, engine.stats().leases.released]).toEqual([0, QUOTA]);
    agent.destroy();
    await host?.close();
  });
});
