import { fixedWindow, tokenBucket } from 'headgate';
import {
  boundaryAttack,
  type Comparison,
  compare,
  constant,
  exactLog,
  htmlReport,
  retryStorm,
} from 'headgate/lab';
import { beforeAll, describe, expect, it } from 'vitest';

const RATE = { quota: 20, window: '1m' } as const;
const ALGORITHMS = {
  'exact log': exactLog(RATE),
  'fixed <window>': fixedWindow({ ...RATE, anchor: 'epoch' }),
  bucket: tokenBucket({ ...RATE, burst: 5 }),
};

const made = (): Promise<Comparison> =>
  compare({ algorithms: ALGORITHMS, workload: retryStorm({ clients: 100, honour: 0.5, keys: 2 }) });

describe('a report', () => {
  let comparison: Comparison;
  let page: string;
  beforeAll(async () => {
    comparison = await made();
    page = htmlReport(comparison, {
      command: `headgate compare '<x>'`,
      documents: { Policy: { a: '</pre>' } },
    });
  });

  it('should be the same for the same seed, byte for byte', async () => {
    expect(htmlReport(await made())).toBe(htmlReport(comparison));
  });

  it('should load nothing and run nothing', () => {
    expect(page).not.toMatch(/https?:|<script|<link|@import|url\(|src=/);
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).toContain('width=device-width');
  });

  it('should say in words and in a table what each picture shows', () => {
    const figures = [...page.matchAll(/<figure>([\s\S]*?)<\/figure>/g)].map(([, inside = '']) => inside);
    const pictures = figures.filter((inside) => inside.includes('<svg'));
    // Traffic and the usage of two keys for each of three contenders, the spans and the waits.
    expect(pictures).toHaveLength(3 + 6 + 2);
    for (const picture of pictures) {
      const [, title, desc] = /aria-labelledby="(\S+) (\S+)"/.exec(picture) ?? [];
      expect(picture).toMatch(
        new RegExp(`<title id="${title}">[^<]+</title><desc id="${desc}">[^<]+</desc>`),
      );
      expect(picture).toMatch(/<details>.*<table[\s\S]*<tbody><tr><th/);
    }
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('should show the figures of the comparison', () => {
    const [, , bucket] = comparison.contenders;
    expect(page).toContain(`<td data-label="retries">${bucket?.retries.toLocaleString('en-US')}</td>`);
    for (const heading of [
      'Summary',
      'Traffic',
      'Usage of key-0',
      'Overshoot',
      'Waits',
      'Keys denied most often',
      'Policy',
      'Made by',
    ])
      expect(page).toContain(`<h2>${heading}</h2>`);
  });

  it('should take names for text', () => {
    expect(page).toContain('fixed &#60;window&#62;');
    expect(page).toContain('headgate compare &#39;&#60;x&#62;&#39;');
    expect(page).not.toContain('<window>');
    expect(page).not.toContain('</pre>"');
  });

  it('should draw numbers only', () => {
    for (const [, path] of page.matchAll(/ d="([^"]*)"/g)) expect(path).toMatch(/^[MLHVZhv0-9.,-]+$/);
  });
});

it('should leave out what there is not', async () => {
  const calm = await compare({ algorithms: ALGORITHMS, workload: constant({ rate: 0.1 }) });
  const page = htmlReport(calm);
  expect(page).not.toContain('<h2>Waits');
  expect(page).not.toContain('<h2>Keys denied');
  expect(page).not.toContain('NaN');
  const nothing = await compare({
    algorithms: ALGORITHMS,
    workload: { ...boundaryAttack(), arrivals: () => [] },
  });
  expect(htmlReport(nothing)).not.toMatch(/NaN|undefined|Infinity/);
});

it('should refuse options that it does not know', async () => {
  expect(() => htmlReport({} as Comparison, { titel: 'x' } as object)).toThrow(
    expect.objectContaining({ name: 'PolicyError', path: 'titel' }),
  );
});
