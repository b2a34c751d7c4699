/**
 * What must compile, and what must not: read by `tsc`, never run. A line under `@ts-expect-error` that compiles is an
 * error itself.
 */

import {
  createEngine,
  type Descriptor,
  definePolicy,
  type Engine,
  type FieldName,
  type GroupName,
  type LimitName,
  type Partition,
  type PolicyDocument,
  parsePolicy,
  type TierName,
} from 'headgate';

/** Compiles only if both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function assertType<T extends true>(): T | undefined {
  return undefined;
}

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' },
    pairs: { algorithm: 'sliding-window', quota: 10, window: '1m', per: ['ip', 'call'] },
    tokens: { algorithm: 'token-bucket', quota: 1000, window: '1m', burst: 50, unit: 'tokens' },
    calls: { algorithm: 'concurrency', per: 'account', lease: '4h' },
    custom: { algorithm: 'leaky-bucket', quota: 1, window: '1s', options: { leak: 2 } },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads', 'tokens'] },
    dial: { limits: ['calls', 'custom'], leave: { calls: 2 }, queue: { size: 10, timeout: '5m' } },
    say: { match: ['POST /v1/calls/:call/say'], limits: ['pairs'], denial: { status: 429 } },
    webhook: { limits: [] },
  },
  tiers: {
    payg: { calls: 10, tokens: { quota: 100, burst: 10 } },
    enterprise: { calls: 'custom' },
  },
  defaultTier: 'payg',
  overrides: [
    { limit: 'calls', where: { account: 'acct_42' }, quota: 250 },
    { limit: 'reads', where: { organisation: 'org_7', apiKey: 'key_42' }, quota: 1200, burst: 3 },
  ],
  unmatched: 'deny',
  denial: { quota: { status: 429 }, concurrency: { status: 486, body: { error: 'busy' } } },
  headers: ['x-ratelimit', 'retry-after'],
});
type P = typeof policy;

assertType<Same<LimitName<P>, 'reads' | 'pairs' | 'tokens' | 'calls' | 'custom'>>();
assertType<Same<GroupName<P>, 'read' | 'dial' | 'say' | 'webhook'>>();
assertType<Same<TierName<P>, 'payg' | 'enterprise'>>();
assertType<Same<FieldName<P>, 'apiKey' | 'ip' | 'call' | 'account' | 'organisation'>>();

const engine = createEngine(policy);
assertType<Same<typeof engine, Engine<P>>>();

// A descriptor.
const maybe = Math.random() < 0.5 ? 'key_42' : undefined;
engine.check({ method: 'GET', path: '/v1/calls', apiKey: 'key_42' });
engine.check({ method: undefined, path: undefined, group: 'read', tier: undefined, apiKey: maybe });
engine.check({ group: 'read', tier: 'payg', apiKey: 'key_42', organisation: 'org_7' }, { now: 0 });
engine.check({ group: 'say', ip: '::1', call: 'call_1', cost: 3 });
engine.check({ group: 'read', cost: { requests: 1, tokens: 812 }, quotas: { calls: 250 } });
engine.peek({ group: 'webhook' });
engine.explain({ group: 'dial', account: 'acct_42' });
// @ts-expect-error - a misspelt partition field
engine.check({ method: 'GET', path: '/v1/calls', apiKye: 'key_42' });
// @ts-expect-error - one among right ones
engine.check({ group: 'read', apiKey: 'key_42', organization: 'org_7' });
// @ts-expect-error - a tier that does not exist
engine.check({ group: 'read', apiKey: 'key_42', tier: 'gold' });
// @ts-expect-error - a group that does not exist
engine.check({ group: 'raed', apiKey: 'key_42' });
// @ts-expect-error - a verdict is no group
engine.check({ group: 'deny' });
// @ts-expect-error - a quota for a limit that does not exist
engine.check({ group: 'read', apiKey: 'key_42', quotas: { raeds: 5 } });
// @ts-expect-error - a quota that is no number
engine.check({ group: 'read', apiKey: 'key_42', quotas: { reads: '5' } });
// @ts-expect-error - a field that is no text
engine.check({ group: 'read', apiKey: 42 });
// @ts-expect-error - a cost that is no number
engine.check({ group: 'read', apiKey: 'key_42', cost: '3' });
// @ts-expect-error - a cost that is a bigint
engine.check({ group: 'read', apiKey: 'key_42', cost: 3n });
// @ts-expect-error - an instant that is a date
engine.check({ group: 'read', apiKey: 'key_42' }, { now: new Date() });
// @ts-expect-error - the same holds for peek
engine.peek({ group: 'read', apiKye: 'key_42' });
// @ts-expect-error - and for explain
engine.explain({ group: 'read', apiKye: 'key_42' });
// @ts-expect-error - and for a descriptor made beforehand
({ group: 'read', apiKye: 'key_42' }) satisfies Descriptor<P>;

// A partition.
engine.block({ apiKey: 'key_42' }, { for: '10m', reason: 'abuse' });
engine.block({ ip: '::1', call: 'call_1' }, { until: 5000 });
engine.unblock({ account: 'acct_42' });
engine.forget({});
// @ts-expect-error - a misspelt field
engine.forget({ apiKye: 'key_42' });
// @ts-expect-error - a field that may be missing
engine.forget({ apiKey: maybe });
// @ts-expect-error - a field that no partition has
({ method: 'GET' }) satisfies Partition<P>;
// @ts-expect-error - neither a length nor an end
engine.block({ apiKey: 'key_42' }, { reason: 'abuse' });
// @ts-expect-error - both
engine.block({ apiKey: 'key_42' }, { for: '10m', until: 5000 });
// @ts-expect-error - an unknown unit of time
engine.block({ apiKey: 'key_42' }, { for: '1 fortnight' });

// A policy that refers to nothing.
const reads = { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' } as const;
const least = {
  version: 1,
  limits: { reads },
  groups: { read: { limits: ['reads'] } },
  unmatched: 'deny',
} as const;
definePolicy(least);
definePolicy({ ...least, unmatched: 'allow' });
definePolicy({ ...least, unmatched: 'read' });
// @ts-expect-error - a group with a limit that does not exist
definePolicy({ ...least, groups: { read: { limits: ['raeds'] } } });
// @ts-expect-error - permits left of a limit that does not exist
definePolicy({ ...least, groups: { read: { limits: ['reads'], leave: { calls: 1 } } } });
// @ts-expect-error - a misspelt field of a group
definePolicy({ ...least, groups: { read: { limits: ['reads'], mtach: ['GET /**'] } } });
// @ts-expect-error - a group without limits
definePolicy({ ...least, groups: { read: { match: ['GET /**'] } } });
// @ts-expect-error - a tier with a limit that does not exist
definePolicy({ ...least, tiers: { payg: { raeds: 5 } } });
// @ts-expect-error - a tier whose quota is no number
definePolicy({ ...least, tiers: { payg: { reads: '5' } } });
// @ts-expect-error - a tier with a burst but no quota
definePolicy({ ...least, tiers: { payg: { reads: { burst: 5 } } } });
// @ts-expect-error - a default tier that does not exist
definePolicy({ ...least, tiers: { payg: { reads: 5 } }, defaultTier: 'gold' });
// @ts-expect-error - a default tier where there are none
definePolicy({ ...least, defaultTier: 'payg' });
// @ts-expect-error - an override of a limit that does not exist
definePolicy({ ...least, overrides: [{ limit: 'raeds', where: { apiKey: 'key_42' }, quota: 5 }] });
// @ts-expect-error - an override without a quota
definePolicy({ ...least, overrides: [{ limit: 'reads', where: { apiKey: 'key_42' } }] });
// @ts-expect-error - an override that holds for a number
definePolicy({ ...least, overrides: [{ limit: 'reads', where: { apiKey: 42 }, quota: 5 }] });
// @ts-expect-error - whatever matches nothing goes to a group that does not exist
definePolicy({ ...least, unmatched: 'rest' });
// @ts-expect-error - it has to be said
definePolicy({ version: 1, limits: { reads }, groups: { read: { limits: ['reads'] } } });
// @ts-expect-error - a version to come
definePolicy({ ...least, version: 2 });
// @ts-expect-error - response fields that nobody knows
definePolicy({ ...least, headers: ['x-rate-limit'] });
// @ts-expect-error - an algorithm that is neither built in nor given options
definePolicy({ ...least, limits: { reads: { algorithm: 'fixed-windwo', quota: 600, window: '1m' } } });
// @ts-expect-error - a window in an unknown unit
definePolicy({ ...least, limits: { reads: { ...reads, window: '1 fortnight' } } });
// @ts-expect-error - a limit without a window
definePolicy({ ...least, limits: { reads: { algorithm: 'fixed-window', quota: 600 } } });
// @ts-expect-error - a misspelt field of a limit
definePolicy({ ...least, limits: { reads: { ...reads, pre: 'ip' } } });
// @ts-expect-error - a burst, which a fixed window does not have
definePolicy({ ...least, limits: { reads: { ...reads, burst: 5 } } });
// @ts-expect-error - a misspelt field of an override
definePolicy({ ...least, overrides: [{ limit: 'reads', where: { apiKey: 'a' }, quota: 5, brust: 6 }] });
// @ts-expect-error - an unknown rule for missing fields
definePolicy({ ...least, limits: { reads: { ...reads, missing: 'ignore' } } });

// Limits without a partition, beside others or alone.
const mixed = createEngine(
  definePolicy({
    ...least,
    limits: { reads, all: { algorithm: 'fixed-window', quota: 9, window: '1m' } },
  }),
);
mixed.check({ group: 'read', apiKey: 'key_42' });
// @ts-expect-error - a limit without a partition does not open the others
mixed.check({ group: 'read', apiKye: 'key_42' });

const alone = createEngine(
  definePolicy({ ...least, limits: { reads: { algorithm: 'fixed-window', quota: 9, window: '1m' } } }),
);
alone.check({ group: 'read' });
// @ts-expect-error - there is no partition at all
alone.check({ group: 'read', apiKey: 'key_42' });
// @ts-expect-error - there are no tiers at all
alone.check({ group: 'read', tier: 'payg' });

// A field that only overrides read.
const overridden = createEngine(
  definePolicy({
    ...least,
    limits: { reads: { algorithm: 'fixed-window', quota: 9, window: '1m' } },
    overrides: [{ limit: 'reads', where: { organisation: 'org_7' }, quota: 90 }],
  }),
);
overridden.check({ group: 'read', organisation: 'org_7' });
// @ts-expect-error - and no other
overridden.check({ group: 'read', organization: 'org_7' });

// Written in place: the names are inferred all the same.
const inPlace = createEngine({
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' } },
  groups: { read: { limits: ['reads'] } },
  unmatched: 'deny',
});
inPlace.check({ group: 'read', apiKey: 'key_42' });
// @ts-expect-error - a misspelt field
inPlace.check({ group: 'read', apiKye: 'key_42' });

// A document from outside: its names are known when it runs, so any will do.
const fromOutside = createEngine(parsePolicy(JSON.parse('{}')));
assertType<Same<typeof fromOutside, Engine<PolicyDocument>>>();
fromOutside.check({ group: 'whichever', tier: 'any', anyField: 'value', another: 7, quotas: { any: 5 } });
fromOutside.block({ anyField: 'value' }, { for: '1m' });
const document: PolicyDocument = policy;
createEngine(document).check({ method: 'GET', path: '/', apiKye: 'key_42' });
// @ts-expect-error - but no group that is a number
fromOutside.check({ group: 7 });

/** A part of a program that takes engines for any policy takes those for a known one. */
function statsOf(any: Pick<Engine, 'stats'>): number {
  return any.stats().allowed;
}
statsOf(engine);
statsOf(fromOutside);
