/**
 * From the columns of a log to the descriptor of a request.
 *
 * @module
 */

import { PolicyError, show, suggest } from '../../errors.ts';
import { type Millis, readDuration } from '../../time.ts';
import { readInstant } from './instant.ts';
import type { Field } from './log-sink.ts';

/** Facts of one request as an engine takes them. */
export interface LoggedDescriptor {
  /** HTTP method. */
  readonly method?: string;
  /** Request target. */
  readonly path?: string;
  /** Endpoint group. */
  readonly group?: string;
  /** The account's plan. */
  readonly tier?: string;
  /** Units taken. */
  readonly cost?: Readonly<Record<string, number>>;
  /** Partition fields. */
  readonly [field: string]: unknown;
}

/** One line of a log: what was asked, and when. */
export interface LoggedRequest {
  /** Its number, from 1. */
  readonly line: number;
  /** When it was asked. */
  readonly at: Millis;
  /** What was asked. */
  readonly descriptor: LoggedDescriptor;
  /** How long its work went on, if the mapping says where that is told. */
  readonly hold?: Millis;
}

/** Which columns of a log hold what. Columns `method` and `path` are used where the log has them. */
export interface Mapping {
  /** Column of the instant. */
  readonly at: string;
  /** Column of the tier. */
  readonly tier?: string;
  /** Group of every request. */
  readonly group?: string;
  /** Group of the requests that have no path, unless the log has a column for it. */
  readonly pathlessGroup?: string;
  /** Column of each partition field. */
  readonly partition: ReadonlyMap<string, string>;
  /** Columns that add up to the cost in each unit. */
  readonly cost: ReadonlyMap<string, readonly string[]>;
  /** Column that says how long each request's work went on, and what its numbers count; text such as `1.5s` says so itself. */
  readonly hold?: HoldColumn;
}

/** Where a log tells how long work went on. */
export interface HoldColumn {
  /** The column. */
  readonly column: string;
  /** What a bare number counts: seconds or milliseconds. */
  readonly unit: 's' | 'ms';
}

/**
 * The mapping for a log whose lines all have the same columns: each that is used has to be there, once.
 *
 * @throws PolicyError (`bad-column`) whose path is the field of the mapping, with the nearest column there is
 */
export function fitMapping(mapping: Mapping, columns: readonly string[]): Mapping {
  const used: (readonly [string, string])[] = [
    ['at', mapping.at],
    ...(mapping.tier === undefined ? [] : [['tier', mapping.tier] as const]),
    ...[...mapping.partition.values()].map((column) => ['partition', column] as const),
    ...[...mapping.cost.values()].flat().map((column) => ['cost', column] as const),
    ...(mapping.hold === undefined ? [] : [['hold', mapping.hold.column] as const]),
  ];
  for (const [path, column] of used) {
    const found = columns.filter((name) => name === column).length;
    if (found > 1) throw badColumn(path, column, `the log has ${found} columns ${show(column)}`);
    if (found < 1)
      throw badColumn(path, column, `the log has no column ${show(column)}${suggest(column, columns)}`);
  }
  const { pathlessGroup: _pathlessGroup, ...rest } = mapping;
  return columns.includes('path') ? rest : mapping;
}

function badColumn(path: string, value: string, message: string): PolicyError {
  return new PolicyError([{ code: 'bad-column', path, value, message }]);
}

/** Makes what turns a line into a request, or into the reason why it is none. */
export function requestReader(mapping: Mapping): (line: number, field: Field) => LoggedRequest | string {
  const keep = interner();
  return (line, field) => {
    const written = field(mapping.at);
    const at = written === undefined ? undefined : readInstant(written);
    if (at === undefined) return missing(written, mapping.at, 'instant');

    const cost = costOf(mapping.cost, field);
    if (typeof cost === 'string') return cost;

    const hold = holdOf(mapping.hold, field);
    if (typeof hold === 'string') return hold;

    const path = keep(field('path'));
    const facts: [string, unknown][] = [
      ['group', mapping.group ?? (path === undefined ? mapping.pathlessGroup : undefined)],
      ['method', keep(field('method'))],
      ['path', path],
      ['tier', mapping.tier === undefined ? undefined : keep(field(mapping.tier))],
      ['cost', cost],
    ];
    for (const [name, column] of mapping.partition) facts.push([name, keep(field(column))]);
    const descriptor = Object.fromEntries(facts.filter(([, value]) => value !== undefined));
    return hold === undefined ? { line, at, descriptor } : { line, at, descriptor, hold };
  };
}

/** Cost by unit, one request unless said otherwise; `undefined` where that is all; text: what is wrong with it. */
function costOf(
  costs: ReadonlyMap<string, readonly string[]>,
  field: Field,
): Record<string, number> | string | undefined {
  if (costs.size === 0) return undefined;
  const cost: Record<string, number> = { requests: 1 };
  for (const [unit, columns] of costs) {
    let sum = 0;
    for (const column of columns) {
      const written = field(column);
      if (written === undefined || !/^\d{1,16}$/.test(written))
        return missing(written, column, 'whole number');
      sum += Number(written);
      if (!Number.isSafeInteger(sum)) return `${show(column)} is too much: ${show(written)}`;
    }
    cost[unit] = sum;
  }
  return cost;
}

/** How long work went on, to the millisecond; text: what is wrong with it. */
function holdOf(hold: HoldColumn | undefined, field: Field): Millis | string | undefined {
  if (hold === undefined) return undefined;
  const written = field(hold.column);
  const isBare = written !== undefined && /^\d{1,12}(\.\d{1,9})?$/.test(written);
  if (isBare) return Math.round(Number(written) * (hold.unit === 's' ? 1000 : 1));
  return readDuration(written) ?? missing(written, hold.column, 'length of time');
}

function missing(written: string | undefined, column: string, what: string): string {
  return written === undefined
    ? `there is no ${show(column)}`
    : `${show(column)} holds no ${what}: ${show(written)}`;
}

/** Strings that are kept at once; a log may hold any number of them. */
const MOST_KEPT = 2 ** 16;

/**
 * Makes a function that returns the same string for equal strings, cut loose from the line it was found in: a piece of
 * a line would keep the whole line in memory.
 */
function interner(): (text: string | undefined) => string | undefined {
  const kept = new Map<string, string>();
  return (text) => {
    if (text === undefined) return undefined;
    const known = kept.get(text);
    if (known !== undefined) return known;
    const own: string = JSON.parse(JSON.stringify(text));
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(own, own);
    return own;
  };
}
