import { createEngine, definePolicy, type Engine, type Millis } from 'headgate';
import { createPool, type Pool, type PoolMember } from 'headgate/pool';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { countedSignal } from '../../fixtures/signals.ts';
import { inVirtualTime, settled, watch } from '../../fixtures/virtual-time.ts';

const policy = definePolicy({
  version: 1,
  limits: {
    sms: { algorithm: 'token-bucket', quota: 1, window: '1s', burst: 1, per: 'number' },
    slots: { algorithm: 'concurrency', quota: 2, per: 'upstream' },
  },
  groups: {
    sms: { limits: ['sms'], queue: { size: 100 } },
    call: { limits: ['slots'], queue: { size: 100 } },
  },
  unmatched: 'deny',
});
type P = typeof policy;

function setUp(members: readonly (string | PoolMember)[] = ['1', '2', '3']): {
  clock: ManualClock;
  engine: Engine<P>;
  pool: Pool<P>;
} {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  return { clock, engine, pool: createPool(engine, { group: 'sms', field: 'number', members }) };
}

/** Sends some messages through a pool, all at once; who sent which, and when. */
async function send(clock: ManualClock, pool: Pool<P>, n: number): Promise<{ member: string; at: Millis }[]> {
  const messages = Array.from({ length: n }, async () => {
    const { member, admission } = await pool.acquire();
    expect(admission.allowed).toBe(true);
    return { member, at: admission.at };
  });
  return inVirtualTime(clock, Promise.all(messages));
}

