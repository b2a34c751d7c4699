/** A19 for permits: the same attempts, releases and corrections at the same instants, in process and on a server. */

import * as fc from 'fast-check';
import { type Admission, createEngine, type Decision, type PolicyDocument } from 'headgate';
import { createDistributedEngine, type DistributedAdmission } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { storeAt } from '../../fixtures/store-at.ts';

const RUNS = 2_000;

interface Act {
  readonly wait: number;
  readonly does: 'acquire' | 'release' | 'renew' | 'settle' | 'cancel' | 'peek';
  readonly group: 'call' | 'inbound' | 'campaign';
  readonly who: { readonly account: string; readonly campaign: string };
  readonly permits: number;
  readonly requests: number;
  readonly which: number;
}

const acts: fc.Arbitrary<Act> = fc.record({
  wait: fc.oneof(fc.constantFrom(0, 0, 0, 1, 99, 100, 101, 300), fc.nat(150)),
  does: fc.constantFrom('acquire', 'acquire', 'acquire', 'release', 'renew', 'settle', 'cancel', 'peek'),
  group: fc.constantFrom('call', 'inbound', 'campaign'),
  who: fc.record({ account: fc.constantFrom('x', 'x', 'y'), campaign: fc.constantFrom('1', '2') }),
  permits: fc.constantFrom(1, 1, 1, 0, 2, 3, 5),
  requests: fc.constantFrom(1, 1, 0, 2, 4),
  which: fc.nat(4),
});

const policies = fc
  .record({
    calls: fc.nat(4),
    campaign: fc.integer({ min: 1, max: 3 }),
    leave: fc.nat(2),
    lease: fc.constantFrom(100, 300, 1000),
    shadow: fc.boolean(),
  })
  .map(({ calls, campaign, leave, lease, shadow }) => ({
    version: 1,
    limits: {
      calls: { algorithm: 'concurrency', quota: calls, per: 'account', lease },
      campaigns: {
        ...{ algorithm: 'concurrency', quota: campaign, per: ['account', 'campaign'], lease: 200 },
        ...(shadow && { mode: 'shadow' }),
      },
      rate: { algorithm: 'token-bucket', quota: 5, window: 1000, burst: 4, per: 'account' },
    },
    groups: {
      call: { limits: ['rate', 'calls'] },
      inbound: { limits: ['calls'], leave: { calls: leave } },
      campaign: { limits: ['calls', 'campaigns', 'rate'] },
    },
    unmatched: 'deny',
  }));

describe.skipIf(lacksServer())('permits in a store', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;

  it('should be held, released and lost as in process', async () => {
    const property = fc.asyncProperty(
      policies,
      fc.array(acts, { minLength: 1, maxLength: 30, size: 'max' }),
      async (policy, history) => {
        const clock = manualClock(1_760_000_000_123);
        const document = policy as PolicyDocument;
        const here = createEngine(document, { clock });
        const store = storeAt(redisStore({ client, prefix: `p${turn++}` }), clock);
        const there = createDistributedEngine(document, { store, clock });
        const pairs: [Admission, DistributedAdmission][] = [];
        for (const { wait, does, group, who, permits, requests, which } of history) {
          clock.advance(wait);
          const descriptor = { group, ...who, cost: { permits, requests } };
          const pair = pairs[pairs.length - 1 - (which % Math.max(1, pairs.length))];
          if (does === 'acquire') {
            const both: [Admission, DistributedAdmission] = [
              here.tryAcquire(descriptor),
              await there.tryAcquire(descriptor),
            ];
            expect(told(both[1])).toEqual(told(both[0]));
            expect(both[1].expiresAt).toBe(both[0].expiresAt);
            pairs.push(both);
          } else if (does === 'peek') {
            const remote = await there.peek(descriptor);
            expect(enforced(remote)).toEqual(enforced(here.peek(descriptor)));
          } else if (pair !== undefined) {
            const [local, remote] = pair;
            const act = does === 'settle' ? 'settle' : does;
            if (act === 'settle') expect(await remote.settle(requests)).toBe(local.settle(requests));
            else expect(await remote[act]()).toBe(local[act]());
          }
        }
      },
    );
    await fc.assert(property, { numRuns: RUNS });
  }, 600_000);
});

/** Everything that a caller can read of the decision. */
function told({
  allowed,
  at,
  group,
  limit,
  quota,
  remaining,
  resetAt,
  retryAt,
  reason,
  limits,
}: Decision): Decision {
  const all = limits.map((each) => ({ ...each }));
  return { allowed, at, group, limit, quota, remaining, resetAt, retryAt, reason, limits: all };
}

/** The same without shadow limits, whose leases an engine in process does not look after when it peeks. */
function enforced(decision: Decision): Decision {
  const { limits, ...rest } = told(decision);
  return { ...rest, limits: limits.filter(({ mode }) => mode === 'enforce') };
}
