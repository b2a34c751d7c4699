/** What may happen to a server while requests go on: each call is answered in time, and the service recovers by itself. */

import { isHeadgateError } from 'headgate';
import { createDistributedEngine, type DistributedEngine, type StoreEvent } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import type { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, ioredis, lacksServer, type RedisServer, startServer } from '../../fixtures/redis.ts';
import { startProxy } from '../../fixtures/tcp-proxy.ts';

const DEADLINE = 250;
/** How much later a call may end on a busy machine. */
const SLACK = 250;

const policy = {
  version: 1,
  limits: {
    strict: { algorithm: 'fixed-window', quota: 1_000_000, window: '1h', per: 'account' },
    lenient: {
      algorithm: 'token-bucket',
      quota: 1_000_000,
      window: '1h',
      per: 'account',
      onStoreFailure: 'allow',
    },
    shared: { algorithm: 'fixed-window', quota: 50, window: '1h', per: 'account', onStoreFailure: 'local' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '2s', onStoreFailure: 'local' },
  },
  groups: {
    strict: { limits: ['strict'] },
    lenient: { limits: ['lenient'] },
    shared: { limits: ['shared', 'lenient'] },
    call: { limits: ['calls'] },
  },
  unmatched: 'deny',
} as const;
type P = typeof policy;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What came of the requests of one spell. */
interface Spell {
  readonly calls: number;
  readonly slowest: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Requests, some 100 a second, for a while. */
async function hammer(
  engine: DistributedEngine<P>,
  ms: number,
  group: 'strict' | 'lenient' = 'strict',
): Promise<Spell> {
  const outcomes: Record<string, number> = {};
  const pending: Promise<void>[] = [];
  let slowest = 0;
  const call = async (): Promise<void> => {
    const started = performance.now();
    const { source, reason } = await engine.check({ group, account: 'x' });
    slowest = Math.max(slowest, performance.now() - started);
    const outcome = `${source} ${reason}`;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  for (const end = performance.now() + ms; performance.now() < end; ) {
    pending.push(call());
    await sleep(10);
  }
  await Promise.all(pending);
  return { calls: pending.length, slowest: Math.round(slowest), outcomes };
}

function print(fault: string, during: Spell, after: Spell): void {
  const row = { during: during.outcomes, slowest: during.slowest, after: after.outcomes };
  console.log(`${fault.padEnd(36)} ${JSON.stringify(row)}`);
}

function expectInTime({ slowest }: Spell): void {
  expect(slowest).toBeLessThan(DEADLINE + SLACK);
}

/** Until the store decides again, as long as it takes but no longer than some seconds. */
async function recovered(engine: DistributedEngine<P>): Promise<Spell> {
  for (let i = 0; i < 80; i++) {
    if ((await engine.peek({ group: 'strict', account: 'x' })).source === 'store') return hammer(engine, 200);
    await sleep(100);
  }
  throw new Error('the store has not come back');
}

describe.skipIf(lacksServer())('a store that fails', async () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): unknown => rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  afterAll(() => {
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });

  let turn = 0;
  function build(client: Redis, options: object = {}): { engine: DistributedEngine<P>; events: string[] } {
    const events: string[] = [];
    const onStoreEvent = (event: StoreEvent): unknown => events.push(event.error?.code ?? event.type);
    const store = redisStore({ client, prefix: `f${turn++}` });
    return { engine: createDistributedEngine(policy, { store, onStoreEvent, ...options }), events };
  }
  const patient = { retryStrategy: () => 50, maxRetriesPerRequest: null };
  async function serve(options: string[] = []): Promise<{ server: RedisServer; client: Redis }> {
    const server = await startServer(options);
    return { server, client: ioredis(server.port, patient) };
  }

  it('should be refused at the start, and be there later', async () => {
    const port = await freePort();
    const { engine, events } = build(ioredis(port, patient));
    const during = await hammer(engine, 600);
    expectInTime(during);
    expect(Object.keys(during.outcomes)).toEqual(['fallback store-failure']);
    expect(events.slice(0, 5)).toContain('timeout');
    expect(events).toContain('left-alone');
    await startServer([], undefined, port);
    const after = await recovered(engine);
    expect(after.outcomes).toEqual({ 'store ok': after.calls });
    expect(events.at(-1)).toBe('back');
    print('refused at the start', during, after);
  });

  it('should be killed and start again empty', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    await hammer(engine, 100);
    const killing = sleep(100).then(() => server.kill());
    const during = await hammer(engine, 700);
    await killing;
    expectInTime(during);
    expect(during.outcomes['fallback store-failure']).toBeGreaterThan(0);
    await server.start();
    const after = await recovered(engine);
    expect(after.outcomes).toEqual({ 'store ok': after.calls });
    print('kill -9, empty restart', during, after);
  });

