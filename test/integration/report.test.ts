/** Reports of the command line, looked at by a browser. */

import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWithoutBrowser, openBrowser, VIEWS } from '../fixtures/browser.ts';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';
import { COLOURS, CUT, OPEN_ALL, OVERLAPPING, SMALLEST_LABEL } from '../fixtures/look.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

/** What a page says, without its tags. */
const textOf = (page: string): string => page.replace(/<[^>]*>/g, '');

const COMPARE = [
  'compare',
  '--workload',
  'zipf',
  '--quota',
  '30',
  '--window',
  '1m',
  '--keys',
  '50',
  '--retries',
  'ignore',
];

describe('--report', () => {
  it('should write the same page for the same command', async () => {
    const file = folder.path('same.html');
    const first = await run(...COMPARE, '--report', file);
    expect(first.stderr).toBe(`${file}: written\n`);
    const page = await readFile(file, 'utf8');
    await run(...COMPARE, '--report', file);
    expect(await readFile(file, 'utf8')).toBe(page);
    expect(textOf(page)).toContain(
      `headgate compare --workload zipf --quota 30 --window 1m --keys 50 --retries ignore --report ${file}`,
    );
  });

  it('should show the policy and the log of a simulation', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `{"time":${1000 + i},"address":"10.0.0.${i % 3}"}\n`);
    const log = await folder.write('log.jsonl', lines.join(''));
    const file = folder.path('simulated.html');
    const rules = await folder.write('policy.json', {
      version: 1,
      limits: { all: { algorithm: 'token-bucket', quota: 10, window: '1m', per: 'ip' } },
      groups: { all: { limits: ['all'] } },
      unmatched: 'deny',
    });
    const ran = await run('simulate', rules, log, '--partition', 'ip=address', '--report', file, '--json');
    const page = await readFile(file, 'utf8');
    const { allowed, denied } = JSON.parse(ran.stdout);
    expect(page).toContain(`<td data-label="admitted">${allowed}</td><td data-label="denied">${denied}</td>`);
    expect(page).toContain('&#34;algorithm&#34;: &#34;token-bucket&#34;');
    expect(page).toMatch(/<h2>Usage of 10\.0\.0\.\d<\/h2>[\s\S]*at worst 1\.\d\dx\./);
    expect(page).toMatch(/1970-01-01T00:16:40\.000Z<\/span> to <span[^>]*>1970-01-01T00:19:59\.000Z/);
  });

  it('should show both policies of a change side by side', async () => {
    const lines = Array.from(
      { length: 50 },
      (_, i) => `{"time":${1000 + i},"address":"10.0.0.1","bytes":7}\n`,
    );
    const log = await folder.write('changed.jsonl', lines.join(''));
    const file = folder.path('changed.html');
    const all = { algorithm: 'fixed-window', quota: 10, window: '1h', per: 'ip' } as const;
    const policyOf = (limits: object) => ({
      version: 1,
      limits,
      groups: { all: { limits: Object.keys(limits) } },
      unmatched: 'deny',
    });
    const before = await folder.write('before.json', policyOf({ all }));
    const after = await folder.write(
      'after.json',
      policyOf({ all: { ...all, quota: 4 }, bytes: { ...all, quota: 900, unit: 'bytes' } }),
    );
    const args = ['diff', before, after, log, '--partition', 'ip=address', '--cost', 'bytes=bytes'];
    const ran = await run(...args, '--report', file, '--json');
    expect([ran.code, ran.stderr]).toEqual([0, `${file}: written\n`]);
    const { denied } = JSON.parse(ran.stdout).log;
    expect(denied).toMatchObject({ before: 40, after: 46 });
    const page = await readFile(file, 'utf8');
    const answers = (name: string, admitted: number): string =>
      `${name}</th><td data-label="admitted">${admitted}</td><td data-label="denied">${50 - admitted}</td>`;
    expect(page).toContain(answers('old', 10));
    expect(page).toContain(answers('new', 4));
    expect(page).toContain('<h2>new</h2>');
    expect(textOf(page)).toContain(`headgate diff ${before} ${after} ${log} --partition ip=address`);
  });

  it('should fail in one line where nothing can be written', async () => {
    const { code, stderr } = await run(...COMPARE, '--report', folder.path('no/where.html'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/where\.html: cannot be written \(ENOENT\)\n$/);
  });
});

describe.skipIf(isWithoutBrowser)('in a browser', () => {
  let browser: Browser;
  let file: string;
  beforeAll(async () => {
    browser = await openBrowser();
    file = folder.path('seen.html');
    await run(...COMPARE, '--report', file);
  });
  afterAll(() => browser.close());

  it.each(VIEWS)('should fit a screen of %i pixels, %s', async (width, colorScheme) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const told: string[] = [];
    page.on('console', (message) => told.push(message.text()));
    page.on('request', (request) => told.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(OPEN_ALL);
    expect(told).toEqual([pathToFileURL(file).href]);
    expect(await page.evaluate(CUT)).toEqual([]);
    expect(await page.evaluate(OVERLAPPING)).toEqual([]);
    expect(await page.evaluate(SMALLEST_LABEL)).toBeGreaterThan(9);
    const [text, back] = (await page.evaluate(COLOURS)) as [number, number];
    expect(text < back).toBe(colorScheme === 'light');
    await page.close();
  });
});
