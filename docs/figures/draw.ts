/**
 * The figures of `docs/algorithms.md`. Each plays an arrival pattern through a real limiter and draws what it answered,
 * so a figure cannot say what the code does not do. Pure: no clock, no randomness, the same text on every machine.
 *
 * `UPDATE_FIGURES=1 npx vitest run --config test/vitest.config.ts test/integration/figures.test.ts` writes the files.
 */

import { createLimiter, fixedWindow, type Millis, type Plan, slidingWindow, tokenBucket } from 'headgate';

/** A pattern of requests of one unit each, and the limit that they meet. */
interface Pattern {
  readonly title: string;
  readonly plan: Plan;
  /** Instants at which somebody asks, in order. */
  readonly arrivals: readonly Millis[];
  /** Whether a span of one window holds both its ends or only the later one, as the algorithm's bound counts. */
  readonly span: 'closed' | 'half-open';
}

/** A number of units from an instant on. */
interface Level {
  readonly at: Millis;
  readonly units: number;
}

/** What came of a pattern. */
interface Outcome {
  readonly answers: readonly { readonly at: Millis; readonly allowed: boolean }[];
  /** Units in use as the limiter counts them. */
  readonly used: readonly Level[];
  /** Units that have really passed in the last window. */
  readonly passed: readonly Level[];
  /** Where windows begin, as the limiter's answers give them away. */
  readonly windows: readonly Millis[];
}

const WINDOW: Millis = 60_000;
const END: Millis = 180_000;
/** Distance of two samples, a third of a pixel. */
const SAMPLE: Millis = 100;

const WIDTH = 720;
const LEFT = 92;
const RIGHT = 20;
/** Heights within a panel: its title, a stack of eight arrivals, a chart of twelve units, the axis. */
const TITLE = 26;
const STACK = 74;
const CHART = 112;
const AXIS = 34;
const PANEL: number = TITLE + STACK + CHART + AXIS;
const MOST_UNITS = 12;
const LEGEND = 34;

const STYLE = `
  .page { fill: #ffffff; }
  text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
  .title { font-size: 13px; font-weight: 600; }
  .axis { stroke: #8c959f; fill: none; }
  .window { stroke: #8c959f; stroke-dasharray: 2 4; }
  .quota { stroke: #57606a; stroke-dasharray: 8 4; }
  .used { stroke: #0969da; stroke-width: 2; fill: none; }
  .passed { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 4 2; fill: none; }
  .admitted { fill: #1a7f37; stroke: #1a7f37; }
  .denied { fill: none; stroke: #cf222e; }
  .worst { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; }
    text { fill: #e6edf3; }
    .axis, .window { stroke: #6e7681; }
    .quota { stroke: #9da7b3; }
    .used { stroke: #58a6ff; }
    .passed { stroke: #f0883e; }
    .admitted { fill: #3fb950; stroke: #3fb950; }
    .denied { stroke: #ff7b72; }
    .worst { fill: #f0883e; }
  }`;

/** A quota spent late in one window and again early in the next, for both anchors. */
export function fixedWindowFigure(): string {
  const epoch = fixedWindow({ quota: 6, window: WINDOW, anchor: 'epoch' });
  const firstUse = fixedWindow({ quota: 6, window: WINDOW });
  const later = every(15_000, 75_000, END);
  return figure(
    'Fixed window: the worst case',
    'Six units pass late in one window and six more early in the next, so twice the quota, or one less, passes within one window length.',
    [
      {
        title: "anchor 'epoch', 6 per 60 s: 6 at 52 s, 6 more at 60 s",
        plan: epoch,
        arrivals: [...times(8, 52_000), ...times(8, 60_000), ...later],
        span: 'half-open',
      },
      {
        title: "anchor 'first-use', 6 per 60 s: 1 at 10 s, 5 at 62 s, 6 more at 70 s",
        plan: firstUse,
        arrivals: [10_000, ...times(7, 62_000), ...times(8, 70_000), ...later],
        span: 'half-open',
      },
    ],
  );
}