describe('createPool', () => {
  it('should send 30 messages through 3 numbers at 1/s in 9 s, round robin, never two within a second on one', async () => {
    const { clock, pool } = setUp();
    const sent = await send(clock, pool, 30);
    expect(sent.map(({ member }) => member)).toEqual(sent.map((_, i) => String((i % 3) + 1)));
    expect(sent.map(({ at }) => at)).toEqual(sent.map((_, i) => 1_000 * Math.floor(i / 3)));
    expect([clock.now(), clock.nextWake]).toEqual([9_000, undefined]);
  });

  it('should go round also when each message waits for the one before', async () => {
    const { clock, pool } = setUp();
    const members: string[] = [];
    for (let i = 0; i < 6; i++) {
      const { member } = await inVirtualTime(clock, pool.acquire());
      members.push(member);
    }
    expect([members.join(''), clock.now()]).toEqual(['123123', 1_000]);
  });

  it('should give each member its own quota', async () => {
    const { clock, pool } = setUp(['slow', { name: 'fast', quotas: { sms: 3 } }]);
    const sent = await send(clock, pool, 16);
    const by = (name: string): Millis[] => sent.flatMap(({ member, at }) => (member === name ? [at] : []));
    expect(by('slow').length).toBeGreaterThanOrEqual(4);
    expect(by('fast').length).toBeGreaterThanOrEqual(11);
    expect(clock.now()).toBeLessThanOrEqual(4_000);
  });

  it('should give work to the member with a free permit, and wait where none has', async () => {
    const { engine } = setUp();
    const pool = createPool(engine, { group: 'call', field: 'upstream', members: ['a', 'b'] });
    const four = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
    expect(four.map(({ member }) => member)).toEqual(['a', 'b', 'a', 'b']);
    const [fifth, sixth] = [watch(pool.acquire()), watch(pool.acquire())];
    await settled();
    expect([fifth.outcome.state, sixth.outcome.state]).toEqual(['pending', 'pending']);
    four[0]?.admission.release();
    four[1]?.admission.release();
    await settled();
    expect([fifth.outcome, sixth.outcome]).toMatchObject([
      { value: { member: 'a' } },
      { value: { member: 'b' } },
    ]);
  });

  it('should use a member that was added, and no longer one that was removed', async () => {
    const { clock, pool } = setUp(['1']);
    pool.add('2');
    expect((await send(clock, pool, 2)).map(({ member }) => member)).toEqual(['1', '2']);
    expect([pool.remove('1'), pool.remove('1')]).toEqual([true, false]);
    clock.advance('1m');
    expect((await send(clock, pool, 3)).map(({ member }) => member)).toEqual(['2', '2', '2']);
  });

  it('should move what waits for a member on when that is removed', async () => {
    const { clock, pool } = setUp(['1', '2']);
    await send(clock, pool, 2);
    const waiting = [1, 2, 3, 4].map(() => pool.acquire());
    await settled();
    pool.remove('1');
    const sent = await inVirtualTime(clock, Promise.all(waiting));
    expect(sent.map(({ member }) => member)).toEqual(['2', '2', '2', '2']);
    expect(sent.map(({ admission }) => admission.at).toSorted((a, b) => a - b)).toEqual([
      1_000, 2_000, 3_000, 4_000,
    ]);
  });

  it('should give a member other quotas when it is added again, also while somebody waits for it', async () => {
    const { clock, pool } = setUp(['1']);
    await send(clock, pool, 1);
    const waiting = watch(pool.acquire());
    await settled();
    pool.add({ name: '1', quotas: { sms: 2 } });
    clock.set(1_000);
    await settled();
    expect(waiting.outcome).toMatchObject({ value: { member: '1' } });
    pool.add('2');
    clock.advance('1m');
    // Nothing is counted as waiting for the first any more: it gets its share.
    const sent = await send(clock, pool, 4);
    expect(sent.filter(({ member }) => member === '1').length).toBeGreaterThanOrEqual(2);
  });

  it('should give no work to a member that cools down, and take it back in afterwards', async () => {
    const { clock, pool } = setUp(['1', '2']);
    pool.cooldown('1', 5_000);
    const sent = await send(clock, pool, 8);
    const ones = sent.filter(({ member }) => member === '1');
    expect(ones.length).toBeGreaterThan(0);
    expect(ones.every(({ at }) => at >= 5_000)).toBe(true);
  });

  it('should move what waits for a member on when that has to cool down', async () => {
    const { clock, pool } = setUp(['1', '2']);
    await send(clock, pool, 2);
    const waiting = [1, 2].map(() => pool.acquire());
    await settled();
    pool.cooldown('1', 60_000);
    const sent = await inVirtualTime(clock, Promise.all(waiting));
    expect(sent.map(({ member, admission }) => [member, admission.at])).toEqual([
      ['2', 2_000],
      ['2', 1_000],
    ]);
  });

  it('should wait for the member that is back first when all cool down, and give up when aborted', async () => {
    const { clock, pool } = setUp(['1', '2']);
    pool.cooldown('1', 60_000);
    pool.cooldown('2', 30_000);
    const counted = countedSignal();
    const aborted = watch(pool.acquire({}, { signal: counted.signal }));
    const first = pool.acquire();
    await settled();
    counted.controller.abort('stop');
    const { member, admission } = await inVirtualTime(clock, first);
    expect([member, admission.at]).toEqual(['2', 30_000]);
    expect(aborted.outcome).toEqual({ state: 'rejected', reason: 'stop' });
    expect([counted.listeners, clock.nextWake]).toEqual([0, undefined]);
  });

  it('should return a denial with the member it comes from', async () => {
    const { clock, pool } = setUp(['1']);
    await send(clock, pool, 1);
    const denied = await pool.acquire({}, { timeout: 0 });
    expect(denied).toMatchObject({ member: '1', admission: { allowed: false, reason: 'queue-timeout' } });
  });

  it('should refuse an empty pool, an unknown group, unknown members and faulty names', async () => {
    const { engine, pool } = setUp([]);
    const fault = (name: string, path: string): unknown => expect.objectContaining({ name, path });
    await expect(pool.acquire()).rejects.toMatchObject({ name: 'DescriptorError', code: 'empty-pool' });
    expect(() => createPool(engine, { group: 'smss' as 'sms', field: 'number', members: [] })).toThrow(
      fault('PolicyError', 'group'),
    );
    expect(() => pool.cooldown('9', 0)).toThrow(fault('DescriptorError', 'number'));
    expect(() => pool.add('')).toThrow(fault('DescriptorError', 'number'));
    pool.add('1');
    expect(() => pool.cooldown('1', Number.NaN)).toThrow(fault('DescriptorError', 'until'));
    expect((await pool.acquire()).member).toBe('1');
  });
});
