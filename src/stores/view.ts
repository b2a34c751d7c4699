import type { Inquiry } from '../limiter/inquiry.ts';
import type { Millis } from '../time.ts';
import type { Kept, ScratchTable } from './scratch.ts';

/** What a store has read for a request, kept for those that follow. */
export class View {
  readonly #rows: readonly { readonly table: ScratchTable; readonly kept: Kept }[];

  /** @param tables - which hold it */
  constructor(tables: readonly ScratchTable[]) {
    this.#rows = tables.map((table) => ({ table, kept: table.keep() }));
  }

  /** What tells the rows from later ones with the same keys. */
  get born(): readonly number[] {
    return this.#rows.map(({ kept }) => kept.born);
  }

  /**
   * Decides by it, and charges it.
   *
   * @param inquiry - filled in for a request with the same keys
   * @param draw - is told whether all limits agree; the inquiry is about this request until it returns
   */
  decide<T>(inquiry: Inquiry, now: Millis, mode: 'charge' | 'peek', draw: (isAgreed: boolean) => T): T {
    const rows = this.#rows;
    for (let i = 0; i < rows.length; i++) lend(rows[i] as (typeof rows)[number]);
    try {
      return draw(inquiry.decide(now, mode));
    } finally {
      for (let i = 0; i < rows.length; i++) rows[i]?.table.giveBack();
    }
  }
}

function lend({ table, kept }: { readonly table: ScratchTable; readonly kept: Kept }): void {
  table.lend(kept);
}
