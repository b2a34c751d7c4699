/**
 * What is thrown when headgate is misused. A "no" is never thrown: it is a {@link Decision}.
 *
 * Every error says which field is wrong (`path`), what it held (`value`) and what would be right (`message`), and
 * none leaves a trace in any limit.
 *
 * @module
 */

const BRAND = Symbol.for('headgate.error');

/** One thing wrong with a policy, as {@link PolicyError.faults} lists them. */
export interface Fault {
  /** Stable, machine-readable kind of the fault, such as `unknown-field`. */
  readonly code: string;
  /** Where it is, as a dotted path: `limits.reads.quota`. The empty string is the whole document. */
  readonly path: string;
  /** What stood there. */
  readonly value: unknown;
  /** What is wrong and what would be right, as a sentence. */
  readonly message: string;
}

/** Base of everything headgate throws. Prefer {@link isHeadgateError} to `instanceof`: it works across realms. */
export abstract class HeadgateError extends Error implements Fault {
  /** Kind of the error. */
  abstract override readonly name: HeadgateErrorName;
  readonly code: string;
  readonly path: string;
  readonly value: unknown;

  constructor(fault: Fault) {
    super(fault.message);
    this.code = fault.code;
    this.path = fault.path;
    this.value = fault.value;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Names of the errors, as their `name` property holds them. */
export type HeadgateErrorName =
  | 'PolicyError'
  | 'DescriptorError'
  | 'CostError'
  | 'DeniedError'
  | 'LeaseError'
  | 'SnapshotError'
  | 'RetryError'
  | 'StoreError';

/** How many faults a {@link PolicyError} lists at most; a document with more says how many were left out. */
const MAX_FAULTS = 100;

/**
 * A policy, a plan or an option is wrong. All faults are found before it is thrown: `faults` lists the first hundred,
 * `faultCount` counts up to a thousand, and `code`, `path` and `value` are those of the first.
 */
export class PolicyError extends HeadgateError {
  /** `PolicyError`. */
  override readonly name = 'PolicyError';
  /** The first hundred faults, in the order they were found. */
  readonly faults: readonly Fault[];
  /** Faults found, those that are not listed too; at most a thousand are looked for. */
  readonly faultCount: number;

  constructor(faults: readonly [Fault, ...Fault[]]) {
    const [first] = faults;
    const listed = faults.slice(0, MAX_FAULTS);
    const lines = listed.map((fault) => `  ${fault.path === '' ? '(policy)' : fault.path}: ${fault.message}`);
    if (faults.length > MAX_FAULTS) lines.push(`  … and ${faults.length - MAX_FAULTS} more`);
    const text = `${faults.length} fault${faults.length === 1 ? '' : 's'} in the policy:\n${lines.join('\n')}`;
    super({ ...first, message: text });
    this.faults = listed;
    this.faultCount = faults.length;
  }
}

/** A call describes its request wrongly: an unknown tier, a missing partition field, a key that is no string. */
export class DescriptorError extends HeadgateError {
  /** `DescriptorError`. */
  override readonly name = 'DescriptorError';
}

/** A cost is not a whole number of units from 0 to 2^53 - 1, or is missing for a unit that needs one. */
export class CostError extends HeadgateError {
  /** `CostError`. */
  override readonly name = 'CostError';
}

/** The store of a distributed engine did not do what it was asked; `cause` is what it or its client said. */
export class StoreError extends HeadgateError {
  /** `StoreError`. */
  override readonly name = 'StoreError';

  constructor(fault: Fault, cause?: unknown) {
    super(fault);
    if (cause !== undefined) this.cause = cause;
  }
}

/** The errors by their names. */
export interface ErrorsByName {
  /** A wrong policy, plan or option. */
  PolicyError: PolicyError;
  /** A wrong descriptor, key or instant. */
  DescriptorError: DescriptorError;
  /** A wrong cost. */
  CostError: CostError;
  /** Work that was not admitted. */
  DeniedError: HeadgateError;
  /** A lease that expired before it was released. */
  LeaseError: HeadgateError;
  /** A store that failed, was too late or was wrong. */
  StoreError: StoreError;
  /** Bytes that are no snapshot. */
  SnapshotError: HeadgateError;
  /** A request of `headgate/client` that was given up. */
  RetryError: HeadgateError;
}

/**
 * Whether `error` was thrown by headgate, also by another copy of it or in another realm.
 *
 * @param error - anything that was caught
 */
export function isHeadgateError(error: unknown): error is HeadgateError;
/**
 * Whether `error` is an error of one kind that was thrown by headgate.
 *
 * @param error - anything that was caught
 * @param name - the kind asked for
 */
export function isHeadgateError<N extends HeadgateErrorName>(
  error: unknown,
  name: N,
): error is ErrorsByName[N];
export function isHeadgateError(error: unknown, name?: HeadgateErrorName): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    BRAND in error &&
    (name === undefined || ('name' in error && error.name === name))
  );
}