/** A quota spent just before a window ends, and one spent early in it: the estimate errs in both directions. */
export function slidingWindowFigure(): string {
  const plan = slidingWindow({ quota: 6, window: WINDOW });
  const trickle = every(2000, 61_999, 120_000);
  return figure(
    'Sliding window: the worst case, and its opposite',
    'Spent just before a window ends, a quota is weighed as if it had been spread out, and up to twice the quota passes in 60 s. Spent early in a window, it still weighs after it has left the last 60 s.',
    [
      {
        title: '6 per 60 s, spent as a window ends: then too much for a while',
        plan,
        arrivals: [...times(8, 59_999), ...trickle],
        span: 'closed',
      },
      {
        title: '6 per 60 s, spent early in a window: then too little for a while',
        plan,
        arrivals: [...times(8, 4000), ...trickle],
        span: 'closed',
      },
    ],
  );
}

/** A burst at once, then each unit as it drips. */
export function tokenBucketFigure(): string {
  return figure(
    'Token bucket: the worst case',
    'A burst of four passes at once, then one unit every ten seconds as it drips: ten units within 60 s, which is burst plus quota. After a pause the whole burst is there again.',
    [
      {
        title: '6 per 60 s, burst 4: 4 at 10 s, then one every 10 s; a pause; 4 again at 130 s',
        plan: tokenBucket({ quota: 6, window: WINDOW, burst: 4 }),
        arrivals: [...times(6, 10_000), ...every(5000, 15_000, 75_000), ...times(6, 130_000)],
        span: 'closed',
      },
    ],
  );
}

function times(count: number, at: Millis): Millis[] {
  return Array<Millis>(count).fill(at);
}

/** Instants from `from` up to, but not at, `to`. */
function every(step: Millis, from: Millis, to: Millis): Millis[] {
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);
}

function play({ plan, arrivals, span }: Pattern): Outcome {
  const limiter = createLimiter(plan, { seed: 0 });
  const answers: { at: Millis; allowed: boolean }[] = [];
  const windows = new Set<Millis>();
  const used: Level[] = [];
  const passed: Level[] = [];
  for (const now of [...new Set([...every(SAMPLE, 0, END), END, ...arrivals])].sort((a, b) => a - b)) {
    for (const _ of arrivals.filter((at) => at === now)) {
      const { allowed, resetAt = now } = limiter.check('key', { now });
      answers.push({ at: now, allowed });
      if (plan.algorithm.kind === 'fixed-window' && allowed) windows.add(resetAt - WINDOW).add(resetAt);
      if (plan.algorithm.kind === 'sliding-window' && allowed) {
        windows.add(now - (now % WINDOW)).add(now - (now % WINDOW) + WINDOW);
      }
    }
    const { remaining } = limiter.peek('key', { now });
    used.push({ at: now, units: capacityOf(plan) - remaining });
    const since = span === 'closed' ? now - WINDOW : now - WINDOW + 1;
    passed.push({ at: now, units: answers.filter(({ at, allowed }) => allowed && at >= since).length });
  }
  return { answers, used, passed, windows: [...windows].filter((at) => at < END) };
}

function capacityOf({ quota, burst }: Plan): number {
  return burst ?? quota;
}

