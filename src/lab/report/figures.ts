/** The pictures of a report. */

import type { Comparison } from '../compare.ts';
import type { Figures, TimelineFigures } from '../figures.ts';
import {
  type Axis,
  across,
  band,
  curve,
  leftAxis,
  levels,
  logAxis,
  type Point,
  steps,
  timeAxis,
} from './chart.ts';
import { escaped, figure, table } from './markup.ts';
import { COLOUR_COUNT } from './style.ts';
import { length, number, percent, times } from './words.ts';

/** Rows of the table behind a curve over time. */
const MOST_ROWS = 24;

/** The instants of a comparison as its reader knows them: of a log by date, of a workload by what has passed. */
export interface Time {
  /** What is written at an instant; `span` is what the axis covers. */
  readonly label: (at: number) => string;
  /** The instant as it is placed. */
  readonly place: (at: number) => number;
}

export function timeOf({ workload }: Comparison): Time {
  const from = workload.from ?? 0;
  if (workload.name !== 'trace')
    return { label: (at) => (at === 0 ? '0' : length(at)), place: (at) => at - from };
  const isLong = (workload.to ?? from) - from > 86_400_000;
  return {
    label: (at) => {
      const text = new Date(at).toISOString();
      return isLong ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(11, 19);
    },
    place: (at) => at,
  };
}

/** Whether what came in can be drawn to one scale: nobody's most is lost beside another's. */
export function isOneScale(contenders: readonly Figures[]): boolean {
  const peaks = contenders.map(({ timeline }) => peakOf(timeline)).filter((peak) => peak > 0);
  return Math.max(...peaks) <= 10 * Math.min(...peaks);
}

/** Whether time can be drawn alike for all: nobody's bins get too thin to be seen. */
export function isOneTime(contenders: readonly Figures[]): boolean {
  const lengths = contenders.map(({ timeline }) => endOf(timeline) - timeline.from);
  return Math.max(...lengths) <= 2 * Math.min(...lengths);
}

function peakOf(timeline: TimelineFigures): number {
  return Math.max(0, ...perSecond(timeline, timeline.asked), ...perSecond(timeline, timeline.arrived));
}

/** What was admitted and denied over time, one picture for each contender. */
export function traffic(contenders: readonly Figures[], time: Time): string {
  const peaks = contenders.map(({ timeline }) => peakOf(timeline));
  const isShared = isOneScale(contenders);
  return contenders
    .map(({ name, timeline }, i) => {
      const y = leftAxis(isShared ? Math.max(...peaks) : (peaks[i] ?? 0));
      const x = axisOf(timeline, contenders, time);
      const yes = perSecond(timeline, timeline.admitted);
      const no = perSecond(timeline, timeline.denied);
      const come = perSecond(timeline, timeline.arrived);
      const at = binsOf(timeline, time);
      const bands = [
        band(
          at.map((when, bin) => [when, 0, yes[bin] ?? 0]),
          x.at,
          y.at,
          'yes',
        ),
        band(
          at.map((when, bin) => [when, yes[bin] ?? 0, (yes[bin] ?? 0) + (no[bin] ?? 0)]),
          x.at,
          y.at,
          'no',
        ),
        levels(
          at.map((when, bin): Point => [when, come[bin] ?? 0]),
          x.at,
          y.at,
          'arrived',
        ),
      ];
      const rows = grouped(timeline, time, (bin, width) => [
        number(sum(timeline.arrived, bin, width)),
        number(sum(timeline.asked, bin, width)),
        number(sum(timeline.admitted, bin, width)),
        number(sum(timeline.denied, bin, width)),
      ]);
      return figure(`traffic-${i}`, {
        title: name,
        describe: `Units a second over time: ${number(total(timeline.arrived))} came in, ${number(total(timeline.admitted))} admitted, ${number(total(timeline.denied))} denied.`,
        svg: y.svg + bands.join('') + x.svg,
        behind: table('Units', ['from', 'arrived', 'asked', 'admitted', 'denied'], rows),
      });
    })
    .join('\n');
}

/** How much of its quota a key has in use over time. */
export function usage(contenders: readonly Figures[], time: Time, key: string, n: number): string {
  const watched = contenders.flatMap((each) => {
    const most = each.timeline.usage.find((one) => one.key === key)?.most;
    return most === undefined ? [] : [{ ...each, most }];
  });
  const y = leftAxis(Math.max(1, ...watched.flatMap(({ most }) => most)), (value) => `${number(value)}x`);
  return watched
    .map(({ name, timeline, most }, i) => {
      const x = axisOf(timeline, contenders, time);
      const points = binsOf(timeline, time).map((at, bin): Point => [at, most[bin] ?? most.at(-1) ?? 0]);
      return figure(`usage-${n}-${i}`, {
        title: name,
        describe: `How much of its quota ${key} had in use within the window; at worst ${times(Math.max(0, ...most))}.`,
        svg: y.svg + steps(points, x.at, y.at, 'usage') + x.svg + across(1, y.at, 'quota'),
        behind: table(
          'Most in use, by the quota',
          ['from', 'most'],
          grouped(timeline, time, (bin, width) => [times(Math.max(0, ...most.slice(bin, bin + width)))]),
        ),
      });
    })
    .join('\n');
}

