import * as fc from 'fast-check';
import { fixedWindow, type PolicyDocument, slidingWindow, tokenBucket } from 'headgate';
import {
  boundaryAttack,
  type Clients,
  type CompareOptions,
  type Custom,
  closedLoop,
  compare,
  constant,
  exactLog,
  type Figures,
  honouring,
  ignoring,
  keyFlood,
  onOff,
  poisson,
  retryStorm,
  type Workload,
  zipf,
} from 'headgate/lab';
import { describe, expect, it } from 'vitest';

const RATE = { quota: 100, window: '1m' } as const;

/** The figures of each contender by its name. */
async function run(options: CompareOptions): Promise<Record<string, Figures>> {
  const { contenders } = await compare(options);
  return Object.fromEntries(contenders.map((figures) => [figures.name, figures]));
}

/** Answers everybody the same. */
const always = (allowed: boolean): Custom => ({ create: () => ({ check: () => allowed }) });

/** A fixed window over a plain LRU cache: whoever was used least recently is forgotten. */
const plainLru = (quota: number, window: number): Custom => ({
  create: ({ maxKeys }) => {
    const rows = new Map<string, { start: number; used: number }>();
    return {
      check(key, cost, now) {
        const row = rows.get(key);
        const isFresh = row === undefined || now >= row.start + window;
        const { start, used } = isFresh ? { start: now, used: 0 } : row;
        if (used + cost > quota) return { allowed: false, retryAt: start + window };
        rows.delete(key);
        rows.set(key, { start, used: used + cost });
        const [oldest] = rows.keys();
        if (rows.size > maxKeys && oldest !== undefined) rows.delete(oldest);
        return true;
      },
    };
  },
});

describe('known truths', () => {
  it('should show a boundary attack pass twice through an aligned window, and once through the exact log', async () => {
    const { epoch, first, sliding, log } = await run({
      algorithms: {
        epoch: fixedWindow({ ...RATE, anchor: 'epoch' }),
        first: fixedWindow(RATE),
        sliding: slidingWindow(RATE),
        log: exactLog(RATE),
      },
      workload: boundaryAttack({ ...RATE, rounds: 5 }),
    });
    expect(epoch).toMatchObject({ admitted: 1000, denied: 0, wronglyAdmitted: 500, wronglyDenied: 0 });
    expect(epoch?.window).toMatchObject({ units: 200, ratio: 2, span: 60_000, key: 'attacker' });
    for (const each of [first, sliding, log]) {
      expect(each).toMatchObject({ admitted: 500, denied: 500, wronglyAdmitted: 0, wronglyDenied: 0 });
      expect(each?.window).toMatchObject({ units: 100, ratio: 1 });
    }
  });

  it('should show 2 quota - 1 pass where windows begin with their first use', async () => {
    const { first } = await run({
      algorithms: { first: fixedWindow(RATE) },
      workload: boundaryAttack({ ...RATE, anchor: 'first-use' }),
    });
    expect(first?.window?.units).toBe(199);
  });

  it('should show the exact log make no mistake, whatever comes', async () => {
    const workloads = [
      poisson(),
      onOff(),
      zipf({ rate: 40 }),
      closedLoop({ clients: 5, think: '100ms' }),
      retryStorm({ honour: 0.5 }),
    ];
    for (const workload of workloads) {
      const { log } = await run({ algorithms: { log: exactLog(RATE) }, ...RATE, workload });
      expect(log).toMatchObject({ wronglyAdmitted: 0, wronglyDenied: 0, unused: { mean: 0, most: 0 } });
      expect(log?.window?.ratio).toBe(1);
      expect(log?.denied).toBeGreaterThan(0);
    }
  });

  it('should show the sliding estimate under its bound, and beyond the quota', async () => {
    let worst = 0;
    const drawn = fc.record({
      seed: fc.nat(),
      quota: fc.integer({ min: 1, max: 60 }),
      bursty: fc.boolean(),
      share: fc.double({ min: 0.8, max: 4, noNaN: true }),
      most: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async ({ seed, quota, bursty, share, most }) => {
        const window = 10_000;
        const options = { seed, rate: (share * quota) / 10, length: 200_000, cost: [1, most] as const };
        const workload = bursty ? onOff({ ...options, on: 2000, off: 7000 }) : poisson(options);
        const { sliding } = await run({
          algorithms: { sliding: slidingWindow({ quota, window }) },
          workload,
        });
        for (const { share: span, peak } of sliding?.peaks ?? []) {
          if (span > 1 || peak === undefined) continue;
          worst = Math.max(worst, peak.ratio);
          expect(peak.units).toBeLessThanOrEqual(quota * (1 + peak.span / window));
        }
      }),
      { numRuns: 60 },
    );
    expect(worst).toBeGreaterThan(1.3);
  });

  it.each([
    [100, 60_000, 10],
    [7, 1000, 2],
    [1000, 3000, 40],
    [3, 7, 5],
  ])(
    'should show a bucket of %i per %i ms and burst %i grant burst + rate * T, and not one more',
    async (quota, window, burst) => {
      const length = 50_001;
      const { bucket } = await run({
        algorithms: { bucket: tokenBucket({ quota, window, burst }) },
        workload: constant({ rate: 3000, length }),
      });
      expect(bucket?.admitted).toBe(burst + Math.floor((quota * (length - 1)) / window));
    },
  );

  it('should show a flood of keys reset a limiter with a plain LRU cache, and none of ours', async () => {
    const plans = {
      fixed: fixedWindow(RATE),
      sliding: slidingWindow(RATE),
      bucket: tokenBucket(RATE),
    };
    const figures = await run({
      algorithms: { lru: plainLru(100, 60_000), ...plans },
      workload: keyFlood({ rate: 50, flood: 500, length: '1m' }),
      maxKeys: 1000,
      ...RATE,
    });
    const abuser = (name: string) => figures[name]?.mostDenied.find(({ key }) => key === 'abuser');
    expect(figures.lru?.window?.ratio).toBeGreaterThan(10);
    expect(figures.lru?.window?.key).toBe('abuser');
    for (const name of Object.keys(plans)) {
      expect(figures[name]?.window?.ratio).toBeLessThanOrEqual(2);
      expect(abuser(name)?.admitted).toBeLessThanOrEqual(200);
      expect(abuser(name)?.denied).toBeGreaterThan(2500);
    }
  });

  it('should show that clients who wait as told ask far less often than those who do not', async () => {
    const shared = { clients: 500, within: '1s', attempts: 1000 } as const;
    const algorithms = { bucket: tokenBucket({ quota: 100, window: '1m', burst: 10 }) };
    const told = await run({ algorithms, workload: retryStorm({ ...shared, honour: 1, jitter: '1m' }) });
    const hasty = await run({ algorithms, workload: retryStorm({ ...shared, honour: 0 }) });
    expect(hasty.bucket?.admitted).toBe(500);
    expect(told.bucket?.admitted).toBe(500);
    expect(told.bucket?.retries).toBeLessThan((hasty.bucket?.retries ?? 0) / 5);
    expect(hasty.bucket?.waits.count).toBe(490);
  });
});

