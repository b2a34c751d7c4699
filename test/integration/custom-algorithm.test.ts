/** The worked example of an algorithm of one's own: lawful, usable in a policy, and comparable. */

import * as fc from 'fast-check';
import { type Algorithm, createEngine, type PlanOptions, tokenBucket } from 'headgate';
import { compare, onOff, zipf } from 'headgate/lab';
import { algorithmLaws, type RatePlan } from 'headgate/testing';
import { describe, expect, it, vi } from 'vitest';
import { gcra } from '../fixtures/oracles.ts';

interface LeakyBucketPlan extends RatePlan {
  readonly burst: number;
  readonly every: number;
}

const example = new URL('../../docs/examples/custom-algorithm/leaky-bucket.js', import.meta.url).href;
const { LEAKY_BUCKET, leakyBucket } = (await import(/* @vite-ignore */ example)) as {
  LEAKY_BUCKET: Algorithm<LeakyBucketPlan>;
  leakyBucket(options: PlanOptions): LeakyBucketPlan;
};

const quotas = fc.integer({ min: 1, max: 30 });
const leaks = fc.constantFrom(1, 2, 7, 1000);
const plan = fc
  .record({ quota: quotas, every: leaks, burst: quotas })
  .map(({ quota, every, burst }) => leakyBucket({ quota, window: quota * every, burst }));

const strangers = ({ quota, burst }: LeakyBucketPlan) =>
  leaks.map((every) => leakyBucket({ quota, window: quota * every, burst }));

describe('the leaky bucket', () => {
  it.each(algorithmLaws(LEAKY_BUCKET, { fc, plan }))('should, knowing only its plans, $name', ({ check }) =>
    check(),
  );

  const known = algorithmLaws(LEAKY_BUCKET, {
    fc,
    plan,
    oracle: gcra,
    siblings: ({ window, quota, every }) =>
      quotas.map((burst) => leakyBucket({ quota, window, burst })).filter((other) => other.every === every),
    strangers,
    most: ({ burst, every }, span) => burst + Math.floor(span / every),
    least: ({ burst, every }, span) => burst + Math.floor(span / every),
  });
  it.each(known)('should, knowing all that can be known, $name', ({ check }) => check());

  it('should be tried on the laws that it says enough for', () => {
    expect(algorithmLaws(LEAKY_BUCKET, { fc, plan })).toHaveLength(12);
    expect(known).toHaveLength(21);
    const { convert: _convert, ...bucket } = LEAKY_BUCKET;
    expect(algorithmLaws(bucket, { fc, plan, strangers })).toHaveLength(12);
  });

  it('should be compared in the lab by a program', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const program = new URL('../../docs/examples/custom-algorithm/compare.js', import.meta.url).href;
    await import(/* @vite-ignore */ program);
    const lines = log.mock.calls.map(([line]) => String(line));
    log.mockRestore();
    expect(lines).toHaveLength(12);
    const mirrored = (name: string) =>
      lines.filter((line) => line.includes(name)).map((line) => line.slice(20));
    expect(mirrored('leaky bucket')).toEqual(mirrored('token bucket'));
  });

  it('should refuse a rate that does not come to whole milliseconds', () => {
    expect(() => leakyBucket({ quota: 7, window: 1000 })).toThrow(expect.objectContaining({ path: 'quota' }));
  });

  it('should limit in a policy', () => {
    const engine = createEngine(
      {
        version: 1,
        limits: {
          drops: { algorithm: 'leaky-bucket', quota: 6, window: '1m', burst: 2, per: 'ip', options: {} },
        },
        groups: { all: { limits: ['drops'] } },
        unmatched: 'deny',
      },
      { algorithms: { 'leaky-bucket': leakyBucket } },
    );
    const answers = [0, 0, 0, 9999, 10_000].map(
      (now) => engine.check({ group: 'all', ip: 'a' }, { now }).allowed,
    );
    expect(answers).toEqual([true, true, false, false, true]);
  });

  it.each([zipf({ rate: 20, keys: 30 }), onOff({ rate: 4, on: '5s', off: '40s' })])(
    'should do in the lab what its mirror image does, the token bucket: $name',
    async (workload) => {
      const rate = { quota: 60, window: '1m', burst: 7 } as const;
      const { contenders } = await compare({
        algorithms: { leaky: leakyBucket(rate), token: tokenBucket(rate) },
        workload,
      });
      const [leaky, token] = contenders;
      expect(leaky?.denied).toBeGreaterThan(10);
      expect({ ...leaky, kind: '', name: '', stateBytes: 0 }).toEqual({
        ...token,
        kind: '',
        name: '',
        stateBytes: 0,
      });
      expect([leaky?.stateBytes, token?.stateBytes]).toEqual([8, 16]);
    },
  );
});

describe('algorithmLaws', () => {
  /** What a careless author might write, and the laws that find it out. */
  it.each<[string, Partial<Algorithm<LeakyBucketPlan>>, string]>([
    [
      'promises a millisecond too early',
      { availableAt: (...args) => Math.max(args[3], LEAKY_BUCKET.availableAt(...args) - 1) },
      'admit at the promised instant, and not a millisecond before',
    ],
    ['takes nothing', { charge: (_plan, _cells, _at, now) => now }, 'charge in parts as at once'],
    [
      'gives back what has leaked already',
      {
        refund: ({ every }, cells, at, now, cost) => {
          cells[at] = Math.max(now, (cells[at] as number) - cost * every);
        },
      },
      'give back nothing of a charge that is over',
    ],
    [
      'joins to the lesser usage',
      {
        join: (_plan, into, at, other, otherAt) => {
          into[at] = Math.min(into[at] as number, other[otherAt] as number);
        },
      },
      'join to a state that grants no more than either',
    ],
    [
      'never repairs',
      { repair: () => undefined },
      'lock no key out for more than two drains, whatever its cells hold',
    ],
    ['forgets too soon', { forgettableAt: () => 0 }, 'be as a fresh key once it is forgettable'],
    [
      'converts nothing',
      { convert: () => undefined },
      'leave as many units as before when the window changes',
    ],
    [
      'converts to less than there was',
      {
        convert: ({ every }, cells, at, now, from) => {
          cells[at] = now + Math.floor((((cells[at] as number) - now) * every) / from.every);
        },
      },
      'grant no more after windows have changed to and fro in one instant',
    ],
    [
      'converts to a bucket that never leaks',
      {
        convert: (_plan, cells, at, now) => {
          cells[at] = now + 1e9;
        },
        repair: () => undefined,
      },
      'convert whatever cells hold, and lock nobody out by it',
    ],
  ])('should find out one that %s', (_title, flaw, name) => {
    const law = algorithmLaws({ ...LEAKY_BUCKET, ...flaw }, { fc, plan, strangers }).find(
      (each) => each.name === name,
    );
    expect(law?.check).toThrow();
  });

  it('should refuse what it cannot use', () => {
    const bad = { fc: {} as typeof fc, plan };
    expect(() => algorithmLaws(LEAKY_BUCKET, bad)).toThrow(expect.objectContaining({ path: 'fc' }));
    expect(() => algorithmLaws(LEAKY_BUCKET, { fc, plan: 7 as unknown as typeof plan })).toThrow(
      expect.objectContaining({ path: 'plan' }),
    );
    expect(() =>
      algorithmLaws(LEAKY_BUCKET, { fc, plan, plans: plan } as { fc: typeof fc; plan: typeof plan }),
    ).toThrow(expect.objectContaining({ path: 'plans' }));
  });
});
