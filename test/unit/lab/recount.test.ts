/** Every figure of a comparison, against a recount that goes by what the contender was asked and answered, and by nothing else. */

import fc from 'fast-check';
import { createLimiter, fixedWindow, type Plan, slidingWindow, tokenBucket } from 'headgate';
import {
  type Arrival,
  type Clients,
  type Contender,
  type Custom,
  compare,
  exactLog,
  type Figures,
  honouring,
  ignoring,
} from 'headgate/lab';
import { expect, it } from 'vitest';

const SPANS = [1 / 60, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 3 / 4, 1, 2];

/** One answer. */
interface Told {
  readonly arrival: Arrival;
  readonly at: number;
  readonly allowed: boolean;
}

interface Terms {
  readonly quota: number;
  readonly window: number;
}

/** The same contender, whose answers are written down. */
function heard(contender: Plan | Custom, told: Told[]): Custom {
  return {
    create(setting) {
      const { clock, maxKeys, seed } = setting;
      const limiter =
        'create' in contender
          ? contender.create(setting)
          : createLimiter(contender, { clock, maxKeys, seed });
      return {
        check(key, cost, now, arrival) {
          const answer =
            'stats' in limiter ? limiter.check(key, { cost, now }) : limiter.check(key, cost, now, arrival);
          const allowed = typeof answer === 'boolean' ? answer : answer.allowed;
          told.push({ arrival, at: now, allowed });
          return answer;
        },
      };
    },
  };
}

