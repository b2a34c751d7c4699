/** A policy from JSON: decisions, reload, snapshots, events, and what comes with the engine. */
import { same, thrownBy } from './expect.js';
import { POLICY, START } from './policy.js';

const read = { method: 'GET', path: '/V1//calls/%63all_7?page=2', apiKey: 'key_42' };
const complete = { method: 'POST', path: '/v1/models/m/complete', apiKey: 'key_42', account: 'a' };

/** An engine of the policy, and its clock. */
export function engineOf({ headgate }, options = {}) {
  const clock = headgate.manualClock(START);
  return { clock, engine: headgate.createEngine(JSON.parse(POLICY), { clock, ...options }) };
}

export const ENGINE_CHECKS = {
  'an engine from JSON matches, decides and tells': (modules) => {
    const { engine } = engineOf(modules);
    const { allowed, group, limit, remaining } = engine.check(read);
    same([allowed, group, limit, remaining], [true, 'read', 'reads', 4]);
    same(engine.check({ ...read, path: '/v2' }).reason, 'unmatched');
    same(engine.explain(read).path, '/V1/calls/call_7');
  },
  'all limits are charged, or none': (modules) => {
    const { engine } = engineOf(modules);
    const denied = engine.check({ ...complete, cost: { tokens: 101 } });
    same([denied.reason, denied.limit], ['never', 'tokens']);
    const left = engine.peek({ ...complete, cost: { tokens: 1 } }).limits.map(({ remaining }) => remaining);
    same(left, [3, 100]);
  },
  'tiers, overrides by descriptor, and retryAt is a promise': (modules) => {
    const { engine, clock } = engineOf(modules);
    const request = { ...complete, tier: 'pro', cost: { tokens: 50 }, quotas: { writes: 60 } };
    for (let i = 0; i < 3; i++) same(engine.check(request).allowed, true);
    const { reason, retryAt } = engine.check(request);
    same([reason, retryAt - START], ['quota', 1000]);
    clock.set(retryAt - 1);
    same(engine.check(request).allowed, false);
    clock.set(retryAt);
    same(engine.check(request).allowed, true);
  },
  'every fault of a policy at once, each with its path': ({ headgate }) => {
    const broken = { ...JSON.parse(POLICY), unmatched: 'denny', defaultTier: 'fre' };
    const error = thrownBy(() => headgate.createEngine(broken));
    same(
      [headgate.isHeadgateError(error, 'PolicyError'), error.faults.map(({ path }) => path).sort()],
      [true, ['defaultTier', 'unmatched']],
    );
  },
  blocks: (modules) => {
    const { engine } = engineOf(modules);
    engine.block({ apiKey: 'key_42' }, { for: '1m', reason: 'abuse' });
    same(
      [engine.check(read).reason, engine.unblock({ apiKey: 'key_42' }), engine.check(read).allowed],
      ['blocked', true, true],
    );
  },
  'reload keeps what was used': (modules) => {
    const { engine } = engineOf(modules);
    engine.check({ ...read, cost: 4 });
    const policy = JSON.parse(POLICY);
    policy.limits.reads.quota = 6;
    engine.reload(policy);
    same(engine.peek(read).remaining, 2);
  },
  'a snapshot carries usage into another engine': (modules) => {
    const { engine } = engineOf(modules);
    engine.check({ ...read, cost: 4 });
    const later = engineOf(modules, { restore: engine.snapshot() }).engine;
    same([later.restored.restored, later.check(read).remaining, later.check(read).allowed], [1, 0, false]);
  },
  'a damaged snapshot is refused': (modules) => {
    const bytes = engineOf(modules).engine.snapshot();
    bytes[bytes.length - 6] ^= 1;
    const error = thrownBy(() => engineOf(modules, { restore: bytes }));
    same([modules.headgate.isHeadgateError(error, 'SnapshotError'), error.code], [true, 'damaged']);
  },
  'listeners hear of denials after the call': async (modules) => {
    const { engine } = engineOf(modules);
    const heard = [];
    engine.on('denied', ({ decision }) => heard.push(decision.limit));
    engine.check({ ...read, cost: 6 });
    same(heard, []);
    await Promise.resolve();
    same(heard, ['reads']);
  },
  'lint, diff, and the laws for algorithms are there': ({ diff, lint, testing }) => {
    const policy = JSON.parse(POLICY);
    same(Array.isArray(lint.lintPolicy(policy)), true);
    const other = JSON.parse(POLICY);
    other.limits.reads.quota = 6;
    same(diff.diffPolicies(policy, other).limits.changed, ['reads']);
    same(Object.keys(testing).length > 0, true);
  },
};
