import { describe, expect, it } from 'vitest';
import type { Arrival, Workload } from '../../../../src/lab/arrival.ts';
import { seeded } from '../../../../src/lab/random.ts';
import { boundaryAttack, keyFlood } from '../../../../src/lab/workload/attack.ts';
import { WORKLOADS } from '../../../../src/lab/workload/catalogue.ts';
import { closedLoop, retryStorm } from '../../../../src/lab/workload/crowd.ts';
import { uniformKeys, zipfKeys } from '../../../../src/lab/workload/keys.ts';
import { constant, diurnal, flashCrowd, onOff, poisson, zipf } from '../../../../src/lab/workload/pace.ts';

const all = (workload: Workload): readonly Arrival[] => [...(workload.arrivals() as Iterable<Arrival>)];
const FROM = 1e12;

describe.each(Object.keys(WORKLOADS))('%s', (name) => {
  const make = (seed: number) => WORKLOADS[name]?.({ quota: 50, window: '10s', seed }) as Workload;
  // A flood takes two minutes of a thousand keys a second otherwise.
  const arrivals = all(make(1));

  it('should come in time order, as sound requests', () => {
    expect(arrivals.length).toBeGreaterThan(0);
    let last = FROM;
    for (const { at, cost, key } of arrivals) {
      if (!(at >= last && Number.isSafeInteger(at) && Number.isSafeInteger(cost) && key !== '')) {
        expect.unreachable(`${key} at ${at} after ${last}`);
      }
      last = at;
    }
  });

  it('should come again for the same seed', () => {
    expect(all(make(1))).toEqual(arrivals);
    expect(make(1).name).toBe(name);
  });
});

const SEEDED = { rate: 100, length: '100s' } as const;

it.each<[string, (seed: number) => Workload]>([
  ['poisson', (seed) => poisson({ ...SEEDED, seed })],
  ['on-off', (seed) => onOff({ ...SEEDED, seed, on: '1s', off: '4s' })],
  ['diurnal', (seed) => diurnal({ ...SEEDED, seed })],
])('should have the rate that was asked for: %s', (_name, make) => {
  for (const seed of [1, 2, 3]) {
    // Five standard deviations of 10,000 independent arrivals.
    expect(Math.abs(all(make(seed)).length - 10_000)).toBeLessThan(500);
  }
  expect(all(make(1))).not.toEqual(all(make(2)));
});

it('should come at even intervals', () => {
  expect(all(constant({ rate: 4, length: '1s', from: 0 })).map(({ at }) => at)).toEqual([0, 250, 500, 750]);
  expect(all(constant({ rate: 3, length: '1s', from: 7 })).map(({ at }) => at)).toEqual([7, 340, 673]);
});

it('should be silent between bursts', () => {
  const ats = all(onOff({ ...SEEDED, on: '1s', off: '4s', from: 0 })).map(({ at }) => at % 5000);
  expect(Math.max(...ats)).toBeLessThan(1000);
});

it('should be quietest at the beginning and the end of a day', () => {
  const ats = all(diurnal({ ...SEEDED, from: 0, trough: 0 })).map(({ at }) => at);
  const between = (from: number, to: number) => ats.filter((at) => at >= from && at < to).length;
  expect(between(0, 5000)).toBeLessThan(between(45_000, 50_000) / 20);
  expect(between(95_000, 100_000)).toBeLessThan(between(45_000, 50_000) / 20);
});

it('should come all at once and lose interest', () => {
  const ats = all(flashCrowd({ ...SEEDED, from: 0, after: '50s', halfLife: '5s', factor: 20 })).map(
    ({ at }) => at,
  );
  const between = (from: number, to: number) => ats.filter((at) => at >= from && at < to).length;
  expect(between(40_000, 50_000)).toBeLessThan(1300);
  expect(between(50_000, 51_000)).toBeGreaterThan(1600);
  expect(between(90_000, 100_000)).toBeLessThan(2000);
});

it('should ask for each key as often as Zipf says', () => {
  const random = seeded(7);
  const [count, draws, exponent] = [20, 200_000, 1.1];
  const drawn = new Map<string, number>();
  const key = zipfKeys(count, exponent);
  for (let i = 0; i < draws; i++) {
    const name = key(random);
    drawn.set(name, (drawn.get(name) ?? 0) + 1);
  }
  const weights = Array.from({ length: count }, (_, i) => (i + 1) ** -exponent);
  const sum = weights.reduce((a, b) => a + b);
  weights.forEach((weight, i) => {
    const expected = (draws * weight) / sum;
    expect(Math.abs((drawn.get(`key-${i}`) ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
  expect(drawn.size).toBe(count);
  expect(all(zipf({ ...SEEDED, keys: 3 })).every((each) => /^key-[012]$/.test(each.key))).toBe(true);
});

it('should spend a quota on either side of a boundary', () => {
  const arrivals = all(boundaryAttack({ quota: 3, window: 1000, rounds: 2, from: 1 }));
  const ats = arrivals.map(({ at }) => at);
  expect(ats).toEqual([1999, 1999, 1999, 2000, 2000, 2000, 5999, 5999, 5999, 6000, 6000, 6000]);
  const pinned = all(boundaryAttack({ quota: 3, window: 1000, rounds: 1, from: 0, anchor: 'first-use' }));
  expect(pinned.map(({ at }) => at)).toEqual([0, 999, 999, 1000, 1000, 1000]);
});

it('should flood with keys that were never seen before', () => {
  const keys = all(keyFlood({ rate: 10, flood: 100, length: '20s' })).map(({ key }) => key);
  const others = keys.filter((key) => key !== 'abuser');
  expect(new Set(others).size).toBe(others.length);
  expect(keys.length - others.length).toBeGreaterThan(130);
  expect(keys.length - others.length).toBeLessThan(270);
});

it.each<[string, () => unknown, string]>([
  ['a rate of 0', () => poisson({ rate: 0 }), 'rate'],
  ['a rate that is text', () => poisson({ rate: '5' as unknown as number }), 'rate'],
  ['a length without a unit', () => constant({ length: 'x' as '1s' }), 'length'],
  ['an unknown field', () => poisson({ rat: 1 } as object), 'rat'],
  ['a seed below 0', () => poisson({ seed: -1 }), 'seed'],
  ['a cost that is no whole number', () => poisson({ cost: 1.5 }), 'cost'],
  ['costs upside down', () => poisson({ cost: [3, 2] }), 'cost'],
  ['no key', () => uniformKeys(0), 'keys'],
  ['an exponent of 9', () => zipfKeys(10, 9), 'exponent'],
  ['a share of honourable clients over 1', () => retryStorm({ honour: 2 }), 'honour'],
  ['an anchor that is none', () => boundaryAttack({ anchor: 'x' as 'epoch' }), 'anchor'],
  ['no clients', () => closedLoop({ clients: 0 }), 'clients'],
  ['a flood of nothing', () => keyFlood({ flood: 0 }), 'flood'],
])('should refuse %s', (_title, make, path) => {
  expect(make).toThrow(expect.objectContaining({ name: 'PolicyError', path }));
});
