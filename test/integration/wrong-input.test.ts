import * as fc from 'fast-check';
import * as main from 'headgate';
import {
  apiKeyFrom,
  apiKeyHashFrom,
  clientAddress,
  createEngine,
  createLimiter,
  createSemaphore,
  definePolicy,
  denialResponse,
  fixedWindow,
  isHeadgateError,
  manualClock,
  parseDuration,
  parsePolicy,
  rateLimitHeaders,
  slidingWindow,
  tokenBucket,
} from 'headgate';
import * as batch from 'headgate/batch';
import * as client from 'headgate/client';
import * as diff from 'headgate/diff';
import * as lint from 'headgate/lint';
import * as opentelemetry from 'headgate/opentelemetry';
import * as pool from 'headgate/pool';
import * as testing from 'headgate/testing';
import { describe, expect, it } from 'vitest';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 1, window: '1m', per: 'account' },
    calls: { algorithm: 'concurrency', quota: 5, per: 'account' },
  },
  groups: {
    read: { limits: ['reads'] },
    call: { limits: ['calls'], queue: { size: 5 } },
  },
  unmatched: 'deny',
});

const request = { group: 'read', account: 'a' } as const;
const engine = () => createEngine(policy, { clock: manualClock(0) });
const rate = { quota: 5, window: '1m' } as const;

function denial(): main.Decision {
  const asked = engine();
  asked.check(request);
  return asked.check(request);
}

type Call = (...args: never[]) => unknown;
/** What is called, sound arguments, and values that are sound in some place although they are in `GARBAGE`. */
type Row = [
  name: string,
  call: Call,
  args: () => readonly unknown[],
  sound?: Readonly<Record<number, readonly unknown[]>>,
];

const LIST: readonly unknown[] = [];
const GARBAGE = [null, 3, 'x', LIST, true, Symbol('x')];

const limiter = createLimiter(fixedWindow(rate), { clock: manualClock(0) });
const semaphore = createSemaphore({ quota: 5, clock: manualClock(0) });
const asked = engine();
const plan = fixedWindow(rate);

const FUNCTIONS: readonly Row[] = [
  ['fixedWindow', fixedWindow, () => [rate]],
  ['slidingWindow', slidingWindow, () => [rate]],
  ['tokenBucket', tokenBucket, () => [rate]],
  ['createLimiter', createLimiter, () => [fixedWindow(rate), {}]],
  ['createSemaphore', createSemaphore, () => [{ quota: 1 }]],
  ['createEngine', createEngine, () => [policy, {}]],
  ['parsePolicy', parsePolicy, () => [policy, {}]],
  ['parseDuration', parseDuration, () => ['1m', 'window'], { 0: [3], 1: GARBAGE }],
  ['manualClock', manualClock, () => [0], { 0: [3] }],
  ['rateLimitHeaders', rateLimitHeaders, () => [denial(), {}]],
  ['denialResponse', denialResponse, () => [denial(), {}]],
  ['clientAddress', clientAddress, () => [{ peer: '192.0.2.1' }, {}]],
  ['apiKeyFrom', apiKeyFrom, () => [{ headers: {} }, {}]],
  ['apiKeyHashFrom', apiKeyHashFrom, () => [{ headers: {} }, {}]],
  ['runBatch', batch.runBatch, () => [engine(), [], () => 1, { descriptor: request }], { 1: ['x', LIST] }],
  ['estimateBatch', batch.estimateBatch, () => [{ count: 1, concurrency: 1, averageMs: 1 }]],
  ['createPool', pool.createPool, () => [engine(), { group: 'call', field: 'account', members: [] }]],
  ['createLimitedFetch', client.createLimitedFetch, () => [fetch, {}]],
  ['diffPolicies', diff.diffPolicies, () => [policy, policy]],
  ['tellDiff', diff.tellDiff, () => [diff.diffPolicies(policy, policy), []], { 1: [LIST] }],
  ['lintPolicy', lint.lintPolicy, () => [policy, {}]],
  ['instrument', opentelemetry.instrument, () => [engine(), {}]],
  ['algorithmLaws', testing.algorithmLaws, () => [plan.algorithm, { fc, plan: fc.constant(plan) }]],
];

