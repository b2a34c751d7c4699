import { LRUCache } from 'lru-cache';
import type { Plan } from '../algorithms/algorithm.ts';
import type { Millis } from '../time.ts';
import { BlockTable } from './blocks.ts';
import { hashKey, remnantRows, type Seed } from './remnant.ts';

/** Ceilings of one partition. */
export interface TableOptions {
  /** Keys with a row of their own, at least 1. */
  readonly maxKeys: number;
  /** Keys that can be blocked at once. */
  readonly maxBlocks: number;
  readonly seed: Seed;
}

/** What a table holds and has done. */
export interface TableStats {
  /** Keys with a row of their own. */
  readonly keys: number;
  /** The most rows there can be. */
  readonly maxKeys: number;
  /** Rows given up because the table was full. */
  readonly evicted: number;
  /** Of these, rows that still mattered and were joined into the remnant. */
  readonly joined: number;
  /** Keys that began with usage from the remnant. */
  readonly inherited: number;
  /** Blocks kept. */
  readonly blocks: number;
}

/** Where some cells of each row go when the limits of a partition change. */
export interface Move {
  /** Where they are within a row, and how many. */
  readonly from: number;
  readonly cells: number;
  /** Where they go within a new row. */
  readonly into: number;
  /** Rewrites them, once they are there. */
  readonly convert?: ((cells: Float64Array, at: number) => void) | undefined;
}

/** All that a table holds but for blocks, as a snapshot keeps it. */
export interface SavedTable {
  /** Keys with a row, the one next to be evicted first. */
  readonly keys: readonly string[];
  /** For each of them, how many rows had begun since it was last moved to the front. */
  readonly ages: Uint32Array;
  /** Their cells, row by row. */
  readonly cells: Float64Array;
  /** Cells of the remnant, row by row; empty while there is none. */
  readonly remnant: Float64Array;
}

/** Where the cells begin that are never written: what a key without a row is asked against while there is no remnant. */
export const FRESH = 0;
const FIRST_ROWS = 16;
/** Nothing in the cache ever gets stale. Saying so, in an object that is made once, takes a tenth off a decision. */
const ANY = { allowStale: true };

/**
 * State of all limits that share a partition: key -> row of cells, bounded.
 *
 * One array holds row 0 (fresh), then up to `maxKeys` rows of keys, then the remnant: the rows into which evicted
 * usage is joined. A key without a row of its own is asked against, and starts from, its row of the remnant, so
 * eviction never gives anyone quota back.
 */
export class PartitionTable {
  readonly blocks: BlockTable;
  /** All cells. Replaced when the table grows: read it anew after {@link PartitionTable.claim}. */
  cells: Float64Array;
  /** Told of each row that is given up, and whether it mattered. It must not come back to this table. */
  onEvicted: ((key: string, isJoined: boolean) => void) | undefined = undefined;

  #plans: readonly Plan[];
  #stride: number;
  readonly #maxKeys: number;
  readonly #seed: Seed;
  readonly #remnantMask: number;
  /** Cells from here on are the remnant. */
  #ownEnd: number;
  /** A key is moved to the front of the line when this many rows have begun since it last was. */
  readonly #staleAfter: number;
  /** Made at the first charge: an engine that only asks holds nothing. */
  #rows: LRUCache<string, number> | undefined;
  readonly #free: number[] = [];
  #scratch: Float64Array;
  /** Rows that {@link PartitionTable.cells} has room for. */
  #allocated = 1;
  #usedRows = 1;
  #now: Millis = 0;
  #evicted = 0;
  #joined = 0;
  #inherited = 0;
  /** Forget calls so far, and for each row how many there had been when it began. See {@link PartitionTable.remembers}. */
  #forgets = 0;
  #beganAfter: Uint32Array | undefined;
  /** Rows begun so far, and for each row how many there had been when its key was last moved to the front. */
  #begun = 0;
  #seenAfter = new Uint32Array(0);

