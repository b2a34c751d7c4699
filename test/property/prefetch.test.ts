import fc from 'fast-check';
import { type Clock, fixedWindow, type PolicyDocument, slidingWindow, tokenBucket } from 'headgate';
import { createDistributedEngine, type DistributedDecision } from 'headgate/distributed';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../fixtures/rates-store.ts';
import { settled } from '../fixtures/virtual-time.ts';

/** Whoever takes units ahead: requests of one process after the other, at instants that are not far apart. */
const request = fc.record({
  gap: fc.constantFrom(0, 0, 0, 1, 1, 2, 5, 17, 60, 230, 1100),
  process: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3),
  key: fc.constantFrom('x', 'x', 'x', 'x', 'x', 'y'),
  cost: fc.constantFrom(1, 1, 1, 1, 2, 3, 0),
  /** How long afterwards it is given back, if it is. */
  refundAfter: fc.option(fc.constantFrom(0, 1, 7, 40, 300), { nil: undefined }),
});
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

const limit = fc.record({
  algorithm: fc.constantFrom('fixed-window', 'aligned', 'sliding-window', 'token-bucket'),
  quota: fc.constantFrom(2, 7, 20, 50, 100, 1000),
  window: fc.constantFrom(30, 100, 333, 1000, 5000, 60_000),
  burst: fc.constantFrom(1, 3, 10, 40),
  share: fc.constantFrom(0.05, 0.1, 0.5, 1),
});
type Limit = typeof limit extends fc.Arbitrary<infer L> ? L : never;

const world = fc.record({
  limit,
  start: fc.integer({ min: 0, max: 100_000 }),
  offsets: fc.array(fc.integer({ min: 0, max: 7_200_000 }), { minLength: 4, maxLength: 4 }),
  delays: fc.array(fc.constantFrom(0, 0, 1, 3, 20, 400), { minLength: 1, maxLength: 10 }),
  requests: fc.array(request, { minLength: 1, maxLength: 120, size: 'max' }),
});
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

/** What was admitted, or given back, at an instant of the store's clock. */
interface Entry {
  readonly at: number;
  readonly request: Request;
  /** What is given back. */
  readonly refunds: Entry | undefined;
}

function limitOf({ algorithm, quota, window, burst }: Limit) {
  if (algorithm === 'token-bucket') return { algorithm, quota, window, burst } as const;
  if (algorithm === 'sliding-window') return { algorithm, quota, window } as const;
  const anchor = algorithm === 'aligned' ? 'epoch' : 'first-use';
  return { algorithm: 'fixed-window', quota, window, anchor } as const;
}

function planOf({ algorithm, quota, window, burst }: Limit) {
  if (algorithm === 'token-bucket') return tokenBucket({ quota, window, burst });
  if (algorithm === 'sliding-window') return slidingWindow({ quota, window });
  return fixedWindow({ quota, window, anchor: algorithm === 'aligned' ? 'epoch' : 'first-use' });
}

function clockOf(clock: ManualClock, offset: number): Clock {
  return {
    now: () => clock.now() + offset,
    wakeAt: (at, wake) => clock.wakeAt(at - offset, wake),
  };
}

/** Lets everything happen up to an instant. */
async function until(clock: ManualClock, instant: number): Promise<void> {
  for (;;) {
    await settled();
    const { nextWake } = clock;
    if (nextWake === undefined || nextWake > instant) break;
    clock.set(Math.max(clock.now(), nextWake));
  }
  clock.set(instant);
}