/**
 * Runs every check and returns their results by name; if any threw, throws one {@link PolicyError} with all faults.
 */
export function collectFaults<T extends Record<string, unknown>>(checks: { [K in keyof T]: () => T[K] }): T {
  const faults: Fault[] = [];
  const results = Object.entries(checks).map(([name, check]) => {
    try {
      return [name, check()];
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      faults.push(...error.faults);
      return [name, undefined];
    }
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
  return Object.fromEntries(results) as T;
}

/** @throws PolicyError (`bad-value`) unless what stands at `path` is right; `wanted` says what would be */
export function checkGiven(isRight: boolean, path: string, value: unknown, wanted: string): void {
  if (isRight) return;
  const message = `${show(value)} does not fit; give ${wanted}`;
  throw new PolicyError([{ code: 'bad-value', path, value, message }]);
}

/** @throws PolicyError (`bad-value`) unless `options` is an object, and no list */
export function checkOptionsObject(options: unknown, path = 'options'): void {
  const isRight = typeof options === 'object' && options !== null && !Array.isArray(options);
  checkGiven(isRight, path, options, 'an object');
}

/**
 * @throws PolicyError (`bad-value`) unless `options` is an object, and (`unknown-field`) for every own field of it that is
 * not in `known`
 */
export function checkFields(options: object, known: readonly string[], path = ''): void {
  checkOptionsObject(options, path || 'options');
  const faults = unknownFields(options, known, path);
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}

/** A fault for every own field of `object` that is not in `known`. */
export function unknownFields(object: object, known: readonly string[], path = ''): Fault[] {
  return Object.entries(object)
    .filter(([field]) => !known.includes(field))
    .map(([field, value]) => ({
      code: 'unknown-field',
      path: join(path, field),
      value,
      message: `unknown field ${show(field)}${suggest(field, known)}`,
    }));
}

/** The path of `field` inside `path`. */
export function join(path: string, field: string | number): string {
  return path === '' ? String(field) : `${path}.${field}`;
}

/** A value as an error message shows it: short, on one line, whatever it is. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? JSON.stringify(clip(value)) : String(value);
  }
  return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
}

function clip(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 60)}…`;
}

/** `; did you mean "limit"?` when one of `known` is close to `word`, else `; known: a, b, c`. */
export function suggest(word: unknown, known: readonly string[]): string {
  if (known.length === 0) return '; there are none';
  const nearest = typeof word === 'string' && word.length <= 64 ? closest(word, known) : undefined;
  if (nearest !== undefined) return `; did you mean ${JSON.stringify(nearest)}?`;
  const listed = known.slice(0, 12).join(', ');
  return `; known: ${listed}${known.length > 12 ? ', …' : ''}`;
}

function closest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known.slice(0, 1000)) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const steps = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** Levenshtein's distance, a swap of neighbours counting as two. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