  /** @param plans - one plan of each limit, in the order of their cells within a row; quota and burst do not matter */
  constructor(plans: readonly Plan[], options: TableOptions) {
    this.#plans = plans;
    this.#stride = strideOf(plans);
    this.#maxKeys = options.maxKeys;
    this.#seed = options.seed;
    this.blocks = new BlockTable(options.maxBlocks);
    this.#remnantMask = remnantRows(options.maxKeys) - 1;
    this.#ownEnd = (options.maxKeys + 1) * this.#stride;
    this.#staleAfter = options.maxKeys >> 4;
    this.cells = new Float64Array(this.#stride);
    this.#scratch = new Float64Array(this.#stride);
  }

  /** Index of the first cell that `key` is to be asked against. Makes no row. */
  locate(key: string): number {
    const row = this.#rows?.peek(key, ANY);
    if (row === undefined) return this.#inheritedFrom(key);
    this.#refresh(row, key);
    return row * this.#stride;
  }

  /**
   * Index of the first cell of the key's own row, which is made if need be; may evict another key's.
   *
   * @param at - what {@link PartitionTable.locate} has just returned
   */
  claim(key: string, at: number, now: Millis): number {
    return at !== FRESH && at < this.#ownEnd ? at : this.#claimAnew(key, at, now);
  }

  #claimAnew(key: string, at: number, now: Millis): number {
    // A claim after that one may have made the row.
    const row = this.#rows?.peek(key, ANY);
    if (row !== undefined) return row * this.#stride;
    this.#scratch.set(this.cells.subarray(at, at + this.#stride));
    if (at !== FRESH && !this.#isForgettable(this.#scratch, 0, now)) this.#inherited++;
    return this.#begin(key, now);
  }

  /**
   * Forgets what `key` has used: it is as fresh as one never seen.
   *
   * @returns whether anything was kept: a row of its own, or usage that it would have inherited
   */
  forget(key: string, now: Millis): boolean {
    const had = this.#rows?.delete(key) ?? false;
    this.#forgets++;
    this.#beganAfter ??= new Uint32Array(this.#maxKeys + 1);
    const from = this.#inheritedFrom(key);
    if (from !== FRESH && !this.#isForgettable(this.cells, from, now)) {
      this.#scratch.fill(0);
      this.#begin(key, now);
      return true;
    }
    return had;
  }

  /** Where the history of keys stands now; a charge carries it to {@link PartitionTable.remembers}. */
  get era(): number {
    return this.#forgets;
  }

  /** Whether a charge made in `era` is part of what the key's row holds; not so once the key was forgotten. */
  remembers(key: string, era: number): boolean {
    const row = this.#rows?.peek(key, ANY);
    return row !== undefined && (this.#beganAfter?.[row] ?? 0) <= era;
  }

  stats(): TableStats {
    return {
      keys: this.#rows?.size ?? 0,
      maxKeys: this.#maxKeys,
      evicted: this.#evicted,
      joined: this.#joined,
      inherited: this.#inherited,
      blocks: this.blocks.size,
    };
  }

  /**
   * Gives each row the cells of other limits, some of them taken over.
   *
   * @param plans - as for the constructor
   * @returns makes it so; nothing has changed until then, and nothing can fail any more
   */
  arrange(plans: readonly Plan[], moves: readonly Move[]): () => void {
    const stride = strideOf(plans);
    const cells = new Float64Array(this.#allocated * stride);
    for (let row = 1; row < this.#allocated; row++) {
      for (const move of moves) {
        const [from, into] = [row * this.#stride + move.from, row * stride + move.into];
        for (let i = 0; i < move.cells; i++) cells[into + i] = this.cells[from + i] as number;
        move.convert?.(cells, into);
      }
    }
    return () => {
      this.#plans = plans;
      this.#stride = stride;
      this.#ownEnd = (this.#maxKeys + 1) * stride;
      this.#scratch = new Float64Array(stride);
      this.cells = cells;
    };
  }

  /** All rows and the remnant, for {@link PartitionTable.load}. */
  save(): SavedTable {
    const entries = this.#stride === 0 ? [] : [...(this.#rows?.entries() ?? [])].reverse();
    const cells = new Float64Array(entries.length * this.#stride);
    const ages = new Uint32Array(entries.length);
    for (const [i, [, row]] of entries.entries()) {
      const at = row * this.#stride;
      cells.set(this.cells.subarray(at, at + this.#stride), i * this.#stride);
      ages[i] = this.#begun - (this.#seenAfter[row] as number);
    }
    const remnant = this.#hasRemnant() ? this.cells.slice(this.#ownEnd) : new Float64Array(0);
    return { keys: entries.map(([key]) => key), ages, cells, remnant };
  }

  /**
   * Takes in what a table of the same limits has saved, into an empty one. What there is no room for is joined into the
   * remnant.
   *
   * @returns how many of the keys had nothing left by `now`
   */
  load({ keys, ages, cells, remnant }: SavedTable, now: Millis): number {
    const rows = remnant.length / this.#stride;
    if (rows > 0) this.#openRemnant();
    for (let row = 0; row < rows; row++) {
      // A remnant of another size: each row stands for all keys whose hash may fall on it.
      for (let into = row & this.#remnantMask; into <= this.#remnantMask; into += rows)
        this.#joinInto(this.#ownEnd + into * this.#stride, remnant, row * this.#stride, now);
    }
    let ended = 0;
    for (const [i, key] of keys.entries()) {
      const at = i * this.#stride;
      this.#scratch.set(cells.subarray(at, at + this.#stride));
      if (this.#isForgettable(this.#scratch, 0, now)) ended++;
      const row = this.#begin(key, now) / this.#stride;
      this.#seenAfter[row] = -(ages[i] as number);
    }
    this.#begun = 0;
    return ended;
  }

  /** Gives `key` a row that holds what is in the scratch row. */
  #begin(key: string, now: Millis): number {
    this.#now = now;
    this.#rows ??= this.#makeRows();
    if (this.#rows.size >= this.#maxKeys) this.#rows.pop();
    const row = this.#free.pop() ?? this.#usedRows++;
    const at = row * this.#stride;
    if (row >= this.#allocated) {
      this.#resize(Math.min(this.#maxKeys + 1, Math.max(FIRST_ROWS, 2 * row)));
    }
    this.cells.set(this.#scratch, at);
    this.#seenAfter[row] = ++this.#begun;
    if (this.#beganAfter !== undefined) this.#beganAfter[row] = this.#forgets;
    this.#rows.set(key, row);
    return at;
  }

  #makeRows(): LRUCache<string, number> {
    return new LRUCache({
      max: this.#maxKeys,
      dispose: (row, key, reason) => {
        if (reason === 'evict') this.#keep(row, key);
        this.#free.push(row);
      },
    });
  }

  #resize(rows: number): void {
    const cells = new Float64Array(rows * this.#stride);
    cells.set(this.cells);
    this.cells = cells;
    this.#allocated = rows;
    const seenAfter = new Uint32Array(Math.min(rows, this.#maxKeys + 1));
    seenAfter.set(this.#seenAfter);
    this.#seenAfter = seenAfter;
  }

  /**
   * Keeps the line of eviction: a key that was seen within the last 15/16 of `maxKeys` new rows is never the one to go.
   * Moving every key to the front each time it is seen takes 15 to 30 % of a decision.
   */
  #refresh(row: number, key: string): void {
    const since = (this.#begun - (this.#seenAfter[row] as number)) >>> 0;
    if (since < this.#staleAfter) return;
    this.#seenAfter[row] = this.#begun;
    this.#rows?.get(key);
  }

  #hasRemnant(): boolean {
    return this.#joined > 0;
  }

  #inheritedFrom(key: string): number {
    if (!this.#hasRemnant()) return FRESH;
    const row = hashKey(key, this.#seed) & this.#remnantMask;
    return (this.#maxKeys + 1 + row) * this.#stride;
  }

  /** Joins an evicted row into the remnant, unless all of it can be forgotten. */
  #keep(row: number, key: string): void {
    this.#evicted++;
    const at = row * this.#stride;
    const isJoined = !this.#isForgettable(this.cells, at, this.#now);
    if (isJoined) {
      this.#openRemnant();
      this.#joinInto(this.#inheritedFrom(key), this.cells, at, this.#now);
    }
    this.onEvicted?.(key, isJoined);
  }

  #openRemnant(): void {
    if (!this.#hasRemnant()) this.#resize(this.#maxKeys + 1 + this.#remnantMask + 1);
    this.#joined++;
  }

  /** Joins usage into a row of the remnant, limit by limit, but for what can be forgotten by `now`. */
  #joinInto(row: number, source: Float64Array, at: number, now: Millis): void {
    let from = at;
    let into = row;
    for (const plan of this.#plans) {
      const { algorithm } = plan;
      const end = into + algorithm.cells;
      if (algorithm.forgettableAt(plan, this.cells, into) <= now) this.cells.fill(0, into, end);
      if (!(algorithm.forgettableAt(plan, source, from) <= now)) {
        algorithm.join(plan, this.cells, into, source, from);
      }
      from += algorithm.cells;
      into = end;
    }
  }

  #isForgettable(cells: Float64Array, at: number, now: Millis): boolean {
    let offset = at;
    for (const plan of this.#plans) {
      if (!(plan.algorithm.forgettableAt(plan, cells, offset) <= now)) return false;
      offset += plan.algorithm.cells;
    }
    return true;
  }
}

/** Cells of a row that holds one of each. */
function strideOf(plans: readonly Plan[]): number {
  return plans.reduce((sum, plan) => sum + plan.algorithm.cells, 0);
}
