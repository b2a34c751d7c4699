import { describe, expect, it } from 'vitest';
import { type FixedWindowOptions, fixedWindow } from '../../../src/algorithms/fixed-window.ts';
import { slidingWindow } from '../../../src/algorithms/sliding-window.ts';
import { type TokenBucketOptions, tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { isHeadgateError } from '../../../src/errors.ts';

/** Options as somebody without a type checker may give them. */
type Build = (options: Record<string, unknown>) => unknown;

const BUILDERS: [string, Build][] = [
  ['fixedWindow', (options) => fixedWindow(options as unknown as FixedWindowOptions)],
  ['slidingWindow', (options) => slidingWindow(options as unknown as FixedWindowOptions)],
  ['tokenBucket', (options) => tokenBucket(options as unknown as TokenBucketOptions)],
];

const NO_UNITS = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, '10', null, undefined, 1e21, 10n, {}];
const NO_DURATIONS = [
  0,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1.5,
  2 ** 51 + 1,
  '1 fortnight',
  '',
  '1',
  '0s',
  '-1s',
  null,
  undefined,
];

function faultsOf(build: () => unknown): unknown[] {
  try {
    build();
  } catch (error) {
    if (isHeadgateError(error, 'PolicyError'))
      return error.faults.map(({ code, path, value }) => [code, path, value]);
    throw error;
  }
  return [];
}

function messageOf(build: () => unknown): string {
  try {
    build();
  } catch (error) {
    if (isHeadgateError(error)) return error.message;
  }
  return '';
}

describe.each(BUILDERS)('%s', (_name, build) => {
  const good = { quota: 10, window: '1m' };

  it.each([0, 1, 1_000_000])('should take a quota of %s', (quota) => {
    expect(build({ quota, window: 1000 })).toMatchObject({ quota, window: 1000 });
  });

  it.each(['1ms', '30d', '365d', 2_592_000_000, 31_536_000_000])('should take a window of %s', (window) => {
    expect(faultsOf(() => build({ quota: 10, window }))).toEqual([]);
  });

  it.each(NO_UNITS.map((quota) => [quota]))('should refuse a quota of %s', (quota) => {
    expect(faultsOf(() => build({ ...good, quota }))).toEqual([['bad-quota', 'quota', quota]]);
  });

  it.each(NO_DURATIONS.map((window) => [window]))(
    'should refuse a window of %s, and list the units',
    (window) => {
      expect(faultsOf(() => build({ ...good, window }))).toEqual([['bad-duration', 'window', window]]);
      expect(messageOf(() => build({ ...good, window }))).toContain('ms, s, m, h, d, w');
    },
  );

  it('should refuse an unknown option, and say which was meant', () => {
    expect(faultsOf(() => build({ ...good, windw: '1m' }))).toEqual([['unknown-field', 'windw', '1m']]);
    expect(messageOf(() => build({ ...good, windw: '1m' }))).toContain('did you mean "window"?');
  });

  it('should name all faults at once', () => {
    expect(faultsOf(() => build({ quota: -1, windw: '1m' }))).toEqual([
      ['unknown-field', 'windw', '1m'],
      ['bad-quota', 'quota', -1],
      ['bad-duration', 'window', undefined],
    ]);
  });

  it('should make plans that cannot be changed', () => {
    expect(Object.isFrozen(build(good))).toBe(true);
  });
});

describe('options of one algorithm', () => {
  it.each([...NO_UNITS.filter((burst) => burst !== undefined), 0].map((burst) => [burst]))(
    'should refuse a burst of %s',
    (burst) => {
      const options = { quota: 10, window: '1m', burst } as unknown as TokenBucketOptions;
      expect(faultsOf(() => tokenBucket(options))).toEqual([['bad-quota', 'burst', burst]]);
    },
  );

  it.each([['epoc'], [null], [1]])('should refuse an anchor of %s', (anchor) => {
    const options = { quota: 10, window: '1m', anchor } as unknown as FixedWindowOptions;
    expect(
      faultsOf(() => fixedWindow(options))
        .flat()
        .slice(0, 2),
    ).toEqual(['bad-anchor', 'anchor']);
  });

  it('should name the faults of these options among the others', () => {
    const options = { quota: Number.NaN, window: 0, burst: -1, anchor: 'epoch' } as TokenBucketOptions;
    expect(faultsOf(() => tokenBucket(options))).toEqual([
      ['unknown-field', 'anchor', 'epoch'],
      ['bad-quota', 'quota', Number.NaN],
      ['bad-duration', 'window', 0],
      ['bad-quota', 'burst', -1],
    ]);
  });
});
