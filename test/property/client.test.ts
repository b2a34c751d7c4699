import fc from 'fast-check';
import { createEngine, type HeaderDialect, PolicyError } from 'headgate';
import { createLimitedFetch, type Fetch, RetryError } from 'headgate/client';
import { headgate } from 'headgate/fetch';
import { describe, expect, it } from 'vitest';
import { MAX_WAIT } from '../../src/client/moment.ts';
import { readResponse } from '../../src/client/reading.ts';
import { readRetryAfterOf } from '../../src/client/retry-after.ts';
import { manualClock } from '../../src/time.ts';
import { seeded } from '../fixtures/seeded.ts';
import { inVirtualTime } from '../fixtures/virtual-time.ts';

const START = Date.UTC(2026, 10, 22, 4);

const number = fc.oneof(
  fc.nat().map(String),
  fc.maxSafeNat().map(String),
  fc.double().map(String),
  fc.integer({ min: -100, max: 100 }).map((offset) => String(START / 1000 + offset)),
  fc.constantFrom(
    '999999999',
    '1e9',
    '-1',
    '0',
    '00',
    '1.',
    '.5',
    '9'.repeat(400),
    'NaN',
    'Infinity',
    '0x1F',
    '１２',
  ),
);
const time = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.stringMatching(/^(\d{1,3}(h|m|s|ms)){1,4}$/),
);
const list = fc
  .array(
    fc.tuple(fc.constantFrom('"a"', 'b', '"', '1', ''), fc.constantFrom(';r=', ';a=', ';q=', ';'), number),
    { maxLength: 4 },
  )
  .map((members) =>
    members.map(([name, key, value]) => `${name}${key}${value};t=${value};w=${value}`).join(', '),
  );
const value = fc
  .oneof(
    number,
    time,
    list,
    fc.string({ unit: 'binary' }),
    fc.tuple(number, number).map((pair) => pair.join(', ')),
  )
  // What no field can hold never gets here.
  .map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').trim());

const NAMES = [
  ...['retry-after', 'retry-after-ms', 'date', 'age', 'ratelimit', 'ratelimit-policy'],
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'x-ratelimit-bucket'],
  ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'x-ratelimit-reset-after'],
  ...['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset', 'x-rate-limit-time-reset-ms'],
  ...['x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens', 'anthropic-ratelimit-tokens-remaining'],
  ...['x-ratelimit-remaining-__proto__', 'x-shopify-shop-api-call-limit', 'content-type'],
];
const fields = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 8 });
const plausible = fc.record({
  'x-ratelimit-remaining': fc.constantFrom('0', '1', '5'),
  'x-ratelimit-reset': value,
  'retry-after': fc.oneof(value, fc.constantFrom('20', '35', '45')),
});

