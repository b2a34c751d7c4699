import { DescriptorError, show, suggest } from '../errors.ts';
import { checkKey, isMissing, joinKey } from '../partition/key.ts';
import type { PartitionTable } from '../partition/table.ts';
import type { LooseDescriptor } from './descriptor.ts';

/** Parameters of the path that a pattern matched. */
export type PathParams = Readonly<Record<string, string>>;

/** The limits that share a `per`, and so a row for each key. */
export class Partition {
  /** Fields of the key, sorted: `["a", "b"]` and `["b", "a"]` are one partition. */
  readonly fields: readonly string[];
  readonly table: PartitionTable;

  constructor(fields: readonly string[], table: PartitionTable) {
    this.fields = fields;
    this.table = table;
  }

  /** What `stats` calls it. */
  get name(): string {
    return this.fields.length === 0 ? '(shared)' : this.fields.join('+');
  }

  /**
   * The key of a request.
   *
   * @param missing - what a missing field means, see {@link PolicyDocument}
   * @returns `undefined` where a field is missing and that denies the request
   * @throws DescriptorError: `missing-field`, `bad-key` or `key-too-long`
   */
  keyOf(
    descriptor: LooseDescriptor,
    params: PathParams | undefined,
    missing: 'error' | 'shared' | 'deny',
  ): string | undefined {
    const values: string[] = [];
    for (const field of this.fields) {
      const value = fieldOf(descriptor, params, field);
      if (!isMissing(value)) values.push(checkKey(value, field));
      else if (missing === 'deny') return undefined;
      // The empty string is nobody's: a value is never empty.
      else if (missing === 'shared') values.push('');
      else throw missingField(descriptor, field, value);
    }
    return joinKey(values);
  }
}

/** The value of a field: the caller's, else that of a path parameter. */
export function fieldOf(descriptor: LooseDescriptor, params: PathParams | undefined, field: string): unknown {
  const value = descriptor[field];
  return isMissing(value) ? params?.[field] : value;
}

/** Identity of a partition: its fields, in any order. */
export function partitionId(fields: readonly string[]): string {
  return joinKey([...fields].sort());
}

function missingField(descriptor: LooseDescriptor, path: string, value: unknown): DescriptorError {
  const given = Object.keys(descriptor).filter((field) => field !== path);
  const message = `the descriptor has no ${show(path)}; give a non-empty string${suggest(path, given).replace('known', 'given')}`;
  return new DescriptorError({ code: 'missing-field', path, value, message });
}
