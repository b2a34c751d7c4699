import { fixedWindow, type PolicyDocument } from 'headgate';
import { type Custom, compare, exactLog } from 'headgate/lab';
import { expect, it } from 'vitest';
import { bytesInUse } from '../../../src/cli/memory.ts';

const RATE = { quota: 20, window: '1m' } as const;
const nothing = { name: 'x', description: '', seed: 1, arrivals: () => [] };

/** Keeps so many numbers for each key. */
const hoarder = (numbers: number): Custom => ({
  create() {
    const kept = new Map<string, Float64Array>();
    return {
      check(key) {
        if (!kept.has(key)) kept.set(key, new Float64Array(numbers));
        return true;
      },
    };
  },
});

const policy = {
  version: 1,
  limits: {
    rate: { algorithm: 'fixed-window', ...RATE, per: 'account' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'account' },
  },
  groups: { job: { limits: ['rate', 'jobs'], queue: { size: 5, timeout: '1m' } } },
  unmatched: 'deny',
} as const satisfies PolicyDocument;

// The heap is everybody's: what the runner lets go of meanwhile is missing from what a key takes.
it('should weigh keys of limiters of all kinds alike, by what is kept for them', { retry: 3 }, async () => {
  const { contenders } = await compare({
    algorithms: {
      none: { create: () => ({ check: () => true }) },
      ten: hoarder(10),
      hundred: hoarder(100),
      fixed: fixedWindow(RATE),
      log: exactLog(RATE),
      policy,
    },
    workload: nothing,
    scale: bytesInUse(),
  });
  const [none = 0, ten = 0, hundred = 0, fixed = 0, log = 0, held = 0] = contenders.map(
    ({ bytesPerKey }) => bytesPerKey ?? Number.NaN,
  );
  expect(none).toBeLessThan(10);
  expect(Math.abs(hundred - ten - 90 * 8)).toBeLessThan(40);
  // Two cells, a name, and a place in a table.
  expect(fixed).toBeGreaterThan(40);
  expect(fixed).toBeLessThan(300);
  expect(held).toBeGreaterThan(40);
  // Permits go back, so nothing is kept for them.
  expect(held).toBeLessThan(fixed + 40);
  // Ten instants each.
  expect(log).toBeGreaterThan(fixed + 10 * 16);
});

it('should time a policy that holds permits by giving them back at once', async () => {
  let now = 0;
  const timer = (): number => ++now;
  const { contenders } = await compare({ algorithms: { policy }, workload: nothing, timer });
  expect(contenders[0]?.nsPerDecision).toBe(1e6 / 4000);
});

it('should measure neither time nor memory unless it is asked to', async () => {
  const { contenders } = await compare({ algorithms: { fixed: fixedWindow(RATE) }, workload: nothing });
  expect(contenders[0]).not.toHaveProperty('bytesPerKey');
  expect(contenders[0]).not.toHaveProperty('nsPerDecision');
});
