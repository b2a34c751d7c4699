/** Several processes on one server: what they decide in all, and what becomes of those that die. */

import { text } from 'node:stream/consumers';
import { type Admission, createEngine } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { gone, holding, listen, type Sighting, workers } from '../../fixtures/redis-processes.ts';
import { KEYS, type Line, shared, told } from '../../fixtures/redis-shared.ts';
import { sleep, until } from '../../fixtures/sleep.ts';

const PROCESSES = 8;
const CALLS = 5000;
const LEASE = 2000;
const SLACK = 1000;

/** An operation that took its turn at the server. */
type Turn = readonly [at: number, line: Line];

/** One engine that does everything in the given order, and what it says otherwise than the server did. */
function replay(turns: readonly Turn[]) {
  const clock = manualClock(turns[0]?.[0] ?? 0);
  const engine = createEngine(shared, { clock });
  const admissions = new Map<string, Admission>();
  const differences: unknown[] = [];
  for (const [at, [id, does, what, ...rest]] of turns) {
    clock.set(at);
    if (does === 'decide') {
      const admission = engine.tryAcquire(what);
      admissions.set(id, admission);
      if (told(admission) !== rest[1]) differences.push([id, told(admission), rest[1]]);
    } else {
      const admission = admissions.get(what);
      if (admission === undefined) differences.push([id, does, 'before it was admitted']);
      else if (does === 'refund') engine.refund(admission);
      else if (admission.release() !== rest[0]) differences.push([id, does, rest[0]]);
    }
  }
  return { engine, clock, differences };
}

function inSequence(lines: readonly Line[], sightings: readonly Sighting[]): Turn[] {
  const written = new Map(lines.map((line) => [line[0], line]));
  return sightings.flatMap(({ id, at }): Turn[] => {
    const line = written.get(id);
    if (line === undefined) return [];
    // The very instant at which the script decided; for what gives back, when it was called: to the millisecond or so.
    return [[line[1] === 'decide' ? line[3] : at, line]];
  });
}

