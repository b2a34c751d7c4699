// For workerd: the checks, some of them over RPC to a Durable Object.
import { DurableObject } from 'cloudflare:workers';
import { createLimiter, tokenBucket } from 'headgate';
import { durableEngine } from 'headgate/durable-object';
import { runChecks } from './checks.js';
import * as modules from './entries.js';
import { same } from './expect.js';
import { POLICY } from './policy.js';

// Made while the module is loaded, where Workers have no clock and may not wait.
const early = createLimiter(tokenBucket({ quota: 1, window: '1h' }));

export class Limits extends durableEngine(DurableObject, JSON.parse(POLICY)) {}

const workerChecks = (limits) => ({
  'a limiter made outside of a request': () => {
    same([early.check('key').allowed, early.check('key').allowed], [true, false]);
  },
  'over RPC: a decision is data, with every field of it': async ({ headgate }) => {
    const request = { group: 'read', apiKey: 'k', cost: 2 };
    const engine = headgate.createEngine(JSON.parse(POLICY));
    const decision = await limits.check(request);
    const here = engine.check(request, { now: decision.at });
    const sorted = (one) => Object.entries({ ...one, limits: undefined }).sort();
    same(sorted(decision), sorted(here));
    same(decision.limits, here.limits);
    same((await limits.check({ group: 'read', apiKey: 'k', cost: 9 })).retryAt, Number.POSITIVE_INFINITY);
    same((await limits.explain(request)).text.split('\n').length > 3, true);
  },
  'over RPC: an error keeps its name, its code and its path': async () => {
    const { name, code, path } = await limits.check({ group: 'read' }).catch((error) => error);
    same([name, code, path], ['DescriptorError', 'missing-field', 'apiKey']);
  },
  'over RPC: waiting, renewing, settling, cancelling, blocking': async () => {
    const call = { group: 'call', account: 'a' };
    const [one, two] = [await limits.tryAcquire(call), await limits.tryAcquire(call)];
    const waiting = limits.acquire(call);
    same((await limits.acquire(call, { timeout: 5 })).reason, 'queue-timeout');
    same([await limits.renew(one.fence), await limits.release(one.fence)], [true, true]);
    const three = await waiting;
    same([three.allowed, three.fence > two.fence], [true, true]);
    same([await limits.settle(two.fence, 1), await limits.cancel(two.fence)], [true, false]);
    same([await limits.cancel(three.fence), (await limits.stats()).permits.calls.held], [true, 0]);
    await limits.block({ apiKey: 'b' }, { for: '1m' });
    same((await limits.peek({ group: 'read', apiKey: 'b' })).reason, 'blocked');
    same([await limits.unblock({ apiKey: 'b' }), await limits.forget({ apiKey: 'b' })], [true, false]);
  },
});

export default {
  fetch: async (_request, env) =>
    Response.json(await runChecks(modules, workerChecks(env.LIMITS.get(env.LIMITS.idFromName('one'))))),
};
