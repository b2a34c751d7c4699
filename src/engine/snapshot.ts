/**
 * Usage as bytes: from one process to another, or across a restart. It carries limits by name and what they were, so
 * that an engine with another policy takes it in by the rules of a reload. Leases and waiters stay behind.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import { HeadgateError, isHeadgateError, show } from '../errors.ts';
import type { Seed } from '../partition/remnant.ts';
import { PartitionTable, type TableOptions } from '../partition/table.ts';
import { withCandidates } from '../policy/candidates.ts';
import type { UsageReport } from '../policy/carry.ts';
import type { Before, CompiledLimits, Earlier } from '../policy/compile-limits.ts';
import type { LimitDocument, PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { partitionId } from '../policy/partition.ts';
import { type Algorithms, builderOf, planFor, type RateDocument } from '../policy/plans.ts';
import { type Millis, toInstant } from '../time.ts';
import { ByteReader, ByteWriter, checksum } from './bytes.ts';

/** A snapshot that is none, is damaged, or was made by another version. Nothing was taken in. */
export class SnapshotError extends HeadgateError {
  /** `SnapshotError`. */
  override readonly name = 'SnapshotError';
}

/** What an engine has taken in from a snapshot. */
export interface RestoreReport {
  /** Keys, over all partitions of enforced limits, that have used something still to be remembered. */
  readonly restored: number;
  /** Keys that had nothing left by now. */
  readonly expired: number;
  /** Keys of partitions all of whose limits are gone, or begin anew. */
  readonly dropped: number;
  /** What became of the usage of each limit, and why. */
  readonly usage: readonly UsageReport[];
}

/** `hgss` in ASCII. */
const MAGIC = 0x73736768;
const VERSION = 1;

/** Where one limit's cells are within a row, and how far ahead its usage may lie. */
interface SavedLimit {
  readonly name: string;
  readonly cells: number;
  readonly horizon: number;
}

/** All usage of a policy, as bytes. */
export function snapshotOf(
  policy: CompiledLimits & { readonly document: PolicyDocument },
  seed: Seed,
): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  out.uint32(MAGIC);
  out.uint32(VERSION);
  out.uint32(seed[0] >>> 0);
  out.uint32(seed[1] >>> 0);
  out.text(JSON.stringify(skeletonOf(policy.document)));
  const kinds = [policy.partitions, policy.shadows];
  for (const partitions of kinds) {
    out.uint32(partitions.size);
    for (const partition of partitions.values()) {
      const limits = [...policy.limits.values()].filter((limit) => limit.partition === partition);
      out.text(JSON.stringify(partition.fields));
      const rates = limits.flatMap(({ slot, rate }) =>
        rate === undefined ? [] : [{ name: slot.name, ...rate }],
      );
      const saved = rates.map(
        ({ name, plan }): SavedLimit => ({ name, cells: plan.algorithm.cells, horizon: plan.horizon ?? 0 }),
      );
      out.text(JSON.stringify(saved));
      writeTable(out, partition.table);
    }
  }
  return out.sealed();
}

function writeTable(out: ByteWriter, table: PartitionTable): void {
  const { keys, ages, cells, remnant } = table.save();
  out.uint32(keys.length);
  for (const [i, key] of keys.entries()) {
    out.text(key);
    out.uint32(ages[i] as number);
  }
  out.floats(cells);
  out.floats(remnant);
  const blocks = [...table.blocks.entries()];
  out.uint32(blocks.length);
  for (const [key, { until, reason }] of blocks) {
    out.text(key);
    out.float64(until);
    out.text(JSON.stringify(reason ?? null));
  }
}

/** What says how the cells of each limit are to be read; quotas do not matter. */
function skeletonOf({ limits }: PolicyDocument): { [name: string]: object } {
  const entries = Object.entries(limits).map(([name, limit]) => {
    const { candidate, nearLimit: _, ...own } = limit;
    const tried = candidate && { candidate: { ...candidate, quota: 'custom', tiers: undefined } };
    return [name, { ...own, quota: 'custom', ...tried }];
  });
  return Object.fromEntries(entries);
}

