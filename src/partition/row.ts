import type { Millis } from '../time.ts';
import type { PartitionTable } from './table.ts';

/** Where the usage of one partition is, for one request: shared by the questions to all limits of that partition. */
export class Row {
  readonly table: PartitionTable;
  /** Whose budget; `undefined` if the request does not say and the limits deny that. */
  key: string | undefined = undefined;
  /** Index of its first cell; good until another row is claimed. */
  at = 0;

  constructor(table: PartitionTable) {
    this.table = table;
  }

  /** Finds the cells to ask against. */
  locate(): void {
    if (this.key !== undefined) this.at = this.table.locate(this.key);
  }

  /** Makes the cells the key's own, to be written. */
  claim(now: Millis): void {
    if (this.key !== undefined) this.at = this.table.claim(this.key, this.at, now);
  }
}
