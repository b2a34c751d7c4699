/**
 * Checks a document against a valibot schema and finds everything at once. Valibot itself stops at the first unknown or
 * missing field and at a union none of whose options fit; so lists and objects are walked here, and only the plain
 * values in them are left to valibot.
 *
 * @module
 */

import * as v from 'valibot';
import { type Fault, join, show, suggest, unknownFields } from '../errors.ts';

/** What the walk reads of valibot's schemas. */
type Shape = {
  readonly message?: unknown;
  readonly pipe?: readonly { readonly kind: string }[];
} & (
  | { readonly type: 'optional'; readonly wrapped: Shape }
  | { readonly type: 'lazy'; readonly getter: (input: unknown) => Shape }
  | { readonly type: 'union'; readonly options: readonly Shape[] }
  | VariantShape
  | { readonly type: 'array'; readonly item: Shape }
  | RecordShape
  | ObjectShape
  | { readonly type: 'picklist'; readonly options: readonly string[] }
  | { readonly type: 'literal'; readonly literal: unknown }
  | { readonly type: 'any' | 'unknown' | 'string' | 'number' }
);

interface VariantShape {
  readonly type: 'variant';
  readonly key: string;
  readonly options: readonly ObjectShape[];
}

interface RecordShape {
  readonly type: 'record';
  readonly key: Shape;
  readonly value: Shape;
}

interface ObjectShape {
  readonly type: 'strict_object';
  readonly entries: Readonly<Record<string, Shape>>;
}

/** All faults of `input` against `schema`, one by one. A schema of type `unknown` is any JSON, within bounds. */
export function* shapeFaults(schema: v.GenericSchema, input: unknown, path = ''): Generator<Fault> {
  yield* faultsOf(schema as unknown as Shape, input, path);
}

/** Whether `value` is a plain object: no list, and nothing like a `Map` or a `Date`, whose contents are no fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

function* faultsOf(shape: Shape, input: unknown, path: string): Generator<Fault> {
  switch (shape.type) {
    case 'optional':
      if (input !== undefined) yield* faultsOf(shape.wrapped, input, path);
      break;
    case 'lazy':
      yield* faultsOf(shape.getter(input), input, path);
      break;
    case 'unknown':
      yield* jsonFaults(input, path);
      break;
    case 'any':
      break;
    case 'union': {
      const fitting = shape.options.find((option) => isContainerFor(option, input));
      yield* fitting === undefined ? valueFaults(shape, input, path) : faultsOf(fitting, input, path);
      break;
    }
    case 'array':
      if (Array.isArray(input)) yield* wholeFaults(shape, input, path, itemFaults(shape.item, input, path));
      else yield misfit(input, path, shape.message ?? 'a list');
      break;
    case 'record':
    case 'variant':
    case 'strict_object':
      if (isRecord(input)) yield* wholeFaults(shape, input, path, faultsInside(shape, input, path));
      else yield misfit(input, path, shape.message ?? 'an object');
      break;
    default:
      yield* valueFaults(shape, input, path);
  }
}

function isContainerFor(option: Shape, input: unknown): boolean {
  return option.type === 'array' ? Array.isArray(input) : option.type === 'strict_object' && isRecord(input);
}

/** What valibot says about a value itself; what is inside of it has been looked at. */
function* valueFaults(shape: Shape, input: unknown, path: string): Generator<Fault> {
  const { issues = [] } = v.safeParse(shape as unknown as v.GenericSchema, input);
  const issue = issues.find((found) => found.path === undefined);
  if (issue === undefined) return;
  if (shape.type !== 'picklist') return yield misfit(input, path, issue.message);
  const message = `${show(input)} does not fit${suggest(input, shape.options)}`;
  yield { code: 'bad-value', path, value: input, message };
}

/** The faults inside of a list or an object; without any, what has to hold for it as a whole, such as its length. */
function* wholeFaults(shape: Shape, input: unknown, path: string, inside: Iterable<Fault>): Generator<Fault> {
  let isSound = true;
  for (const fault of inside) {
    isSound = false;
    yield fault;
  }
  const hasChecks = shape.pipe?.some(({ kind }) => kind === 'validation');
  if (isSound && hasChecks) yield* valueFaults(shape, input, path);
}

function misfit(value: unknown, path: string, right: unknown): Fault {
  return { code: 'bad-value', path, value, message: `${show(value)} does not fit; give ${right}` };
}

function* itemFaults(item: Shape, input: readonly unknown[], path: string): Generator<Fault> {
  for (let i = 0; i < input.length; i++) yield* faultsOf(item, input[i], join(path, i));
}

