/** A19: the same operations at the same instants give the same decisions, in process and on a server. */

import * as fc from 'fast-check';
import {
  createEngine,
  type Decision,
  type HeadgateError,
  isHeadgateError,
  type LimitDecision,
  type PolicyDocument,
} from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';
import { type Act, type History, histories } from '../../fixtures/distributed-histories.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';

/** Histories that one property runs, and how many properties there are: 10^4 in all. */
const RUNS = 1_000;
const SPLIT = 10;

/** Everything that a caller can read from a decision. */
type Told = Omit<Decision, 'limits'> & { readonly limits: readonly LimitDecision[] };

function told({ ...decision }: Decision & { source?: string }, limits: readonly LimitDecision[]): Told {
  delete decision.source;
  return { ...decision, limits: limits.map((limit) => ({ ...limit })) };
}

/** What it returns, or what it refuses a request with. */
async function attempt<T>(act: () => T | Promise<T>): Promise<T | HeadgateError> {
  try {
    return await act();
  } catch (error) {
    if (isHeadgateError(error)) return error;
    throw error;
  }
}

describe.skipIf(lacksServer())('a distributed engine', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const client = ioredis(server?.port ?? 0);
  let turn = 0;

  async function compare({ policy, start, acts }: History): Promise<void> {
    const here = createEngine(policy as PolicyDocument);
    const store = redisStore({ client, prefix: `t${turn++}` });
    const there = createDistributedEngine(policy as PolicyDocument, { store, deadline: '20s' });
    const pairs: [Decision, Decision][] = [];
    let now = start;
    for (const act of acts) {
      now = Math.max(0, now + act.wait);
      await step(act, now);
    }

    async function step(act: Act, now: number): Promise<void> {
      if (act.does === 'check' || act.does === 'peek') {
        const descriptor = { group: act.group, cost: act.cost, quotas: act.quotas, ...act.who };
        const local = await attempt(() => here[act.does](descriptor, { now }));
        const remote = await attempt(() => there[act.does](descriptor, { now }));
        if (isHeadgateError(local) || isHeadgateError(remote)) return expect(remote).toEqual(local);
        expect(told(remote, remote.limits)).toEqual(told(local, local.limits));
        pairs.push([local, remote]);
      } else if (act.does === 'refund') {
        const pair = pairs[pairs.length - 1 - (act.which % Math.max(1, pairs.length))];
        if (pair === undefined) return;
        here.refund(pair[0], { now });
        await there.refund(pair[1], { now });
      } else {
        here.forget(act.who);
        await there.forget(act.who, { now });
      }
    }
  }

  it.each(Array.from({ length: SPLIT }, (_, i) => [i]))(
    'should decide as an engine in process does (part %i)',
    async (part) => {
      const seed = (fc.readConfigureGlobal()?.seed ?? Date.now()) + part;
      await fc.assert(fc.asyncProperty(histories, compare), { numRuns: RUNS, seed });
    },
    600_000,
  );
});
