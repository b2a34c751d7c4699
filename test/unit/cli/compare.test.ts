import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

const LIMIT = ['--quota', '100', '--window', '1m'];
const ATTACK = ['compare', '--workload', 'boundary-attack', ...LIMIT];

const POLICY = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'ip' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'ip' },
  },
  groups: { all: { limits: ['reads', 'calls'] } },
  unmatched: 'deny',
};

it('should compare in tables', async () => {
  const { code, stdout, stderr } = await run(
    ...ATTACK,
    '--algorithms',
    'fixed-window:epoch,token-bucket:10%',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n').slice(0, 9)).toEqual([
    'boundary-attack: 100 requests just before a window ends and 100 just after, 10 times',
    '2,000 arrivals, measured by 100 per 1m',
    '',
    '                    admitted  denied  wrong yes  wrong no  window  burst  unused',
    'fixed-window:epoch     2,000       0      1,000         0   2.00x  2.00x   0.0 %',
    'token-bucket:10%         100   1,900          0     1,900   0.10x  0.10x  90.0 %',
    '',
    '                    fairness  retries  gave up  wait p50  p90  p99  state',
    'fixed-window:epoch     1.000        0        0         -    -    -     16',
  ]);
});

it('should compare the usual six in at most 100 columns, also when it times them', async () => {
  const { stdout } = await run(
    'compare',
    '--workload',
    'zipf',
    ...LIMIT,
    '--keys',
    '20',
    '--retries',
    'ignore',
    '--time',
  );
  const lines = stdout.split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  for (const name of ['exact-log', 'fixed-window', 'fixed-window:epoch', 'sliding-window', 'token-bucket']) {
    expect(lines.filter((line) => line.startsWith(`${name} `))).toHaveLength(2);
  }
  expect(stdout).toContain('  ns\n');
});

it('should print every figure as JSON, the same for the same seed', async () => {
  const first = await run('compare', '--workload', 'poisson', ...LIMIT, '--json', '--seed', '3');
  const second = await run('compare', '--workload', 'poisson', ...LIMIT, '--json', '--seed', '3');
  expect(second.stdout).toBe(first.stdout);
  const { workload, oracle, contenders } = JSON.parse(first.stdout);
  expect(workload).toMatchObject({ name: 'poisson', seed: 3 });
  expect(oracle).toEqual({ quota: 100, window: 60_000 });
  expect(contenders).toHaveLength(6);
  expect(contenders[0]).toMatchObject({ name: 'exact-log', wronglyAdmitted: 0, wronglyDenied: 0 });
});

it('should compare policies and modules over a log, and say what they leave out', async () => {
  const log = await folder.write('log.csv', 'time,address\n1,a\n2,a\n3,a\n3,b\nx,a\n');
  const policy = await folder.write('mine.json', POLICY);
  const module = await folder.write(
    'every-other.mjs',
    'export const create = () => { let asked = 0; return { check: () => asked++ % 2 === 0 }; };',
  );
  const sources = ['--trace', log, '--partition', 'ip=address', '--policy', policy, '--module', module];
  const { code, stdout, stderr } = await run(
    'compare',
    ...sources,
    '--quota',
    '3',
    '--window',
    '1m',
    '--json',
  );
  expect(code).toBe(0);
  expect(stderr).toBe(
    `${log}: 1 line could not be read\n  line 6: "time" holds no instant: "x"\n` +
      'mine: calls: left out, traffic does not say how long requests run; see --hold\n',
  );
  const { contenders, workload } = JSON.parse(stdout);
  expect(workload.arrivals).toBe(4);
  const counts = (name: string) => {
    const { admitted, denied } = contenders.find((each: { name: string }) => each.name === name);
    return [admitted, denied];
  };
  expect(counts('exact-log')).toEqual([4, 0]);
  expect(counts('mine')).toEqual([3, 1]);
  expect(counts('every-other')).toEqual([2, 2]);
});

it('should say how many requests a policy refused, and why', async () => {
  const policy = await folder.write('mine.json', POLICY);
  const log = await folder.write('log.csv', 'time,address\n1,a\n2,a\n');
  const { stdout, stderr } = await run('compare', '--trace', log, '--policy', policy);
  expect(stderr).toContain('mine: 2 requests refused, the first: the descriptor has no "ip"');
  expect(stdout).not.toContain('measured by');
});