function faultsInside(
  shape: RecordShape | VariantShape | ObjectShape,
  input: Record<string, unknown>,
  path: string,
): Generator<Fault> {
  if (shape.type === 'record') return recordFaults(shape, input, path);
  if (shape.type === 'variant') return variantFaults(shape, input, path);
  return fieldFaults(shape.entries, input, path);
}

function* recordFaults(shape: RecordShape, input: Record<string, unknown>, path: string): Generator<Fault> {
  for (const key of Object.keys(input)) {
    const within = join(path, key);
    for (const fault of valueFaults(shape.key, key, within)) yield { ...fault, code: 'bad-name' };
    yield* faultsOf(shape.value, input[key], within);
  }
}

function* fieldFaults(
  entries: ObjectShape['entries'],
  input: Record<string, unknown>,
  path: string,
): Generator<Fault> {
  const known = Object.keys(entries);
  const meant = new Set<string | undefined>();
  for (const field of Object.keys(input).filter((name) => !Object.hasOwn(entries, name))) {
    for (const fault of unknownFields({ [field]: input[field] }, known, path)) {
      meant.add(wordMeant(fault.message));
      yield fault;
    }
  }
  for (const [field, entry] of Object.entries(entries)) {
    const within = join(path, field);
    if (Object.hasOwn(input, field) && input[field] !== undefined) {
      yield* faultsOf(entry, input[field], within);
    } else if (entry.type !== 'optional' && !meant.has(field)) {
      const right = entry.message === undefined ? '' : `; give ${entry.message}`;
      const message = `${show(field)} is missing${right}`;
      yield { code: 'missing-field', path: within, value: undefined, message };
    }
  }
}

/** The word that an error message takes another one for, if it does; see {@link suggest}. */
export function wordMeant(message: string): string | undefined {
  return /; did you mean "([^"]*)"\?$/.exec(message)?.[1];
}

/** Where no option is named rightly, the other fields are judged by the option that was meant, or by all together. */
function* variantFaults(shape: VariantShape, input: Record<string, unknown>, path: string): Generator<Fault> {
  const { key, options } = shape;
  const given = Object.hasOwn(input, key) ? input[key] : undefined;
  const names = options.map(({ entries }) => literalOf(entries[key]));
  const named = options.find((_option, i) => names[i] === given);
  if (named !== undefined) return yield* fieldFaults(named.entries, input, path);
  const suggestion = suggest(given, names);
  const meant = options.find((_option, i) => names[i] === wordMeant(suggestion));
  if (given !== undefined) {
    const hint = meant === undefined ? ' (your own go into createEngine\'s "algorithms")' : '';
    const message = `unknown ${key} ${show(given)}${suggestion}${hint}`;
    yield { code: `unknown-${key}`, path: join(path, key), value: given, message };
  }
  const entries = meant?.entries ?? entriesOfAny(options);
  const discriminator: Shape = { type: 'any', message: `one of ${names.join(', ')}` };
  yield* fieldFaults({ ...entries, [key]: discriminator }, input, path);
}

function literalOf(shape: Shape | undefined): string {
  return shape?.type === 'literal' ? String(shape.literal) : '';
}

function entriesOfAny(options: readonly ObjectShape[]): Record<string, Shape> {
  const entries = options.flatMap((option) => Object.entries(option.entries));
  const merged = Object.fromEntries(entries.map(([field, entry]) => [field, optional(entry)]));
  // An algorithm that nobody brought may have settings of its own.
  return { ...merged, options: optional({ type: 'any' }) };
}

function optional(shape: Shape): Shape {
  return shape.type === 'optional' ? shape : { type: 'optional', wrapped: shape };
}

/** How deep JSON nests at most; templates are looked through no deeper. */
const MAX_JSON_DEPTH = 32;

/** How much JSON one field may hold: values, and characters of texts and names. */
const MOST_JSON = 100_000;

/** The first thing in a value that JSON cannot say, or that makes it too deep or too large to be looked through. */
function* jsonFaults(value: unknown, path: string): Generator<Fault> {
  const fault = jsonFault(value, path, { room: MOST_JSON }, 0);
  if (fault !== undefined) yield fault;
}

function jsonFault(value: unknown, path: string, left: { room: number }, depth: number): Fault | undefined {
  left.room -= typeof value === 'string' ? value.length + 1 : 1;
  if (left.room < 0) {
    const message = `more than ${MOST_JSON} values and characters in one field; that is too much for a policy`;
    return { code: 'too-large', path, value, message };
  }
  if (typeof value !== 'object' || value === null) {
    const isJson = value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
    return isJson ? undefined : misfit(value, path, 'a JSON value');
  }
  if (depth === MAX_JSON_DEPTH) {
    const message = `lists and objects nest at most ${MAX_JSON_DEPTH} deep`;
    return { code: 'too-deep', path, value, message };
  }
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) left.room -= key.length;
    const found = jsonFault(inner, join(path, key), left, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