describe.skipIf(lacksServer())('processes that share a server', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const port = server?.port ?? 0;
  const look = ioredis(port);
  const { start } = workers();

  const thereIn = (prefix: string) =>
    createDistributedEngine(shared, { store: redisStore({ client: look, prefix }), deadline: '20s' });

  /** The latest score of a set: when the last of it is given up, by the server's clock. */
  const lastOf = async (key: string): Promise<number> =>
    Number((await look.zrange(key, -1, -1, 'WITHSCORES'))[1]);

  it('should decide in all as one engine in process does, one call after the other', async () => {
    const stop = await listen(port);
    const started = performance.now();
    const processes = Array.from({ length: PROCESSES }, () => start('log', port, 'all', CALLS));
    const outputs = await Promise.all(
      processes.map(({ stdout }) => text(stdout as NonNullable<typeof stdout>)),
    );
    const spent = performance.now() - started;
    const lines = outputs.flatMap((output) =>
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
    );
    const turns = inSequence(lines, await stop());
    const decisions = turns.filter(([, [, does]]) => does === 'decide');

    // Nothing is lost, and everything has its turn.
    expect(decisions).toHaveLength(PROCESSES * CALLS);
    expect(turns).toHaveLength(lines.length);
    const { engine, clock, differences } = replay(turns);
    expect(differences).toEqual([]);

    // What is left is left of what the replay has admitted, for every limit of every account.
    const there = thereIn('all');
    for (const account of KEYS) {
      for (const group of ['read', 'write', 'back', 'call'] as const) {
        const remote = await there.peek({ group, account });
        clock.set(remote.at);
        expect(told(remote)).toBe(told(engine.peek({ group, account })));
      }
    }

    // The order matters: where neighbours change places, it comes out otherwise.
    const swapped = turns.map((turn, i) => turns[i % 2 === 0 ? i + 1 : i - 1] ?? turn);
    expect(replay(swapped).differences.length).toBeGreaterThan(100);

    const admitted = decisions.filter(([, [, , , , answer]]) => String(answer).startsWith('{"allowed":true'));
    const [back, released] = ['refund', 'release'].map(
      (kind) => turns.filter(([, [, does]]) => does === kind).length,
    );
    const counts = `${decisions.length} calls, ${admitted.length} admitted, ${back} refunds, ${released} releases`;
    console.log(`replayed in the order of the server: ${counts}, ${Math.round(spent)} ms`);
    expect(admitted.length).toBeGreaterThan(CALLS);
    expect(decisions.length - admitted.length).toBeGreaterThan(CALLS);
  }, 300_000);

  it('should share the members of a pool, each of them used by one at a time', async () => {
    const processes = Array.from({ length: 3 }, () => start('pool', port, 'pool', 15));
    const outputs = await Promise.all(
      processes.map(({ stdout }) => text(stdout as NonNullable<typeof stdout>)),
    );
    const spans = outputs.flatMap((output) => JSON.parse(output) as [string, number, number][]);
    expect(spans).toHaveLength(45);
    for (const key of KEYS) {
      const own = spans.filter(([member]) => member === key).sort(([, a], [, b]) => a - b);
      expect(own.length).toBeGreaterThan(0);
      for (const [i, [, from]] of own.slice(1).entries())
        expect(from).toBeGreaterThanOrEqual(own[i]?.[2] ?? 0);
    }
  }, 60_000);

  it('should never hold more than the quota while one is killed every second, and get all back', async () => {
    // By the server's clock, and in the instant it is read.
    const live = async (): Promise<number> => {
      const count = `local t = redis.call('TIME')
        return redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), '+inf')`;
      return Number(await look.eval(count, 1, 'held:{account=x}:lines:leases'));
    };
    const running = Array.from({ length: 4 }, () => start('hold', port, 'held', 0));
    const samples: number[] = [];
    await Promise.all(running.map(holding));
    let kills = 0;
    for (; kills < 5; kills++) {
      for (const end = Date.now() + 1000; Date.now() < end; await sleep(5)) samples.push(await live());
      const [victim] = running.splice(0, 1, start('hold', port, 'held', 0));
      if (victim !== undefined) await holding(victim);
      victim?.kill('SIGKILL');
    }
    const most = Math.max(...samples);
    for (const worker of running) worker.kill('SIGKILL');
    await Promise.all(running.map(gone));
    const died = Date.now();
    const last = await lastOf('held:{account=x}:lines:leases');
    await until(async () => (await live()) === 0);
    const spent = Date.now() - died;
    console.log(
      `four processes, ${kills} kills: at most ${most} of 25 held (${samples.length} looks), all back after ${spent} ms`,
    );
    expect(most).toBeLessThanOrEqual(25);
    expect(most).toBeGreaterThan(20);
    expect(last - died).toBeGreaterThan(0);
    // The server may still have had something of theirs to read.
    expect(last - died).toBeLessThanOrEqual(LEASE + SLACK);
    const there = thereIn('held');
    expect((await there.peek({ group: 'line', account: 'x' })).remaining).toBe(25);
  }, 60_000);

  it('should get back permits and places of a process that is killed', async () => {
    const there = thereIn('sat');
    const sitting = start('sit', port, 'sat', 20);
    await holding(sitting);
    await until(async () => (await look.keys('sat:*:queue')).length > 0);
    const line = { group: 'line', account: 'x' } as const;
    expect((await there.peek(line)).remaining).toBe(5);
    // Five are left, but it waits for twenty, and nobody passes it.
    expect((await there.tryAcquire(line)).reason).toBe('concurrency');
    sitting.kill('SIGKILL');
    await gone(sitting);
    const died = Date.now();
    expect((await lastOf('sat:{account=x}:line:x:seen')) - died).toBeLessThanOrEqual(3000 + SLACK);
    const first = await there.acquire(line);
    const place = Date.now() - died;
    expect(first.allowed).toBe(true);
    expect((await there.peek(line)).remaining).toBe(24);
    console.log(`killed while holding 20 permits and a place in line: all back after ${place} ms`);
  });
});
