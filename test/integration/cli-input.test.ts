/** What a command line is given that is packed, piped, odd or wrong: it answers, or says in a line why it does not. */

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';
import { program } from '../fixtures/program.ts';

const CSV = `time,ip\n${Array.from({ length: 50 }, (_, i) => `${i},10.0.0.${i % 3}`).join('\n')}\n`;
const POLICY = {
  version: 1,
  limits: { all: { algorithm: 'fixed-window', quota: 10, window: '1h', per: 'ip' } },
  groups: { all: { limits: ['all'] } },
  unmatched: 'deny',
};
const LIMIT = ['--quota', '10', '--window', '1h', '--algorithms', 'fixed-window'];
const BY_IP = ['--partition', 'ip', '--json'];

const bin = program('src/cli/bin.ts');
let folder: Folder;
let policy: string;
beforeAll(async () => {
  folder = await makeFolder();
  policy = await folder.write('policy.json', POLICY);
});
afterAll(() => folder.remove());

async function packed(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(folder.path(name), bytes);
  return folder.path(name);
}

describe('a packed log', () => {
  it('should be read as what it holds', async () => {
    const log = await packed('access.csv.gz', gzipSync(CSV));
    const [simulated, compared] = [
      await run('simulate', policy, log, ...BY_IP),
      await run('compare', '--trace', log, ...LIMIT, ...BY_IP),
    ];
    expect(JSON.parse(simulated.stdout)).toMatchObject({ allowed: 30, denied: 20, unparsed: 0 });
    expect(JSON.parse(compared.stdout).contenders[0]).toMatchObject({ admitted: 30, denied: 20 });
  });

  it.each([
    ['that is cut short', gzipSync(CSV).subarray(0, 40), 'unexpected end of file'],
    ['that is none', Buffer.from(CSV), 'incorrect header check'],
  ])('should be told of in a line where it is one %s', async (_title, bytes, reason) => {
    const log = await packed('bad.csv.gz', bytes);
    const told = { code: 1, stderr: `headgate: ${log}: cannot be unpacked: ${reason}\n` };
    expect(await run('simulate', policy, log, ...BY_IP)).toMatchObject(told);
    expect(await run('compare', '--trace', log, ...LIMIT, ...BY_IP)).toMatchObject(told);
  });
});

it.each([
  ['simulate', () => ['simulate', policy, '-', ...BY_IP], '"allowed":30,"denied":20'],
  ['diff', () => ['diff', policy, policy, '-', ...BY_IP], '"requests":50'],
  ['compare', () => ['compare', '--trace', '-', ...LIMIT, ...BY_IP], '"admitted":30,"denied":20'],
])('should read a log from standard input: %s', (_title, argv, told) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv()], {
    input: CSV,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(told);
});

it.each<[string, string[], number, string]>([
  [
    'a value that begins with a dash',
    ['compare', '--workload', 'zipf', '--quota', '-5', '--window', '1m'],
    2,
    '--quota lacks its value; one that begins with "-" is written --quota=VALUE',
  ],
  [
    'a quota that is no whole number',
    ['compare', '--workload', 'zipf', '--quota', '1.5', '--window', '1m'],
    2,
    '--quota takes a whole number up to 9007199254740991, not "1.5"',
  ],
  ['a rate of a log', ['compare', '--trace', 'x', ...LIMIT, '--rate', '5'], 2, '--rate goes with --workload'],
  ['a seed of a log', ['compare', '--trace', 'x', ...LIMIT, '--seed', '5'], 2, '--seed goes with --workload'],
  [
    'a partition of a workload',
    ['compare', '--workload', 'zipf', ...LIMIT, '--partition', 'ip'],
    2,
    '--partition goes with --trace',
  ],
  ['an instant without a log', ['diff', 'a', 'b', '--at', 'when'], 2, '--at goes with a LOG'],
  ['room for keys without a log', ['diff', 'a', 'b', '--max-keys', '9'], 2, '--max-keys goes with a LOG'],
])('should tell of %s in a line', async (_title, argv, code, message) => {
  expect(await run(...argv)).toEqual({ code, stdout: '', stderr: `headgate: ${message}\n` });
});