function figure(title: string, description: string, patterns: readonly Pattern[]): string {
  const height = 8 + patterns.length * PANEL + LEGEND;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${title}</title>`,
    `<desc id="desc">${description}</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}" rx="6"/>`,
    ...patterns.flatMap((pattern, i) => panel(pattern, 8 + i * PANEL)),
    ...legend(
      8 + patterns.length * PANEL + 14,
      patterns.some(({ plan }) => plan.burst === undefined),
    ),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function panel(pattern: Pattern, top: number): string[] {
  const { answers, used, passed, windows } = play(pattern);
  const floor = top + TITLE + STACK;
  const base = floor + CHART;
  const y = (units: number): number => base - (units * (CHART - 8)) / MOST_UNITS;
  const capacity = capacityOf(pattern.plan);
  const most = passed.reduce((worst, level) => (level.units > worst.units ? level : worst));
  const capacityName = pattern.plan.burst === undefined ? 'quota' : 'burst';
  return [
    text(LEFT, top + 16, pattern.title, 'title'),
    text(LEFT - 10, floor - 8, 'requests', '', 'end'),
    text(LEFT - 10, y(capacity) + 4, `${capacityName} ${capacity}`, '', 'end'),
    text(LEFT - 10, base + 4, '0', '', 'end'),
    ...windows.map((at) => line('window', x(at), top + TITLE, x(at), base)),
    line('axis', LEFT, base, WIDTH - RIGHT, base),
    line('quota', LEFT, y(capacity), WIDTH - RIGHT, y(capacity)),
    ...every(30_000, 0, END + 1).flatMap((at) => [
      line('axis', x(at), base, x(at), base + 4),
      text(x(at), base + 18, `${at / 1000} s`, '', 'middle'),
    ]),
    steps('passed', passed, y),
    steps('used', used, y),
    ...(most.units > capacity
      ? [text(x(most.at) + 6, y(most.units) - 5, `${most.units} in 60 s`, 'worst')]
      : []),
    ...dots(answers, floor - 8),
  ];
}

/** One dot per request, those of one instant on top of one another, the first at the bottom. */
function dots(answers: Outcome['answers'], bottom: number): string[] {
  return answers.map(({ at, allowed }, i) => {
    const height = answers.slice(0, i).filter((earlier) => earlier.at === at).length;
    const kind = allowed ? 'admitted' : 'denied';
    return `<circle class="${kind}" cx="${coordinate(x(at))}" cy="${coordinate(bottom - 4 - 8.5 * height)}" r="2.8"/>`;
  });
}

/** A line that keeps its level until the next one. */
function steps(kind: string, levels: readonly Level[], y: (units: number) => number): string {
  const corners = levels.flatMap(({ at, units }, i) => {
    if (i === 0) return [`M${coordinate(x(at))} ${coordinate(y(units))}`];
    if (units === levels[i - 1]?.units) return i === levels.length - 1 ? [`H${coordinate(x(at))}`] : [];
    return [`H${coordinate(x(at))}`, `V${coordinate(y(units))}`];
  });
  return `<path class="${kind}" d="${corners.join('')}"/>`;
}

function legend(y: number, hasWindows: boolean): string[] {
  return [
    `<circle class="admitted" cx="${LEFT}" cy="${y - 4}" r="2.8"/>`,
    text(LEFT + 8, y, 'admitted'),
    `<circle class="denied" cx="${LEFT + 84}" cy="${y - 4}" r="2.8"/>`,
    text(LEFT + 92, y, 'denied'),
    line('used', LEFT + 152, y - 4, LEFT + 176, y - 4),
    text(LEFT + 182, y, 'in use'),
    line('passed', LEFT + 242, y - 4, LEFT + 266, y - 4),
    text(LEFT + 272, y, 'admitted in the last 60 s'),
    ...(hasWindows
      ? [line('window', LEFT + 446, y - 12, LEFT + 446, y + 2), text(LEFT + 454, y, 'a window begins')]
      : []),
  ];
}

function x(at: Millis): number {
  return LEFT + (at * (WIDTH - LEFT - RIGHT)) / END;
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(coordinate);
  return `<line class="${kind}" x1="${a}" y1="${b}" x2="${c}" y2="${d}"/>`;
}

function text(x: number, y: number, content: string, kind = '', anchor = 'start'): string {
  const attributes = `${kind && ` class="${kind}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`;
  return `<text x="${coordinate(x)}" y="${coordinate(y)}"${attributes}>${content}</text>`;
}

/** A tenth of a pixel is as fine as anyone sees. */
function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}
