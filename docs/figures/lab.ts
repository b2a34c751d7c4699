/**
 * The figures of `docs/lab.md` and `docs/choosing.md`, made by the lab: each runs a comparison and draws it as a report
 * does. Pure: virtual time, seeded, the same text on every machine.
 *
 * `UPDATE_FIGURES=1 npx vitest run --config test/vitest.config.ts test/integration/figures.test.ts` writes the files.
 */

import { fixedWindow, slidingWindow, tokenBucket } from 'headgate';
import {
  boundaryAttack,
  type Comparison,
  compare,
  exactLog,
  type Figures,
  retryStorm,
  zipf,
} from 'headgate/lab';
import { spans, timeOf, usage, waits } from '../../src/lab/report/figures.ts';
import { escaped, HEIGHT, WIDTH } from '../../src/lab/report/markup.ts';
import { STYLE } from '../../src/lab/report/style.ts';

const RATE = { quota: 100, window: '1m' } as const;

const ALGORITHMS = {
  'exact log': exactLog(RATE),
  'fixed window, first use': fixedWindow(RATE),
  'fixed window, epoch': fixedWindow({ ...RATE, anchor: 'epoch' }),
  'sliding window': slidingWindow(RATE),
  'token bucket of 100': tokenBucket(RATE),
  'token bucket of 10': tokenBucket({ ...RATE, burst: 10 }),
};

/** What four limiters have in use while their windows' boundaries are attacked. */
export async function boundaryFigure(): Promise<string> {
  const { 'token bucket of 100': _full, 'token bucket of 10': _small, ...algorithms } = ALGORITHMS;
  const comparison = await compare({
    algorithms,
    workload: boundaryAttack({ ...RATE, rounds: 2 }),
    watch: ['attacker'],
  });
  return usages('A boundary attack: how much of the quota is in use within one window', comparison);
}

/** The most granted within spans of each length, under heavy traffic of many clients. */
export async function spansFigure(): Promise<string> {
  const { contenders } = await compare({ algorithms: ALGORITHMS, workload: zipf({ rate: 30, keys: 100 }) });
  return alone('Most granted within a span of the window, by the quota', spans(contenders), contenders);
}

/** How long clients wait who come back when they are told to. */
export async function waitsFigure(): Promise<string> {
  const workload = retryStorm({ clients: 300, jitter: '10s' });
  const { contenders } = await compare({ algorithms: ALGORITHMS, workload });
  return alone(
    '300 clients at once: share of those who waited, by their wait',
    waits(contenders),
    contenders,
  );
}

function usages(title: string, comparison: Comparison): string {
  const { contenders } = comparison;
  const panels = picturesIn(usage(contenders, timeOf(comparison), 'attacker', 0));
  const placed = panels.map((panel, i) => {
    const x = (i % 2) * WIDTH;
    const y = 40 + Math.floor(i / 2) * (HEIGHT + 30);
    const name = `<text class="name" x="${x + 12}" y="${y + 4}">${escaped(contenders[i]?.name ?? '')}</text>`;
    return `${name}<g transform="translate(${x} ${y + 6})">${panel}</g>`;
  });
  return drawing(title, 2 * WIDTH, 40 + Math.ceil(panels.length / 2) * (HEIGHT + 30), placed.join('\n'));
}

/** One picture, larger, with the names of its lines beside it. */
function alone(title: string, picture: string, contenders: readonly Figures[]): string {
  const [inside = ''] = picturesIn(picture);
  const names = contenders.map(
    ({ name }, i) =>
      `<path class="line c${i}${i % 3 === 0 ? '' : ` dash${i % 3}`}" d="M545,${70 + 22 * i}h26"/><text x="578" y="${74 + 22 * i}">${escaped(name)}</text>`,
  );
  const chart = `<g transform="translate(0 40) scale(1.5)">${inside}</g>`;
  return drawing(title, 720, 350, chart + names.join('\n'));
}

function picturesIn(html: string): string[] {
  return [...html.matchAll(/<svg[^>]*>([\s\S]*?)<\/svg>/g)].map(([, inside = '']) =>
    inside.replace(/<title[\s\S]*?<\/desc>/, '').trim(),
  );
}

function drawing(title: string, width: number, height: number, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE.replace(/body \{[\s\S]*?\n(?=svg \{)/, '')}
.page { fill: var(--page); } svg .heading { font: 600 14px system-ui, sans-serif; fill: var(--text); } svg .name { font-weight: 600; fill: var(--text); }
</style>
<rect class="page" width="${width}" height="${height}"/>
<text class="heading" x="12" y="22">${escaped(title)}</text>
${content}
</svg>
`;
}
