import { expect, it } from 'vitest';
import type { Denied } from '../../../src/lab/arrival.ts';
import { honouring, ignoring } from '../../../src/lab/clients.ts';
import { seeded } from '../../../src/lab/random.ts';

const arrival = { at: 0, key: 'k', cost: 1 };
const denied = (more: Partial<Denied> = {}): Denied => ({
  arrival,
  at: 1000,
  since: 0,
  asked: 1,
  retryAt: undefined,
  ...more,
});
const half = () => 0.5;

it.each<[string, Partial<Denied>, number | undefined]>([
  ['when the denial says', { retryAt: 5000 }, 5000],
  ['not at once', { retryAt: 1000 }, 1001],
  ['after a second where it says nothing', {}, 2000],
  ['never where it says so', { retryAt: Number.POSITIVE_INFINITY }, undefined],
  ['no more after the last attempt', { retryAt: 5000, asked: 10 }, undefined],
])('should come back %s', (_title, denial, at) => {
  expect(honouring().retryAt(denied(denial), half)).toBe(at);
});

it('should spread those who come back by the jitter', () => {
  const { retryAt } = honouring({ jitter: '1s' });
  expect(retryAt(denied({ retryAt: 5000 }), half)).toBe(5500);
});

it('should come back whatever the denial says, and later each time with a factor', () => {
  const clients = ignoring({ every: '2s', factor: 2, attempts: 4 });
  const waits = [1, 2, 3, 4].map((asked) => clients.retryAt(denied({ asked, retryAt: 1e9 }), () => 0.999999));
  expect(waits).toEqual([3000, 5000, 9000, undefined]);
  const random = seeded(1);
  for (let i = 0; i < 100; i++) {
    const at = clients.retryAt(denied(), random) as number;
    expect(at).toBeGreaterThanOrEqual(2000);
    expect(at).toBeLessThanOrEqual(3000);
  }
});

it.each([
  [() => honouring({ attempts: 0 }), 'attempts'],
  [() => honouring({ jitter: '1x' as '1s' }), 'jitter'],
  [() => ignoring({ factor: 0.5 }), 'factor'],
  [() => ignoring({ evry: 1 } as object), 'evry'],
])('should refuse %s, naming %s', (make, path) => {
  expect(make).toThrow(expect.objectContaining({ name: 'PolicyError', path }));
});
