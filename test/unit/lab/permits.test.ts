import { fixedWindow, type PolicyDocument } from 'headgate';
import {
  type Arrival,
  closedLoop,
  compare,
  constant,
  exponentialHold,
  type Figures,
  holding,
  honouring,
  poisson,
  type Workload,
} from 'headgate/lab';
import { describe, expect, it } from 'vitest';

/** So many permits, and what waiting there is. */
function policyOf(quota: number, queue?: object, limit: object = {}): PolicyDocument {
  return {
    version: 1,
    limits: { jobs: { algorithm: 'concurrency', quota, per: 'account', ...limit } },
    groups: { job: { limits: ['jobs'], ...(queue && { queue }) } },
    unmatched: 'deny',
  } as PolicyDocument;
}

async function figuresOf(policy: PolicyDocument, workload: Workload, watch?: string[]): Promise<Figures> {
  const { contenders } = await compare({ algorithms: { policy }, workload, ...(watch && { watch }) });
  return contenders[0] as Figures;
}

/** What comes in, as a list. */
async function listed(workload: Workload): Promise<Arrival[]> {
  const arrivals: Arrival[] = [];
  for await (const arrival of workload.arrivals()) arrivals.push(arrival);
  return arrivals;
}

describe('permits without a queue', () => {
  it('should be free again at the instant at which work is over', async () => {
    // Asked at 0, 1, 2, … s; each works for 5 s: of every five, the first three find a permit.
    const figures = await figuresOf(policyOf(3), constant({ rate: 1, length: '100s', hold: '5s' }));
    expect(figures).toMatchObject({
      arrivals: 100,
      admitted: 60,
      denied: 40,
      reasons: { concurrency: 40 },
      wronglyAdmitted: 0,
      wronglyDenied: 0,
      refused: 0,
      permits: [{ limit: 'jobs', most: 3, quota: 3, key: 'key-0', at: 1e12 + 2000, lost: 0 }],
    });
    expect(figures.waits.count).toBe(0);
  });

  it('should turn away as many as Erlang says', async () => {
    // 1 a second, 3 s each, 3 permits: B = (3^3 / 3!) / (1 + 3 + 3^2 / 2 + 3^3 / 3!) = 4.5 / 13.
    const workload = poisson({ rate: 1, length: '30000s', hold: exponentialHold('3s') });
    const { denied, arrivals } = await figuresOf(policyOf(3), workload);
    expect(Math.abs(denied / arrivals - 4.5 / 13)).toBeLessThan(0.01);
  });

  it('should be asked for again by clients who were denied', async () => {
    const workload = constant({
      rate: 1,
      length: '100s',
      hold: '5s',
      clients: honouring({ otherwise: '2s' }),
    });
    const { arrivals, admitted, gaveUp, retries, waits } = await figuresOf(policyOf(3), workload);
    expect(admitted + gaveUp).toBe(arrivals);
    expect(admitted).toBeGreaterThan(60);
    expect(retries).toBeGreaterThan(100);
    expect(waits.count).toBeGreaterThan(20);
  });
});

describe('permits with a queue', () => {
  it('should keep as many waiting as Erlang says', async () => {
    // 1 a second, 2 s each, 3 permits: C = 4 / (1 + 2 + 2 + 4), and those who wait do so for 1 / (3 / 2 - 1) s on average.
    const workload = poisson({ rate: 1, length: '30000s', hold: exponentialHold('2s') });
    const { denied, arrivals, waits, waitHistogram } = await figuresOf(
      policyOf(3, { size: 10_000, timeout: '1h' }),
      workload,
    );
    expect(denied).toBe(0);
    expect(Math.abs(waits.count / arrivals - 4 / 9)).toBeLessThan(0.02);
    const sum = waitHistogram.reduce((all, [wait, count]) => all + wait * count, 0);
    expect(Math.abs(sum / waits.count - 2000)).toBeLessThan(150);
  });

  it('should turn away whom the queue does not take, and who waited too long', async () => {
    const queue = { size: 2, timeout: '3s' };
    const figures = await figuresOf(policyOf(1, queue), constant({ rate: 1, length: '60s', hold: '4s' }));
    const { admitted, denied, arrivals, reasons, waits } = figures;
    expect(admitted + denied).toBe(arrivals);
    // One each 4 s from 0 to 60 s.
    expect(admitted).toBe(16);
    expect(reasons).toEqual({ 'queue-full': expect.any(Number), 'queue-timeout': expect.any(Number) });
    expect(Math.min(...Object.values(reasons))).toBeGreaterThan(5);
    expect(waits.longest).toBeLessThanOrEqual(3000);
    expect(figures.permits[0]).toMatchObject({ most: 1, lost: 0 });
  });

  it('should pace those who wait for a rate', async () => {
    const policy: PolicyDocument = {
      version: 1,
      limits: { starts: { algorithm: 'token-bucket', quota: 1, window: '1s', burst: 1, per: 'account' } },
      groups: { job: { limits: ['starts'], queue: { size: 100, timeout: '1h' } } },
      unmatched: 'deny',
    };
    const at = 1e12;
    const arrivals = Array.from({ length: 5 }, () => ({ at, key: 'a', cost: 1, hold: 10 }));
    const workload = { name: 'five', description: 'five at once', seed: 1, arrivals: () => arrivals };
    const { admitted, waits, waitHistogram, window, timeline } = await figuresOf(policy, workload);
    expect([admitted, waits.count, waits.longest]).toEqual([5, 4, 4000]);
    expect(waitHistogram).toHaveLength(4);
    expect(window).toMatchObject({ units: 1, ratio: 1 });
    expect(timeline.to).toBe(at + 4000);
  });

  it('should be the same each time, and whatever else is compared', async () => {
    const workload = poisson({ rate: 3, keys: 4, length: '5m', hold: exponentialHold('2s') });
    const policy = policyOf(1, { size: 3, timeout: '10s' });
    const fixed = fixedWindow({ quota: 5, window: '1m' });
    const run = async (algorithms: object) =>
      (
        await compare({
          algorithms: { ...algorithms, policy },
          quota: 5,
          window: '1m',
          workload,
          watch: ['key-1'],
        })
      ).contenders;
    const alone = await run({});
    expect(JSON.stringify(await run({}))).toBe(JSON.stringify(alone));
    expect((await run({ fixed }))[1]).toEqual(alone[0]);
  });
});

