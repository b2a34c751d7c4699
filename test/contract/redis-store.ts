/** What must hold for every client that a store on Redis is built over. */

import { fixedWindow } from 'headgate';
import { createDistributedEngine, type DistributedEngine, type Store } from 'headgate/distributed';
import { type RedisClient, redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';

const policy = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 3, window: '1h', per: 'account' },
    pace: { algorithm: 'token-bucket', quota: 2, window: '1h', per: 'account' },
    sends: { algorithm: 'sliding-window', quota: 5, window: '1h', per: ['account', 'number'] },
  },
  groups: { read: { limits: ['reads'] }, send: { limits: ['reads', 'pace', 'sends'] } },
  unmatched: 'deny',
} as const;

/** Ids that a careless store mixes up. */
const IDS = [
  'a',
  'A',
  'a}',
  '{a}',
  'a%7d',
  'a*',
  '[a-z]',
  'a b',
  'a\n',
  'a\0',
  '\ud800',
  '\udbff',
  'é',
  'e\u0301',
  '__proto__',
  'all',
];

/** A client, and one to look at the same server with. */
export interface Reached {
  readonly client: RedisClient;
  readonly look: Redis;
}

/** A client, and what was sent by it, to be sent once more. */
function repeating(client: RedisClient): [client: RedisClient, arrived: (() => Promise<unknown>)[]] {
  const arrived: (() => Promise<unknown>)[] = [];
  const spy = new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const send = (): Promise<unknown> => value.apply(target, args);
        if (String(name).toLowerCase() === 'evalsha') arrived.push(send);
        return send();
      };
    },
  });
  return [spy, arrived];
}