/** Units of a key granted in the span that ends with `at`, by the answers before `end`. */
function granted(told: readonly Told[], key: string, at: number, span: number, end = told.length): number {
  return sum(
    told.slice(0, end).map((each) => {
      const isIn = each.allowed && each.arrival.key === key && each.at > at - span && each.at <= at;
      return isIn ? each.arrival.cost : 0;
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function recount(told: readonly Told[], arrivals: readonly Arrival[], { quota, window }: Terms) {
  const judged = told.map(({ arrival, at, allowed }, i) => {
    const used = granted(told, arrival.key, at, window, i);
    const free = quota === 0 ? 0 : Math.max(0, quota - used) / quota;
    return { allowed, hasRoom: quota > 0 && used + arrival.cost <= quota, free };
  });
  const denials = judged.filter(({ allowed }) => !allowed);
  const last = new Map(told.map((each) => [each.arrival, each]));
  const calls = (arrival: Arrival): number => told.filter((each) => each.arrival === arrival).length;
  const waits = [...last]
    .filter(([arrival, { allowed }]) => allowed && calls(arrival) > 1)
    .map(([arrival, { at }]) => at - arrival.at);
  const keys = [...new Set(arrivals.map(({ key }) => key))];
  const shares = keys.flatMap((key) => {
    const asked = sum(arrivals.filter((each) => each.key === key).map(({ cost }) => cost));
    return asked === 0 ? [] : [granted(told, key, 1e9, 1e10) / asked];
  });
  const squares = sum(shares.map((share) => share ** 2));
  const admitted = judged.filter(({ allowed }) => allowed).length;
  return {
    arrivals: arrivals.length,
    admitted,
    denied: denials.length,
    wronglyAdmitted: judged.filter(({ allowed, hasRoom }) => allowed && !hasRoom).length,
    wronglyDenied: denials.filter(({ hasRoom }) => hasRoom).length,
    gaveUp: [...last.values()].filter(({ allowed }) => !allowed).length,
    retries: told.length - arrivals.length,
    unitsAsked: sum(arrivals.map(({ cost }) => cost)),
    unitsAdmitted: sum(told.map(({ allowed, arrival }) => (allowed ? arrival.cost : 0))),
    keys: keys.length,
    unused: {
      mean: denials.length === 0 ? 0 : sum(denials.map(({ free }) => free)) / denials.length,
      most: Math.max(0, ...denials.map(({ free }) => free)),
    },
    fairness: squares === 0 ? 1 : sum(shares) ** 2 / (shares.length * squares),
    waits: { count: waits.length, longest: waits.length === 0 ? undefined : Math.max(...waits) },
    peaks: SPANS.map((share) => {
      const span = Math.max(1, Math.ceil(share * window));
      return Math.max(0, ...told.map(({ arrival, at }) => granted(told, arrival.key, at, span)));
    }),
    sorted: waits.sort((a, b) => a - b),
  };
}

/** The most that a key had in use in each bin of time. */
function usageOf(told: readonly Told[], key: string, { quota, window }: Terms, { timeline }: Figures) {
  const { from, to, width } = timeline;
  return Array.from({ length: Math.floor((to - from) / width) + 1 }, (_, bin) => {
    const most = Array.from({ length: width }, (__, i) => from + bin * width + i)
      .filter((at) => at <= to)
      .map((at) => granted(told, key, at, window) / quota);
    return Math.max(0, ...most);
  });
}

/** One unit for each key in every other millisecond, whatever the cost. */
const everyOther: Custom = {
  create: () => ({ check: (_key, _cost, now) => now % 2 === 0 || { allowed: false, retryAt: now + 1 } }),
};

const custom = (): Custom => everyOther;

const CONTENDERS: readonly [string, (terms: Terms) => Plan | Custom][] = [
  ['exact-log', exactLog],
  ['fixed-window', (terms) => fixedWindow(terms)],
  ['fixed-window:epoch', (terms) => fixedWindow({ ...terms, anchor: 'epoch' })],
  ['sliding-window', slidingWindow],
  ['token-bucket', (terms) => tokenBucket(terms)],
  ['token-bucket:1', (terms) => tokenBucket({ ...terms, burst: 1 })],
  ['custom', custom],
];

const CLIENTS: readonly (Clients | undefined)[] = [
  undefined,
  honouring({ attempts: 3, otherwise: '9ms' }),
  ignoring({ attempts: 4, every: '20ms' }),
];

const traffic = fc
  .array(
    fc.record({
      after: fc.nat(30),
      key: fc.constantFrom('a', 'b', 'c'),
      cost: fc.constantFrom(0, 1, 1, 1, 2, 4),
    }),
    { minLength: 20, maxLength: 40 },
  )
  .map((steps) => {
    let at = 1000;
    return steps.map(({ after, key, cost }): Arrival => {
      at += Math.max(0, after - 10);
      return { at, key, cost };
    });
  });

it.each(CONTENDERS)('should measure %s as a recount does', async (_name, make) => {
  let [denied, waited, wrong] = [0, 0, 0];
  // What has no quota has no share of it: the most that a limiter of its own grants then is no figure.
  const quota = fc.integer({ min: make === custom ? 1 : 0, max: 5 });
  const terms = fc.record({ quota, window: fc.integer({ min: 1, max: 80 }) });
  await fc.assert(
    fc.asyncProperty(traffic, terms, fc.constantFrom(...CLIENTS), async (arrivals, limit, clients) => {
      const contender: Contender = make(limit);
      const told: Told[] = [];
      const { contenders } = await compare({
        algorithms: { heard: heard(contender, told), plain: contender },
        workload: {
          name: 'x',
          description: '',
          seed: 1,
          arrivals: () => arrivals,
          ...(clients === undefined ? {} : { clients }),
        },
        watch: ['a', 'b', 'c'],
        ...limit,
      });
      const [figures, plain] = contenders as [Figures, Figures];
      const same = { name: '', kind: '', stateBytes: 0 };
      expect({ ...plain, ...same }).toEqual({ ...figures, ...same });
      const { fairness, unused, peaks, sorted, waits, ...exact } = recount(told, arrivals, limit);
      expect(figures).toMatchObject({ ...exact, waits });
      expect(figures.fairness).toBeCloseTo(fairness, 12);
      expect(figures.unused.mean).toBeCloseTo(unused.mean, 12);
      expect(figures.unused.most).toBe(unused.most);
      expect(figures.peaks.map(({ peak }) => peak?.units ?? 0)).toEqual(peaks);
      expect(figures.window?.ratio ?? 0).toBe(peaks[6] === 0 ? 0 : (peaks[6] ?? 0) / limit.quota);
      for (const [share, name] of [
        [0.5, 'p50'],
        [0.9, 'p90'],
        [0.99, 'p99'],
      ] as const) {
        const wait = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1];
        expect(figures.waits[name] ?? -1).toBeGreaterThanOrEqual(wait ?? -1);
        expect(figures.waits[name] ?? -1).toBeLessThanOrEqual(wait === undefined ? -1 : wait * (1 + 1 / 32));
      }
      const { timeline } = figures;
      expect(sum(timeline.arrived)).toBe(exact.unitsAsked);
      expect(sum(timeline.asked)).toBe(sum(told.map(({ arrival }) => arrival.cost)));
      expect(sum(timeline.admitted)).toBe(exact.unitsAdmitted);
      expect(sum(timeline.denied)).toBe(sum(timeline.asked) - exact.unitsAdmitted);
      if (limit.quota > 0) {
        for (const { key, most } of timeline.usage) {
          const bins = usageOf(told, key, limit, figures);
          expect(bins.map((_, i) => most[i] ?? 0)).toEqual(bins);
        }
      }
      denied += exact.denied;
      waited += waits.count;
      wrong += exact.wronglyAdmitted + exact.wronglyDenied;
    }),
    { numRuns: 40 },
  );
  expect(denied).toBeGreaterThan(200);
  expect(waited).toBeGreaterThan(20);
  if (make !== exactLog) expect(wrong).toBeGreaterThan(20);
});
