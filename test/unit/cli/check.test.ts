import { lintPolicy } from 'headgate/lint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

const LOOSE = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'key' } },
  groups: { site: { match: ['GET|POST /*', 'GET /:page'], limits: ['reads'] } },
  unmatched: 'allow',
};
const STRICT = { ...LOOSE, groups: { site: { match: ['GET /**'], limits: ['reads'] } }, unmatched: 'deny' };

let folder: Folder;
let loose: string;
let strict: string;
let faulty: string;

beforeAll(async () => {
  folder = await makeFolder();
  loose = await folder.write('loose.json', LOOSE);
  strict = await folder.write('strict.json', STRICT);
  faulty = await folder.write('faulty.json', { ...LOOSE, unmatched: 'alow' });
});
afterAll(() => folder.remove());

describe('check --strict', () => {
  it('should print findings by path, each with its explanation and its remedy', async () => {
    const { code, stdout, stderr } = await run('check', loose, '--strict');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toBe(
      `${loose}: 1 limit, 1 group, 0 tiers, 2 findings\n` +
        '  groups.site.match.0\n' +
        '    unreachable-method: No GET request reaches "GET|POST /*": whatever fits it is won by "GET\n' +
        '    /:page" of group "site".\n' +
        '      Remedy: Drop GET from the pattern, or from the one that wins.\n' +
        '  unmatched\n' +
        '    unmatched-allowed: A request that no pattern matches passes. So does every path that is\n' +
        '    misspelt, new or forgotten, and every spelling of one that no pattern foresees.\n' +
        '      Remedy: Deny it, or name a group that has a limit.\n',
    );
  });

  it('should print a path once', async () => {
    const own = { ...LOOSE.limits.reads, quota: 50, window: '1h' };
    const groups = {
      a: { match: ['GET|POST /*/b'], limits: ['reads', 'own'] },
      b: { match: ['GET /:x/**', 'POST /a/:x'], limits: ['reads'] },
    };
    const policy = { ...STRICT, limits: { ...STRICT.limits, own }, groups };
    const { stdout } = await run('check', await folder.write('twice.json', policy), '--strict');
    expect(stdout.match(/^ {4}(shadowed-pattern|unreachable-method): /gm)).toHaveLength(2);
    expect(stdout.match(/^ {2}groups\.a\.match\.0$/gm)).toHaveLength(1);
    expect(stdout.split('\n').every((line) => line.length <= 100 || line.includes('twice.json'))).toBe(true);
  });

  it('should pass a policy without findings', async () => {
    expect(await run('check', '--strict', strict)).toEqual({
      code: 0,
      stdout: `${strict}: 1 limit, 1 group, 0 tiers, 0 findings\n`,
      stderr: '',
    });
  });

  it('should pass findings over without --strict', async () => {
    expect(await run('check', loose)).toEqual({
      code: 0,
      stdout: `${loose}: 1 limit, 1 group, 0 tiers\n`,
      stderr: '',
    });
  });

  it('should print the faults of a policy that is not sound', async () => {
    expect(await run('check', faulty, '--strict')).toEqual(await run('check', faulty));
  });

  it('should print one line of JSON', async () => {
    const { code, stdout } = await run('check', loose, '--strict', '--json');
    expect(code).toBe(1);
    expect(stdout.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({ faults: [], findings: lintPolicy(LOOSE) });
    expect(await run('check', strict, '--strict', '--json')).toEqual({
      code: 0,
      stdout: '{"faults":[],"findings":[]}\n',
      stderr: '',
    });
    const wrong = await run('check', faulty, '--strict', '--json');
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout)).toEqual({
      faults: [
        {
          code: 'unknown-group',
          path: 'unmatched',
          message: expect.stringContaining('did you mean "allow"?'),
        },
      ],
      findings: [],
    });
  });

  it('should let nothing from a policy move the cursor', async () => {
    const match = ['GET /\u202ea/*', 'GET /\u202ea/:x'];
    const file = await folder.write('odd.json', {
      ...STRICT,
      groups: { site: { match, limits: ['reads'] } },
    });
    const { code, stdout } = await run('check', file, '--strict');
    expect(code).toBe(1);
    expect(stdout).toContain('\\u202e');
    expect(stdout).not.toContain('\u202e');
  });
});
