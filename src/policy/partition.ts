import { DescriptorError, show, suggest } from '../errors.ts';
import { checkKey, isMissing, joinKey } from '../partition/key.ts';
import type { PartitionTable } from '../partition/table.ts';
import type { LooseDescriptor } from './descriptor.ts';
import type { PathParams } from './match.ts';

/** What a limit makes of a missing field, see {@link PolicyDocument}. */
export type Missing = 'error' | 'shared' | 'deny';

/** The limits that share a `per`, and so a row for each key. */
export class Partition {
  /** Fields of the key, sorted: `["a", "b"]` and `["b", "a"]` are one partition. */
  readonly fields: readonly string[];
  readonly table: PartitionTable;
  /** The field, if there is just one. */
  readonly #only: string | undefined;

  constructor(fields: readonly string[], table: PartitionTable) {
    this.fields = fields;
    this.table = table;
    this.#only = fields.length === 1 ? fields[0] : undefined;
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
  keyOf(descriptor: LooseDescriptor, params: PathParams | undefined, missing: Missing): string | undefined {
    if (this.#only !== undefined) return keyField(this.#only, descriptor, params, missing);
    const values: string[] = [];
    for (const field of this.fields) {
      const value = keyField(field, descriptor, params, missing);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return joinKey(values);
  }
}

function keyField(
  field: string,
  descriptor: LooseDescriptor,
  params: PathParams | undefined,
  missing: Missing,
): string | undefined {
  const value = fieldOf(descriptor, params, field);
  if (!isMissing(value)) return checkKey(value, field);
  if (missing === 'deny') return undefined;
  // The empty string is nobody's: a value is never empty.
  if (missing === 'shared') return '';
  throw missingField(descriptor, field, value);
}

/** The value of a field: the caller's, else that of a path parameter. */
export function fieldOf(descriptor: LooseDescriptor, params: PathParams | undefined, field: string): unknown {
  const value = descriptor[field];
  return isMissing(value) ? params?.get(field) : value;
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
