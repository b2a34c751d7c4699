/** Under load every adapter allows exactly the quota, says so on each response, and leaves nothing behind. */

import { Agent, request } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { createEngine, type PolicyDocument } from 'headgate';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import type { Limit } from '../contract/adapter.ts';
import { FUNCTIONS, HOSTS } from '../fixtures/adapter-hosts.ts';

const REQUESTS = 10_000;
const CONNECTIONS = 50;
const QUOTA = 7000;
const policy: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: QUOTA, window: '1m', per: 'apiKey' },
    streams: { algorithm: 'concurrency', quota: CONNECTIONS, per: 'apiKey' },
  },
  groups: { read: { match: ['GET /hello'], limits: ['reads', 'streams'] } },
  unmatched: 'deny',
  headers: ['x-ratelimit', 'retry-after', 'draft-11'],
};

interface Seen {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
}

function get(port: number, agent: Agent): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path: '/hello', agent }, (response) => {
      const { statusCode: status, headers } = response;
      response.on('end', () => resolve({ status, headers })).resume();
    });
    call.on('error', reject).end();
  });
}

/** What is left of the reads, as the draft's fields say it. */
function leftOf({ headers }: Seen): number {
  return Number(/"reads";r=(\d+);t=60/.exec(String(headers.ratelimit))?.[1]);
}

/** What keeps a process alive, of what an adapter could leave behind. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|Timeout)/.test(name)).length;
}

describe.each(Object.entries({ ...HOSTS, ...FUNCTIONS }))('%s under load', (_name, start) => {
  it(`should allow exactly ${QUOTA} of ${REQUESTS} requests over ${CONNECTIONS} connections`, async () => {
    const before = handles();
    const engine = createEngine(policy, { clock: manualClock(0) });
    const limit: Limit = { engine, identify: () => ({ apiKey: 'a' }) };
    const host = await start({ limits: [limit], handle: () => ({ status: 200, body: 'hello' }) });
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const seen: Seen[] = [];
    let sent = 0;
    const work = async (): Promise<void> => {
      while (sent++ < REQUESTS) seen.push(await get(host.port, agent));
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));

    const allowed = seen.filter(({ status }) => status === 200);
    const denied = seen.filter(({ status }) => status === 429);
    expect([allowed.length, denied.length]).toEqual([QUOTA, REQUESTS - QUOTA]);
    // Each number that can be left is told to exactly one client.
    const left = allowed.map(leftOf).sort((a, b) => a - b);
    expect(left).toEqual(Array.from({ length: QUOTA }, (_, i) => i));
    expect(denied.every((each) => leftOf(each) === 0)).toBe(true);
    expect(denied.every(({ headers }) => headers['retry-after'] === '60')).toBe(true);
    const fields = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'ratelimit-policy'];
    const isWhole = ({ headers }: Seen) => fields.every((name) => typeof headers[name] === 'string');
    expect(seen.filter((each) => !isWhole(each))).toEqual([]);

    while (engine.stats().permits.streams?.held !== 0) await setImmediate();
    expect([engine.stats().waiting, engine.stats().leases.released]).toEqual([0, QUOTA]);
    agent.destroy();
    await host.close();
    while (handles() > before) await setImmediate();
  });
});
