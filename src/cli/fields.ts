/**
 * From the columns of a log to the descriptor of a request.
 *
 * @module
 */

import { show, suggest } from '../errors.ts';
import { FIELD_FORM, isField } from '../policy/name.ts';
import type { Millis } from '../time.ts';
import { readInstant } from './instant.ts';
import { misuse } from './io.ts';
import type { Field } from './log-sink.ts';

/** Facts of one request as an engine takes them. */
export interface Descriptor {
  readonly method?: string;
  readonly path?: string;
  readonly group?: string;
  readonly tier?: string;
  readonly cost?: Readonly<Record<string, number>>;
  readonly [field: string]: unknown;
}

/** One line of a log: what was asked, and when. */
export interface LoggedRequest {
  readonly line: number;
  readonly at: Millis;
  readonly descriptor: Descriptor;
}

/** Which columns hold what. */
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
}

/**
 * Reads `--partition` arguments: `ip=address`, several separated by commas; `account` means `account=account`.
 *
 * @throws Failure (exit code 2)
 */
export function readPartition(texts: readonly string[]): Map<string, string> {
  const partition = new Map<string, string>();
  for (const text of texts.flatMap((list) => list.split(','))) {
    const [field = '', column = field, ...more] = text.split('=').map((part) => part.trim());
    if (column === '' || more.length > 0) {
      throw misuse(`--partition takes FIELD=COLUMN, not ${show(text)}`);
    }
    if (!isField(field)) throw misuse(`--partition: ${show(field)} is not ${FIELD_FORM}`);
    if (partition.has(field)) throw misuse(`--partition names ${show(field)} twice`);
    partition.set(field, column);
  }
  return partition;
}

/**
 * Reads `--cost` arguments: `tokens=prompt+completion`.
 *
 * @throws Failure (exit code 2)
 */
export function readCosts(texts: readonly string[]): Map<string, readonly string[]> {
  const costs = new Map<string, readonly string[]>();
  for (const text of texts) {
    const [unit = '', sum = '', ...more] = text.split('=').map((part) => part.trim());
    const columns = sum.split('+').map((column) => column.trim());
    if (unit === '' || columns.includes('') || more.length > 0) {
      throw misuse(`--cost takes UNIT=COLUMN or UNIT=COLUMN+COLUMN, not ${show(text)}`);
    }
    if (costs.has(unit)) throw misuse(`--cost names ${show(unit)} twice`);
    costs.set(unit, columns);
  }
  return costs;
}

/**
 * The mapping for a log whose lines all have the same columns: each that is used has to be there, once.
 *
 * @throws Failure (exit code 2) with the nearest column there is
 */
export function fitMapping(mapping: Mapping, columns: readonly string[]): Mapping {
  const used = [
    ['--at', mapping.at],
    ...(mapping.tier === undefined ? [] : [['--tier', mapping.tier]]),
    ...[...mapping.partition.values()].map((column) => ['--partition', column]),
    ...[...mapping.cost.values()].flat().map((column) => ['--cost', column]),
  ];
  for (const [option, column] of used) {
    const found = columns.filter((name) => name === column).length;
    if (found > 1) throw misuse(`${option}: the log has ${found} columns ${show(column)}`);
    if (found < 1)
      throw misuse(`${option}: the log has no column ${show(column)}${suggest(column, columns)}`);
  }
  const { pathlessGroup, ...rest } = mapping;
  if (columns.includes('path')) return rest;
  if (mapping.group === undefined && pathlessGroup === undefined) {
    throw misuse('the log has no column "path" to find the group by; name the group with --group NAME');
  }
  return mapping;
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

    const path = keep(field('path'));
    const facts: [string, unknown][] = [
      ['group', mapping.group ?? (path === undefined ? mapping.pathlessGroup : undefined)],
      ['method', keep(field('method'))],
      ['path', path],
      ['tier', mapping.tier === undefined ? undefined : keep(field(mapping.tier))],
      ['cost', cost],
    ];
    for (const [name, column] of mapping.partition) facts.push([name, keep(field(column))]);
    return { line, at, descriptor: Object.fromEntries(facts.filter(([, value]) => value !== undefined)) };
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
    }
    cost[unit] = sum;
  }
  return cost;
}

function missing(written: string | undefined, column: string, what: string): string {
  return written === undefined
    ? `there is no ${show(column)}`
    : `${show(column)} holds no ${what}: ${show(written)}`;
}

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
    const own = Buffer.from(text, 'utf16le').toString('utf16le');
    kept.set(own, own);
    return own;
  };
}