/** A snapshot that was read, to be taken in. */
export interface Restored {
  readonly seed: Seed;
  readonly before: Before;
  readonly partitions: readonly SavedPartition[];
}

interface SavedPartition {
  readonly limits: readonly string[];
  /** Keys that were read, and how many of them had nothing left. */
  readonly keys: number;
  readonly expired: number;
}

/** What came of it under a policy that has been compiled to take it over. */
export function restoreReport({ partitions }: Restored, usage: readonly UsageReport[]): RestoreReport {
  const isAlive = new Set(
    usage.filter(({ usage }) => usage === 'kept' || usage === 'converted').map(({ limit }) => limit),
  );
  let [restored, expired, dropped] = [0, 0, 0];
  for (const partition of partitions) {
    if (!partition.limits.some((limit) => isAlive.has(limit))) dropped += partition.keys;
    else {
      expired += partition.expired;
      restored += partition.keys - partition.expired;
    }
  }
  return { restored, expired, dropped, usage };
}

/**
 * Reads a snapshot into tables of its own.
 *
 * @throws SnapshotError
 */
export function readSnapshot(
  bytes: Uint8Array,
  algorithms: Algorithms,
  options: TableOptions,
  now: Millis,
): Restored {
  const content = contentOf(bytes);
  try {
    return readContent(new ByteReader(content), algorithms, options, now);
  } catch (error) {
    const isExpected =
      error instanceof RangeError ||
      error instanceof SyntaxError ||
      error instanceof TypeError ||
      isHeadgateError(error);
    if (!isExpected || isHeadgateError(error, 'SnapshotError')) throw error;
    throw wrong('bad-content', bytes, `what it holds makes no sense: ${(error as Error).message}`);
  }
}

/** The bytes without the checksum, which is right. */
function contentOf(bytes: unknown): Uint8Array {
  if (Object.prototype.toString.call(bytes) !== '[object Uint8Array]')
    throw wrong(
      'no-snapshot',
      bytes,
      `${show(bytes)} is no snapshot; give the Uint8Array that snapshot() returned`,
    );
  const all = bytes as Uint8Array;
  // There is no view of bytes that were transferred to somebody else.
  const view = all.length < 12 ? undefined : new DataView(all.buffer, all.byteOffset, all.byteLength);
  if (view?.getUint32(0, true) !== MAGIC)
    throw wrong('no-snapshot', bytes, 'these bytes are no snapshot, or their beginning is missing');
  const version = view.getUint32(4, true);
  if (version !== VERSION)
    throw wrong(
      'unknown-version',
      version,
      `a snapshot of version ${version}; this headgate reads version ${VERSION}`,
    );
  const content = all.subarray(0, -4);
  if (view.getUint32(content.length, true) === checksum(content)) return content.subarray(8);
  throw wrong('damaged', bytes, 'the checksum is wrong: some bytes were changed, or the end is missing');
}

function readContent(
  input: ByteReader,
  algorithms: Algorithms,
  options: TableOptions,
  now: Millis,
): Restored {
  const seed: Seed = [input.uint32() | 0, input.uint32() | 0];
  const documents = limitsOf(JSON.parse(input.text()), algorithms);
  const limits = new Map<string, Earlier>();
  const all: SavedPartition[] = [];
  const read = (isShadow: boolean): Map<string, { table: PartitionTable }> => {
    const partitions = new Map<string, { table: PartitionTable }>();
    for (let left = input.uint32(); left > 0; left--) {
      const id = partitionId(JSON.parse(input.text()) as string[]);
      if (partitions.has(id)) throw new RangeError('a partition comes twice');
      const saved: SavedLimit[] = JSON.parse(input.text());
      const plans = saved.map((limit) => planOf(limit, documents.get(limit.name), algorithms));
      const table = new PartitionTable(plans, { ...options, seed });
      let offset = 0;
      for (const [i, plan] of plans.entries()) {
        const { name = '' } = saved[i] ?? {};
        const document = documents.get(name);
        if (document !== undefined && placeOf(document) !== `${isShadow ? 'shadow' : 'enforce'} ${id}`)
          throw new RangeError(`limit ${name} is in another partition than it is per`);
        if (document !== undefined)
          limits.set(name, { document, rate: { plan, offset, home: { offset: -1 } } });
        offset += plan.algorithm.cells;
      }
      const counts = readTable(input, table, offset, now);
      if (!isShadow) all.push({ limits: saved.map(({ name }) => name), ...counts });
      partitions.set(id, { table });
    }
    return partitions;
  };
  const policy = { partitions: read(false), shadows: read(true), limits };
  if (!input.isAtEnd) throw new RangeError('there is more of it than there should be');
  return { seed, before: { policy, carry: () => 'keep', now }, partitions: all };
}

