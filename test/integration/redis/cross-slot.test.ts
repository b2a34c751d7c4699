/** Limits in several slots of a real cluster: `crossSlot: 'reserve'`. */

import * as fc from 'fast-check';
import type { Duration, PolicyDocument } from 'headgate';
import { createDistributedEngine, type DistributedEngine, type Store } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';
import { histories } from '../../fixtures/distributed-histories.ts';
import { lacksServer } from '../../fixtures/redis.ts';
import { clusterClient, startCluster } from '../../fixtures/redis-cluster.ts';
import { expectSame } from '../../fixtures/same-history.ts';
import { sleep } from '../../fixtures/sleep.ts';
import { storeOver } from '../../fixtures/store-over.ts';

const policy = {
  version: 1,
  limits: {
    keys: { algorithm: 'fixed-window', quota: 300, window: '1h', per: 'apiKey' },
    commands: { algorithm: 'fixed-window', quota: 40, window: '1h', per: 'call' },
    total: { algorithm: 'token-bucket', quota: 1, burst: 400, window: '1h' },
    calls: { algorithm: 'concurrency', quota: 5, per: 'account', lease: '1s' },
    lines: { algorithm: 'concurrency', quota: 4, per: 'number', lease: '1s' },
  },
  groups: {
    say: { limits: ['keys', 'commands'] },
    any: { limits: ['keys', 'total'] },
    take: { limits: ['calls', 'lines'] },
    dial: { limits: ['calls', 'lines'], queue: { size: 100 } },
  },
  unmatched: 'deny',
  crossSlot: 'reserve',
} as const satisfies PolicyDocument;
type Engine = DistributedEngine<typeof policy>;

