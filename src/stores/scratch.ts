import type { Plan } from '../algorithms/algorithm.ts';
import { PartitionTable, type TableOptions } from '../partition/table.ts';
import type { Millis } from '../time.ts';
import type { StoredRow, StorePartition } from './store.ts';

/** A limit of a row that was read, by where its cells are. */
export interface ScratchLimit {
  /** Cells before its own in a row of the table. */
  readonly offset: number;
  /** How many it has. */
  readonly cells: number;
}

/** What a table held for one key, kept for later. */
export interface Kept {
  readonly cells: Float64Array;
  readonly born: number;
  /** Until when the key was blocked. */
  readonly block: { readonly key: string; readonly until: Millis } | undefined;
}

/**
 * In place of a table of rows: one row, which holds what a store has read, while the limits are asked once more here. So
 * an answer is drawn from a store's state by the very code that draws it from the process's own.
 */
export class ScratchTable extends PartitionTable {
  /** What the store calls it; set when the policy has been compiled. */
  partition: StorePartition = { fields: [], slot: [], isShadow: false };
  /** What the store calls the cells of each limit; set then, too. */
  names: ReadonlyMap<string, string> = new Map();
  readonly #at: number;
  #own: Float64Array;
  #born = 0;
  #block: Kept['block'];

  constructor(plans: readonly Plan[], options: TableOptions) {
    super(plans, { ...options, maxKeys: 1, maxBlocks: 1 });
    this.#at = this.cells.length;
    // Before the row are the cells that are never written: those of a fresh key.
    this.#own = new Float64Array(2 * this.#at);
    this.cells = this.#own;
  }

  override locate(_key: string): number {
    return this.#at;
  }

  override claim(_key: string, at: number): number {
    return at;
  }

  override get era(): number {
    return this.#born;
  }

  /** Takes over what was read for these limits of `key`, which are in the order of its cells. */
  hold(key: string, row: StoredRow, limits: readonly ScratchLimit[]): void {
    let from = 0;
    for (const { offset, cells } of limits) {
      for (let i = 0; i < cells; i++) this.cells[this.#at + offset + i] = row.cells[from++] ?? 0;
    }
    this.#born = row.born;
    this.#hold(row.blockedUntil === 0 ? undefined : { key, until: row.blockedUntil });
  }

  /** Holds a key that was never seen. */
  clear(): void {
    this.cells.fill(0);
    this.#born = 0;
    this.#hold(undefined);
  }

  /** What it holds, for {@link ScratchTable.lend}. */
  keep(): Kept {
    return { cells: this.cells.slice(), born: this.#born, block: this.#block };
  }

  /** Holds what was kept until {@link ScratchTable.giveBack}; what is charged meanwhile is written there. */
  lend({ cells, born, block }: Kept): void {
    this.#own = this.cells;
    this.cells = cells;
    this.#born = born;
    if (block !== this.#block) this.#hold(block);
  }

  giveBack(): void {
    this.cells = this.#own;
  }

  #hold(block: Kept['block']): void {
    if (this.#block !== undefined) this.blocks.remove(this.#block.key, 0);
    if (block !== undefined) this.blocks.add(block.key, { until: block.until, reason: undefined }, 0);
    this.#block = block;
  }
}
