import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { type Folder, makeFolder, run } from '../../fixtures/command-line.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

/** A fixed window in a Map; `answer` makes what it answers with. */
const windows = (answer: string): string => `
  export const create = ({ quota, window }) => {
    const rows = new Map();
    return {
      check(key, cost, now) {
        let row = rows.get(key);
        if (row === undefined || now >= row.start + window) rows.set(key, (row = { start: now, used: 0 }));
        const allowed = row.used + cost <= quota;
        if (allowed) row.used += cost;
        return ${answer};
      },
    };
  };`;

it.each([
  ['a boolean', 'allowed'],
  ['an object', '{ allowed }'],
  ['a promise', 'Promise.resolve({ allowed })'],
])('should time a limiter that answers with %s, beside headgate', async (_title, answer) => {
  const module = await folder.write(`with ${_title}.mjs`, windows(answer));
  const { code, stdout, stderr } = await run('bench', '--module', module, '--ms', '1', '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const results: Record<string, Record<string, number>> = JSON.parse(stdout);
  expect(Object.keys(results)).toHaveLength(10);
  for (const taken of Object.values(results)) {
    expect(Object.keys(taken)).toEqual(['headgate', `with ${_title}`]);
    for (const ns of Object.values(taken)) expect(ns).toBeGreaterThan(1);
  }
});

it('should print a table of at most 100 columns, and show how far it is', async () => {
  const module = await folder.write('mine.mjs', windows('allowed'));
  let shown = '';
  let printed = '';
  const io = {
    stdout: (text: string) => {
      printed += text;
    },
    stderr: (text: string) => {
      shown += text;
    },
    isTTY: true,
  };
  expect(await main(['bench', '--module', module, '--ms', '1'], io)).toBe(0);
  const lines = printed.split('\n');
  expect(lines[2]).toMatch(/^ +headgate +mine$/);
  expect(lines.filter((line) => /^1 key, allowed +\d+ +\d+ \(\d+\.\d\dx\)$/.test(line))).toHaveLength(1);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(shown).toContain('\r\x1b[K100,000 keys, zipf, denied');
});

it.each([
  ['allows everybody', 'true', 'the second request of each key is to be denied'],
  ['denies everybody', 'false', 'every request is to be allowed'],
])('should not time one that %s', async (_title, answer, message) => {
  const module = await folder.write(`${answer}.mjs`, windows(answer));
  const { code, stdout, stderr } = await run('bench', '--module', module, '--ms', '1');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(message);
});

it.each([
  [[], '--module is missing'],
  [['--module', 'x', '--ms', '0'], '--ms takes a whole number'],
  [['x'], 'unexpected argument "x"'],
])('should refuse %j', async (argv, message) => {
  const { code, stderr } = await run('bench', ...argv);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