export function describeRedisStore(name: string, reach: () => Reached | Promise<Reached>): void {
  describe(`a store over ${name}`, () => {
    let reached: Reached;
    let store: Store;
    let engine: DistributedEngine<typeof policy>;
    let prefix: string;
    let turn = 0;

    beforeEach(async () => {
      reached = await reach();
      prefix = `${name.replace(/\W/g, '-')}.${turn++}`;
      store = redisStore({ client: reached.client, prefix });
      engine = createDistributedEngine(policy, { store, deadline: '20s' });
    });

    it('should allow up to the quota, by its own clock, and then say until when not', async () => {
      const before = Date.now();
      const answers = [];
      for (let i = 0; i < 4; i++) answers.push(await engine.check({ group: 'read', account: 'x' }));
      expect(answers.map(({ allowed, remaining, source }) => [allowed, remaining, source])).toEqual([
        [true, 2, 'store'],
        [true, 1, 'store'],
        [true, 0, 'store'],
        [false, 0, 'store'],
      ]);
      const [first, , , last] = answers;
      expect(first?.at).toBeGreaterThanOrEqual(before);
      expect(last?.retryAt).toBe((first?.at ?? 0) + 3_600_000);
      expect(await engine.peek({ group: 'read', account: 'y' })).toMatchObject({
        allowed: true,
        remaining: 3,
      });
    });

    it('should charge all limits or none', async () => {
      const send = { group: 'send', account: 'x', number: '1' } as const;
      await engine.check(send);
      await engine.check(send);
      const denied = await engine.check(send);
      expect([denied.reason, denied.limit]).toEqual(['quota', 'pace']);
      expect(denied.limits.map(({ remaining }) => remaining)).toEqual([1, 0, 3]);
      expect(await engine.peek({ group: 'read', account: 'x' })).toMatchObject({ remaining: 1 });
    });

    it('should admit as many at once as one after the other', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => engine.check({ group: 'read', account: 'x' })),
      );
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(3);
    });

    it('should give a charge back once, and not to a later row', async () => {
      const read = { group: 'read', account: 'x' } as const;
      const first = await engine.check(read);
      const second = await engine.check(read);
      await engine.refund(first);
      await engine.refund(first);
      expect((await engine.peek(read)).remaining).toBe(2);
      expect(await engine.forget({ account: 'x' })).toBe(true);
      expect(await engine.forget({ account: 'x' })).toBe(false);
      await engine.check(read);
      await engine.refund(second);
      expect((await engine.peek(read)).remaining).toBe(2);
    });

    it('should block for everybody until it is lifted, whatever is forgotten', async () => {
      const read = { group: 'read', account: 'x' } as const;
      await engine.check(read);
      await engine.block({ account: 'x' }, { for: '1h', reason: 'abuse' });
      await engine.forget({ account: 'x' });
      const other = createDistributedEngine(policy, {
        store: redisStore({ client: reached.client, prefix }),
        deadline: '20s',
      });
      expect(await other.check(read)).toMatchObject({ allowed: false, reason: 'blocked', remaining: 0 });
      expect([await engine.unblock({ account: 'x' }), await engine.unblock({ account: 'x' })]).toEqual([
        true,
        false,
      ]);
      expect(await engine.check(read)).toMatchObject({ allowed: true, remaining: 2 });
      await engine.block({ account: 'x' }, { for: '1h' });
      await engine.block({ account: 'x' }, { until: 1 });
      expect(await engine.check(read)).toMatchObject({ allowed: true, remaining: 1 });
    });

    it('should do a call that arrives twice once, answer it the same, and none that arrives after a later one', async () => {
      const rows = [
        {
          partition: { fields: ['account'], slot: ['account'], isShadow: false },
          values: ['x'],
          limits: [{ name: 'reads.f3600000', plan: fixedWindow({ quota: 9, window: '1h' }), cost: 1 }],
          permits: [],
        },
      ];
      const [client, arrived] = repeating(reached.client);
      const echoed = redisStore({ client, prefix });
      const first = await echoed.decide({ id: 'one', mode: 'charge', rows });
      expect(first.rows[0]?.cells[1]).toBe(0);
      expect(await arrived[0]?.()).toEqual(await arrived[0]?.());
      const second = await echoed.decide({ id: 'two', mode: 'charge', rows });
      expect(second.rows[0]?.cells[1]).toBe(1);
      expect(await arrived[0]?.()).toBe('');
      const third = await echoed.decide({ id: 'three', mode: 'charge', rows });
      expect(third.rows[0]?.cells[1]).toBe(2);
    });

    it.each(IDS)('should keep the account %j apart from all others', async (account) => {
      for (const id of IDS) await engine.check({ group: 'read', account: id });
      await engine.check({ group: 'read', account });
      const left = await Promise.all(
        IDS.map(async (id) => (await engine.peek({ group: 'read', account: id })).remaining),
      );
      expect(left).toEqual(IDS.map((id) => (id === account ? 1 : 2)));
    });

    it('should deny by itself what was denied, until that may have ended', async () => {
      const clock = manualClock(5_000_000);
      const cached = createDistributedEngine(policy, { store, clock, denialCache: 10, deadline: '20s' });
      const read = { group: 'read', account: 'x' } as const;
      const first = await cached.check(read);
      await cached.check({ ...read, cost: 2 });
      const [denied, again] = [await cached.check(read), await cached.check(read)];
      expect([denied.source, again.source]).toEqual(['store', 'local']);
      expect({ ...again, source: 'store' }).toEqual({ ...denied });
      expect((await cached.check({ ...read, cost: 2 })).source).toBe('store');
      expect((await cached.check({ ...read, account: 'y' })).source).toBe('store');
      clock.advance((denied.retryAt ?? 0) - denied.at - 1);
      expect((await cached.check(read)).source).toBe('local');
      clock.advance(1);
      expect((await cached.check(read)).source).toBe('store');
      expect((await cached.check(read)).source).toBe('local');
      await cached.refund(first);
      expect(await cached.check(read)).toMatchObject({ allowed: true, source: 'store' });
    });

    it('should go on when the server has lost the script', async () => {
      await engine.check({ group: 'read', account: 'x' });
      await reached.look.script('FLUSH');
      expect(await engine.check({ group: 'read', account: 'x' })).toMatchObject({
        allowed: true,
        remaining: 1,
      });
    });

    it.skipIf(name.endsWith('cluster'))(
      'should keep state that people can read, and that expires',
      async () => {
        const { at } = await engine.check({ group: 'send', account: 'acct_42', number: '+44' });
        const keys = (await reached.look.keys(`${prefix}:*`)).filter((key) => !key.includes(':op:'));
        expect(keys.sort()).toEqual([
          `${prefix}:{account=acct_42,number=%2b44}`,
          `${prefix}:{account=acct_42}`,
        ]);
        expect(await reached.look.get(`${prefix}:{account=acct_42}`)).toMatch(
          new RegExp(
            `^born=\\d{16} until=${at + 3_600_000} reads.f3600000.start,used=${at},1 pace.b.ms,ticks=${at + 1_800_000},0$`,
          ),
        );
        await engine.block({ account: 'y' }, { until: 0 });
        for (const key of await reached.look.keys(`${prefix}:*`))
          expect(await reached.look.pttl(key)).toBeGreaterThan(0);
      },
    );

    it.skipIf(name.endsWith('cluster'))(
      'should begin a row anew that is none, and repair cells that are none',
      async () => {
        const key = `${prefix}:{account=x}`;
        await reached.look.set(key, 'no row');
        expect(await engine.check({ group: 'read', account: 'x' })).toMatchObject({
          allowed: true,
          remaining: 2,
        });
        const row = (await reached.look.get(key)) ?? '';
        await reached.look.set(
          key,
          row.replace(/reads.f3600000.start,used=\d+/, 'reads.f3600000.start,used=NaN'),
        );
        expect(await engine.check({ group: 'read', account: 'x' })).toMatchObject({
          allowed: false,
          remaining: 0,
        });
        expect(await reached.look.get(key)).toMatch(/ reads.f3600000.start,used=\d{13},3$/);
      },
    );
  });
}
