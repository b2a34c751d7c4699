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
    expect(page).toContain('<span class="word">&#39;&#60;x&#62;&#39;</span>');
    expect(page).not.toContain('<window>');
    expect(page).not.toContain('</pre>"');
  });

  it('should draw numbers only', () => {
    for (const [, path] of page.matchAll(/ d="([^"]*)"/g)) expect(path).toMatch(/^[MLHVZhv0-9.,-]+$/);
  });
});

/** How light a colour is, from 0 to 1, as WCAG has it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

it('should tell admitted and denied apart by how light they are, not by red and green alone', async () => {
  const page = htmlReport(await made());
  const [cards, yes, no] = ['card', 'yes', 'no'].map((name) =>
    [...page.matchAll(new RegExp(`--${name}: (#\\w{6})`, 'g'))].map(([, colour = '']) => luminance(colour)),
  ) as [number[], number[], number[]];
  const contrast = (a = 0, b = 0): number => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  expect(cards).toHaveLength(2);
  for (const [i, card] of cards.entries()) {
    for (const pair of [[yes[i], no[i]] as const, [yes[i], card] as const, [no[i], card] as const])
      expect(contrast(...pair)).toBeGreaterThan(3);
  }
});

it('should spell out what would turn text around or hide in it', async () => {
  const { contenders, ...comparison } = await compare({
    algorithms: { 'a\u202eb\u0001c': fixedWindow(RATE) },
    workload: constant({ rate: 0.1, length: '1m' }),
  });
  const page = htmlReport({ ...comparison, contenders });
  expect(page).toContain('a\\u202eb\\u0001c');
  for (const hidden of ['\u202e', '\u0001', '&#8238;', '&#1;']) expect(page).not.toContain(hidden);
});

/** Labels below the first picture of each contender's traffic. */
const timesIn = (page: string): string[][] =>
  [...page.matchAll(/aria-labelledby="traffic-[\s\S]*?<\/svg>/g)].map(([svg]) =>
    [...svg.matchAll(/y="191"[^>]*>([^<]*)</g)].map(([, label = '']) => label),
  );

it('should show time alike for all, unless some go on for much longer', async () => {
  const even = htmlReport(await compare({ algorithms: ALGORITHMS, workload: constant({ rate: 1 }) }));
  expect(timesIn(even)).toEqual(Array(3).fill(['0', '2m', '4m', '6m', '8m']));
  expect(even).not.toContain('mind the time');

  const uneven = htmlReport(
    await compare({ algorithms: ALGORITHMS, workload: retryStorm({ clients: 300, within: '1s' }) }),
  );
  expect(new Set(timesIn(uneven).map(String)).size).toBeGreaterThan(1);
  expect(uneven).toContain('mind the time');
});

it('should have no line for whom nothing was measured', async () => {
  const jobs = {
    version: 1,
    limits: { jobs: { algorithm: 'concurrency', quota: 3, per: 'account' } },
    groups: { job: { limits: ['jobs'] } },
    unmatched: 'deny',
  } as const;
  const page = htmlReport(
    await compare({
      algorithms: { jobs, rate: fixedWindow(RATE) },
      workload: constant({ rate: 1, length: '1m', hold: '3s' }),
    }),
  );
  const [overshoot = ''] = /<h2>Overshoot[\s\S]*?<\/section>/.exec(page) ?? [];
  expect([...overshoot.matchAll(/<li>.*?<\/i>([^<]*)/g)].map(([, name]) => name)).toEqual(['rate']);
  expect(overshoot).not.toContain('jobs');
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
  expect(htmlReport(nothing)).not.toMatch(/NaN|undefined|Infinity|<h2>Traffic|<h2>Overshoot/);
});

it('should refuse options that it does not know', async () => {
  expect(() => htmlReport({} as Comparison, { titel: 'x' } as object)).toThrow(
    expect.objectContaining({ name: 'PolicyError', path: 'titel' }),
  );
});
