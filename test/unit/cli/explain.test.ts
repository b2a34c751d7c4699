import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

const POLICY = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 60, window: '1m', per: 'apiKey' },
    tokens: { algorithm: 'token-bucket', window: '1m', unit: 'tokens', per: ['account', 'model'] },
    calls: { algorithm: 'concurrency', per: 'account' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads'] },
    ask: { match: ['POST /v1/models/:model/ask'], limits: ['reads', 'tokens'] },
    call: { limits: ['calls'] },
    open: { match: ['GET /'], limits: [] },
  },
  tiers: { free: { tokens: 1000, calls: 1 }, pro: { tokens: { quota: 9000, burst: 500 }, calls: 'custom' } },
  defaultTier: 'free',
  unmatched: 'deny',
};
const AT = ['--at', '2026-01-31T12:00:00Z'];

let folder: Folder;
let policy: string;
beforeAll(async () => {
  folder = await makeFolder();
  policy = await folder.write('policy.json', POLICY);
});
afterAll(() => folder.remove());

describe('explain', () => {
  it('should tell how a request would be decided', async () => {
    const target = 'post  /V1//models/m1/ask?x=1';
    const fields = ['--partition', 'apiKey=a=b', '--partition', 'account=acct_1'];
    expect(
      await run('explain', policy, target, ...fields, '--tier', 'pro', '--cost', 'tokens=501', ...AT),
    ).toEqual({
      code: 0,
      stdout: `denied (never) at 2026-01-31T12:00:00.000Z
path     /V1/models/m1/ask
pattern  POST /v1/models/:model/ask
group    ask
tier     pro
  reads: agrees
    fixed-window, 60 requests per 60000 ms (from the limit)
    key "a=b": 0 used, 60 left, this takes 1
* tokens: refuses (never)
    token-bucket, 9000 tokens per 60000 ms, burst 500 (from the tier)
    key "6:acct_12:m1": 0 used, 500 left, this takes 501
    agrees never
retry    never
`,
      stderr: '',
    });
  });

  it('should take a group instead of a request, and a quota of this very request', async () => {
    const args = ['explain', policy, '--group', 'call', '--partition', 'account=a', '--tier', 'pro'];
    const { code, stdout } = await run(...args, '--quota', 'calls=7', ...AT);
    expect(code).toBe(0);
    expect(stdout).toContain('group    call\ntier     pro\n* calls: agrees\n');
    expect(stdout).toContain('concurrency, 7 permits (from the descriptor)\n');
  });

  it('should print one line of JSON, with null for never', async () => {
    const { code, stdout } = await run('explain', policy, 'DELETE /x', '--json', ...AT);
    expect(code).toBe(0);
    expect(stdout.match(/\n/g)).toHaveLength(1);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({
      decision: { allowed: false, reason: 'unmatched', at: 1_769_860_800_000, retryAt: null },
      path: '/x',
      group: 'unmatched',
      tier: 'free',
      tierFrom: 'default',
      limits: [],
    });
    expect(found).not.toHaveProperty('text');
    const read = ['explain', policy, 'GET /v1/x', '--partition', 'apiKey=k', '--json', ...AT];
    expect(JSON.parse((await run(...read)).stdout)).toMatchObject({
      decision: { allowed: true, limit: 'reads', remaining: 60 },
      pattern: 'GET /v1/**',
      limits: [{ name: 'reads', key: 'k', quota: 60, quotaFrom: 'limit', used: 0 }],
      decidedBy: 'reads',
    });
  });

  it('should explain as of now unless told otherwise', async () => {
    const from = Date.now();
    const { at } = JSON.parse((await run('explain', policy, 'GET /', '--json')).stdout).decision;
    expect(at).toBeGreaterThanOrEqual(from);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  it('should stay within 100 columns, and let nothing move the cursor', async () => {
    const path = `/v1/${'long/'.repeat(10)}\u202e`;
    const { stdout } = await run(
      'explain',
      policy,
      `GET ${path}`,
      '--partition',
      `apiKey=${'k '.repeat(90)}\u202e`,
    );
    expect(stdout).not.toContain('\u202e');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it.each<[string, string[], string]>([
    ['no request', [], 'REQUEST is missing'],
    ['two', ['GET /', 'GET /'], 'unexpected argument "GET /"'],
    ['a request without a method', ['/v1/x'], 'REQUEST is a method and a path'],
    ['a request without a path', ['GET'], 'REQUEST is a method and a path'],
    ['a tier that does not exist', ['GET /', '--tier', 'por'], 'unknown tier "por"; did you mean "pro"?'],
    ['a group that does not exist', ['--group', 'cal'], 'unknown group "cal"; did you mean "call"?'],
    ['a field that is missing', ['GET /v1/x'], 'see --partition apiKey=VALUE'],
    ['another field', ['POST /v1/models/m/ask', '--partition', 'apiKey=k'], 'has no "account"'],
    [
      'a cost that is missing',
      [
        '--group',
        'ask',
        ...'apiKey=k account=a model=m'.split(' ').flatMap((field) => ['--partition', field]),
      ],
      'see --cost tokens=NUMBER',
    ],
    [
      'a quota that is missing',
      ['--group', 'call', '--tier', 'pro', '--partition', 'account=a'],
      'see --quota calls=NUMBER',
    ],
    ['a unit that nothing counts', ['GET /', '--cost', 'tokns=1'], 'did you mean "tokens"?'],
    ['a cost that is no number', ['GET /', '--cost', 'tokens=x'], '--cost: "x" is no whole number'],
    ['a quota of no limit', ['GET /', '--quota', 'reeds=1'], 'did you mean "reads"?'],
    [
      'a partition without a value',
      ['GET /', '--partition', 'apiKey'],
      '--partition takes FIELD=VALUE, not "apiKey"',
    ],
    ['a field that means something else', ['GET /', '--partition', 'tier=pro'], 'is not a field name'],
    ['a field twice', ['GET /', '--partition', 'a=1', '--partition', 'a=2'], 'names "a" twice'],
    ['an instant that is none', ['GET /', '--at', 'noon'], '--at takes an instant'],
    ['an option that does not exist', ['GET /', '--teir', 'x'], 'did you mean "--tier"?'],
  ])('should refuse %s with exit code 2', async (_title, args, message) => {
    const { code, stdout, stderr } = await run('explain', policy, ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });

  it('should fail where the policy is faulty or missing', async () => {
    const faulty = await folder.write('faulty.json', { ...POLICY, unmatched: 'den' });
    const wrong = await run('explain', faulty, 'GET /');
    expect([wrong.code, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).toContain('unmatched: ');
    expect((await run('explain', folder.path('no.json'), 'GET /')).code).toBe(1);
  });
});