describe('compare', () => {
  it('should tell those apart who admit everybody or nobody', async () => {
    const { yes, no, log } = await run({
      algorithms: { yes: always(true), no: always(false), log: exactLog({ quota: 5, window: 1000 }) },
      quota: 5,
      window: 1000,
      workload: constant({ rate: 10, length: '10s', keys: 1 }),
    });
    expect(yes).toMatchObject({ admitted: 100, denied: 0, wronglyDenied: 0, fairness: 1 });
    expect(yes?.wronglyAdmitted).toBe(95);
    expect(yes?.window).toMatchObject({ units: 10, ratio: 2 });
    expect(no).toMatchObject({
      admitted: 0,
      denied: 100,
      wronglyAdmitted: 0,
      wronglyDenied: 100,
      gaveUp: 100,
    });
    expect(no?.unused).toEqual({ mean: 1, most: 1 });
    expect(no?.window).toBeUndefined();
    expect(log).toMatchObject({ admitted: 50, denied: 50, wronglyAdmitted: 0, wronglyDenied: 0 });
  });

  it('should give the same figures for the same seed, to the last digit, and others for another', async () => {
    const algorithms = { fixed: fixedWindow(RATE), bucket: tokenBucket(RATE) };
    const make = (seed: number) =>
      compare({ algorithms, workload: retryStorm({ seed, honour: 0.5, keys: 3 }) });
    const [first, second, other] = [await make(1), await make(1), await make(2)];
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    expect(JSON.stringify(other)).not.toBe(JSON.stringify(first));
  });

  it('should give each contender the same figures in whatever company', async () => {
    const workload = zipf({ rate: 50, clients: honouring({ jitter: '5s' }) });
    const shared = { ...RATE, workload, watch: ['key-0'] };
    const alone = await run({ ...shared, algorithms: { bucket: tokenBucket(RATE) } });
    const among = await run({
      ...shared,
      algorithms: { no: always(false), fixed: fixedWindow(RATE), bucket: tokenBucket(RATE) },
    });
    expect(among.bucket).toEqual(alone.bucket);
  });

  it.each([[['key-0']], [undefined]])(
    'should measure a policy of one limit as that limit alone, and watch %j',
    async (watch) => {
      const policy: PolicyDocument = {
        version: 1,
        limits: { all: { algorithm: 'sliding-window', quota: 20, window: '30s', per: 'account' } },
        groups: { only: { limits: ['all'] } },
        unmatched: 'deny',
      };
      const figures = await run({
        algorithms: { plan: slidingWindow({ quota: 20, window: '30s' }), policy },
        workload: zipf({ rate: 20, keys: 50, clients: ignoring({ attempts: 3 }) }),
        ...(watch && { watch }),
      });
      const {
        name: _name,
        kind,
        stateBytes: _bytes,
        window,
        burst,
        peaks: _peaks,
        ...rest
      } = figures.policy as Figures;
      expect(figures.plan).toMatchObject(rest as object & Omit<typeof rest, 'kind'>);
      expect(kind).toBe('policy');
      expect(figures.policy?.timeline.usage).toHaveLength(watch?.length ?? 2);
      expect(window).toEqual({ ...figures.plan?.window, limit: 'all' });
      expect(burst).toEqual({ ...figures.plan?.burst, limit: 'all' });
    },
  );

  it('should judge each limit of a policy by its own quota and window, and leave the rest to it', async () => {
    const policy: PolicyDocument = {
      version: 1,
      limits: {
        second: { algorithm: 'fixed-window', quota: 5, window: '1s', anchor: 'epoch', per: 'ip' },
        minute: { algorithm: 'fixed-window', quota: 60, window: '1m', anchor: 'epoch', per: 'ip' },
      },
      groups: { get: { match: ['GET /**'], limits: ['second', 'minute'] } },
      unmatched: 'deny',
    };
    const at = (at: number, descriptor: object) => ({
      at,
      key: 'a',
      cost: 1,
      descriptor: { ip: 'a', ...descriptor },
    });
    const get = { method: 'GET', path: '/' };
    const arrivals = [
      ...Array.from({ length: 6 }, () => at(999, get)),
      ...Array.from({ length: 5 }, () => at(1000, get)),
      at(1000, { method: 'POST', path: '/' }),
      { at: 1001, key: 'b', cost: 1, descriptor: get },
    ];
    const { contenders, oracle } = await compare({ algorithms: { policy }, workload: given(arrivals) });
    expect(oracle).toBeUndefined();
    expect(contenders[0]).toMatchObject({
      admitted: 10,
      denied: 2,
      wronglyAdmitted: 5,
      wronglyDenied: 0,
      refused: 1,
      refusal: expect.stringContaining('"ip"'),
      window: { limit: 'second', units: 10, ratio: 2 },
    });
  });

  it('should measure nobody by a limit in the shadow, and leave costs out that a policy does not count', async () => {
    const reads = { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'ip' } as const;
    const policyOf = (limits: PolicyDocument['limits']): PolicyDocument => ({
      version: 1,
      limits,
      groups: { all: { limits: Object.keys(limits) } },
      unmatched: 'deny',
    });
    const plain = policyOf({ reads });
    const tried = policyOf({
      reads: { ...reads, candidate: { quota: 1 } },
      tokens: { ...reads, quota: 10, unit: 'tokens', mode: 'shadow' },
    });
    const descriptor = { group: 'all', ip: 'a', cost: { tokens: 50 } };
    const arrivals = Array.from({ length: 3 }, () => ({ at: 5, key: 'a', cost: 50, descriptor }));
    const figures = await run({ algorithms: { plain, tried }, workload: given(arrivals), watch: ['a'] });
    expect(figures.plain).toMatchObject({ admitted: 2, denied: 1, wronglyAdmitted: 0, refused: 0 });
    expect(figures.tried).toEqual({ ...figures.plain, name: 'tried' });
  });

  it('should tell how long those waited who were admitted in the end', async () => {
    const clients: Clients = { retryAt: ({ retryAt }) => retryAt };
    const arrivals = Array.from({ length: 7 }, () => ({ at: 1000, key: 'a', cost: 1 }));
    const { window } = await run({
      algorithms: { window: fixedWindow({ quota: 2, window: '1s' }) },
      workload: { ...given(arrivals), clients },
    });
    expect(window).toMatchObject({ arrivals: 7, admitted: 7, denied: 9, retries: 9, gaveUp: 0 });
    expect(window?.waits).toMatchObject({ count: 5, longest: 3000, p50: expect.any(Number) });
    expect(window?.waitHistogram.map(([, count]) => count)).toEqual([2, 2, 1]);
  });

  it('should let a client in a closed loop go on only when its last request is over', async () => {
    const last = new Map<string, number>();
    const picky: Custom = {
      create: () => ({
        check(key, _cost, now) {
          expect(now).toBeGreaterThan(last.get(key) ?? 0);
          last.set(key, now);
          return now % 3 === 0;
        },
      }),
    };
    const reaction = ignoring({ every: '2s', attempts: 5 });
    const workload = closedLoop({ clients: 20, length: '1m', reaction });
    const { picky: figures } = await run({ algorithms: { picky }, ...RATE, workload });
    const { arrivals = 0, admitted = 0, gaveUp = 0, retries = 0 } = figures ?? {};
    expect(Math.min(arrivals, admitted, gaveUp, retries)).toBeGreaterThan(20);
    expect(admitted + gaveUp).toBe(arrivals);
    // 20 clients that rest a second and wait for three on average cannot ask for more in a minute.
    expect(arrivals).toBeLessThan(20 * 60);
  });

  it('should tell how the usage of keys went, from before their first denial', async () => {
    const { fixed } = await run({
      algorithms: { fixed: fixedWindow({ quota: 3, window: 100 }) },
      workload: given([0, 10, 20, 30, 130].map((at) => ({ at, key: 'a', cost: 1 }))),
    });
    const [usage] = fixed?.timeline.usage ?? [];
    expect(usage?.key).toBe('a');
    expect([0, 10, 20, 30, 130].map((at) => usage?.most[at])).toEqual([1 / 3, 2 / 3, 1, 1, 1 / 3]);
    expect(fixed?.timeline).toMatchObject({ from: 0, to: 130, width: 1 });
  });

  it('should time decisions only when it is given a timer', async () => {
    let now = 0;
    const timer = () => {
      now += 1;
      return now;
    };
    const shared = { algorithms: { fixed: fixedWindow(RATE) }, workload: given([]) };
    expect((await run({ ...shared, timer })).fixed?.nsPerDecision).toBe(1e6 / 4000);
    expect((await run(shared)).fixed).not.toHaveProperty('nsPerDecision');
  });

  it('should tell how far it is', async () => {
    const told: number[] = [];
    const workload = constant({ rate: 1000, length: '40s' });
    await compare({ algorithms: { yes: always(true) }, ...RATE, workload, progress: (n) => told.push(n) });
    expect(told).toEqual([16_384, 32_768, 40_000]);
  });

  it.each<[string, CompareOptions, string]>([
    ['nothing', { algorithms: {}, workload: poisson() }, 'algorithms'],
    [
      'what is no contender',
      { algorithms: { x: {} as Custom }, ...RATE, workload: given([]) },
      'algorithms.x',
    ],
    ['no quota to measure by', { algorithms: { x: always(true) }, workload: poisson() }, 'quota'],
    [
      'a quota of -1',
      { algorithms: { x: always(true) }, workload: poisson(), quota: -1, window: 1 },
      'quota',
    ],
    [
      'no room for keys',
      { algorithms: { x: always(true) }, workload: poisson(), ...RATE, maxKeys: 0 },
      'maxKeys',
    ],
    [
      'an answer that is none',
      {
        algorithms: { x: { create: () => ({ check: () => Promise.resolve(true) as unknown as boolean }) } },
        workload: poisson(),
        ...RATE,
      },
      'algorithms.x',
    ],
    ...['algorithms', 'workload', 'watch', 'timer', 'scale', 'progress'].map(
      (path): [string, CompareOptions, string] => [
        `3 as ${path}`,
        { algorithms: { yes: always(true) }, workload: poisson(), ...RATE, [path]: 3 },
        path,
      ],
    ),
  ])('should refuse %s', async (_title, options, path) => {
    await expect(compare(options)).rejects.toMatchObject({ name: 'PolicyError', path });
  });
});

/** A workload of these arrivals. */
function given(arrivals: readonly { at: number; key: string; cost: number }[]): Workload {
  return { name: 'given', description: 'a few arrivals', seed: 1, arrivals: () => arrivals };
}
