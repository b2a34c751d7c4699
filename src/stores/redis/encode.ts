/**
 * Keys and arguments of the scripts, and what their replies mean.
 *
 * @module
 */

import type { FixedWindowPlan } from '../../algorithms/fixed-window.ts';
import type { TokenBucketPlan } from '../../algorithms/token-bucket.ts';
import type {
  StoreCharge,
  StoredRow,
  StoreKey,
  StoreLimit,
  StoreLine,
  StoreReply,
  StoreRow,
} from '../store.ts';

/** What the cells of each algorithm are called. */
const CELLS = {
  'fixed-window': ['start', 'used'],
  'sliding-window': ['since', 'previous', 'current'],
  'token-bucket': ['ms', 'ticks'],
} as const;

/** Names of the algorithms that the scripts can do. */
export const ALGORITHMS: readonly string[] = Object.keys(CELLS);

/**
 * The place of a row: `prefix:{account=acct_42}` for a partition that is its own slot, and with the other fields behind
 * it for one that shares the slot: `prefix:{account=acct_42}:campaign=c1`.
 */
export function rowKey(prefix: string, key: StoreKey): string {
  const { fields, slot, isShadow } = key.partition;
  const others = fields.filter((field) => !slot.includes(field));
  const tag = slotTag(prefix, key);
  const row = others.length === 0 ? tag : `${tag}:${assignments(key, others)}`;
  return isShadow ? `${row}:shadow` : row;
}

/** The part of a key that is the same for all that is asked about together: `prefix:{account=acct_42}`. */
export function slotTag(prefix: string, key: StoreKey): string {
  const { slot } = key.partition;
  return `${prefix}:{${slot.length === 0 ? 'all' : assignments(key, slot)}}`;
}

function assignments({ partition, values }: StoreKey, fields: readonly string[]): string {
  return fields
    .map((field) => `${field}=${escapeId(values[partition.fields.indexOf(field)] ?? '')}`)
    .join(',');
}

/**
 * An id as a part of a key: every UTF-16 unit but letters, digits and `_.@-` as `%hh` or `%uhhhh`. So no id looks like a
 * hash tag, a pattern or another part of a key, and a lone surrogate is not taken for another.
 */
export function escapeId(id: string): string {
  return id.replace(/[^\w.@-]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 256 ? `%${hex(code, 2)}` : `%u${hex(code, 4)}`;
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/**
 * Arguments for a row: the number n of its limits, -1 - n if they are shadows, and its fields; then of each limit its kind,
 * cost and four numbers.
 */
export function pushRow(args: string[], { limits, partition }: StoreRow): void {
  pushFields(args, limits, partition.isShadow);
  for (const limit of limits) pushLimit(args, limit);
}

function pushFields(args: string[], limits: readonly StoreLimit[], isShadow: boolean): void {
  const fields = limits.flatMap(fieldsOf);
  const count = isShadow ? -1 - limits.length : limits.length;
  args.push(String(count), String(3 + fields.length), 'until', 'born', 'blocked', ...fields);
}

function fieldsOf({ name, plan }: StoreLimit): string[] {
  return cellsOf(plan.algorithm.kind).map((cell) => `${name}.${cell}`);
}

/** Arguments for permits: their number, then of each limit its cost, the most that may be held and for how long. */
export function pushPermits(args: string[], { permits }: StoreRow): void {
  args.push(String(permits.length));
  for (const { cost, most, length } of permits) args.push(`${cost}`, `${most}`, `${length}`);
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

/** The same for charges, each with the instant it counts from. */
export function pushCharges(args: string[], limits: readonly StoreCharge[]): void {
  pushFields(args, limits, false);
  for (const charge of limits) {
    pushLimit(args, charge);
    args.push(String(charge.since));
  }
}

function pushLimit(args: string[], { plan, cost }: StoreLimit): void {
  const { kind } = plan.algorithm;
  if (kind === 'token-bucket') {
    const { burst, ticksPerUnit, ticksPerMs, horizon } = plan as TokenBucketPlan;
    args.push('t', `${cost}`, `${burst}`, `${ticksPerUnit}`, `${ticksPerMs}`, `${horizon}`);
  } else if (kind === 'fixed-window') {
    const isAligned = (plan as FixedWindowPlan).anchor === 'epoch';
    args.push('f', `${cost}`, `${plan.quota}`, `${plan.window}`, isAligned ? '1' : '0', '0');
  } else {
    args.push('s', `${cost}`, `${plan.quota}`, `${plan.window}`, '0', '0');
  }
}

/**
 * What a script for decisions has replied.
 *
 * @param hasEnd - whether it tells of leases and tickets
 * @returns `undefined` if it is no such reply
 */
export function readReply(
  reply: unknown,
  rows: readonly StoreRow[],
  hasEnd: boolean,
): StoreReply | undefined {
  if (!Array.isArray(reply)) return undefined;
  let at = 3;
  const stored = rows.map(({ limits, permits }): StoredRow => {
    const [born, blockedUntil] = [Number(reply[at]), Number(reply[at + 1])];
    const first = at + 2;
    const last = first + limits.reduce((sum, { plan }) => sum + cellsOf(plan.algorithm.kind).length, 0);
    at = last + permits.length;
    const [cells, held] = [reply.slice(first, last).map(Number), reply.slice(last, at).map(Number)];
    return { born, blockedUntil, cells, held };
  });
  const end = hasEnd ? reply.slice(at) : [0, 0, 0, ''];
  const now = Number(reply[1]);
  if (end.length !== 4 || reply.length !== at + (hasEnd ? 4 : 0) || !Number.isSafeInteger(now))
    return undefined;
  const [fence, expiresAt, mustWait, ticket] = end;
  return {
    agreed: Number(reply[0]) > 0,
    now,
    rows: stored,
    resets: Number(reply[2]),
    isHeld: Number(reply[0]) === 2,
    fence: Number(fence),
    expiresAt: Number(expiresAt),
    mustWait: Number(mustWait) === 1,
    ticket: ticket === '' ? undefined : String(ticket),
  };
}

function cellsOf(kind: string): readonly string[] {
  return CELLS[kind as keyof typeof CELLS];
}
