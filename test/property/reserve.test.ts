/** Limits that are kept in several slots: decided as in one place, whatever comes between, and never over a quota. */

import * as fc from 'fast-check';
import { type Admission, createEngine, manualClock, type PolicyDocument, StoreError } from 'headgate';
import { createDistributedEngine, type DistributedAdmission } from 'headgate/distributed';
import { describe, expect, it } from 'vitest';
import { histories } from '../fixtures/distributed-histories.ts';
import { count, MemoryStore, type Sent } from '../fixtures/memory-store.ts';
import { expectSame, told } from '../fixtures/same-history.ts';

const START = 1_760_000_000_123;

describe('requests one after the other', () => {
  it('should be decided as by an engine in process', async () => {
    const property = fc.asyncProperty(histories, (history) =>
      expectSame(history, new MemoryStore({ clock: manualClock() })),
    );
    await fc.assert(property, { numRuns: 300 });
  }, 120_000);

  it('should hold permits as in process', async () => {
    const act = fc.record({
      wait: fc.oneof(fc.constantFrom(0, 0, 0, 1, 99, 100, 101, 300), fc.nat(150)),
      does: fc.constantFrom('acquire', 'acquire', 'acquire', 'release', 'renew', 'settle', 'cancel', 'peek'),
      group: fc.constantFrom('take', 'dial', 'call'),
      who: fc.record({
        account: fc.constantFrom('x', 'x', 'y'),
        number: fc.constantFrom('1', '2'),
        apiKey: fc.constantFrom('k', 'l'),
      }),
      permits: fc.constantFrom(1, 1, 1, 0, 2, 3),
      requests: fc.constantFrom(1, 1, 0, 2),
      which: fc.nat(4),
    });
    const policies = fc.record({
      calls: fc.nat(4),
      lines: fc.integer({ min: 1, max: 3 }),
      lease: fc.constantFrom(100, 300, 1000),
    });
    const property = fc.asyncProperty(
      policies,
      fc.array(act, { minLength: 1, maxLength: 30, size: 'max' }),
      async ({ calls, lines, lease }, history) => {
        const clock = manualClock(START);
        const policy: PolicyDocument = {
          version: 1,
          limits: {
            calls: { algorithm: 'concurrency', quota: calls, per: 'account', lease },
            lines: { algorithm: 'concurrency', quota: lines, per: 'number', lease: 200 },
            rate: { algorithm: 'token-bucket', quota: 5, window: 1000, burst: 4, per: 'apiKey' },
          },
          groups: {
            take: { limits: ['rate', 'calls', 'lines'] },
            dial: { limits: ['lines', 'rate'] },
            call: { limits: ['calls'] },
          },
          unmatched: 'deny',
          crossSlot: 'reserve',
        };
        const here = createEngine(policy, { clock });
        const there = createDistributedEngine(policy, { store: new MemoryStore({ clock }), clock });
        const pairs: [Admission, DistributedAdmission][] = [];
        for (const { wait, does, group, who, permits, requests, which } of history) {
          clock.advance(wait);
          const descriptor = { group, ...who, cost: { permits, requests } };
          const pair = pairs[pairs.length - 1 - (which % Math.max(1, pairs.length))];
          if (does === 'acquire') {
            const [local, remote] = [here.tryAcquire(descriptor), await there.tryAcquire(descriptor)];
            expect(told(remote)).toEqual(told(local));
            expect(remote.expiresAt).toBe(local.expiresAt);
            pairs.push([local, remote]);
          } else if (does === 'peek') {
            expect(told(await there.peek(descriptor))).toEqual(told(here.peek(descriptor)));
          } else if (pair !== undefined) {
            const [local, remote] = pair;
            if (does === 'settle') expect(await remote.settle(requests)).toBe(local.settle(requests));
            else expect(await remote[does]()).toBe(local[does]());
          }
        }
      },
    );
    await fc.assert(property, { numRuns: 300 });
  }, 120_000);
});

const QUOTAS = { keys: 3, commands: 2, total: 5, calls: 3, lines: 2 };
const crowded: PolicyDocument = {
  version: 1,
  limits: {
    keys: { algorithm: 'fixed-window', quota: QUOTAS.keys, window: '1h', per: 'apiKey' },
    commands: { algorithm: 'fixed-window', quota: QUOTAS.commands, window: '1h', per: 'call' },
    total: { algorithm: 'fixed-window', quota: QUOTAS.total, window: '1h' },
    calls: { algorithm: 'concurrency', quota: QUOTAS.calls, per: 'account', lease: '1m' },
    lines: { algorithm: 'concurrency', quota: QUOTAS.lines, per: 'number', lease: '1m' },
  },
  groups: {
    say: { limits: ['keys', 'commands'] },
    hear: { limits: ['commands', 'keys', 'total'] },
    take: { limits: ['calls', 'lines', 'keys'] },
    ring: { limits: ['keys', 'calls'] },
    dial: { limits: ['lines', 'keys', 'calls'], queue: { size: 2 } },
  },
  unmatched: 'deny',
  crossSlot: 'reserve',
};

