import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fixedWindow, type PolicyDocument } from 'headgate';
import { compare } from 'headgate/lab';
import { expect, it } from 'vitest';
import { program } from '../../fixtures/program.ts';

const RATE = { quota: 20, window: '1m' } as const;
const nothing = { name: 'x', description: '', seed: 1, arrivals: () => [] };

const policy = {
  version: 1,
  limits: {
    rate: { algorithm: 'fixed-window', ...RATE, per: 'account' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'account' },
  },
  groups: { job: { limits: ['rate', 'jobs'], queue: { size: 5, timeout: '1m' } } },
  unmatched: 'deny',
} as const satisfies PolicyDocument;

const weighing = program('test/fixtures/weighing-process.ts');

it('should weigh keys of limiters of all kinds alike, by what is kept for them', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [weighing]);
  const { none, ten, hundred, fixed, log, policy: held } = JSON.parse(stdout);
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
