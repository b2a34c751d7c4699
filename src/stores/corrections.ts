import type { Verdict } from '../limiter/verdict.ts';
import { splitKey } from '../partition/key.ts';
import type { PartitionTable } from '../partition/table.ts';
import { ScratchTable } from './scratch.ts';
import type { StoreCharge, StoreCorrection, StoreKey } from './store.ts';

/** Charges, and by how many units each is to be corrected. */
export type Changes = readonly (readonly [charge: Charge, units: number])[];

/** What a store has to be told of a charge. */
export type Charge = Pick<Verdict, 'question' | 'terms' | 'key' | 'chargedAt' | 'era'>;

/** A table of this engine, which are all of the kind it compiles its policy with. */
export function scratch(table: PartitionTable): ScratchTable {
  if (table instanceof ScratchTable) return table;
  throw new TypeError('a table that was not made for a distributed engine');
}

/** What a store calls a row of a table. */
export function storeKey(table: PartitionTable, key: string): StoreKey {
  const { partition } = scratch(table);
  return { partition, values: splitKey(key, partition.fields.length) };
}

/** What has to be corrected, by row; permits come back with their lease. */
export function corrections(charges: Changes): StoreCorrection[] {
  const rows = new Map<PartitionTable, { born: number; key: string; limits: StoreCharge[] }>();
  for (const [{ question, terms, key, chargedAt, era }, cost] of charges) {
    const { table } = question.row;
    if (key === undefined || cost === 0 || question.slot.kind === 'concurrency') continue;
    const row = rows.get(table) ?? { born: era, key, limits: [] };
    rows.set(table, row);
    const name = scratch(table).names.get(question.slot.name) ?? question.slot.name;
    row.limits.push({ name, plan: terms as StoreCharge['plan'], cost, since: chargedAt });
  }
  return [...rows].map(([table, { born, key, limits }]) => ({ ...storeKey(table, key), born, limits }));
}
