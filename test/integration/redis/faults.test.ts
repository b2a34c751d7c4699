/** What may happen between an engine and its server while requests go on: each is answered in time, and the service recovers by itself. */

import { describe, expect, it } from 'vitest';
import { build, endure, PATIENT, serve } from '../../fixtures/faults.ts';
import { freePort, ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { sleep } from '../../fixtures/sleep.ts';
import { startProxy } from '../../fixtures/tcp-proxy.ts';

describe.skipIf(lacksServer())('a server that fails', () => {
  it.concurrent('should be refused at the start, and be there later', async () => {
    const port = await freePort();
    const { engine, events } = build(ioredis(port, PATIENT));
    const { during } = await endure(engine, {
      ...{ name: 'refused at the start', ms: 1500, isNew: true, isExact: true },
      end: () => startServer([], undefined, port),
    });
    expect(during.outcomes).toEqual({ 'fallback store-failure': during.calls });
    expect(events.slice(0, 5)).toContain('timeout');
    expect(events).toContain('left-alone');
    expect(events.at(-1)).toBe('back');
  });

  it.concurrent('should be killed and start again empty', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    const { during, after } = await endure(engine, {
      ...{ name: 'kill -9, empty restart', ms: 800 },
      begin: () => server.kill(),
      end: () => server.start(),
    });
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
    // At most what came late is there beside what came after.
    const { remaining } = await engine.peek({ group: 'strict', account: 'x' });
    expect(remaining).toBeGreaterThanOrEqual(1_000_000 - after.calls - during.calls);
  });

  it.concurrent.each(['strict', 'lenient'] as const)('should stand still for 10 s (%s)', async (group) => {
    const { server, client } = await serve();
    const { engine, events } = build(client);
    const { during } = await endure(engine, {
      ...{ name: `SIGSTOP for 10 s (${group})`, ms: 10_050, group, isExact: group === 'strict' },
      begin: () => process.kill(server.pid, 'SIGSTOP'),
      end: () => process.kill(server.pid, 'SIGCONT'),
    });
    const isKnown = ['store ok', group === 'strict' ? 'fallback store-failure' : 'fallback ok'];
    expect(Object.keys(during.outcomes).filter((outcome) => !isKnown.includes(outcome))).toEqual([]);
    expect(during.outcomes['store ok'] ?? 0).toBeLessThan(100);
    // It is tried once a second, not by every request.
    expect(events.filter((event) => event === 'timeout').length).toBeLessThan(100);
  });

  it.concurrent('should be slow now and then', async () => {
    const { server } = await serve();
    const proxy = await startProxy(server.port);
    const { engine } = build(ioredis(proxy.port, PATIENT));
    let turn = 0;
    const { during } = await endure(engine, {
      ...{ name: 'latency of up to 280 ms', ms: 2000, isExact: true },
      begin: () => {
        proxy.delay = () => (turn++ % 40 === 0 ? 280 : turn % 20);
      },
      end: () => {
        proxy.delay = () => 0;
      },
    });
    expect(during.outcomes['store ok']).toBeGreaterThan(0);
  });

  it.concurrent('should be cut off without a word', async () => {
    const { server } = await serve();
    const proxy = await startProxy(server.port);
    const { engine } = build(ioredis(proxy.port, { ...PATIENT, socketTimeout: 400 }));
    const { during } = await endure(engine, {
      ...{ name: 'half-open connection', ms: 1500 },
      begin: () => {
        proxy.isStalled = true;
      },
      end: () => {
        proxy.isStalled = false;
      },
    });
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
  });

  it.concurrent.each([
    ['the client', null],
    ['the engine', 0],
  ])('should lose replies, and charge once: sent again by %s', async (who, maxRetriesPerRequest) => {
    const { server } = await serve();
    const proxy = await startProxy(server.port);
    const { engine, patient } = build(ioredis(proxy.port, { maxRetriesPerRequest, retryStrategy: () => 5 }));
    const { during } = await endure(engine, {
      ...{ name: `RST in replies, sent again by ${who}`, ms: 1500, isExact: true },
      begin: () => {
        proxy.losesOneOf = 12;
      },
      end: () => {
        proxy.losesOneOf = 0;
      },
    });
    expect(during.outcomes['store ok']).toBeGreaterThan(during.calls / 2);

    // One by one, for everything that can be asked.
    const [shared, call, line] = (['shared', 'call', 'line'] as const).map((group) => ({
      group,
      account: 'y',
    }));
    if (shared === undefined || call === undefined || line === undefined) throw new Error('three groups');
    for (const each of [shared, call, line]) await patient.peek(each);
    proxy.losesNextReply = true;
    const checked = await patient.check(shared);
    expect([checked.source, checked.allowed, checked.remaining]).toEqual(['store', true, 49]);
    expect((await patient.peek(shared)).remaining).toBe(49);
    proxy.losesNextReply = true;
    await patient.refund(checked);
    expect((await patient.peek(shared)).remaining).toBe(50);
    proxy.losesNextReply = true;
    const admitted = await patient.tryAcquire(call, { id: 'once' });
    expect([admitted.source, admitted.remaining]).toEqual(['store', 1]);
    proxy.losesNextReply = true;
    expect(await admitted.release()).toBe(true);
    expect((await patient.peek(call)).remaining).toBe(2);
    proxy.losesNextReply = true;
    const acquired = await patient.acquire({ ...line, cost: { permits: 2 } });
    expect([acquired.source, acquired.remaining]).toEqual(['store', 0]);
    // In line it loses a reply as well, and is served once.
    const waiting = patient.acquire(line);
    await sleep(50);
    proxy.losesNextReply = true;
    await sleep(50);
    await acquired.release();
    expect((await waiting).remaining).toBe(1);
    expect(proxy.losesNextReply).toBe(false);
  });
});