const METHODS: readonly Row[] = [
  ['limiter.check', limiter.check.bind(limiter), () => ['key', {}], { 0: ['x'] }],
  ['limiter.peek', limiter.peek.bind(limiter), () => ['key', {}], { 0: ['x'] }],
  ['limiter.refund', limiter.refund.bind(limiter), () => [limiter.check('key'), {}]],
  ['limiter.block', limiter.block.bind(limiter), () => ['key', { for: '1m' }], { 0: ['x'] }],
  ['limiter.unblock', limiter.unblock.bind(limiter), () => ['key'], { 0: ['x'] }],
  ['limiter.forget', limiter.forget.bind(limiter), () => ['key'], { 0: ['x'] }],
  ['semaphore.tryAcquire', semaphore.tryAcquire.bind(semaphore), () => ['key', {}], { 0: ['x'] }],
  ['semaphore.acquire', semaphore.acquire.bind(semaphore), () => ['key', {}], { 0: ['x'] }],
  ['semaphore.run', semaphore.run.bind(semaphore), () => ['key', () => 1, {}], { 0: ['x'] }],
  ['semaphore.held', semaphore.held.bind(semaphore), () => ['key'], { 0: ['x'] }],
  ['semaphore.waiting', semaphore.waiting.bind(semaphore), () => ['key'], { 0: ['x'] }],
  ['semaphore.resize', semaphore.resize.bind(semaphore), () => [5], { 0: [3] }],
  ['engine.check', asked.check.bind(asked), () => [request, {}]],
  ['engine.peek', asked.peek.bind(asked), () => [request, {}]],
  ['engine.explain', asked.explain.bind(asked), () => [request, {}]],
  ['engine.tryAcquire', asked.tryAcquire.bind(asked), () => [request, {}]],
  ['engine.acquire', asked.acquire.bind(asked), () => [request, {}]],
  ['engine.run', asked.run.bind(asked), () => [{ group: 'call', account: 'a' }, () => 1, {}]],
  ['engine.refund', asked.refund.bind(asked), () => [asked.check(request), {}]],
  ['engine.block', asked.block.bind(asked), () => [{ account: 'b' }, { for: '1m' }]],
  ['engine.unblock', asked.unblock.bind(asked), () => [{ account: 'b' }]],
  ['engine.forget', asked.forget.bind(asked), () => [{ account: 'b' }]],
  ['engine.reload', asked.reload.bind(asked), () => [policy, {}]],
  ['engine.on', asked.on.bind(asked), () => ['allowed', () => undefined]],
  ['engine.policyOf', asked.policyOf.bind(asked), () => [asked.check(request)]],
  ['clock.set', manualClock().set, () => [0], { 0: [3] }],
  ['clock.advance', manualClock().advance, () => [0], { 0: [3] }],
];

const calls = (rows: readonly Row[]) =>
  rows.flatMap(([name, call, args, sound = {}]) =>
    args().map((_, place) => ({
      name,
      call,
      args,
      place,
      isSound: (value: unknown) => sound[place]?.includes(value) ?? false,
    })),
  );

async function outcome(call: Call, args: readonly unknown[]): Promise<unknown> {
  try {
    await (call as (...args: readonly unknown[]) => unknown)(...args);
    return 'accepted';
  } catch (error) {
    if (!isHeadgateError(error)) return error;
    return error.message === '' ? 'without a message' : 'refused';
  }
}

describe.each([
  ['functions', FUNCTIONS],
  ['methods', METHODS],
])('wrong input to the public %s', (_kind, rows) => {
  it.each(calls(rows))(
    'should be refused by a typed error: argument $place of $name',
    async ({ call, args, place, isSound }) => {
      for (const value of GARBAGE) {
        if (isSound(value)) continue;
        expect({ value, outcome: await outcome(call, args().with(place, value)) }).toEqual({
          value,
          outcome: 'refused',
        });
      }
    },
  );

  it.each(rows)('should be what is wrong: %s takes its sound arguments', async (_name, call, args) => {
    expect(await outcome(call, args())).toBe('accepted');
  });
});

it('should look at every function of these entries', () => {
  const entries = { ...main, ...batch, ...client, ...diff, ...lint, ...opentelemetry, ...pool, ...testing };
  const called = new Set(FUNCTIONS.map(([name]) => name));
  const left = Object.entries(entries).filter(
    ([name, value]) => typeof value === 'function' && !called.has(name),
  );
  // Errors are thrown, not called; the others take anything.
  expect(left.map(([name]) => name).filter((name) => !name.endsWith('Error'))).toEqual(['definePolicy']);
});
