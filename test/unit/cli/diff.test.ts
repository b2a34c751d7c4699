import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

const OLD = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'ip' } },
  groups: { site: { match: ['GET /**'], limits: ['reads'] } },
  unmatched: 'deny',
};
const NEW = {
  ...OLD,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 1, window: '60s', per: 'ip' },
    calls: { algorithm: 'concurrency', quota: 1, per: 'ip' },
  },
  groups: {
    site: { match: ['GET /**'], limits: ['reads', 'calls'] },
    form: { match: ['POST /**'], limits: [] },
  },
};
const LOG = [
  '1.1.1.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1',
  '1.1.1.1 - - [17/May/2015:10:05:04 +0000] "GET /b HTTP/1.1" 200 1',
  '2.2.2.2 - - [17/May/2015:10:05:05 +0000] "GET /c HTTP/1.1" 200 1',
  'garbage',
  '1.1.1.1 - - [17/May/2015:10:05:07 +0000] "POST /d HTTP/1.1" 200 1',
  '',
].join('\n');

const DIFF = `~ limits.reads.quota: 2 -> 1
+ limits.calls: {"algorithm":"concurrency","quota":1,"per":"ip"}
~ groups.site.limits: ["reads"] -> ["reads","calls"]
+ groups.form: {"match":["POST /**"],"limits":[]}
> POST /**: deny -> form
usage kept: reads
`;

let folder: Folder;
let before: string;
let after: string;
let log: string;

beforeAll(async () => {
  folder = await makeFolder();
  before = await folder.write('old.json', OLD);
  after = await folder.write('new.json', NEW);
  log = await folder.write('access.log', LOG);
});
afterAll(() => folder.remove());