it.each(['simulate', 'compare'])(
  'should tell of a header that cannot be read in a line: %s',
  async (command) => {
    const log = await folder.write('access.csv', 'time,"ip\n1,x\n');
    const argv = command === 'simulate' ? [policy, log] : ['--trace', log, ...LIMIT];
    expect(await run(command, ...argv)).toEqual({
      code: 1,
      stdout: '',
      stderr: `headgate: ${log}: the header of the log cannot be read: a quote is out of place or not closed\n`,
    });
  },
);

describe('a module', () => {
  // Node loads a file once, so each has a folder of its own.
  let made = 0;
  const compared = async (check: string) => {
    made += 1;
    await mkdir(folder.path(`${made}`));
    const file = await folder.write(`${made}/mine.mjs`, `export const create = () => (${check});`);
    return run('compare', '--workload', 'constant', ...LIMIT, '--retries', 'honour', '--module', file);
  };

  it.each([
    ['without check()', '{}', 'create() returned an object; return an object with a method check()'],
    [
      'that answers with promises',
      '{ async check() { return true; } }',
      'check() answered a promise; answer true, false or { allowed, retryAt }, at once',
    ],
    [
      'that answers with no instant',
      '{ check: () => ({ allowed: false, retryAt: NaN }) }',
      'check() answered with NaN for retryAt; answer true, false or { allowed, retryAt }, at once',
    ],
  ])('should be told of by its name where it is one %s', async (_title, check, message) => {
    expect(await compared(check)).toEqual({ code: 1, stdout: '', stderr: `headgate: mine: ${message}\n` });
  });

  it('should be told of by bench, too', async () => {
    const file = await folder.write('none.mjs', 'export const create = () => null;');
    expect(await run('bench', '--module', file, '--ms', '1')).toMatchObject({
      code: 1,
      stderr: 'headgate: none: create() returned null; return an object with a method check()\n',
    });
  });

  it('should not spoil the table by its reasons', async () => {
    const reasons = '["a".repeat(90), "\\u001b[2J\\n", ..."bcdefgh"]';
    const { stdout } = await compared(
      `{ n: 0, check() { const all = ${reasons}; return { allowed: false, reason: all[this.n++ % all.length] }; } }`,
    );
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stdout).toMatch(/^denied for +\\u001b\[2J\\u0… +aaaaaaaaaaaa… +b +c +d +quota +other$/m);
  });
});

it('should keep within 100 columns of a terminal whatever keys are called', async () => {
  const names = [
    '日本語'.repeat(30),
    '\u{1f469}'.repeat(60),
    '2001:db8:85a3::8a2e:370:7334',
    'é'.repeat(150),
  ];
  const rows = names.flatMap((ip) => Array.from({ length: 20 }, (_, i) => JSON.stringify({ time: i, ip })));
  const log = await folder.write('odd.jsonl', rows.join('\n'));
  const more = await folder.write('more.json', {
    ...POLICY,
    limits: { all: { ...POLICY.limits.all, quota: 15 } },
  });
  const { stdout } = await run('diff', policy, more, log, '--partition', 'ip');
  const columns = (line: string): number =>
    [...new Intl.Segmenter('en').segment(line)].reduce(
      (sum, { segment }) => sum + (segment > '\u2e80' ? 2 : 1),
      0,
    );
  const lines = stdout.split('\n').filter((line) => line.startsWith('ip='));
  expect(lines).toHaveLength(4);
  expect(lines.filter((line) => line.includes('\u2026')).map(columns)).toEqual([100, 100, 100]);
  for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(100);
  expect(stdout).not.toMatch(/\p{Surrogate}/u);
});
