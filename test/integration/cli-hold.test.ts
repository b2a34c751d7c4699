/** `--hold`: how permits and queues are replayed, by hand, by a recount, and the same by every command. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';
import { seeded } from '../fixtures/seeded.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

/** So many permits to each account, and what waiting there is. */
function policyOf(quota: number, queue?: object, limit: object = {}): object {
  return {
    version: 1,
    limits: {
      jobs: { algorithm: 'concurrency', quota, per: 'account', ...limit },
      starts: { algorithm: 'fixed-window', quota: 1000, window: '1m', per: 'account' },
    },
    groups: { job: { limits: ['jobs', 'starts'], ...(queue && { queue }) } },
    unmatched: 'deny',
  };
}

interface Job {
  readonly at: number;
  readonly account: string;
  readonly took: number;
}

function jobsFrom(seed: number): Job[] {
  const random = seeded(seed);
  let at = 1e12;
  return Array.from({ length: 500 }, () => {
    at += Math.floor(random() * 1500);
    return { at, account: `a${Math.floor(random() * 3)}`, took: Math.floor(random() * 6000) };
  });
}

/** Which jobs find a permit: by the definition, from all that were admitted before. */
function recount(jobs: readonly Job[], quota: number): boolean[] {
  const admitted: Job[] = [];
  return jobs.map((job) => {
    const going = admitted.filter(({ account, at, took }) => account === job.account && at + took > job.at);
    if (going.length >= quota) return false;
    admitted.push(job);
    return true;
  });
}

const csv = (jobs: readonly Job[]): string =>
  ['time,account,took', ...jobs.map(({ at, account, took }) => `${at},${account},${took}`)].join('\n');

async function json(...argv: string[]) {
  const { code, stdout, stderr } = await run(...argv, '--partition', 'account', '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('simulate --hold', () => {
  it.each([1, 2, 3])('should admit as many as find one of %i permits', async (quota) => {
    const jobs = jobsFrom(quota);
    const allowed = recount(jobs, quota).filter((isAdmitted) => isAdmitted).length;
    const denied = jobs.length - allowed;
    expect(denied).toBeGreaterThan(50);
    const file = await folder.write('policy.json', policyOf(quota));
    const log = await folder.write('jobs.csv', csv(jobs.toReversed()));
    expect(await json('simulate', file, log, '--hold', 'took')).toMatchObject({
      requests: jobs.length,
      allowed,
      denied,
      groups: { job: { allowed, denied } },
      limits: { jobs: { denied }, starts: { denied: 0 } },
      reasons: { concurrency: denied },
      permits: [{ limit: 'jobs', most: quota, quota, lost: 0 }],
      waits: { count: 0 },
    });
  });

  it('should tell of waiting, of whom a queue turned away, and of leases that were too short', async () => {
    // The first works for 5 s, and its permit is taken back after 3 s: the second waits 2 s for it; the third finds the
    // queue full; the fourth would have to wait 2.5 s.
    const queue = { size: 1, timeout: '2s' };
    const file = await folder.write('policy.json', policyOf(1, queue, { lease: '3s' }));
    const log = await folder.write('few.csv', 'time,account\n10,a\n11,a\n12,a\n13.5,a\n');
    const argv = ['simulate', file, log, '--partition', 'account', '--hold', '5s'];
    expect((await run(...argv)).stdout).toBe(`requests  4
allowed   2  50.0 %
denied    2  50.0 %
unparsed  0
keys      1

from 1970-01-01T00:00:10.000Z to 1970-01-01T00:00:13.500Z

group  allowed  denied
job          2       2  50.0 %

limit   denied
jobs         2  50.0 %
starts       0   0.0 %

denied for  queue-full  queue-timeout
policy               1              1

permits       most at once  quota  lost
policy: jobs             2      1     2

waits   waited  p50  p90  p99  longest
policy       1   2s   2s   2s       2s
`);
  });
});

