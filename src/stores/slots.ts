import { PolicyError } from '../errors.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { partitionId } from '../policy/partition.ts';
import type { StorePartition } from './store.ts';

/**
 * The partitions of a policy as a store sees them, by {@link partitionId}. Partitions that some group asks together, be
 * it through a third one, share the slot that the fields they have in common make. With `crossSlot: 'reserve'`, those that
 * would have none are left apart: each keeps the slot of its own fields, or one that it shares with some of the others.
 *
 * @param isPartitioned - whether rows that are asked together have to share a slot that depends on their keys
 * @throws PolicyError (`no-slot`) for every group whose limits would all have to be kept in one place
 */
export function storePartitions(
  document: PolicyDocument,
  isPartitioned: boolean,
): ReadonlyMap<string, StorePartition> {
  const fieldsOf = (limit: string): string[] => [document.limits[limit]?.per ?? []].flat().sort();
  const idOf = (limit: string): string => partitionId(fieldsOf(limit));
  const isReserving = isPartitioned && document.crossSlot === 'reserve';
  const clusters = new Map<string, Cluster>();
  for (const limit of Object.keys(document.limits)) {
    const fields = fieldsOf(limit);
    clusters.set(idOf(limit), { shared: fields, members: new Map([[idOf(limit), fields]]) });
  }
  for (const [one, other] of pairsOf(document, idOf)) unite(clusters, one, other, isReserving);
  if (isPartitioned && !isReserving) checkSlots(document, (limit) => clusters.get(idOf(limit)));
  const partitions = [...clusters].map(([id, { shared, members }]): [string, StorePartition] => [
    id,
    { fields: members.get(id) ?? [], slot: shared, isShadow: false },
  ]);
  return new Map(partitions);
}

/** Partitions that have to be in one place, and the fields that all of them have. */
interface Cluster {
  readonly shared: readonly string[];
  readonly members: ReadonlyMap<string, readonly string[]>;
}

/** Partitions that some group asks together, in an order that does not depend on the document's. */
function pairsOf({ groups }: PolicyDocument, idOf: (limit: string) => string): (readonly [string, string])[] {
  const pairs = new Map<string, readonly [string, string]>();
  for (const { limits } of Object.values(groups)) {
    const ids = [...new Set(limits.map(idOf))].sort();
    for (const [i, one] of ids.entries())
      for (const other of ids.slice(i + 1)) pairs.set(JSON.stringify([one, other]), [one, other]);
  }
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}

/** @param mayPart - whether two that have nothing in common stay where they are */
function unite(clusters: Map<string, Cluster>, one: string, other: string, mayPart: boolean): void {
  const [a, b] = [clusters.get(one), clusters.get(other)];
  if (a === undefined || b === undefined || a === b) return;
  const shared = a.shared.filter((field) => b.shared.includes(field));
  if (mayPart && shared.length === 0) return;
  const united: Cluster = { shared, members: new Map([...a.members, ...b.members]) };
  for (const id of united.members.keys()) clusters.set(id, united);
}

function checkSlots(document: PolicyDocument, clusterOf: (limit: string) => Cluster | undefined): void {
  const faults = Object.entries(document.groups).flatMap(([name, { limits }]) => {
    const cluster = clusterOf(limits[0] ?? '');
    if (cluster === undefined || cluster.members.size === 1 || cluster.shared.length > 0) return [];
    const path = `groups.${name}.limits`;
    const sets = [...cluster.members.values()].map((fields) => `(${fields.join(', ')})`).join(', ');
    const message = `in a cluster, limits that are asked together need a field in common, which then says where they are kept, or "crossSlot": "reserve" in the policy; here they are per ${sets}`;
    return [{ code: 'no-slot', path, value: limits, message }];
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}
