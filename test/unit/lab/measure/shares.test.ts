import { expect, it } from 'vitest';
import { Shares } from '../../../../src/lab/measure/shares.ts';

/** Keys with what they asked for and got. */
function sharesOf(...given: [asked: number, admitted: number][]): Shares {
  const shares = new Shares();
  given.forEach(([asked, admitted], i) => {
    Object.assign(shares.of(`k${i}`), { asked, admitted });
  });
  return shares;
}

it.each<[string, [number, number][], number]>([
  [
    'all get everything',
    [
      [3, 3],
      [9, 9],
    ],
    1,
  ],
  [
    'all get the same share',
    [
      [2, 1],
      [100, 50],
    ],
    1,
  ],
  [
    'one of four gets everything',
    [
      [5, 5],
      [5, 0],
      [5, 0],
      [5, 0],
    ],
    1 / 4,
  ],
  [
    'one gets all and one gets half',
    [
      [4, 4],
      [4, 2],
    ],
    1.5 ** 2 / (2 * 1.25),
  ],
  [
    'nobody gets anything',
    [
      [1, 0],
      [1, 0],
    ],
    1,
  ],
  ['nobody asks', [], 1],
])('should tell how fair it is when %s', (_title, given, fairness) => {
  expect(sharesOf(...given).fairness()).toBeCloseTo(fairness, 12);
});

it('should name the keys that were denied most often', () => {
  const shares = sharesOf([1, 1], [5, 2], [5, 0]);
  shares.of('k1').denied = 3;
  shares.of('k2').denied = 5;
  expect(shares.mostDenied()).toEqual([
    { key: 'k2', denied: 5, asked: 5, admitted: 0 },
    { key: 'k1', denied: 3, asked: 5, admitted: 2 },
  ]);
});

it('should sum up the keys that were not seen for longest, and lose nothing of them', () => {
  const shares = new Shares();
  Object.assign(shares.of('first'), { asked: 10, denied: 7 });
  for (let i = 1; i < 250_000; i++) Object.assign(shares.of(`k${i}`), { asked: 1, admitted: 1 });
  expect(shares.keys).toBe(250_000);
  expect(shares.folded).toBeGreaterThan(100_000);
  expect(shares.mostDenied()).toEqual([{ key: 'first', denied: 7, asked: 10, admitted: 0 }]);
  expect(shares.fairness()).toBeCloseTo(249_999 / 250_000, 9);
});

it('should tell no more than 100,000 keys apart at once, also where all of them come again and again', () => {
  const shares = new Shares();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 120_000; i++) shares.of(`k${i}`);
    expect(shares.keys - shares.folded).toBeLessThanOrEqual(100_000);
  }
  const busy = shares.of('busy');
  for (let i = 0; i < 200_000; i++) {
    shares.of(`once-${i}`);
    expect(shares.of('busy')).toBe(busy);
  }
});
