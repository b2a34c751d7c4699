import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { version } from '../../../package.json';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

const POLICY = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'ip' } },
  groups: { site: { match: ['GET /**'], limits: ['reads'] } },
  tiers: { free: { reads: 1 } },
  unmatched: 'deny',
};

let folder: Folder;
let policy: string;

beforeAll(async () => {
  folder = await makeFolder();
  policy = await folder.write('policy.json', POLICY);
});
afterAll(() => folder.remove());

describe('main', () => {
  it.each([
    [['--help']],
    [['-h']],
    [['check', '--help']],
    [['diff', '-h']],
    [['explain', '--help']],
    [['simulate', '-h']],
  ])('should print help for %j, within 80 columns', async (argv) => {
    const { code, stdout, stderr } = await run(...argv);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: headgate');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('should print its version', async () => {
    expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each<[string[], string]>([
    [[], 'no command given'],
    [['simulat'], 'unknown command "simulat"; did you mean "simulate"?'],
    [['constructor'], 'unknown command "constructor"; known: bench, check, compare, diff, explain, simulate'],
    [['--halp'], 'unknown option "--halp"'],
    [['check'], 'POLICY is missing'],
    [['check', 'a', 'b'], 'unexpected argument "b"'],
    [['check', 'a', '--strikt'], 'unknown option "--strikt"; did you mean "--strict"?'],
    [['check', 'a', '--json'], '--json goes with --strict'],
    [['simulate', 'a'], 'LOG is missing'],
    [['simulate', 'a', 'b', '--partitoin', 'x'], 'did you mean "--partition"?'],
    [['simulate', 'a', 'b', '--at'], "'--at <value>' argument missing"],
    [['simulate', 'a', 'b', '--json=yes'], "'--json' does not take an argument"],
    [['simulate', 'a', 'b', '--format', 'cvs'], 'unknown format "cvs"; did you mean "csv"?'],
    [['simulate', 'a', 'b', '--max-keys', '0'], '--max-keys'],
    [['simulate', 'a', 'b', '--max-keys', '1.5'], '--max-keys'],
    [['simulate', 'a', 'b', '--max-keys', '99999999'], '--max-keys'],
  ])('should refuse %j with exit code 2', async (argv, message) => {
    const { code, stdout, stderr } = await run(...argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });
});

describe('check', () => {
  it('should sum up a good policy', async () => {
    expect(await run('check', policy)).toEqual({
      code: 0,
      stdout: `${policy}: 1 limit, 1 group, 1 tier\n`,
      stderr: '',
    });
  });

  it('should print every fault with its path, one to a line', async () => {
    const faulty = structuredClone(POLICY);
    faulty.limits.reads.quota = -1;
    faulty.groups.site.limits = ['raeds'];
    faulty.unmatched = 'de\nny';
    const file = await folder.write('faulty.json', faulty);
    const { code, stdout, stderr } = await run('check', file);
    expect([code, stderr]).toEqual([1, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(`${file}: 3 faults`);
    expect(lines.slice(1).map((line) => /^ {2}([^:]*): ./.exec(line)?.[1])).toEqual([
      'limits.reads.quota',
      'groups.site.limits.0',
      'unmatched',
    ]);
    expect(stdout).toContain('did you mean "reads"?');
  });

  it('should count the faults that it does not list', async () => {
    const limits = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`l${i}`, {}]));
    const { stdout } = await run('check', await folder.write('many.json', { ...POLICY, limits }));
    const [, total] = /: (\d+) faults\n/.exec(stdout) ?? [];
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`  and ${Number(total) - 100} more`);
  });

  it('should name the whole document where that is what is wrong', async () => {
    const { code, stdout } = await run('check', await folder.write('list.json', [1]));
    expect(code).toBe(1);
    expect(stdout).toContain('  (policy): ');
  });

  it.each<[string, number, number]>([
    ['{"version": 1,\n  "limits": tru}', 2, 16],
    ['{"version": 1,\n  "limits": oops}', 2, 13],
    ['{"version": 1,\n  "limits": {},\n}', 3, 1],
    ['{\n  // a comment\n}', 2, 3],
    ['{"version": 1', 1, 14],
    ['', 1, 1],
    ['\uFEFF{"a" 1}', 1, 6],
    [`{"a": [${'1,'.repeat(1000)}\nnull, nul]}`, 2, 10],
    ['{} {}', 1, 4],
  ])('should say where %j stops being JSON', async (text, line, column) => {
    const file = await folder.write('broken.json', text);
    const { code, stdout, stderr } = await run('check', file);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`headgate: ${file}, line ${line}, column ${column}: no JSON: `);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });

  it.each([
    ['nowhere.json', 'no such file'],
    ['', 'is a directory, not a file'],
  ])('should refuse the file %j in one line', async (name, reason) => {
    const file = folder.path(name);
    expect(await run('check', file)).toEqual({
      code: 1,
      stdout: '',
      stderr: `headgate: ${file}: ${reason}\n`,
    });
  });
});