it('should show whoever watches how far it is', async () => {
  let shown = '';
  const io = { stdout: () => undefined, stderr: (text: string) => (shown += text), isTTY: true };
  const argv = [
    'compare',
    '--workload',
    'constant',
    '--rate',
    '1000',
    '--length',
    '40s',
    '--algorithms',
    'fixed-window',
  ];
  await main([...argv, ...LIMIT], io);
  expect(shown.split('\r')).toEqual([
    '',
    '16,384 of about 40,000 arrivals',
    '32,768 of about 40,000 arrivals',
    '\x1b[K',
  ]);
});

describe('misuse', () => {
  it.each<[string, string[], string]>([
    ['no traffic', LIMIT, '--workload or --trace is missing'],
    ['two kinds of traffic', [...LIMIT, '--workload', 'zipf', '--trace', 'x'], 'not both'],
    ['no quota', ['--workload', 'zipf', '--window', '1m'], '--quota is missing'],
    ['no window', ['--workload', 'zipf', '--quota', '5'], '--window is missing'],
    ['an unknown workload', [...LIMIT, '--workload', 'zip'], 'did you mean "zipf"?'],
    [
      'an unknown algorithm',
      [...LIMIT, '--workload', 'zipf', '--algorithms', 'token-buckt'],
      'did you mean "token-bucket"?',
    ],
    [
      'a burst of 0',
      [...LIMIT, '--workload', 'zipf', '--algorithms', 'token-bucket:0'],
      '--algorithms token-bucket:0: 0 is no',
    ],
    [
      'a window that is none',
      ['--quota', '5', '--window', 'soon', '--workload', 'zipf'],
      '--window: "soon" is no duration',
    ],
    [
      'a quota that is none',
      ['--quota', 'x', '--window', '1m', '--workload', 'zipf'],
      '--quota takes a whole number',
    ],
    ['no keys', [...LIMIT, '--workload', 'zipf', '--keys', '0'], '--keys: 0 is no keys'],
    ['no room', [...LIMIT, '--workload', 'zipf', '--max-keys', '0'], '--max-keys takes a whole number'],
    ['other retries', [...LIMIT, '--workload', 'zipf', '--retries', 'maybe'], 'honour, ignore or none'],
    ['an argument', [...LIMIT, 'zipf'], 'unexpected argument "zipf"'],
  ])('should refuse %s', async (_title, argv, message) => {
    const { code, stderr } = await run('compare', ...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.split('\n')).toHaveLength(2);
  });

  it('should refuse a column that the log does not have', async () => {
    const log = await folder.write('log.csv', 'time,address\n1,a\n');
    const { code, stderr } = await run('compare', '--trace', log, '--partition', 'ip=addres', ...LIMIT);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'headgate: --partition: the log has no column "addres"; did you mean "address"?\n',
    });
  });

  it('should fail for files that are not there or not what they should be', async () => {
    const none = await folder.write('none.mjs', 'export const x = 1;');
    const broken = await folder.write('broken.mjs', 'throw new Error("no");');
    const traffic = ['--workload', 'zipf', ...LIMIT];
    const of = async (...argv: string[]) => (await run('compare', ...argv)).stderr;
    expect(await of(...LIMIT, '--trace', folder.path('nowhere'))).toMatch(/nowhere: no such file\n$/);
    expect(await of(...traffic, '--module', folder.path('nowhere.mjs'))).toMatch(
      /nowhere.mjs: no such file\n$/,
    );
    expect(await of(...traffic, '--module', none)).toMatch(/none.mjs: exports no function create/);
    expect(await of(...traffic, '--module', broken)).toMatch(/broken.mjs: cannot be loaded: no\n$/);
    const empty = await folder.write('empty.csv', 'time,a\n');
    expect(await run('compare', ...LIMIT, '--trace', empty)).toMatchObject({ code: 1 });
  });
});

