/**
 * Checks a document against its schema and reports everything at once: what valibot finds in the values, and, since
 * valibot stops at the first of them, every unknown, missing and misnamed field.
 *
 * @module
 */

import * as v from 'valibot';
import { type Fault, join, show, suggest, unknownFields } from '../errors.ts';
import { isName, NAME_FORM } from './name.ts';

/** The parts of valibot's schemas that name fields. */
interface Shape {
  readonly type: string;
  readonly message?: unknown;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly wrapped?: Shape;
  readonly key?: Shape;
  readonly value?: Shape;
  readonly item?: Shape;
  readonly options?: readonly Shape[];
  readonly literal?: unknown;
  readonly getter?: (input: unknown) => Shape;
}

/** All faults of `input` against `schema`. */
export function shapeFaults(schema: v.GenericSchema, input: unknown): Fault[] {
  const { issues = [] } = v.safeParse(schema, input);
  // A field that is missing, unknown or wrongly named is reported by the walk below, with a path and a suggestion.
  const values = issues.filter(
    ({ type, path }) => type !== 'strict_object' && path?.at(-1)?.origin !== 'key',
  );
  return [...fieldFaults(schema as unknown as Shape, input, ''), ...values.map(faultOf)];
}

/** Whether `value` is an object with fields of its own, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  const path = (issue.path ?? []).map(({ key }) => String(key)).join('.');
  const value = issue.input;
  if (issue.type === 'variant' && typeof value === 'string') {
    const known = [...(issue.expected ?? '').matchAll(/"([^"]*)"/g)].map(([, name]) => String(name));
    return {
      code: 'unknown-algorithm',
      path,
      value,
      message: `unknown algorithm ${show(value)}${suggest(value, known)}`,
    };
  }
  const right = issue.message.startsWith('Invalid') ? inWords(issue.expected ?? '') : issue.message;
  return { code: 'bad-value', path, value, message: `${show(value)} does not fit; give ${right}` };
}

/** What valibot expects, for those schemas that have no message of their own. */
function inWords(expected: string): string {
  if (expected === 'Object') return 'an object';
  return expected === 'Array' ? 'a list' : expected;
}

function fieldFaults(shape: Shape, input: unknown, path: string): Fault[] {
  switch (shape.type) {
    case 'optional':
      return input === undefined || shape.wrapped === undefined
        ? []
        : fieldFaults(shape.wrapped, input, path);
    case 'lazy':
      return shape.getter === undefined ? [] : fieldFaults(shape.getter(input), input, path);
    case 'union':
    case 'variant':
      return (shape.options ?? [])
        .filter((option) => fits(option, input))
        .slice(0, 1)
        .flatMap((option) => fieldFaults(option, input, path));
    case 'array':
      return Array.isArray(input)
        ? input.flatMap((item, i) => fieldFaults(shape.item ?? { type: 'any' }, item, join(path, i)))
        : [];
    case 'record':
      return listGiven(input, path) ?? (isRecord(input) ? recordFaults(shape, input, path) : []);
    case 'strict_object':
      return (
        listGiven(input, path) ?? (isRecord(input) ? objectFaults(shape.entries ?? {}, input, path) : [])
      );
    default:
      return [];
  }
}

function fits(option: Shape, input: unknown): boolean {
  const discriminator = option.entries?.algorithm;
  if (discriminator === undefined) return option.entries !== undefined && isRecord(input);
  return isRecord(input) && input.algorithm === discriminator.literal;
}

function listGiven(input: unknown, path: string): Fault[] | undefined {
  if (!Array.isArray(input)) return undefined;
  return [{ code: 'bad-value', path, value: input, message: `${show(input)} does not fit; give an object` }];
}

function recordFaults(shape: Shape, input: Record<string, unknown>, path: string): Fault[] {
  return Object.entries(input).flatMap(([key, value]) => {
    const within = join(path, key);
    if (shape.key?.message === NAME_FORM && !isName(key)) {
      return [{ code: 'bad-name', path: within, value: key, message: `${show(key)} is not ${NAME_FORM}` }];
    }
    return fieldFaults(shape.value ?? { type: 'any' }, value, within);
  });
}

function objectFaults(entries: Record<string, Shape>, input: Record<string, unknown>, path: string): Fault[] {
  const present = Object.entries(entries).flatMap(([field, entry]) => {
    if (Object.hasOwn(input, field)) return fieldFaults(entry, input[field], join(path, field));
    return entry.type === 'optional' ? [] : [missingFault(entry, join(path, field), field)];
  });
  return [...unknownFields(input, Object.keys(entries), path), ...present];
}

function missingFault(entry: Shape, path: string, field: string): Fault {
  const right = typeof entry.message === 'string' ? `; give ${entry.message}` : '';
  return { code: 'missing-field', path, value: undefined, message: `${show(field)} is missing${right}` };
}