function readTable(
  input: ByteReader,
  table: PartitionTable,
  stride: number,
  now: Millis,
): { keys: number; expired: number } {
  const keys: string[] = [];
  const ages: number[] = [];
  for (let left = input.uint32(); left > 0; left--) {
    keys.push(input.text());
    ages.push(input.uint32());
  }
  const cells = input.floats();
  const remnant = input.floats();
  const rows = remnant.length === 0 ? 1 : remnant.length / stride;
  if (cells.length !== keys.length * stride || rows < 1 || !Number.isInteger(Math.log2(rows)))
    throw new RangeError('there are not as many cells as keys');
  const expired = table.load({ keys, ages: Uint32Array.from(ages), cells, remnant }, now);
  for (let left = input.uint32(); left > 0; left--) {
    const [key, until, reason] = [input.text(), toInstant(input.float64()), JSON.parse(input.text())];
    table.blocks.add(key, { until, reason: typeof reason === 'string' ? reason : undefined }, now);
  }
  return { keys: keys.length, expired };
}

/** The limits that the snapshot is of, candidates written out; those of algorithms that are not known are left out. */
function limitsOf(skeleton: unknown, algorithms: Algorithms): ReadonlyMap<string, LimitDocument> {
  const known = Object.entries(skeleton as { [name: string]: LimitDocument }).filter(
    ([, { algorithm, candidate }]) =>
      [algorithm, candidate?.algorithm ?? algorithm].every(
        (name) => name === 'concurrency' || builderOf(name, algorithms) !== undefined,
      ),
  );
  const document = { version: 1, limits: Object.fromEntries(known), groups: {}, unmatched: 'allow' };
  return new Map(Object.entries(withCandidates(parsePolicy(document, algorithms)).limits));
}

/** The table that a limit has its cells in. */
function placeOf({ mode = 'enforce', per = [] }: LimitDocument): string {
  return `${mode} ${partitionId([per].flat())}`;
}

/** A plan that reads what was saved; for a limit that is not known, cells that mean nothing. */
function planOf(
  { cells, horizon }: SavedLimit,
  document: LimitDocument | undefined,
  algorithms: Algorithms,
): Plan {
  if (!Number.isSafeInteger(cells) || cells < 0 || cells > MOST_CELLS)
    throw new RangeError('not that many cells');
  if (!Number.isFinite(horizon) || horizon < 0) throw new RangeError('no such horizon');
  if (document === undefined) return { algorithm: { ...UNKNOWN, cells }, quota: 0 };
  const plan = planFor(document as RateDocument, { quota: 0 }, algorithms);
  if (plan.algorithm.cells !== cells) throw new RangeError('not as many cells as the algorithm has');
  return { ...plan, horizon };
}

const MOST_CELLS = 1000;

/** Stands for an algorithm that is not there: all of its usage can be forgotten. */
const UNKNOWN: Plan['algorithm'] = {
  kind: 'unknown',
  cells: 0,
  availableAt: () => Number.POSITIVE_INFINITY,
  charge: (_plan, _cells, _at, now) => now,
  refund: () => undefined,
  remaining: () => 0,
  resetAt: (_plan, _cells, _at, now) => now,
  forgettableAt: () => 0,
  join: () => undefined,
  repair: () => undefined,
};

function wrong(code: string, value: unknown, message: string): SnapshotError {
  return new SnapshotError({ code, path: 'restore', value, message });
}
