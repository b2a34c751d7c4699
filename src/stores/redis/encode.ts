/**
 * Keys and arguments of the scripts, and what their replies mean.
 *
 * @module
 */

import type { Plan } from '../../algorithms/algorithm.ts';
import type { FixedWindowPlan } from '../../algorithms/fixed-window.ts';
import type { TokenBucketPlan } from '../../algorithms/token-bucket.ts';
import type {
  StoreCorrection,
  StoredRow,
  StoreKey,
  StoreLimit,
  StoreLine,
  StoreReply,
  StoreRequest,
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

/**
 * What the script for decisions has replied to one request.
 *
 * @param time - the server's, `seconds microseconds`
 * @param reply - the part of the reply that is about this request
 * @param given - the instant it was decided at, unless by the server's clock
 * @param hasEnd - whether it tells of leases and tickets
 * @returns `undefined` if it is no such reply
 */
export function readReply(
  time: string,
  reply: string,
  { rows, now: given }: StoreRequest,
  hasEnd: boolean,
): StoreReply | undefined {
  const parts = reply.split(' ');
  const [seconds, micros] = time.split(' ').map(Number);
  if (seconds === undefined || micros === undefined) return undefined;
  const isAgreed = parts[0] !== '0';
  const present = seconds * 1_000_000 + micros;
  let at = 2;
  const stored = rows.map(({ limits }) => {
    const born = Number(parts[at++]);
    const blockedUntil = Number(parts[at++]);
    const cells: number[] = [];
    for (const { plan } of limits) {
      for (let i = cellsOf(plan.algorithm.kind).length; i > 0; i--) cells.push(Number(parts[at++]));
    }
    return { born: born === 0 && isAgreed ? present : born, blockedUntil, cells };
  });
  const held = rows.map(({ permits }) => permits.map(() => Number(parts[at++])));
  const end = hasEnd ? parts.slice(at) : ['0', '0', '0', '-'];
  const now = given ?? Math.floor(present / 1000);
  if (end.length !== 4 || parts.length !== at + (hasEnd ? 4 : 0) || !Number.isSafeInteger(now))
    return undefined;
  const [fence, expiresAt, mustWait, ticket] = end;
  return {
    agreed: isAgreed,
    now,
    rows: stored.map((row, i): StoredRow => ({ ...row, held: held[i] ?? [] })),
    resets: Number(parts[1]),
    isHeld: parts[0] === '2',
    fence: Number(fence),
    expiresAt: Number(expiresAt),
    mustWait: mustWait === '1',
    ticket: ticket === '-' ? undefined : ticket,
  };
}

function cellsOf(kind: string): readonly string[] {
  return CELLS[kind as keyof typeof CELLS];
}