describe('diff --hold', () => {
  it('should find what fewer permits deny', async () => {
    const jobs = jobsFrom(7);
    const [was, is] = [recount(jobs, 3), recount(jobs, 2)];
    const newlyDenied = jobs.filter((_, i) => was[i] && !is[i]).length;
    const newlyAllowed = jobs.filter((_, i) => !was[i] && is[i]).length;
    expect(newlyDenied).toBeGreaterThan(20);
    const [before, after] = [was, is].map((each) => each.filter((isAdmitted) => !isAdmitted).length);
    const files = [await folder.write('3.json', policyOf(3)), await folder.write('2.json', policyOf(2))];
    const log = await folder.write('jobs.csv', csv(jobs));
    const { log: found } = await json('diff', ...files, log, '--hold', 'took');
    const denied = { before, after, newlyDenied, newlyAllowed };
    expect(found).toMatchObject({
      requests: jobs.length,
      denied,
      groups: { job: denied },
      limits: { jobs: denied },
      reasons: { before: { concurrency: before }, after: { concurrency: after } },
      permits: { before: [{ most: 3 }], after: [{ most: 2 }] },
    });
  });

  it('should compare a request whose answers come at different times', async () => {
    const files = [
      await folder.write('none.json', policyOf(1)),
      await folder.write('queue.json', policyOf(1, { size: 2, timeout: '3s' })),
    ];
    // In the old policy the second and the third find nothing. In the new one they wait: 2 s, and 3 s in vain.
    const log = await folder.write('three.csv', 'time,account\n10,a\n11,a\n11.5,a\n');
    const { log: found } = await json('diff', ...files, log, '--hold', '3s');
    expect(found).toMatchObject({
      requests: 3,
      unparsed: 0,
      denied: { before: 2, after: 1, newlyDenied: 0, newlyAllowed: 1 },
      waits: { before: { count: 0 }, after: { count: 1, longest: 2000 } },
      keys: [{ key: { account: 'a' }, newlyDenied: 0, newlyAllowed: 1 }],
      span: { from: '1970-01-01T00:00:10.000Z', to: '1970-01-01T00:00:11.500Z' },
    });
    const text = await run('diff', ...files, log, '--hold', '3s', '--partition', 'account');
    expect(text.stdout).toContain(`denied for  concurrency  queue-timeout
old                   2              0
new                   0              1

permits    most at once  quota  lost
old: jobs             1      1     0
new: jobs             1      1     0

waits  waited  p50  p90  p99  longest
old         0    -    -    -        -
new         1   2s   2s   2s       2s
`);
  });

  it('should go with a log', async () => {
    const file = await folder.write('policy.json', policyOf(1));
    const { code, stderr } = await run('diff', file, file, '--hold', '3s');
    expect([code, stderr]).toEqual([2, 'headgate: --hold goes with a LOG\n']);
  });
});

describe('simulate, diff and compare', () => {
  it.each(['took', 'took:ms', '2s', '~2s'])('should tell the same for --hold %s', async (hold) => {
    const policy = await folder.write(
      'queued.json',
      policyOf(1, { size: 1, timeout: '1s' }, { lease: '4s' }),
    );
    const log = await folder.write('jobs.csv', csv(jobsFrom(11)));
    const page = folder.path('simulated.html');
    const [simulated, { log: differed }, compared] = [
      await run(
        'simulate',
        policy,
        log,
        '--partition',
        'account',
        '--hold',
        hold,
        '--json',
        '--report',
        page,
      ),
      await json('diff', policy, policy, log, '--hold', hold),
      await json('compare', '--trace', log, '--policy', policy, '--hold', hold),
    ];
    const { reasons, permits, waits, admitted, denied } = compared.contenders[0];
    expect(Object.keys(reasons).sort()).toEqual(['queue-full', 'queue-timeout']);
    expect(waits.count).toBeGreaterThan(10);
    const work = { reasons, permits, waits };
    expect(JSON.parse(simulated.stdout)).toMatchObject({ allowed: admitted, denied, ...work });
    for (const [name, figures] of Object.entries(work))
      expect(differed[name]).toEqual({ before: figures, after: figures });
    expect(differed.denied).toEqual({ before: denied, after: denied, newlyDenied: 0, newlyAllowed: 0 });
    const text = await readFile(page, 'utf8');
    expect(text).toContain(
      `<td data-label="admitted">${admitted}</td><td data-label="denied">${denied}</td>`,
    );
    expect(text).toContain('<h2>Waits</h2>');
  });

  it.each(['simulate', 'diff'])('should say which column %s lacks', async (command) => {
    const policy = await folder.write('policy.json', policyOf(1));
    const log = await folder.write('jobs.csv', 'time,account,took\n1,a,1\n');
    const files = command === 'diff' ? [policy, policy, log] : [policy, log];
    const ran = await run(command, ...files, '--partition', 'account', '--hold', 'tok');
    expect([ran.code, ran.stderr]).toEqual([
      2,
      'headgate: --hold: the log has no column "tok"; did you mean "took"?\n',
    ]);
  });
});