  it('should stand still for a while', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    await hammer(engine, 50);
    process.kill(server.pid, 'SIGSTOP');
    const during = await hammer(engine, 3000, 'lenient');
    process.kill(server.pid, 'SIGCONT');
    expectInTime(during);
    expect(during.outcomes).toEqual({ 'fallback ok': during.calls });
    const after = await recovered(engine);
    expect(after.outcomes).toEqual({ 'store ok': after.calls });
    print('SIGSTOP for 3 s', during, after);
  });

  it('should be slow now and then', async () => {
    const { server } = await serve();
    const proxy = await startProxy(server.port);
    const { engine } = build(ioredis(proxy.port, patient));
    await hammer(engine, 50);
    proxy.delay = () => (turn++ % 10 === 0 ? 400 : Math.floor(turn % 20));
    const during = await hammer(engine, 1500);
    proxy.delay = () => 0;
    expectInTime(during);
    expect(during.outcomes['store ok']).toBeGreaterThan(0);
    const after = await recovered(engine);
    print('random latency', during, after);
  });

  it('should be cut off without a word', async () => {
    const { server } = await serve();
    const proxy = await startProxy(server.port);
    const { engine } = build(ioredis(proxy.port, { ...patient, socketTimeout: 400 }));
    await hammer(engine, 50);
    proxy.isStalled = true;
    const during = await hammer(engine, 800);
    proxy.isStalled = false;
    expectInTime(during);
    const after = await recovered(engine);
    print('half-open connection', during, after);
  });

  it.each(['sent again by the client', 'sent again by the engine'])(
    'should lose a reply, which is charged once: %s',
    async (how) => {
      const { server } = await serve();
      const proxy = await startProxy(server.port);
      const resends = how === 'sent again by the client' ? null : 0;
      const client = ioredis(proxy.port, { maxRetriesPerRequest: resends, retryStrategy: () => 5 });
      const { engine } = build(client);
      const call = { group: 'call', account: 'x' } as const;
      await engine.peek({ group: 'shared', account: 'x' });
      await engine.check({ group: 'shared', account: 'x' });
      await engine.peek(call);
      proxy.losesNextReply = true;
      const checked = await engine.check({ group: 'shared', account: 'x' });
      expect([checked.source, checked.allowed, checked.remaining]).toEqual(['store', true, 48]);
      expect((await engine.peek({ group: 'shared', account: 'x' })).remaining).toBe(48);
      proxy.losesNextReply = true;
      const admitted = await engine.tryAcquire(call, { id: 'once' });
      expect([admitted.source, admitted.remaining]).toEqual(['store', 1]);
      proxy.losesNextReply = true;
      await admitted.release().catch(() => false);
      expect((await engine.peek(call)).remaining).toBe(2);
    },
  );

  it('should forget its scripts all the time', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    const look = ioredis(server.port);
    const flushing = setInterval(() => void look.script('FLUSH'), 10);
    const during = await hammer(engine, 500);
    clearInterval(flushing);
    expect(during.outcomes).toEqual({ 'store ok': during.calls });
    print('SCRIPT FLUSH every 10 ms', during, await recovered(engine));
  });

  it('should be a replica that takes no writes: no denial of a limit, and told apart', async () => {
    const { server } = await serve();
    const replica = await startServer(['--replicaof', '127.0.0.1', `${server.port}`]);
    const { engine, events } = build(ioredis(replica.port, patient));
    const denied = await engine.check({ group: 'strict', account: 'x' });
    expect([denied.reason, denied.source, events[0]]).toEqual(['store-failure', 'fallback', 'read-only']);
    await expect(engine.block({ account: 'x' }, { for: '1h' })).rejects.toMatchObject({ code: 'read-only' });
  });

  it('should be out of memory, and change nothing then', async () => {
    const { server, client } = await serve();
    const { engine, events } = build(client);
    await engine.check({ group: 'shared', account: 'x' });
    const look = ioredis(server.port);
    await look.config('SET', 'maxmemory', '1');
    const during = await engine.check({ group: 'strict', account: 'x' });
    expect([during.reason, events.at(-1)]).toEqual(['store-failure', 'out-of-memory']);
    await look.config('SET', 'maxmemory', '0');
    expect((await engine.check({ group: 'shared', account: 'x' })).remaining).toBe(48);
  });

  it('should lose everything, hold something else, or keep it for ever', async () => {
    const { server, client } = await serve();
    const { engine, events } = build(client);
    const look = ioredis(server.port);
    const shared = { group: 'shared', account: 'x' } as const;
    const key = `f${turn - 1}:{account=x}`;
    await engine.check(shared);
    await look.flushall();
    expect((await engine.check(shared)).remaining).toBe(49);
    await look.set(key, 'something else');
    expect((await engine.check(shared)).remaining).toBe(49);
    expect(events).toEqual(['reset']);
    const lenient = { group: 'lenient', account: 'y' } as const;
    await engine.check(lenient);
    await look.persist(key.replace('=x', '=y'));
    await engine.check(lenient);
    expect(await look.pttl(key.replace('=x', '=y'))).toBeGreaterThan(0);
  });

  it('should not care what time it is here', async () => {
    const { client } = await serve();
    const store = redisStore({ client });
    const engines = [-3_600_000, 3_600_000].map((by) =>
      createDistributedEngine(policy, { store, clock: { now: () => Date.now() + by } }),
    );
    const answers = [];
    for (const engine of engines) answers.push(await engine.check({ group: 'shared', account: 'x' }));
    expect(answers.map(({ remaining, limits }) => [remaining, limits[0]?.resetAt])).toEqual([
      [49, answers[0]?.limits[0]?.resetAt],
      [48, answers[0]?.limits[0]?.resetAt],
    ]);
    expect(Math.abs((answers[1]?.at ?? 0) - Date.now())).toBeLessThan(1000);
  });

  it('should not settle at all', async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const { client } = await serve();
    const store = {
      ...redisStore({ client }),
      algorithms: ['fixed-window', 'token-bucket'],
      isPartitioned: false,
    };
    const hanging = { ...store, decide: never, correct: never, release: never, renew: never, leave: never };
    const engine = createDistributedEngine(policy, {
      store: { ...hanging, block: never, unblock: never, forget: never },
    }) as DistributedEngine<P>;
    const during = await hammer(engine, 500);
    expectInTime(during);
    expect(during.outcomes).toEqual({ 'fallback store-failure': during.calls });
    await expect(engine.forget({ account: 'x' })).rejects.toSatisfy((error) =>
      isHeadgateError(error, 'StoreError'),
    );
  });

  it('should not be blamed when the process itself was busy', async () => {
    const { client } = await serve();
    const { engine } = build(client);
    await engine.check({ group: 'strict', account: 'x' });
    const pending = Array.from({ length: 20 }, () => engine.check({ group: 'strict', account: 'x' }));
    await sleep(0);
    for (const end = Date.now() + 1500; Date.now() < end; );
    const answers = await Promise.all(pending);
    expect(answers.map(({ source }) => source)).toEqual(answers.map(() => 'store'));
  });

  it('should leave each process a share of the quota where the limit says so', async () => {
    const { server, client } = await serve();
    const { engine } = build(client);
    await server.kill();
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await engine.check({ group: 'shared', account: 'x' }));
    expect(answers.map(({ source, allowed, remaining }) => [source, allowed, remaining])).toEqual([
      ...[4, 3, 2, 1, 0].map((left) => ['local', true, left]),
      ['local', false, 0],
    ]);
    await engine.refund(answers[0] as (typeof answers)[0]);
    expect((await engine.check({ group: 'shared', account: 'x' })).allowed).toBe(true);
    await engine.run({ group: 'call', account: 'x' }, async (admission) => {
      expect(admission.source).toBe('local');
      expect((await engine.tryAcquire({ group: 'call', account: 'x' })).reason).toBe('concurrency');
    });
  });
});