describe('diff', () => {
  it('should tell what changed, and what would become of usage', async () => {
    expect(await run('diff', before, after)).toEqual({ code: 0, stdout: DIFF, stderr: '' });
    expect(await run('diff', before, before)).toEqual({
      code: 0,
      stdout: 'nothing changed\nusage kept: reads\n',
      stderr: '',
    });
  });

  it('should tell what the change would have done to a log', async () => {
    expect(await run('diff', before, after, log, '--partition', 'ip=address')).toEqual({
      code: 0,
      stdout: `${DIFF}
requests          4
denied before     1  25.0 %
denied after      1  25.0 %
newly denied      1  25.0 %
newly allowed     1  25.0 %
in another group  1  25.0 %
unparsed          1

from 2015-05-17T10:05:03.000Z to 2015-05-17T10:05:07.000Z

denied by group  before  after  newly denied  newly allowed
site                  0      1             1              0
form                  0      0             0              0
unmatched             1      0             0              1

denied by limit  before  after  newly denied  newly allowed
reads                 0      1             1              0

most affected  newly denied  newly allowed
ip=1.1.1.1                1              0
`,
      stderr: `${log}: 1 line could not be read
  line 4: not a line of the combined or the common log format
calls: left out, traffic does not say how long requests run; see --hold
`,
    });
  });

  it('should print one line of JSON', async () => {
    const plain = await run('diff', before, after, '--json');
    expect(plain.stdout.match(/\n/g)).toHaveLength(1);
    const report = {
      limits: { added: ['calls'], removed: [], changed: ['reads'] },
      groups: { added: ['form'], removed: [], changed: ['site'] },
      tiers: { added: [], removed: [], changed: [] },
      changes: [
        { path: 'limits.reads.quota', before: 2, after: 1 },
        { path: 'limits.calls', after: NEW.limits.calls },
        { path: 'groups.site.limits', before: ['reads'], after: ['reads', 'calls'] },
        { path: 'groups.form', after: NEW.groups.form },
      ],
      matching: [{ pattern: 'POST /**', before: 'deny', after: 'form' }],
      usage: [
        { limit: 'reads', usage: 'kept', why: expect.any(String) },
        { limit: 'calls', usage: 'new', why: expect.any(String) },
      ],
    };
    expect(JSON.parse(plain.stdout)).toEqual(report);
    const { stdout } = await run('diff', before, after, log, '--partition', 'ip=address', '--json');
    expect(stdout.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({
      ...report,
      log: {
        requests: 4,
        unparsed: 1,
        moved: 1,
        denied: { before: 1, after: 1, newlyDenied: 1, newlyAllowed: 1 },
        groups: {
          site: { before: 0, after: 1, newlyDenied: 1, newlyAllowed: 0 },
          form: { before: 0, after: 0, newlyDenied: 0, newlyAllowed: 0 },
          unmatched: { before: 1, after: 0, newlyDenied: 0, newlyAllowed: 1 },
        },
        limits: { reads: { before: 0, after: 1, newlyDenied: 1, newlyAllowed: 0 } },
        affectedKeys: 1,
        keys: [{ key: { ip: '1.1.1.1' }, newlyDenied: 1, newlyAllowed: 0 }],
        span: { from: '2015-05-17T10:05:03.000Z', to: '2015-05-17T10:05:07.000Z' },
      },
    });
  });

  it('should name the ten keys most affected, within 100 columns whatever they are called', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => `${`1,k${i},${'w'.repeat(300)}\n`.repeat(3 + i)}`);
    const wide = await folder.write('keys.csv', `time,ip,user\n1,k0,\u202e\n${rows.join('')}`);
    const name = 'n'.repeat(64);
    const per = ['ip', 'user'];
    const policyOf = (quota: number): object => ({
      version: 1,
      limits: { [name]: { algorithm: 'fixed-window', quota, window: '1m', per } },
      groups: { [name]: { limits: [name] } },
      unmatched: 'deny',
    });
    const files = [
      await folder.write('wide.json', policyOf(99)),
      await folder.write('tight.json', policyOf(2)),
    ];
    const args = ['diff', ...files, wide, '--partition', 'ip,user'];
    const { code, stdout, stderr } = await run(...args);
    expect([code, stderr]).toEqual([0, '']);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stdout.match(/^ip=k\d+ user=w+… +\d+ +0$/gm)).toHaveLength(10);
    expect(stdout).toMatch(/^ip=k11 .* 12 +0\nip=k10 /m);
    expect(stdout).toMatch(/\nand 2 more\n$/);
    const { keys, affectedKeys } = JSON.parse((await run(...args, '--json')).stdout).log;
    expect([keys.length, affectedKeys]).toEqual([10, 12]);
    expect(keys[0]).toEqual({ key: { ip: 'k11', user: 'w'.repeat(300) }, newlyDenied: 12, newlyAllowed: 0 });
  });

  it('should let nothing from a policy or a log move the cursor', async () => {
    const odd = { ...NEW, groups: { site: { match: ['GET /\u202ea'], limits: ['reads'] } } };
    const file = await folder.write('odd.json', odd);
    expect((await run('diff', before, file)).stdout).toContain('\\u202e');
    const keys = await folder.write('odd.csv', 'time,ip\n1,\u202ex\n1,\u202ex\n');
    const csv = await run('diff', before, after, keys, '--partition', 'ip', '--group', 'site');
    expect(csv.stdout).toContain('ip=\\u202ex');
  });

  it('should say so where keys had to share a budget', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `1,k${i}`).join('\n');
    const keys = await folder.write('many.csv', `time,ip\n${rows}\n`);
    const args = ['diff', before, before, keys, '--partition', 'ip', '--json'];
    expect((await run(...args)).stderr).toBe('');
    expect((await run(...args, '--max-keys', '4')).stderr).toContain('--max-keys');
  });

  it('should fail where nothing can be read', async () => {
    const { code, stdout, stderr } = await run('diff', before, after, await folder.write('empty.log', ''));
    expect(code).toBe(1);
    expect(stdout).toContain('requests          0\n');
    expect(stderr).toContain('empty.log: no request could be read');
  });

  it.each<[string, string[], number, string]>([
    ['no new policy', ['OLD'], 2, 'NEW is missing'],
    ['a fourth file', ['OLD', 'NEW', 'LOG', 'x'], 2, 'unexpected argument "x"'],
    ['options for a log without one', ['OLD', 'NEW', '--partition', 'ip'], 2, '--partition goes with a LOG'],
    ['a report of no log', ['OLD', 'NEW', '--report', 'x.html'], 2, '--report goes with a LOG'],
    ['a group that only one has', ['OLD', 'NEW', 'LOG', '--group', 'form'], 2, 'unknown group "form"'],
    ['a unit that neither counts', ['OLD', 'NEW', 'LOG', '--cost', 'tokens=bytes'], 2, 'no limit counts'],
    ['a log that is not there', ['OLD', 'NEW', 'nowhere.log'], 1, 'nowhere.log: no such file'],
    ['a policy that is not there', ['OLD', 'nowhere.json'], 1, 'nowhere.json: no such file'],
    ['a log as a policy', ['LOG', 'NEW'], 1, 'no JSON'],
  ])('should refuse %s', async (_title, args, exit, message) => {
    const files: Record<string, string> = { OLD: before, NEW: after, LOG: log };
    const { code, stdout, stderr } = await run('diff', ...args.map((arg) => files[arg] ?? arg));
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toContain(message);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });

  it('should list the faults of either policy on standard error', async () => {
    const faulty = await folder.write('faulty.json', { ...OLD, unmatched: 'den' });
    for (const files of [
      [faulty, after],
      [before, faulty],
    ]) {
      const { code, stdout, stderr } = await run('diff', ...files);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`headgate: ${faulty}: 1 fault\n  unmatched: `);
    }
  });
});
