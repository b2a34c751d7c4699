/**
 * The plain values of a policy document: names, fields, numbers, durations. What stands under `metadata` is for the JSON
 * Schema alone, so a pattern there never comes before the parser's own check and message.
 *
 * @module
 */

import * as v from 'valibot';
import { BUILT_IN } from '../algorithms/index.ts';
import { DURATION_FORMS, MAX_DURATION, readDuration } from '../time.ts';
import { FIELD, FIELD_FORM, isField, isName, NAME, NAME_FORM, RESERVED_FIELDS } from './name.ts';

/** A regular expression for what `pattern` matches, but for some words. */
function except(words: readonly string[], pattern: RegExp): string {
  return `^(?!(?:${words.join('|')})$)${pattern.source.slice(1)}`;
}

/** What valibot's records pass over, lest they touch a prototype. */
const NO_NAMES = ['constructor', 'prototype'];
const INHERITED = Object.getOwnPropertyNames(Object.prototype).filter((word) => FIELD.test(word));
const METHOD = '[A-Z][A-Z0-9_-]{0,31}';
const DURATION = /^(?=[^a-z]*[1-9])\d{1,16}(?:\.\d{1,6})? ?(?:ms|[smhdw])$/;

/** The name of a limit, a tier or a unit. */
export const name: v.GenericSchema<string> = v.pipe(
  v.string(NAME_FORM),
  v.regex(NAME, NAME_FORM),
  v.check(isName, 'another name; in JavaScript this one means something'),
  v.metadata({ pattern: except(NO_NAMES, NAME), description: NAME_FORM }),
);

/** The name of a group; the parser says why it is no verdict, and not `unmatched`. */
export const groupName: v.GenericSchema<string> = v.pipe(
  name,
  v.metadata({ pattern: except([...NO_NAMES, 'allow', 'deny', 'unmatched'], NAME) }),
);

/** Any algorithm that is not built in, for readers that do not know which ones a program brings. */
export const customAlgorithmName: v.GenericSchema<string> = v.pipe(
  name,
  v.metadata({
    pattern: except([...NO_NAMES, 'concurrency', ...Object.keys(BUILT_IN)], NAME),
    description: 'An algorithm that the program hands to createEngine.',
  }),
);

/** A name that is declared elsewhere; the parser knows best what was meant by a wrong one. */
export function reference(form: string): v.GenericSchema<string> {
  return v.pipe(v.string(form), v.metadata({ pattern: except(NO_NAMES, NAME), description: form }));
}

/** A partition field. */
export const field: v.GenericSchema<string> = v.pipe(
  v.string(FIELD_FORM),
  v.check(isField, FIELD_FORM),
  v.metadata({ pattern: except([...RESERVED_FIELDS, ...INHERITED], FIELD), description: FIELD_FORM }),
);

/** A pattern of a group; what else is wrong with it, the parser says. */
export const route: v.GenericSchema<string> = v.pipe(
  v.string('a pattern such as "GET /v1/**"'),
  v.metadata({
    pattern: `^(?:\\*|${METHOD}(?:\\|${METHOD})*) /[^\\s?#]*$`,
    description: 'A pattern such as "GET|HEAD /v1/calls/:call".',
  }),
);

/** An integer in a range. */
function integer(least: number, most: number, form: string): v.GenericSchema<number> {
  return v.pipe(v.number(form), v.integer(form), v.minValue(least, form), v.maxValue(most, form));
}

/** What a number of units looks like, for messages. */
export const unitsForm = (least: 0 | 1): string => `an integer from ${least} to ${Number.MAX_SAFE_INTEGER}`;

/** A number of units. */
export function units(least: 0 | 1): v.GenericSchema<number> {
  return integer(least, Number.MAX_SAFE_INTEGER, unitsForm(least));
}

/** A quota, or that it comes from elsewhere. */
export const quota: v.GenericSchema<number | 'custom'> = v.union(
  [units(0), v.literal('custom')],
  `${unitsForm(0)}, or "custom"`,
);

/** A length of time. */
export const duration: v.GenericSchema<number | string> = v.pipe(
  v.union(
    [
      integer(1, MAX_DURATION, DURATION_FORMS),
      v.pipe(v.string(DURATION_FORMS), v.regex(DURATION, DURATION_FORMS)),
    ],
    DURATION_FORMS,
  ),
  v.check((value) => readDuration(value) !== undefined, DURATION_FORMS),
);

/** An HTTP status that tells of a denial. */
export const status: v.GenericSchema<number> = integer(400, 599, 'an HTTP status from 400 to 599');

const SHARE_FORM = 'a share above 0, at most 1';

/** A share of a quota. */
export const share: v.GenericSchema<number> = v.pipe(
  v.number(SHARE_FORM),
  v.gtValue(0, SHARE_FORM),
  v.maxValue(1, SHARE_FORM),
);
