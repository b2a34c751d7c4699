import { describe, expect, it } from 'vitest';
import { tokenBucket } from '../../../src/algorithms/token-bucket.ts';
import { PolicyError } from '../../../src/errors.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import type { Algorithms } from '../../../src/policy/plans.ts';
import { BASE, expectFaults, faultsOf, groupsWith, limitsWith } from '../../fixtures/policy-documents.ts';

describe('custom algorithms', () => {
  const build: Algorithms[string] = ({ quota, window, options }) => {
    if (options?.rate === undefined) return tokenBucket({ quota, window });
    throw new PolicyError([
      { code: 'bad-rate', path: 'options.rate', value: options.rate, message: 'no rate' },
      { code: 'bad-leak', path: '', value: options, message: 'nothing leaks' },
    ]);
  };
  const drip = { algorithm: 'leaky', quota: 5, window: '1m', options: {} };
  const dripping = (fields: object) => limitsWith({ drip: { ...drip, ...fields } });

  it('should be taken where they are named', () => {
    expectFaults(dripping({}), {}, { leaky: build });
    expectFaults(dripping({}), { 'limits.drip.algorithm': /unknown algorithm "leaky"/ });
    expectFaults(
      dripping({ algorithm: 'laeky' }),
      { 'limits.drip.algorithm': /did you mean "leaky"/ },
      { leaky: build },
    );
  });

  it('should hear of quota, window, burst and options, and of nothing else', () => {
    const heard: unknown[] = [];
    const spy: Algorithms[string] = (options) => {
      heard.push(options);
      return build(options);
    };
    expectFaults(dripping({ per: 'a', unit: 'drops', missing: 'deny', burst: 3 }), {}, { leaky: spy });
    expect(heard).toEqual([{ quota: 5, window: '1m', burst: 3, options: {} }]);
  });

  it.each<[title: string, quota: unknown]>([
    ['with a quota', 5],
    ['without one', 'custom'],
  ])("should have their faults at the limit's path, %s", (_title, quota) => {
    const limits = dripping({ quota, options: { rate: 1 } });
    const faults = { 'limits.drip.options.rate': /^no rate$/, 'limits.drip': /^nothing leaks$/ };
    expectFaults(limits, faults, { leaky: build });
    expectFaults({ ...limits, tiers: { payg: { calls: 1, drip: 9 } } }, faults, { leaky: build });
  });

  it('should have faults of a quota where the quota stands', () => {
    const even: Algorithms[string] = ({ quota }) => {
      if (quota % 2 === 0) return tokenBucket({ quota, window: 1 });
      throw new PolicyError([{ code: 'odd', path: 'quota', value: quota, message: 'is odd' }]);
    };
    const document = {
      ...dripping({ quota: 'custom' }),
      tiers: {
        payg: { calls: 1, drip: 3 },
        gold: { calls: 1, drip: { quota: 5 } },
        free: { calls: 1, drip: 4 },
      },
    };
    expectFaults(
      document,
      { 'tiers.payg.drip': /^is odd$/, 'tiers.gold.drip.quota': /^is odd$/ },
      { leaky: even },
    );
  });

  it('should not be blamed for a quota that nobody gave', () => {
    const picky: Algorithms[string] = ({ quota }) => {
      throw new PolicyError([{ code: 'x', path: 'quota', value: quota, message: 'never enough' }]);
    };
    expectFaults(dripping({ quota: 'custom' }), {}, { leaky: picky });
    expectFaults(dripping({}), { 'limits.drip.quota': /^never enough$/ }, { leaky: picky });
  });

  it.each<[string, object]>([
    ['options that are no object', { options: 5 }],
    ['options that are missing', { options: undefined }],
    ['options that are misspelt', { options: undefined, optoins: {} }],
    ['options that JSON cannot say', { options: { a: undefined } }],
    ['a bad window', { window: 0 }],
    ['a bad quota', { quota: '1' }],
    ['a bad burst', { burst: 0 }],
  ])('should not be asked with %s', (_title, wrong) => {
    expect(faultsOf(dripping(wrong), { leaky: () => expect.unreachable() })).toHaveLength(1);
  });

  it('should let through what else a builder throws', () => {
    const broken: Algorithms[string] = () => {
      throw new RangeError('mine');
    };
    expect(() => parsePolicy(dripping({}), { leaky: broken })).toThrow(RangeError);
  });

  it('should be heard when another copy of headgate complains', () => {
    const foreign: Algorithms[string] = () => {
      const faults = [{ code: 'c', path: 'window', value: 1, message: 'm' }];
      throw Object.assign(new Error('m'), {
        name: 'PolicyError',
        faults,
        [Symbol.for('headgate.error')]: true,
      });
    };
    expectFaults(dripping({}), { 'limits.drip.window': /^m$/ }, { leaky: foreign });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['an empty object', {}],
    ['options', drip],
  ])('should make a plan, and not %s', (_title, plan) => {
    const lazy = { leaky: () => plan } as unknown as Algorithms;
    expectFaults(
      dripping({}),
      { 'limits.drip.algorithm': /^the builder of "leaky" returned .*, which is no plan$/ },
      lazy,
    );
  });

  it.each<[string, unknown, string, RegExp]>([
    [
      'not be called like a built-in one',
      { 'token-bucket': build },
      'algorithms.token-bucket',
      /is built in/,
    ],
    ['not be called concurrency', { concurrency: build }, 'algorithms.concurrency', /is built in/],
    ['have a name', { 'A B': build }, 'algorithms.A B', /give a name/],
    ['not be called what every object has', { constructor: build }, 'algorithms.constructor', /another name/],
    ['be functions', { leaky: 5 }, 'algorithms.leaky', /^5 does not fit; give a function that makes a plan$/],
    ['be an object', null, 'algorithms', /^null does not fit; give builders of plans by name$/],
    ['be no list', [build], 'algorithms', /^a list of 1 does not fit/],
  ])('should %s', (_title, wrong, path, message) => {
    expectFaults(BASE, { [path]: message }, wrong as Algorithms);
  });

  it('should not make a limit wrong by being no function', () => {
    const algorithms = { leaky: 5 } as unknown as Algorithms;
    expectFaults(dripping({}), { 'algorithms.leaky': /^5/ }, algorithms);
    expectFaults({ ...groupsWith({}), groups: {} }, { 'algorithms.leaky': /^5/ }, algorithms);
  });
});