describe('--hold', () => {
  const JOBS = {
    version: 1,
    limits: { jobs: { algorithm: 'concurrency', quota: 2, per: 'ip' } },
    groups: { job: { limits: ['jobs'] } },
    unmatched: 'deny',
  };
  const jobsOf = async (log: string, hold: string) => {
    const policy = await folder.write('jobs.json', JOBS);
    const argv = ['--trace', log, '--partition', 'ip=a', '--policy', policy, '--hold', hold, '--json'];
    const ran = await run('compare', ...argv);
    return { ...ran, figures: ran.code === 0 ? JSON.parse(ran.stdout).contenders[0] : undefined };
  };

  it.each([
    ['milliseconds', 'took', '5000', '900', '900.4'],
    ['seconds', 'took:s', '5', '0.9', '0.9004'],
    ['text', 'took', '5s', '900ms', '0.9s'],
  ])('should read from a log how long work went on, as %s', async (_title, hold, long, short, shorter) => {
    const lines = [`1,x,${long}`, `2,x,${short}`, `2,x,${shorter}`, `3,x,${short}`, `4,x,soon`, `5,x,`];
    const log = await folder.write('held.csv', ['time,a,took', ...lines, ''].join('\n'));
    const { code, stderr, figures } = await jobsOf(log, hold);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `${log}: 2 lines could not be read\n` +
        '  line 6: "took" holds no length of time: "soon"\n  line 7: there is no "took"\n',
    );
    expect(figures).toMatchObject({
      admitted: 3,
      denied: 1,
      reasons: { concurrency: 1 },
      permits: [{ limit: 'jobs', most: 2, quota: 2, lost: 0 }],
    });
  });

  it('should assume how long work goes on where nobody says', async () => {
    const log = await folder.write(
      'held.jsonl',
      '{"time":1,"a":"x"}\n{"time":2,"a":"x"}\n{"time":3,"a":"x"}\n',
    );
    expect((await jobsOf(log, '9s')).figures).toMatchObject({ admitted: 2, denied: 1 });
    expect((await jobsOf(log, '1s')).figures).toMatchObject({ admitted: 3, denied: 0 });
    const drawn = await jobsOf(log, '~2s');
    expect(drawn.figures.arrivals).toBe(3);
    expect((await jobsOf(log, '~2s')).stdout).toBe(drawn.stdout);
  });

  it('should print who was denied for what, and the most that was held, in at most 100 columns', async () => {
    const long = 'a'.repeat(64);
    const policy = await folder.write(`${long}.json`, {
      ...JOBS,
      limits: { [long]: { ...JOBS.limits.jobs, lease: '1s' } },
      groups: { job: { limits: [long], queue: { size: 1, timeout: '2s' } } },
    });
    const argv = [
      '--workload',
      'poisson',
      '--rate',
      '5',
      '--keys',
      '2',
      '--hold',
      '~3s',
      '--policy',
      policy,
      '--memory',
    ];
    const { stdout, stderr } = await run('compare', ...argv, ...LIMIT, '--algorithms', 'fixed-window');
    expect(stderr).toBe('');
    const lines = stdout.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines).toContainEqual(expect.stringMatching(/^denied for +queue-full +quota$/));
    expect(lines).toContainEqual(expect.stringMatching(/^permits +most at once +quota +lost$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ +fairness .* state +heap$/));
  });

  it.each<[string, string[], string]>([
    [
      'a column without a log',
      ['--workload', 'zipf', '--hold', 'took'],
      '--hold: "took" is no length of time',
    ],
    ['no length', ['--workload', 'zipf', '--hold', '~soon'], '--hold: "soon" is no duration'],
  ])('should refuse %s', async (_title, argv, message) => {
    const { code, stderr } = await run('compare', ...LIMIT, ...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('should refuse a column that the log does not have', async () => {
    const log = await folder.write('held.csv', 'time,a,took\n1,x,2\n');
    expect(await jobsOf(log, 'tok')).toMatchObject({
      code: 2,
      stderr: 'headgate: --hold: the log has no column "tok"; did you mean "took"?\n',
    });
  });
});

it('should keep two policies of the same name apart', async () => {
  const first = await folder.write('same.json', POLICY);
  const other = await makeFolder();
  const second = await other.write('same.json', { ...POLICY, limits: { ...POLICY.limits } });
  const log = await folder.write('log.csv', 'time,address\n1,a\n');
  const argv = ['--trace', log, '--partition', 'ip=address', '--policy', first, '--policy', second, '--json'];
  const { stdout } = await run('compare', ...argv);
  expect(JSON.parse(stdout).contenders.map(({ name }: { name: string }) => name)).toEqual(['same', 'same 2']);
  await other.remove();
});