describe('simulate', () => {
  const LOG = [
    '1.1.1.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1',
    '1.1.1.1 - - [17/May/2015:10:05:04 +0000] "GET /b HTTP/1.1" 200 1',
    '2.2.2.2 - - [17/May/2015:10:05:05 +0000] "GET /c HTTP/1.1" 200 1',
    '1.1.1.1 - - [17/May/2015:10:05:06 +0000] "GET /d HTTP/1.1" 200 1',
    '1.1.1.1 - - [17/May/2015:10:05:07 +0000] "POST /d HTTP/1.1" 200 1',
    '',
  ].join('\n');
  const BY_IP = ['--partition', 'ip=address', '--json'];

  it('should print the summary of a combined log', async () => {
    const log = await folder.write('access.log', LOG);
    const { code, stdout, stderr } = await run('simulate', policy, log, ...BY_IP);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      requests: 5,
      allowed: 3,
      denied: 2,
      unparsed: 0,
      groups: { site: { allowed: 3, denied: 1 }, unmatched: { allowed: 0, denied: 1 } },
      limits: { reads: { denied: 1 } },
      keys: 2,
      span: { from: '2015-05-17T10:05:03.000Z', to: '2015-05-17T10:05:07.000Z' },
    });
    expect((await run('simulate', policy, log, '--partition', 'ip=address')).stdout).toMatch(
      /^denied +2 +40\.0 %$/m,
    );
  });

  it('should take tiers and groups from columns and options', async () => {
    const log = await folder.write('log.csv', 'at,ip,plan\n1,x,\n2,x,free\n3,y,free\n4,y,free\n5,z,fre\n');
    const { code, stdout, stderr } = await run(
      ...['simulate', policy, log, '--at', 'at', '--partition', 'ip', '--tier=plan', '--json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 4, allowed: 2, denied: 2, unparsed: 1 });
    expect(stderr).toContain('line 6: unknown tier "fre"; did you mean "free"?');
  });

  it('should name unreadable lines on standard error, with nothing in them that moves the cursor', async () => {
    const log = await folder.write('odd.csv', 'time,ip\n1,x\n\x1b[31m,x\n2\n3,x\n');
    const { code, stdout, stderr } = await run('simulate', policy, log, '--partition', 'ip', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 2, unparsed: 2 });
    expect(stderr).toBe(
      `${log}: 2 lines could not be read\n` +
        '  line 3: "time" holds no instant: "\\u001b[31m"\n' +
        '  line 4: the row has 1 column, the header 2\n',
    );
  });

  it.each([
    ['empty.log', ''],
    ['garbage.log', 'garbage\n'],
  ])('should fail where nothing can be read: %s', async (name, text) => {
    const { code, stdout, stderr } = await run('simulate', policy, await folder.write(name, text), ...BY_IP);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 0, span: { from: null, to: null } });
    expect(stderr).toContain('no request could be read');
  });

  it('should say what limits in the shadow would have changed, and deny nothing for them', async () => {
    const tried = structuredClone<Record<string, unknown>>(POLICY);
    tried.limits = { reads: { ...POLICY.limits.reads, candidate: { quota: 1 } } };
    const file = await folder.write('tried.json', tried);
    const log = await folder.write('access.log', LOG);
    const { stdout } = await run('simulate', file, log, ...BY_IP);
    expect(JSON.parse(stdout)).toMatchObject({
      allowed: 3,
      limits: { reads: { denied: 1 } },
      shadows: { 'reads.candidate': { agreed: 3, wouldDeny: 1, wouldAllow: 0 } },
    });
    const text = (await run('simulate', file, log, '--partition', 'ip=address')).stdout;
    expect(text).toMatch(/^shadow +agrees +would deny +would allow\nreads\.candidate +3 +1 +0$/m);
  });

  it('should say which limits a log cannot show', async () => {
    const mixed = structuredClone<Record<string, unknown>>(POLICY);
    mixed.limits = { ...POLICY.limits, calls: { algorithm: 'concurrency', quota: 1, per: 'ip' } };
    mixed.groups = { site: { match: ['GET /**'], limits: ['reads', 'calls'] } };
    const file = await folder.write('mixed.json', mixed);
    const log = await folder.write('access.log', LOG);
    const { code, stdout, stderr } = await run('simulate', file, log, ...BY_IP);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      allowed: 3,
      limits: { reads: { denied: 1 }, calls: { denied: 0 } },
    });
    expect(stderr).toContain('calls: left out, traffic does not say how long requests run; see --hold');
  });

  it('should say so where keys had to share a budget', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `1,k${i}`).join('\n');
    const log = await folder.write('keys.csv', `time,ip\n${rows}\n`);
    const args = ['simulate', policy, log, '--partition', 'ip', '--json'];
    expect((await run(...args)).stderr).toBe('');
    const { stdout, stderr } = await run(...args, '--max-keys', '4');
    expect(stderr).toContain('--max-keys');
    expect(await run(...args, '--max-keys', '4')).toMatchObject({ stdout, stderr });
  });

  it.each<[string, string[], number, string]>([
    ['a missing log', ['nowhere.log'], 1, 'nowhere.log: no such file'],
    ['a folder', [''], 1, 'is a directory'],
    ['a group that does not exist', ['access.log', '--group', 'sites'], 2, 'did you mean "site"?'],
    ['a unit that nothing counts', ['access.log', '--cost', 'tokens=bytes'], 2, 'no limit counts "tokens"'],
    ['a column that is not there', ['access.log', '--tier', 'plan'], 2, 'no column "plan"'],
  ])('should refuse %s', async (_title, [name = '', ...options], exit, message) => {
    await folder.write('access.log', LOG);
    const { code, stdout, stderr } = await run('simulate', policy, folder.path(name), ...options);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toContain(message);
  });

  it('should list the faults of a policy on standard error', async () => {
    const file = await folder.write('wrong.json', { ...POLICY, unmatched: 'den' });
    const { code, stdout, stderr } = await run('simulate', file, policy);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`headgate: ${file}: 1 fault\n  unmatched: `);
  });
});
