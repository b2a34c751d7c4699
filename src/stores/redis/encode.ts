/**
 * Keys and arguments of the scripts.
 *
 * @module
 */

import type { Plan } from '../../algorithms/algorithm.ts';
import type { FixedWindowPlan } from '../../algorithms/fixed-window.ts';
import type { TokenBucketPlan } from '../../algorithms/token-bucket.ts';
import type { StoreCorrection, StoreKey, StoreLimit, StoreLine, StorePartition, StoreRow } from '../store.ts';

/** What the cells of each algorithm are called. */
const CELLS = {
  'fixed-window': ['start', 'used'],
  'sliding-window': ['since', 'previous', 'current'],
  'token-bucket': ['ms', 'ticks'],
} as const;

/** Names of the algorithms that the scripts can do. */
export const ALGORITHMS: readonly string[] = Object.keys(CELLS);

/** The fields that make the slot of a partition's rows, and the others. */
interface Layout {
  readonly slot: readonly Field[];
  readonly others: readonly Field[];
}

interface Field {
  readonly name: string;
  readonly at: number;
}

const LAYOUTS = new WeakMap<StorePartition, Layout>();

function layoutOf(partition: StorePartition): Layout {
  let layout = LAYOUTS.get(partition);
  if (layout === undefined) {
    const { fields, slot } = partition;
    const place = (name: string): Field => ({ name, at: fields.indexOf(name) });
    const others = fields.filter((field) => !slot.includes(field));
    layout = { slot: slot.map(place), others: others.map(place) };
    LAYOUTS.set(partition, layout);
  }
  return layout;
}

/**
 * The place of a row: `prefix:{account=acct_42}` for a partition that is its own slot, and with the other fields behind
 * it for one that shares the slot: `prefix:{account=acct_42}:campaign=c1`.
 */
export function rowKey(prefix: string, key: StoreKey): string {
  const { others } = layoutOf(key.partition);
  const tag = slotTag(prefix, key);
  const row = others.length === 0 ? tag : `${tag}:${assignments(key, others)}`;
  return key.partition.isShadow ? `${row}:shadow` : row;
}

/** The part of a key that is the same for all that is asked about together: `prefix:{account=acct_42}`. */
export function slotTag(prefix: string, key: StoreKey): string {
  const { slot } = layoutOf(key.partition);
  return slot.length === 0 ? `${prefix}:{all}` : `${prefix}:{${assignments(key, slot)}}`;
}

function assignments({ values }: StoreKey, fields: readonly Field[]): string {
  let text = '';
  for (const { name, at } of fields) {
    if (text !== '') text += ',';
    text += `${name}=${escapeId(values[at] ?? '')}`;
  }
  return text;
}

const UNSAFE = /[^\w.@-]/;

/**
 * An id as a part of a key: every UTF-16 unit but letters, digits and `_.@-` as `%hh` or `%uhhhh`. So no id looks like a
 * hash tag, a pattern or another part of a key, and a lone surrogate is not taken for another.
 */
export function escapeId(id: string): string {
  if (!UNSAFE.test(id)) return id;
  return id.replace(/[^\w.@-]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 256 ? `%${hex(code, 2)}` : `%u${hex(code, 4)}`;
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** Arguments for the limits of a row, and how many there are: below 0 for shadows. */
export function pushRow(args: string[], { limits, permits, partition }: StoreRow): void {
  const count = limits.length + permits.length;
  args.push(partition.isShadow ? `-${count}` : `${count}`);
  for (const limit of limits) pushLimit(args, limit);
  for (const { cost, most, length } of permits) args.push('p', `${cost}`, `${most}`, `${length}`);
}

/** The same for charges of a row: when it was born and how many there are, then each with the instant it counts from. */
export function pushCharges(args: string[], { born, limits }: StoreCorrection): void {
  args.push(String(born), String(limits.length));
  for (const charge of limits) {
    pushLimit(args, charge);
    args.push(String(charge.since));
  }
}

/** Arguments for a limit: its kind, what its cells are called, its cost, and the numbers of its plan. */
function pushLimit(args: string[], { name, plan, cost }: StoreLimit): void {
  const [kind, cells, ...numbers] = termsOf(name, plan);
  args.push(kind, cells, `${cost}`, ...numbers);
  // It grows with every slower plan of the same limit.
  if (kind === 't') args.push(`${(plan as TokenBucketPlan).horizon}`);
}

type Terms = readonly [kind: string, cells: string, ...numbers: string[]];

/** A plan in text: most are asked for over and over. */
const TERMS = new WeakMap<Plan, Map<string, Terms>>();

function termsOf(name: string, plan: Plan): Terms {
  let byName = TERMS.get(plan);
  if (byName === undefined) {
    byName = new Map();
    TERMS.set(plan, byName);
  }
  let terms = byName.get(name);
  if (terms === undefined) {
    terms = newTerms(name, plan);
    byName.set(name, terms);
  }
  return terms;
}

function newTerms(name: string, plan: Plan): Terms {
  const { kind } = plan.algorithm;
  const cells = ` ${name}.${cellsOf(kind).join(',')}=`;
  if (kind === 'token-bucket') {
    const { burst, ticksPerUnit, ticksPerMs } = plan as TokenBucketPlan;
    return ['t', cells, `${burst}`, `${ticksPerUnit}`, `${ticksPerMs}`];
  }
  const isAligned = kind === 'fixed-window' && (plan as FixedWindowPlan).anchor === 'epoch';
  const letter = kind === 'sliding-window' ? 's' : isAligned ? 'e' : 'f';
  return [letter, cells, `${plan.quota}`, `${plan.window}`];
}

/** The set in which the leases of a concurrency limit are. */
export function leasesKey(prefix: string, key: StoreKey, limit: string): string {
  return `${rowKey(prefix, key)}:${limit}:leases`;
}

/** The sets of a line: in which order tickets are served, and when they were seen. */
export function lineKeys(
  prefix: string,
  row: StoreKey,
  { group, key }: StoreLine,
): [queue: string, seen: string] {
  const line = `${slotTag(prefix, row)}:${group}:${escapeId(key)}`;
  return [`${line}:queue`, `${line}:seen`];
}

/** What the cells of an algorithm are called. */
export function cellsOf(kind: string): readonly string[] {
  return CELLS[kind as keyof typeof CELLS];
}