it('should show work go on whose lease is over, beyond the quota', async () => {
  const policy = policyOf(2, undefined, { lease: '2s' });
  const { permits, admitted } = await figuresOf(policy, constant({ rate: 1, length: '60s', hold: '6s' }));
  expect(admitted).toBe(60);
  expect(permits[0]).toMatchObject({ most: 6, quota: 2, lost: 60 });
});

it('should show permits in use over time', async () => {
  const figures = await figuresOf(
    policyOf(4),
    holding(
      {
        name: 'x',
        description: '',
        seed: 1,
        arrivals: () => [0, 10, 20, 100].map((at) => ({ at, key: 'a', cost: 1 })),
      },
      50,
    ),
    ['a'],
  );
  const [usage] = figures.timeline.usage;
  expect([0, 10, 20, 49, 55, 100].map((at) => usage?.most[at])).toEqual([
    1 / 4,
    2 / 4,
    3 / 4,
    3 / 4,
    2 / 4,
    1 / 4,
  ]);
});

it('should refuse those who do not say how long they work, and check those who need not', async () => {
  const both: PolicyDocument = {
    version: 1,
    limits: {
      jobs: { algorithm: 'concurrency', quota: 1, per: 'account' },
      reads: { algorithm: 'fixed-window', quota: 5, window: '1h', per: 'account' },
    },
    groups: { job: { limits: ['jobs'] }, read: { limits: ['reads'] } },
    unmatched: 'deny',
  };
  const arrivals = ['job', 'read', 'read'].map((group, at) => ({
    at,
    key: 'a',
    cost: 1,
    descriptor: { group, account: 'a' },
  }));
  const workload = { name: 'x', description: '', seed: 1, arrivals: () => arrivals };
  const figures = await figuresOf(both, workload);
  expect(figures).toMatchObject({
    admitted: 2,
    refused: 1,
    refusal: expect.stringContaining('holds permits'),
  });
});

describe('how long work goes on', () => {
  it('should leave the arrivals as they are', async () => {
    const options = { rate: 20, keys: 5, cost: [1, 9], length: '1m' } as const;
    const without = await listed(poisson(options));
    const drawn = await listed(poisson({ ...options, hold: exponentialHold('3s') }));
    expect(drawn.map(({ hold: _, ...rest }) => rest)).toEqual(without);
    expect(await listed(poisson({ ...options, hold: exponentialHold('3s') }))).toEqual(drawn);
    const mean = drawn.reduce((sum, { hold = 0 }) => sum + hold, 0) / drawn.length;
    expect(Math.abs(mean - 3000)).toBeLessThan(300);
    expect((await listed(constant({ hold: '2s' }))).every(({ hold }) => hold === 2000)).toBe(true);
  });

  it('should keep a client in a closed loop busy', async () => {
    const workload = closedLoop({ clients: 7, think: '1s', hold: '2s', length: '10m' });
    const { permits, admitted } = await figuresOf(policyOf(9, undefined), workload);
    expect(permits[0]).toMatchObject({ most: 1 });
    // 7 clients who work for 2 s and rest for 1 s.
    expect(Math.abs(admitted - (7 * 600) / 3)).toBeLessThan(100);
  });

  it.each(['soon', 0, -5])('should not be %j', (hold) => {
    expect(() => poisson({ hold: hold as number })).toThrow(
      expect.objectContaining({ name: 'PolicyError', path: 'hold' }),
    );
  });
});