describe('reading a response', () => {
  it('should never throw, and say nothing but counts and instants within a day, whatever its fields hold', () => {
    let told = 0;
    fc.assert(
      fc.property(fc.oneof(fields, plausible), fc.boolean(), fc.nat(2 ** 41), (headers, isRefusal, now) => {
        const { limits, retryAt } = readResponse(new Headers(headers), isRefusal, now);
        for (const { name, remaining, quota, resetAt } of limits) {
          expect([typeof name, Number.isSafeInteger(remaining) && remaining >= 0]).toEqual(['string', true]);
          expect(quota === undefined || (Number.isSafeInteger(quota) && quota >= 0)).toBe(true);
          expect(isSoon(resetAt, now)).toBe(true);
          if (resetAt !== undefined && resetAt > now) told++;
        }
        expect(isSoon(retryAt, now)).toBe(true);
      }),
      { numRuns: 10_000 },
    );
    expect(told).toBeGreaterThan(500);
  });

  const isSoon = (at: number | undefined, now: number): boolean =>
    at === undefined || (Number.isSafeInteger(at) && at >= now && at <= now + MAX_WAIT);

  it('should find a wait in any body, or none', () => {
    const json = fc.json().map((text) => text.replace(/"[^"]*":/, '"retry_after":'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          json.map((text) => new TextEncoder().encode(text)),
        ),
        (body) => {
          const wait = readRetryAfterOf(body);
          expect(wait === undefined || (Number.isSafeInteger(wait) && wait >= 0 && wait <= MAX_WAIT)).toBe(
            true,
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('a client', () => {
  it('should keep its bounds and come to an end, whatever a server says', async () => {
    const answer = fc.record({
      status: fc.constantFrom(200, 200, 202, 429, 503, 500),
      headers: fc.oneof(fields, plausible),
    });
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { minLength: 1, maxLength: 12 }),
        fc.nat(1000),
        async (answers, seed) => {
          const clock = manualClock(START);
          let calls = 0;
          const fetch: Fetch = async () => {
            const { status, headers } = answers[calls++ % answers.length] ?? { status: 200, headers: {} };
            return new Response('{"retry_after":3}', { status, headers });
          };
          const bounds = { maxAttempts: 4, maxWait: 50_000, maxElapsed: 60_000 };
          const waits: number[] = [];
          const limitedFetch = createLimitedFetch(fetch, {
            ...bounds,
            clock,
            random: seeded(seed),
            onWait: ({ until }) => waits.push((until ?? clock.now()) - clock.now()),
          });
          for (let i = 0; i < 4; i++) {
            const before = [clock.now(), calls] as const;
            const outcome = await inVirtualTime(
              clock,
              limitedFetch('https://api.example').catch((error: unknown) => error),
            );
            codes.add(outcome instanceof RetryError ? outcome.code : 'response');
            expect(outcome instanceof RetryError || outcome instanceof Response).toBe(true);
            // A second more for the body of a denial, which is waited for.
            expect(clock.now() - before[0]).toBeLessThanOrEqual(bounds.maxElapsed + 1000);
            expect(calls - before[1]).toBeLessThanOrEqual(bounds.maxAttempts);
            expect(clock.nextWake).toBeUndefined();
          }
          for (const wait of waits) expect(wait >= 0 && wait <= bounds.maxWait).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(codes).toEqual(new Set(['response', 'attempts', 'wait', 'elapsed']));
  });

  it('should get everything through at the rate that there is, and be refused only while it knows nothing', async () => {
    const dialect = fc.constantFrom<HeaderDialect>('x-ratelimit', 'x-ratelimit-delta', 'draft-11');
    const server = fc.record({
      quota: fc.integer({ min: 1, max: 20 }),
      seconds: fc.integer({ min: 1, max: 60 }),
      workers: fc.integer({ min: 1, max: 12 }),
      latency: fc.constantFrom(1, 40, 900),
      anchor: fc.constantFrom('epoch' as const, 'first-use' as const),
      start: fc.integer({ min: 0, max: 120_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        server,
        dialect,
        fc.nat(1000),
        async ({ quota, seconds, workers, latency, anchor, start }, header, seed) => {
          const clock = manualClock(START + start);
          const engine = createEngine(
            {
              version: 1,
              limits: { calls: { algorithm: 'fixed-window', quota, window: seconds * 1000, anchor } },
              groups: { all: { match: ['* /**'], limits: ['calls'] } },
              unmatched: 'deny',
              headers: [header, 'retry-after'],
            },
            { clock },
          );
          const handler = headgate(engine, { identify: () => ({}) }, () => new Response('ok'));
          const random = seeded(seed);
          let refused = 0;
          const overNetwork: Fetch = async (input, init) => {
            await clock.sleep(1 + Math.floor(random() * latency));
            const response = await handler(new Request(input, init));
            if (response.status === 429) refused++;
            await clock.sleep(1 + Math.floor(random() * latency));
            return response;
          };
          const calls = 3 * quota + workers;
          let left = calls;
          const limitedFetch = createLimitedFetch(overNetwork, {
            clock,
            random,
            maxAttempts: 50,
            maxElapsed: '1d',
          });
          const worker = async (): Promise<void> => {
            while (left-- > 0) expect((await limitedFetch('https://api.example')).status).toBe(200);
          };
          await inVirtualTime(clock, Promise.all(Array.from({ length: workers }, worker)));
          const windows = Math.ceil(calls / quota) + 1;
          // Fields are rounded up to seconds; beyond its windows it may take what its requests take one after the other.
          const travel = calls * (2 * latency + 2);
          expect(clock.now() - START - start).toBeLessThanOrEqual(windows * (seconds * 1000 + 1000) + travel);
          expect(refused).toBeLessThanOrEqual(2 * workers + windows);
          expect(clock.nextWake).toBeUndefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('should refuse options that make no sense, and only those', () => {
    const options = fc.record(
      {
        maxAttempts: fc.oneof(fc.integer(), fc.double()),
        maxWait: fc.oneof(fc.integer(), fc.constantFrom('1m', '1x', '')),
        maxElapsed: fc.oneof(fc.nat(), fc.constant('5m')),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(options, (given) => {
        try {
          expect(createLimitedFetch(fetch, given as object)).toBeTypeOf('function');
          expect(Number.isSafeInteger(given.maxAttempts ?? 1) && (given.maxAttempts ?? 1) >= 1).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyError);
        }
      }),
    );
  });
});