/** The most granted within spans of each length, by the quota; a line for each contender. */
export function spans(contenders: readonly Figures[]): string {
  const granted = contenders.map((each, i) => ({ each, i })).filter(({ each }) => each.window !== undefined);
  const shares = contenders[0]?.peaks.map(({ share }) => share) ?? [];
  const ratios = (each: Figures) => each.peaks.map(({ peak }) => peak?.ratio ?? 0);
  const x = logAxis(shares[0] ?? 1, shares.at(-1) ?? 2, [1 / 60, 1 / 6, 1 / 2, 1, 2], fraction);
  const y = leftAxis(Math.max(1, ...granted.flatMap(({ each }) => ratios(each))), (value) => `${value}x`);
  const lines = granted.map(({ each, i }) =>
    curve(
      shares.map((share, j): Point => [share, ratios(each)[j] ?? 0]),
      x.at,
      y.at,
      lineOf(i),
    ),
  );
  return figure('spans', {
    title: 'Most granted within a span of the window',
    describe: granted
      .map(({ each }) => `${each.name}: ${times(each.window?.ratio)} the quota within one window`)
      .join('; '),
    svg: y.svg + lines.join('') + x.svg + across(1, y.at, 'quota', 'left'),
    legend: legend(
      contenders,
      granted.map(({ i }) => i),
    ),
    behind: table(
      'Most granted, by the quota',
      ['', ...shares.map(fraction)],
      granted.map(({ each }) => [each.name, ...ratios(each).map(times)]),
    ),
  });
}

/** How many of those who had to wait were admitted after how long. */
export function waits(contenders: readonly Figures[]): string {
  const waited = contenders.map((each, i) => ({ each, i })).filter(({ each }) => each.waits.count > 0);
  const longest = Math.max(2, ...waited.map(({ each }) => each.waits.longest ?? 0));
  const shortest = Math.max(
    1,
    Math.min(longest / 2, ...waited.map(({ each }) => each.waitHistogram[0]?.[0] ?? 1)),
  );
  const ticks = TICKS.filter((tick) => tick >= shortest && tick <= longest);
  const few = ticks.filter((_, i) => i % Math.ceil(ticks.length / 5) === 0);
  const x = logAxis(shortest, longest, few, length);
  const y = leftAxis(1, percentTick);
  const lines = waited.map(({ each, i }) => {
    let counted = 0;
    const points = each.waitHistogram.map(([upTo, count]): Point => {
      counted += count;
      return [Math.min(upTo, each.waits.longest ?? upTo), counted / each.waits.count];
    });
    return steps([[shortest, 0], ...points, [longest, 1]], x.at, y.at, lineOf(i));
  });
  return figure('waits', {
    title: 'Share of waiting requests admitted, by their wait',
    describe: waited
      .map(
        ({ each }) =>
          `${each.name}: half within ${length(each.waits.p50)}, 99 in 100 within ${length(each.waits.p99)}`,
      )
      .join('; '),
    svg: y.svg + lines.join('') + x.svg,
    legend: legend(
      contenders,
      waited.map(({ i }) => i),
    ),
    behind: table(
      'Waits',
      ['', 'waited', 'p50', 'p90', 'p99', 'longest'],
      waited.map(({ each: { name, waits } }) => [
        name,
        number(waits.count),
        length(waits.p50),
        length(waits.p90),
        length(waits.p99),
        length(waits.longest),
      ]),
    ),
  });
}

const TICKS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000,
];

/** Whose line is which. */
function legend(contenders: readonly Figures[], shown: readonly number[]): string {
  const items = shown.map(
    (i) => `<li><i class="k ${lineOf(i)}"></i>${escaped(contenders[i]?.name ?? '')}</li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

/** Lines that lie upon each other are told apart by their dashes. */
function lineOf(i: number): string {
  return `c${i % COLOUR_COUNT}${i % 3 === 0 ? '' : ` dash${i % 3}`}`;
}

/** Time from left to right, for all alike where that can be. */
function axisOf(timeline: TimelineFigures, contenders: readonly Figures[], { place, label }: Time): Axis {
  const shown = isOneTime(contenders) ? contenders.map((each) => each.timeline) : [timeline];
  const from = Math.min(...shown.map((each) => each.from));
  return timeAxis(place(from), place(Math.max(...shown.map(endOf))), label);
}

function endOf({ from, to, width }: TimelineFigures): number {
  return Math.max(to, from + width);
}

/** Where each bin begins, and where the last one ends. */
function binsOf({ from, width, asked }: TimelineFigures, { place }: Time): number[] {
  return Array.from({ length: asked.length + 1 }, (_, bin) => place(from + bin * width));
}

function perSecond({ width }: TimelineFigures, bins: readonly number[]): number[] {
  return bins.map((units) => (1000 * units) / width);
}

/** Rows of a table over time, a few bins to each. */
function grouped(
  timeline: TimelineFigures,
  { place, label }: Time,
  row: (bin: number, width: number) => string[],
): string[][] {
  const width = Math.max(1, Math.ceil(timeline.asked.length / MOST_ROWS));
  const count = Math.ceil(timeline.asked.length / width);
  return Array.from({ length: count }, (_, i) => [
    label(place(timeline.from + i * width * timeline.width)),
    ...row(i * width, width),
  ]);
}

function sum(bins: readonly number[], from: number, count: number): number {
  return total(bins.slice(from, from + count));
}

function total(bins: readonly number[]): number {
  return bins.reduce((all, units) => all + units, 0);
}

function fraction(share: number): string {
  return share >= 1 ? String(share) : share === 0.75 ? '3/4' : `1/${Math.round(1 / share)}`;
}

function percentTick(share: number): string {
  return percent(share).replace('.0', '');
}