/** Several processes, each with a clock of its own, and one store that is more or less far away. */
async function run(
  { limit, start, offsets, delays, requests }: Omit<World, 'delays'> & { delays: number[] },
  withRefunds: boolean,
) {
  const clock = manualClock(start);
  let sent = 0;
  const travel = async (): Promise<void> => {
    const delay = delays[sent++ % delays.length] ?? 0;
    if (delay > 0) await clock.sleep(delay);
  };
  const store = memoryStore(clock, travel);
  const policy: PolicyDocument = {
    version: 1,
    limits: { hot: { ...limitOf(limit), per: 'key', prefetch: { share: limit.share } } },
    groups: { all: { limits: ['hot'] } },
    unmatched: 'deny',
  };
  const engines = offsets.map((offset) =>
    createDistributedEngine(policy, { store, clock: clockOf(clock, offset) }),
  );
  const entries: Entry[] = [];
  const sources = { store: 0, local: 0, fallback: 0 };
  const giveBack = async (decision: DistributedDecision, entry: Entry): Promise<void> => {
    const { refundAfter, process } = entry.request;
    if (refundAfter === undefined) return;
    if (refundAfter > 0) await clock.sleep(refundAfter);
    entries.push({ at: clock.now(), request: entry.request, refunds: entry });
    await engines[process]?.refund(decision);
  };
  const pending: Promise<unknown>[] = [];
  for (const each of requests) {
    await until(clock, clock.now() + each.gap);
    const { process, key, cost } = each;
    const checked = engines[process]?.check({ group: 'all', key, cost }).then(async (decision) => {
      sources[decision.source]++;
      if (!decision.allowed || decision.source === 'fallback') return;
      const at = decision.source === 'store' ? decision.at : clock.now();
      const entry = { at, request: each, refunds: undefined };
      entries.push(entry);
      if (withRefunds) await giveBack(decision, entry);
    });
    pending.push(checked ?? Promise.resolve());
  }
  await until(clock, clock.now() + 5000);
  await Promise.all(pending);
  return { entries, sources, store, engines };
}

/** Has an exact limiter in process decide on all that was admitted, at the instants when it was. */
function replay(limit: Limit, entries: readonly Entry[]): string[] {
  const plan = planOf(limit);
  const { algorithm } = plan;
  const cells = new Map<string, Float64Array>();
  const since = new Map<Entry, number>();
  const refused: string[] = [];
  for (const entry of [...entries].sort((a, b) => a.at - b.at)) {
    const { at, refunds } = entry;
    const { key, cost } = entry.request;
    const own = cells.get(key) ?? new Float64Array(algorithm.cells);
    cells.set(key, own);
    if (refunds !== undefined) algorithm.refund(plan, own, 0, at, cost, since.get(refunds) ?? at);
    else if (cost > 0) {
      if (!(algorithm.availableAt(plan, own, 0, at, cost) <= at)) refused.push(`${cost} for ${key} at ${at}`);
      since.set(entry, algorithm.charge(plan, own, 0, at, cost));
    }
  }
  return refused;
}

const RUNS = { numRuns: Number(process.env.PREFETCH_RUNS ?? 300) };

describe('units that are taken ahead', () => {
  it('should never admit what one process that decides exactly would not, whatever the way to the store', async () => {
    const all = { store: 0, local: 0, fallback: 0 };
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        // What is charged and never answered would begin such a window.
        const isOwn = given.limit.algorithm === 'fixed-window';
        const delays = given.delays.map((delay) => (isOwn ? Math.min(delay, 100) : delay));
        const { entries, sources } = await run({ ...given, delays }, false);
        all.local += sources.local;
        all.store += sources.store;
        expect(replay(given.limit, entries)).toEqual([]);
      }),
      RUNS,
    );
    // Otherwise it has shown nothing.
    expect(all.local).toBeGreaterThan(0.05 * all.store);
  });

  it('should never do so where decisions are refunded', async () => {
    let local = 0;
    await fc.assert(
      fc.asyncProperty(world, async (drawn) => {
        // What is given back to a window that begins with the first use may have it begin anew.
        const isOwn = drawn.limit.algorithm === 'fixed-window';
        const limit: Limit = isOwn ? { ...drawn.limit, algorithm: 'aligned' } : drawn.limit;
        const { entries, sources } = await run({ ...drawn, limit, delays: [0] }, true);
        local += sources.local;
        expect(replay(limit, entries)).toEqual([]);
      }),
      RUNS,
    );
    expect(local).toBeGreaterThan(100);
  });

  it('should account for every unit', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        const { engines, entries } = await run({ ...given, delays: [0, 1] }, false);
        let used = 0;
        for (const engine of engines) {
          await Promise.all([engine.returnPrefetched(), settled()]);
          const { taken = 0, used: own = 0, returned = 0, lapsed = 0 } = engine.stats().prefetch.hot ?? {};
          expect(own + returned + lapsed).toBe(taken);
          used += own;
        }
        expect(used).toBeLessThanOrEqual(entries.reduce((sum, { request }) => sum + request.cost, 0));
      }),
      { numRuns: 60 },
    );
  });
});
