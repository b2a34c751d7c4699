/** Axes and curves: scales and shapes come from d3, the elements are written here. */

import { scaleLinear, scaleLog, scaleUtc } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import { escaped, HEIGHT, WIDTH } from './markup.ts';
import { brief } from './words.ts';

/** What is left of the picture for curves. */
const LEFT = 46;
const RIGHT = WIDTH - 12;
const TOP = 10;
const BOTTOM: number = HEIGHT - 26;

/** Maps values to places. */
export type Scale = (value: number) => number;

/** An axis that is drawn, and how values are placed along it. */
export interface Axis {
  readonly at: Scale;
  readonly svg: string;
}

/** From left to right. `label` writes a tick's value. */
function bottom(at: Scale, ticks: readonly number[], label: (value: number) => string): Axis {
  const marks = ticks.map((tick) => {
    const x = round(at(tick));
    // A label at the very edge would be cut.
    const anchor = x > RIGHT - 16 ? 'end' : x < LEFT + 10 ? 'start' : 'middle';
    return `<path class="tick" d="M${x},${BOTTOM}v4"/><text x="${x}" y="${BOTTOM + 17}" text-anchor="${anchor}">${escaped(label(tick))}</text>`;
  });
  return { at, svg: `<path class="axis" d="M${LEFT},${BOTTOM}H${RIGHT}"/>${marks.join('')}` };
}

/** Time from left to right. */
export function timeAxis(from: number, to: number, label: (at: number) => string): Axis {
  const scale = scaleUtc([from, Math.max(to, from + 1)], [LEFT, RIGHT]);
  const coarse = scale.ticks(4);
  // Two ticks say too little.
  const ticks = (coarse.length > 2 ? coarse : scale.ticks(10)).map(Number);
  const room = Math.max(50, 8 + 6 * Math.max(...ticks.map((tick) => label(tick).length)));
  const apart: number[] = [];
  for (const tick of ticks) {
    const last = apart.at(-1);
    if (last === undefined || scale(tick) - scale(last) >= room) apart.push(tick);
  }
  return bottom((value) => scale(value), apart, label);
}

/** Values from left to right, each tick as far from the last one as their quotient says. */
export function logAxis(
  from: number,
  to: number,
  ticks: readonly number[],
  label: (value: number) => string,
): Axis {
  const scale = scaleLog([from, to], [LEFT, RIGHT]);
  return bottom((value) => scale(Math.max(from, value)), ticks, label);
}

/** Values from 0 up. */
export function leftAxis(most: number, label: (value: number) => string = brief): Axis {
  const scale = scaleLinear([0, most === 0 ? 1 : most], [BOTTOM, TOP]).nice(4);
  const marks = scale.ticks(4).map((tick) => {
    const y = round(scale(tick));
    return `<path class="rule" d="M${LEFT},${y}H${RIGHT}"/><text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${escaped(label(tick))}</text>`;
  });
  return { at: (value) => scale(value), svg: marks.join('') };
}

/** A point of a curve. */
export type Point = readonly [x: number, y: number];

/** Steps, each from its point to the next. */
export function steps(points: readonly Point[], x: Scale, y: Scale, kind: string): string {
  const path = line<Point>(
    ([at]) => round(x(at)),
    ([, value]) => round(y(value)),
  ).curve(curveStepAfter)(points);
  return `<path class="line ${kind}" d="${path ?? ''}"/>`;
}

/** A dash across each step, without what leads from one to the next; none at 0. */
export function levels(points: readonly Point[], x: Scale, y: Scale, kind: string): string {
  const dashes = points.flatMap(([at, value], i) => {
    const next = points[i + 1];
    return next === undefined || value === 0
      ? []
      : [`M${round(x(at))},${round(y(value))}H${round(x(next[0]))}`];
  });
  return `<path class="line ${kind}" d="${dashes.join('')}"/>`;
}

/** A curve from point to point. */
export function curve(points: readonly Point[], x: Scale, y: Scale, kind: string): string {
  const path = line<Point>(
    ([at]) => round(x(at)),
    ([, value]) => round(y(value)),
  )(points);
  return `<path class="line ${kind}" d="${path ?? ''}"/>`;
}

/** What lies between two curves of steps. */
export function band(
  points: readonly (readonly [x: number, from: number, to: number])[],
  x: Scale,
  y: Scale,
  kind: string,
): string {
  const path = area<(typeof points)[number]>(
    ([at]) => round(x(at)),
    ([, from]) => round(y(from)),
    ([, , to]) => round(y(to)),
  ).curve(curveStepAfter)(points);
  return `<path class="band ${kind}" d="${path ?? ''}"/>`;
}

/** A line across, such as the quota, with its name at one end. */
export function across(value: number, y: Scale, words: string, end: 'left' | 'right' = 'right'): string {
  const at = round(y(value));
  const text = end === 'left' ? `x="${LEFT + 4}"` : `x="${RIGHT}" text-anchor="end"`;
  // Above the line, or below it where there is no room.
  const beside = at - 4 < TOP + 6 ? at + 14 : at - 4;
  return `<path class="mark" d="M${LEFT},${at}H${RIGHT}"/><text class="marked" ${text} y="${beside}">${escaped(words)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