/** Of each limit, by row: what is used or held. */
function usage({ rows, leases }: MemoryStore, now: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const [row, { cells }] of rows)
    for (const [name, [, used = 0]] of cells) found.set(`${row} ${name.replace(/\..*/, '')}`, used);
  for (const [set, members] of leases) found.set(set.replace(/:(\w+):leases$/, ' $1'), count(members, now));
  return found;
}

interface Wish {
  readonly group: 'say' | 'hear' | 'take' | 'ring' | 'dial';
  readonly who: { readonly [field: string]: string };
  readonly engine: number;
  readonly isCancelled: boolean;
  /** Of those who ask for one lease. */
  readonly id: string | undefined;
}

const wish: fc.Arbitrary<Wish> = fc.record({
  group: fc.constantFrom('say', 'hear', 'take', 'ring', 'dial'),
  who: fc.record({
    apiKey: fc.constantFrom('k', 'l'),
    call: fc.constantFrom('c', 'd'),
    account: fc.constantFrom('a', 'b'),
    number: fc.constantFrom('n', 'm'),
  }),
  engine: fc.nat(1),
  isCancelled: fc.boolean(),
  id: fc.constantFrom(undefined, undefined, 'x', 'y'),
});
const wishes = fc.array(wish, { minLength: 2, maxLength: 12 });

/** What a request takes, by row and limit. */
function taken({ group, who }: Wish): string[] {
  return (crowded.groups[group]?.limits ?? []).map((limit) => {
    const per = crowded.limits[limit]?.per as string | undefined;
    return `p:{${per === undefined ? 'all' : `${per}=${who[per]}`}} ${limit}`;
  });
}

/** Which calls fail, by their number: before they are done, or after. */
type Lost = ReadonlyMap<number, 'call' | 'reply'>;

/** What is charged beyond what is admitted when all is said and done. */
async function crowd(s: fc.Scheduler, asked: readonly Wish[], lost: Lost = new Map()) {
  const clock = manualClock(START);
  const ways = new WeakMap<Sent, 'call' | 'reply' | undefined>();
  const over = new Set<string>();
  let [calls, losses, allowed] = [0, 0, 0];
  const lose = (sent: Sent, way: 'call' | 'reply'): void => {
    if (ways.get(sent) !== way) return;
    losses++;
    throw new StoreError({ code: 'timeout', path: 'store', value: undefined, message: 'lost' });
  };
  const store: MemoryStore = new MemoryStore({
    clock,
    onSend: async (sent) => {
      ways.set(sent, lost.get(calls++));
      await s.schedule(Promise.resolve());
      lose(sent, 'call');
    },
    onReply: async (sent) => {
      for (const [key, value] of usage(store, clock.now())) {
        const quota = QUOTAS[key.split(' ')[1] as keyof typeof QUOTAS];
        if (value > quota) over.add(`${key}: ${value} of ${quota}`);
      }
      await s.schedule(Promise.resolve());
      lose(sent, 'reply');
    },
    aheadOf: (slot) => slot.length,
  });
  const engines = [0, 1].map(() => createDistributedEngine(crowded, { store, clock }));
  const admitted = new Map<string, number>();
  const count = (request: Wish, by: number): void => {
    for (const key of taken(request)) admitted.set(key, (admitted.get(key) ?? 0) + by);
  };
  const leases = new Set<string>();
  const acting = asked.map(async (request) => {
    const { group, who, isCancelled, id } = request;
    const isShared = id !== undefined && group !== 'say' && group !== 'hear';
    const lease = `${id}.${group}.${Object.values(who).join('.')}`;
    const admission = await engines[request.engine]?.tryAcquire(
      { group, ...who },
      isShared ? { id: lease } : {},
    );
    if (!admission?.allowed) return;
    allowed++;
    if (!isShared || !leases.has(lease)) count(request, 1);
    if (isShared) leases.add(lease);
    else if (isCancelled) {
      await admission.cancel().catch(() => false);
      count(request, -1);
    }
  });
  await s.waitFor(Promise.all(acting));
  // What nobody waits for is still on its way.
  await s.waitIdle();
  const left = [...usage(store, clock.now())].map(([key, value]) => value - (admitted.get(key) ?? 0));
  return { left, losses, allowed, over: [...over] };
}

describe('requests at once', () => {
  it('should charge exactly what is admitted, and never more than a quota', async () => {
    const property = fc.asyncProperty(fc.scheduler(), wishes, async (s, asked) => {
      const { left, allowed, over } = await crowd(s, asked);
      expect(over).toEqual([]);
      expect(left.filter((extra) => extra !== 0)).toEqual([]);
      expect(allowed).toBeGreaterThan(0);
    });
    await fc.assert(property, { numRuns: 500 });
  }, 120_000);

  it('should leave charged what a call is lost for, and no more', async () => {
    const losing = fc.array(fc.tuple(fc.nat(30), fc.constantFrom('call' as const, 'reply' as const)), {
      minLength: 1,
      maxLength: 4,
    });
    const property = fc.asyncProperty(fc.scheduler(), wishes, losing, async (s, asked, lost) => {
      const { left, losses, over } = await crowd(s, asked, new Map(lost));
      expect(over).toEqual([]);
      expect(Math.min(0, ...left)).toBe(0);
      expect(left.reduce((sum, extra) => sum + extra, 0)).toBeLessThanOrEqual(losses);
    });
    await fc.assert(property, { numRuns: 500 });
  }, 120_000);
});
