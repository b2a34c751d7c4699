import { DescriptorError, join, show } from '../errors.ts';
import { isMissing } from '../partition/key.ts';
import type { PartitionTable } from '../partition/table.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { Partition } from '../policy/descriptor.ts';
import { partitionId } from '../policy/partition.ts';

/** Where the usage of a partition is. */
interface Located {
  readonly table: PartitionTable;
  readonly key: string;
  /** Where shadow limits of the same partition keep theirs. */
  readonly shadow: PartitionTable | undefined;
}

/**
 * The table and the key of a partition that some limit is per.
 *
 * @throws DescriptorError: `unknown-partition`, `missing-field`, `bad-key` or `key-too-long`
 */
export function locate(policy: CompiledPolicy, partition: Partition): Located {
  const fields = typeof partition === 'object' && partition !== null ? Object.keys(partition) : [];
  const found = policy.partitions.get(partitionId(fields));
  // An empty field name would otherwise pass for the shared partition, which has no fields.
  if (found === undefined || found.fields.length !== fields.length) {
    const known = [...policy.partitions.values()]
      .map(({ fields }) => `{ ${fields.join(', ')} }`)
      .join(' or ');
    const message = `no limit is per { ${fields.join(', ')} }; give the fields of one limit's "per": ${known}`;
    throw new DescriptorError({ code: 'unknown-partition', path: 'partition', value: partition, message });
  }
  for (const field of fields.filter((name) => isMissing(partition[name]))) {
    const message = `${show(field)} is missing; give a non-empty string`;
    throw new DescriptorError({
      code: 'missing-field',
      path: join('partition', field),
      value: partition,
      message,
    });
  }
  const shadow = policy.shadows.get(partitionId(fields))?.table;
  return { table: found.table, key: found.keyOf(partition, undefined, 'error') as string, shadow };
}