describe.skipIf(lacksServer())('limits in several slots of a cluster', async () => {
  if (lacksServer()) return;
  const nodes = await startCluster();
  const clients = [0, 1, 2, 3].map(() => clusterClient(nodes));
  const [client] = clients as [(typeof clients)[0]];
  let turn = 0;

  const storeOf = (prefix: string, n = 0): Store => redisStore({ client: clients[n] ?? client, prefix });
  const build = (prefix: string, store = storeOf(prefix), deadline: Duration = 250): Engine =>
    createDistributedEngine(policy, { store, deadline });

  /** The node of a key. */
  async function nodeOf(key: string): Promise<number> {
    return Math.floor((Number(await client.cluster('KEYSLOT', key)) * 3) / 16_384);
  }

  /** An id whose row is on that node. */
  async function idOn(node: number, prefix: string, field: string): Promise<string> {
    for (let i = 0; ; i++) if ((await nodeOf(`${prefix}:{${field}=${i}}`)) === node) return `${i}`;
  }

  const used = async (prefix: string, limit: string, row: string): Promise<number> => {
    const text = (await client.get(`${prefix}:{${row}}`)) ?? '';
    return Number(new RegExp(` ${limit}\\.\\w+\\.start,used=\\d+,(\\d+)`).exec(text)?.[1] ?? 0);
  };

  /** Permits held by now. */
  async function held(prefix: string, limit: string, row: string): Promise<number> {
    return client.zcount(`${prefix}:{${row}}:${limit}:leases`, `(${Date.now()}`, '+inf');
  }

  it('should be decided as in process, one request after the other', async () => {
    const property = fc.asyncProperty(histories, (history) => expectSame(history, storeOf(`h${turn++}`)));
    await fc.assert(property, { numRuns: 300 });
  }, 300_000);

  it('should charge what was admitted and never more than a quota, whoever asks at once', async () => {
    const prefix = `c${turn++}`;
    const engines = clients.map((_, n) => build(prefix, storeOf(prefix, n), '20s'));
    const admitted = new Map<string, number>();
    const count = (row: string): void => void admitted.set(row, (admitted.get(row) ?? 0) + 1);
    let [isOver, denied] = [false, 0];
    const work = async (engine: Engine, n: number): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        const [apiKey, call] = [`k${(i + n) % 3}`, `c${(i * 7 + n) % 11}`];
        const group = i % 3 === 0 ? 'any' : 'say';
        const decision = await engine.check({ group, apiKey, call });
        expect(decision.source).toBe('store');
        if (!decision.allowed) denied++;
        else for (const row of [`apiKey=${apiKey}`, group === 'any' ? 'all' : `call=${call}`]) count(row);
      }
    };
    const hold = async (engine: Engine, n: number): Promise<void> => {
      for (let i = 0; i < 15; i++) {
        const who = { account: `a${n % 2}`, number: `n${i % 2}` };
        const wanted =
          n % 3 === 0
            ? engine.acquire({ group: 'dial', ...who })
            : engine.tryAcquire({ group: 'take', ...who });
        const admission = await wanted;
        if (admission.allowed) await sleep(5);
        await admission.release();
      }
    };
    const watch = async (): Promise<void> => {
      while (!isOver) {
        for (const n of [0, 1]) {
          expect(await held(prefix, 'calls', `account=a${n}`)).toBeLessThanOrEqual(5);
          expect(await held(prefix, 'lines', `number=n${n}`)).toBeLessThanOrEqual(4);
        }
        expect(await used(prefix, 'commands', 'call=c0')).toBeLessThanOrEqual(40);
        await sleep(2);
      }
    };
    const watching = watch();
    const many = engines.flatMap((engine) => [0, 1, 2, 3].map((n) => [engine, n] as const));
    await Promise.all([...many.map((each) => work(...each)), ...many.map((each) => hold(...each))]);
    isOver = true;
    await watching;
    expect(denied).toBeGreaterThan(100);
    const [peeked] = await Promise.all([engines[0]?.peek({ group: 'any', apiKey: 'k0', call: 'c0' })]);
    for (const [row, times] of admitted) {
      if (row === 'all')
        expect(peeked?.limits.find(({ name }) => name === 'total')?.remaining).toBe(400 - times);
      else expect(await used(prefix, row.startsWith('call') ? 'commands' : 'keys', row), row).toBe(times);
    }
    for (const n of [0, 1]) {
      expect(await held(prefix, 'calls', `account=a${n}`)).toBe(0);
      expect(await held(prefix, 'lines', `number=n${n}`)).toBe(0);
    }
  }, 120_000);

  /** A store that does something when a slot has answered, once. */
  function after(store: Store, slot: string, act: () => unknown): Store {
    let isDue = true;
    return storeOver(store, {
      decide: async (request) => {
        const reply = await store.decide(request);
        if (!isDue || !request.rows.some(({ partition }) => partition.slot.includes(slot))) return reply;
        isDue = false;
        await act();
        return reply;
      },
    });
  }

  it('should stay within its bounds when a node stands still before something is given back', async () => {
    const prefix = `f${turn++}`;
    const apiKey = await idOn(0, prefix, 'apiKey');
    const call = await idOn(1, prefix, 'call');
    await build(prefix, storeOf(prefix), '20s').check({ group: 'say', apiKey: 'other', call, cost: 40 });
    const pid = nodes[0]?.pid ?? 0;
    const engine = build(
      prefix,
      after(storeOf(prefix), 'call', () => process.kill(pid, 'SIGSTOP')),
    );
    const started = performance.now();
    const denied = await engine.check({ group: 'say', apiKey, call });
    expect([denied.reason, denied.source]).toEqual(['quota', 'store']);
    expect(performance.now() - started).toBeLessThan(1000);
    const others = await Promise.all([1, 2, 3].map(() => engine.check({ group: 'say', apiKey, call: 'c' })));
    expect(others.map(({ source }) => source)).toEqual(['fallback', 'fallback', 'fallback']);
    process.kill(pid, 'SIGCONT');
    await recovered(engine);
    // What gives the first one back reaches the server after all; of the others, their own charges may.
    await until(async () => (await used(prefix, 'keys', `apiKey=${apiKey}`)) <= 3);
    await sleep(100);
    expect(await used(prefix, 'keys', `apiKey=${apiKey}`)).toBeLessThanOrEqual(3);
    expect(await used(prefix, 'commands', `call=${call}`)).toBe(40);
  }, 60_000);

  it('should get permits back within their lease when a node stands still', async () => {
    const prefix = `f${turn++}`;
    const who = { account: await idOn(1, prefix, 'account'), number: await idOn(2, prefix, 'number') };
    const rows = [`account=${who.account}`, `number=${who.number}`] as const;
    const pid = nodes[2]?.pid ?? 0;
    const engine = build(
      prefix,
      after(storeOf(prefix), 'account', () => process.kill(pid, 'SIGSTOP')),
    );
    const asked = await Promise.all([1, 2, 3].map(() => engine.tryAcquire({ group: 'take', ...who })));
    expect(asked.map(({ allowed }) => allowed)).toEqual([false, false, false]);
    // What was reserved on the node that goes on is back at once.
    await until(async () => (await held(prefix, 'calls', rows[0])) === 0);
    process.kill(pid, 'SIGCONT');
    await recovered(engine);
    await sleep(1000);
    expect([await held(prefix, 'calls', rows[0]), await held(prefix, 'lines', rows[1])]).toEqual([0, 0]);
    expect((await engine.tryAcquire({ group: 'take', ...who })).allowed).toBe(true);
  }, 60_000);

  it('should go on when a node has died before something is given back', async () => {
    const prefix = `f${turn++}`;
    const apiKey = await idOn(0, prefix, 'apiKey');
    const call = await idOn(1, prefix, 'call');
    await build(prefix, storeOf(prefix), '20s').check({ group: 'say', apiKey: 'other', call, cost: 40 });
    const engine = build(
      prefix,
      after(storeOf(prefix), 'call', () => nodes[0]?.kill()),
    );
    expect((await engine.check({ group: 'say', apiKey, call })).reason).toBe('quota');
    expect((await engine.check({ group: 'say', apiKey, call: 'c' })).source).toBe('fallback');
    await nodes[0]?.start();
    await recovered(engine);
    expect(await engine.check({ group: 'say', apiKey, call })).toMatchObject({
      reason: 'quota',
      source: 'store',
    });
    expect(await used(prefix, 'keys', `apiKey=${apiKey}`)).toBe(0);
  }, 60_000);

  it('should be refused where the policy does not say so', () => {
    const { crossSlot, ...silent } = policy;
    for (const each of [silent, { ...silent, crossSlot: 'refuse' } as const])
      expect(() => createDistributedEngine(each, { store: storeOf('r') })).toThrow('"crossSlot": "reserve"');
    expect(crossSlot).toBe('reserve');
  });

  /** Until all slots answer again. */
  async function recovered(engine: Engine): Promise<void> {
    await until(async () => {
      const ids = [0, 1, 2, 3, 4, 5].map((id) => ({ apiKey: `r${id}`, call: `r${id}` }));
      const answers = await Promise.all(ids.map((id) => engine.check({ group: 'say', ...id })));
      return answers.every(({ source }) => source === 'store');
    });
  }
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await isSo().catch(() => false)); await sleep(50))
    if (Date.now() > end) throw new Error('it does not come about');
}
