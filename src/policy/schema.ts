/**
 * The shape of a policy document, for the parser and for the JSON Schema in the package. What a number has to be is
 * left to the algorithms' builders; what a name refers to, to the parser. Each message says what would be right.
 *
 * @module
 */

import * as v from 'valibot';
import { DURATION_FORMS, readDuration } from '../time.ts';
import { FIELD_FORM, isField, isName, NAME, NAME_FORM } from './name.ts';
import { type DenialReason, isKeyedByReason } from './template.ts';

const text = (form: string) => v.string(form);
const name = v.pipe(v.string(NAME_FORM), v.regex(NAME, NAME_FORM), v.check(isName, NAME_FORM));
const field = v.pipe(v.string(FIELD_FORM), v.check(isField, FIELD_FORM));
const UNITS = `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`;
const units = v.pipe(v.number(UNITS), v.safeInteger(UNITS), v.minValue(0, UNITS));
const quota = v.union([units, v.literal('custom')], `${UNITS}, or "custom"`);
const duration = v.pipe(
  v.union([v.number(), v.string()], DURATION_FORMS),
  v.check((value) => readDuration(value) !== undefined, DURATION_FORMS),
);
const per = v.union(
  [field, v.pipe(v.array(field), v.minLength(1), v.maxLength(8))],
  `${FIELD_FORM}; or a list of one to eight of them`,
);
const json = v.custom<unknown>((value) => value !== undefined, 'a JSON value');

const limitEntries = {
  quota: v.optional(quota),
  per: v.optional(per),
  missing: v.optional(v.picklist(['error', 'shared', 'deny'], '"error", "shared" or "deny"')),
};
const rateEntries = { ...limitEntries, window: duration, unit: v.optional(name) };
const burst = v.optional(units);

const fixedWindow = v.strictObject({
  algorithm: v.literal('fixed-window'),
  ...rateEntries,
  anchor: v.optional(v.picklist(['first-use', 'epoch'], '"first-use" or "epoch"')),
});
const slidingWindow = v.strictObject({ algorithm: v.literal('sliding-window'), ...rateEntries });
const tokenBucket = v.strictObject({ algorithm: v.literal('token-bucket'), ...rateEntries, burst });
const concurrency = v.strictObject({
  algorithm: v.literal('concurrency'),
  ...limitEntries,
  lease: v.optional(duration),
});
const customLimit = (algorithm: v.GenericSchema<string>) =>
  v.strictObject({
    algorithm,
    ...rateEntries,
    burst,
    options: v.record(v.string(), json, 'an object of settings'),
  });

const STATUS = 'an HTTP status from 400 to 599';
const status = v.pipe(v.number(STATUS), v.integer(STATUS), v.minValue(400, STATUS), v.maxValue(599, STATUS));
const template = v.strictObject({
  status: v.optional(status),
  body: v.optional(json),
  format: v.optional(v.literal('problem+json', '"problem+json"')),
});
const reasons = [
  'quota',
  'concurrency',
  'never',
  'blocked',
  'missing',
  'unmatched',
  'capacity',
  'queue-full',
  'queue-timeout',
  'store-failure',
] as const satisfies readonly DenialReason[];
const keyedTemplates = v.strictObject(v.entriesFromList(reasons, v.optional(template)));
const denial = v.lazy((input) => {
  if (typeof input !== 'object' || input === null) return v.union([template, keyedTemplates], 'a template');
  return isKeyedByReason(input) ? keyedTemplates : template;
});

const group = v.strictObject({
  match: v.optional(v.array(text('a pattern such as "GET /v1/**"'), 'a list of patterns')),
  limits: v.array(text('the name of a limit'), 'a list of limits, empty for none'),
  denial: v.optional(denial),
  queue: v.optional(v.strictObject({ size: units, timeout: v.optional(duration) })),
  leave: v.optional(v.record(v.string(), units, 'permits by limit')),
});

const grant = v.union(
  [quota, v.strictObject({ quota: units, burst })],
  'an integer from 0, "custom", or { quota, burst }',
);
const override = v.strictObject({
  limit: text('the name of a limit'),
  where: v.record(field, text('a string to compare with'), 'descriptor fields and their values'),
  quota: units,
  burst,
});

/** Any algorithm that is not built in, for readers that do not know which ones a program brings. */
export const customAlgorithmName: v.GenericSchema<string> = name;

/**
 * The schema of a policy.
 *
 * @param algorithms - schemas of the names of custom algorithms
 */
export function policySchema(algorithms: readonly v.GenericSchema<string>[]): v.GenericSchema {
  const limit = v.variant('algorithm', [
    fixedWindow,
    slidingWindow,
    tokenBucket,
    concurrency,
    ...algorithms.map(customLimit),
  ]);
  return v.strictObject({
    $schema: v.optional(v.string()),
    version: v.literal(1, '1'),
    limits: v.record(name, limit, 'limits by name'),
    groups: v.record(name, group, 'groups by name'),
    tiers: v.optional(v.record(name, v.record(v.string(), grant, 'grants by limit'), 'tiers by name')),
    defaultTier: v.optional(text('the name of a tier')),
    overrides: v.optional(v.array(override, 'a list of overrides')),
    unmatched: text('the name of a group, "allow" or "deny"'),
    paths: v.optional(
      v.strictObject({
        case: v.optional(v.picklist(['sensitive', 'insensitive'], '"sensitive" or "insensitive"')),
      }),
    ),
    denial: v.optional(denial),
    headers: v.optional(v.array(v.picklist(['x-ratelimit', 'x-ratelimit-delta', 'retry-after', 'draft-11']))),
  });
}
