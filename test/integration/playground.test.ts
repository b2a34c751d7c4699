/** The playground, built and looked at by a browser. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWithoutBrowser, openBrowser, VIEWS } from '../fixtures/browser.ts';
import { COLOURS, CUT } from '../fixtures/look.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const file = `${root}docs/playground/build/index.html`;

describe.skipIf(isWithoutBrowser)('the playground', () => {
  let browser: Browser;
  let page: Page;
  let told: string[] = [];
  const open = async (hash = '', width = 1280, colorScheme: 'light' | 'dark' = 'light'): Promise<void> => {
    page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    told = [];
    page.on('console', (message) => told.push(message.text()));
    page.on('pageerror', (error) => told.push(String(error)));
    page.on('request', (request) => told.push(request.url().split('#')[0] ?? ''));
    await page.goto(pathToFileURL(file).href + hash);
  };
  const text = async (id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? '';
  const count = async (id: string): Promise<number> => Number(await text(id));
  const edit = async (change: (policy: string) => string): Promise<void> => {
    const editor = page.locator('#policy');
    await editor.fill(change(await editor.inputValue()));
  };
  /** Until something is so, which it is as soon as the page has drawn a few pictures. */
  const until = (condition: string) => page.waitForFunction(condition, undefined, { timeout: 20_000 });

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, ['docs/playground/build.js'], { cwd: root, timeout: 60_000 });
    browser = await openBrowser();
  }, 90_000);
  afterAll(() => browser.close());

  it('should be one page that loads nothing', async () => {
    const html = await readFile(file, 'utf8');
    expect(html).not.toMatch(/<script src|<link|@import/);
  });

  it.each(VIEWS)(
    'should work without a complaint on a screen of %i pixels, %s',
    async (width, colorScheme) => {
      await open('', width, colorScheme);
      await until('Number(admitted.textContent) > 3');
      expect(told).toEqual([pathToFileURL(file).href]);
      expect(await page.evaluate(CUT)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
      const [ink, paper] = (await page.evaluate(COLOURS)) as [number, number];
      expect(ink < paper).toBe(colorScheme === 'light');
      expect(await text('verdict')).toBe('in force');
      await page.close();
    },
  );

  it('should decide by the policy that is edited', async () => {
    await open();
    await page.selectOption('#speed', '20');
    await until('Number(admitted.textContent) > 5');
    await edit((policy) => policy.replace('"quota": 60', '"quota": 0'));
    await until('Number(denied.textContent) > 5');
    expect(await count('admitted')).toBe(0);
    expect(await text('explained')).toContain('denied (never)');
    expect(await text('headers')).toContain('HTTP/1.1 429');
    await page.close();
  });

  it('should show what the policy would send, by its own denials and fields', async () => {
    await open();
    await edit((policy) =>
      policy
        .replace('"burst": 20', '"burst": 1')
        .replace('"error": "slow down"', '"error": "not so fast"')
        .replace('"quota": {\n      "body"', '"quota": {\n      "status": 420,\n      "body"')
        .replace('"unmatched": "deny"', '"headers": ["draft-11", "retry-after"], "unmatched": "deny"'),
    );
    expect(await text('verdict')).toBe('in force');
    await page.locator('#rate').fill('1');
    await until(`headers.textContent.includes('HTTP/1.1 420')`);
    await page.click('#pause');
    const sent = await text('headers');
    expect(sent).toMatch(/^RateLimit-Policy: "reads";q=60;w=60/im);
    expect(sent).toMatch(/^Retry-After: \d+$/im);
    expect(sent).not.toMatch(/X-RateLimit/i);
    expect(sent).toMatch(/\n\n\{"error":"not so fast","retry_after":\d+\}$/);
    await page.close();
  });

  it('should say who waits, and what is sent to whom the queue does not take', async () => {
    await open();
    await page.selectOption('#group', 'job');
    await page.locator('#keys').fill('3');
    await page.locator('#rate').fill('1');
    await until(`explained.textContent.includes('it waits: the group has a queue')`);
    await until(`headers.textContent.startsWith('Nothing, until its turn comes')`);
    await page.selectOption('#speed', '20');
    await until(`explained.textContent.includes('denied (queue-full)')`);
    await until(`headers.textContent.startsWith('HTTP/1.1 503')`);
    expect(
      await page.evaluate(
        `Math.max(...[...limits.textContent.matchAll(/(\\d+) of 10 waiting/g)].map((m) => Number(m[1])))`,
      ),
    ).toBeLessThanOrEqual(10);
    await page.close();
  });

  it('should let tokens, permits and queues move', async () => {
    await open();
    await until(`limits.textContent.includes('tokens taken')`);
    const before = await text('limits');
    await until(`limits.textContent !== ${JSON.stringify(before)}`);
    await page.selectOption('#group', 'job');
    await page.locator('#rate').fill('1');
    await until(`limits.textContent.includes('3 of 3 permits held')`);
    await until(`/[1-9]\\d* of 10 waiting/.test(limits.textContent)`);
    await until(`Number(denied.textContent) > 0`);
    expect(told).toHaveLength(1);
    await page.close();
  });

  it('should show a fault at its line, and go on by the last sound policy', async () => {
    await open();
    await edit((policy) => policy.replace('"sliding-window"', '"sliding-windw"'));
    const line = (await page.locator('#policy').inputValue())
      .split('\n')
      .findIndex((each) => each.includes('windw'));
    expect(await page.locator('#gutter .fault').allTextContents()).toEqual([String(line + 1)]);
    expect(await text('notes')).toContain(`line ${line + 1}: limits.minute.algorithm: `);
    expect(await text('notes')).toContain('did you mean "sliding-window"?');
    expect(await text('verdict')).toContain('faulty');
    const before = await count('admitted');
    await until(`Number(admitted.textContent) > ${before}`);

    await edit((policy) => policy.replace('"sliding-windw",', '"sliding-window"'));
    expect(await page.locator('#gutter .fault').count()).toBeGreaterThan(0);
    expect(await text('notes')).toMatch(/no JSON: CommaExpected/);
    await page.close();
  });

  it('should show what is likely a mistake at its line', async () => {
    await open();
    await edit((policy) => policy.replace('"limits": ["reads", "minute"]', '"limits": ["reads"]'));
    const line = (await page.locator('#policy').inputValue())
      .split('\n')
      .findIndex((each) => each.includes('"minute": {'));
    expect(await page.locator('#gutter .finding').allTextContents()).toEqual([String(line + 1)]);
    await page.close();
  });

  it('should name every control', async () => {
    await open();
    for (const name of ['rate', 'keys', 'work holds permits for'])
      expect(await page.getByRole('slider', { name }).count()).toBe(1);
    for (const name of ['workload', 'group', 'time'])
      expect(await page.getByRole('combobox', { name }).count()).toBe(1);
    await page.close();
  });

  it('should go on after a policy that wants what the traffic does not have', async () => {
    await open();
    const sound = await page.locator('#policy').inputValue();
    await edit((policy) =>
      policy
        .replace('"quota": 60, ', '')
        .replace('"quota": 60,', '')
        .replace(/"burst": 20,/, '')
        .replace('"unmatched"', '"tiers": { "big": { "reads": "custom" } }, "unmatched"'),
    );
    await until(`explained.textContent.includes('has no quota of its own')`);
    const before = await text('age');
    await until(`age.textContent !== ${JSON.stringify(before)}`);
    await page.locator('#policy').fill(sound);
    await until('Number(admitted.textContent) > 0');
    expect(told).toHaveLength(1);
    await page.close();
  });

  it('should bear a policy of a thousand limits, and one too long for an argument list', async () => {
    await open();
    const set = (policy: string) =>
      page.evaluate(`policy.value = ${policy}; policy.dispatchEvent(new Event('input'))`);
    const names = `Object.fromEntries(Array.from({ length: 1000 }, (_, i) => ['l' + i, { algorithm: 'fixed-window', quota: 5, window: '1m' }]))`;
    await set(
      `JSON.stringify({ version: 1, limits: ${names}, groups: { all: { limits: [] } }, unmatched: 'deny' }, null, 2)`,
    );
    expect(await page.locator('#notes li').last().textContent()).toBe('and 950 more');
    await set(`'"' + 'y'.repeat(500_000) + '"'`);
    await page.locator('#share').click();
    expect(await page.evaluate('location.hash.length')).toBeGreaterThan(500_000);
    expect(told).toHaveLength(1);
    await page.close();
  });

  it('should restore what was shared, and begin anew from nonsense', async () => {
    await open();
    await edit((policy) => policy.replace('"quota": 60', '"quota": 61'));
    await page.selectOption('#workload', 'on-off');
    await page.selectOption('#group', 'job');
    await page.locator('#rate').fill('0.7');
    await page.locator('#share').click();
    const hash = (await page.evaluate('location.hash')) as string;
    await page.close();

    await open(hash);
    expect(await page.locator('#policy').inputValue()).toContain('"quota": 61');
    expect(await page.locator('#workload').inputValue()).toBe('on-off');
    expect(await page.locator('#group').inputValue()).toBe('job');
    expect(await text('rate-value')).toBe('5 a second');
    await page.close();

    const wild = Buffer.from(JSON.stringify({ rate: -5, keys: 1e9, speed: '7', workload: 'none' })).toString(
      'base64url',
    );
    await open(`#${wild}`);
    await until('Number(admitted.textContent) > 0');
    expect(await text('rate-value')).toBe('0.1 a second');
    expect(told).toHaveLength(1);
    await page.close();

    const odd = Buffer.from(JSON.stringify({ speed: 7, workload: 'toString' })).toString('base64url');
    await open(`#${odd}`);
    await until('Number(admitted.textContent) > 0');
    expect(await page.locator('#workload').inputValue()).toBe('poisson');
    expect(await page.locator('#speed').inputValue()).toBe('5');
    expect(told).toHaveLength(1);
    await page.close();

    await open('#nonsense');
    expect(await page.locator('#workload').inputValue()).toBe('poisson');
    expect(told).toHaveLength(1);
    await page.close();
  });
});
