/**
 * The shape of a policy document, for the parser and for the JSON Schema in the package. What numbers have to be to each
 * other is left to the algorithms' builders; what a name refers to, to the parser. Each message says what would be
 * right.
 *
 * @module
 */

import * as v from 'valibot';
import { FIELD_FORM } from './name.ts';
import {
  customAlgorithmName,
  duration,
  field,
  groupName,
  name,
  quota,
  reference,
  route,
  share,
  status,
  units,
  unitsForm,
} from './scalars.ts';
import { type DenialReason, isKeyedByReason } from './template.ts';

export { customAlgorithmName };

const described = <const S extends v.GenericSchema>(schema: S, text: string) =>
  v.pipe(schema, v.description(text));
const isUnique = v.metadata<string[], { uniqueItems: true }>({ uniqueItems: true });

const MOST_FIELDS = 8;
const PER_FORM = `${FIELD_FORM}; or a list of 1 to ${MOST_FIELDS} of them`;
const per = v.union(
  [field, v.pipe(v.array(field), v.minLength(1, PER_FORM), v.maxLength(MOST_FIELDS, PER_FORM), isUnique)],
  PER_FORM,
);
/** Any JSON; what is none, too deep or too large is found by the walk over the document. */
const json = v.unknown();

const burst = v.optional(
  described(units(1), 'Units that can be saved up and spent at once; default: the quota.'),
);
const grant = v.union(
  [quota, v.strictObject({ quota: units(0), burst })],
  `${unitsForm(0)}, "custom", or { quota, burst }`,
);
const anchor = v.optional(
  described(
    v.picklist(['first-use', 'epoch']),
    'Windows begin with the first charge (default), or at multiples of their length.',
  ),
);
const lease = v.optional(described(duration, 'How long a permit may be held; default: for ever.'));
const settings = v.record(v.string(), json, 'an object of settings, empty for none');
const candidate = v.pipe(
  v.strictObject(
    {
      algorithm: v.optional(v.pipe(name, v.description('Another algorithm.'))),
      quota: v.optional(described(quota, 'Units granted per window.')),
      window: v.optional(described(duration, 'The period the quota covers.')),
      burst,
      anchor,
      lease,
      options: v.optional(settings),
      tiers: v.optional(described(v.record(name, grant, 'grants by tier'), 'What tiers would grant.')),
    },
    'a candidate: an object of fields that would replace those of the limit',
  ),
  v.minEntries(1, 'a candidate: at least one field that would replace one of the limit'),
  v.description('Other numbers, asked in the shadow of this limit: reported, never enforced.'),
);

const limitEntries = {
  quota: v.optional(
    described(quota, 'Units granted per window; "custom": an override or the descriptor brings the quota.'),
  ),
  per: v.optional(described(per, 'Whose budget it is: a descriptor field, or several; absent: one for all.')),
  missing: v.optional(
    described(
      v.picklist(['error', 'shared', 'deny']),
      'A request without the field is an error (default), shares one budget with its like, or is denied.',
    ),
  ),
  mode: v.optional(
    described(
      v.picklist(['enforce', 'shadow']),
      'Whether it denies (default), or is only asked and reported.',
    ),
  ),
  candidate: v.optional(candidate),
  nearLimit: v.optional(
    described(share, 'Share of the quota, above 0 to 1, at which the event near-limit is told; default 0.8.'),
  ),
  onStoreFailure: v.optional(
    described(
      v.picklist(['deny', 'allow', 'local']),
      'While the store of a distributed engine fails: deny (default), allow, or decide on a share of the quota in process.',
    ),
  ),
};
const rateEntries = {
  ...limitEntries,
  window: described(duration, 'The period the quota covers: milliseconds, or text such as "1m".'),
  unit: v.optional(v.pipe(name, v.description('What is counted; default "requests".'))),
};
const prefetch = v.optional(
  described(
    v.strictObject(
      { share: described(share, 'Of the quota, or of the burst; one unit at least.') },
      'an object: { share }',
    ),
    'Each process of a distributed engine takes up to this share of a key that is asked for often ahead.',
  ),
);
const builtInEntries = { ...rateEntries, prefetch };
const fixedWindow = v.strictObject({
  algorithm: v.literal('fixed-window'),
  ...builtInEntries,
  anchor,
});
const slidingWindow = v.strictObject({ algorithm: v.literal('sliding-window'), ...builtInEntries });
const tokenBucket = v.strictObject({ algorithm: v.literal('token-bucket'), ...builtInEntries, burst });
const concurrency = v.strictObject({
  algorithm: v.literal('concurrency'),
  ...limitEntries,
  lease,
});
const customLimit = (algorithm: v.GenericSchema<string>) =>
  v.strictObject({
    algorithm,
    ...rateEntries,
    burst,
    options: settings,
  });

const template = v.pipe(
  v.strictObject(
    {
      status: v.optional(described(status, 'HTTP status, 400 to 599.')),
      body: v.optional(
        described(
          json,
          'JSON, or plain text if it is a string. {retryAfter}, {limit}, {quota} and {resetAt} are filled in.',
        ),
      ),
      format: v.optional(v.literal('problem+json', '"problem+json"')),
    },
    'a template: { status, body }',
  ),
  v.metadata({ not: { required: ['body', 'format'] } }),
);
const IS_REASON: { readonly [R in DenialReason]: true } = {
  quota: true,
  concurrency: true,
  never: true,
  blocked: true,
  missing: true,
  unmatched: true,
  capacity: true,
  'queue-full': true,
  'queue-timeout': true,
  'store-failure': true,
};

/** Reasons that a template can be for. */
export const REASONS: readonly DenialReason[] = Object.keys(IS_REASON) as DenialReason[];

const keyedTemplates = v.pipe(
  v.strictObject(v.entriesFromList(REASONS, v.optional(template))),
  v.metadata({ minProperties: 1 }),
);
const anyDenial = v.pipe(
  v.union([template, keyedTemplates]),
  v.description('What denied requests are told: one template, or one for each reason.'),
);
const denial = v.lazy((input) => {
  if (input === undefined) return anyDenial;
  return isMeantByReason(input) ? keyedTemplates : template;
});

/** What `denial` is judged as; for a right one the same as {@link isKeyedByReason}. */
function isMeantByReason(input: unknown): boolean {
  if (typeof input !== 'object' || input === null || !isKeyedByReason(input)) return false;
  return Object.entries(input).some(
    ([key, value]) => Object.hasOwn(IS_REASON, key) || (typeof value === 'object' && value !== null),
  );
}

const group = v.strictObject(
  {
    match: v.optional(
      v.pipe(
        v.array(route, 'a list of patterns'),
        v.description('Requests of the group; absent: the descriptor names the group.'),
        isUnique,
      ),
    ),
    limits: v.pipe(
      v.array(reference('the name of a limit'), 'a list of limits, empty for none'),
      v.description('Limits that apply, in the order they are reported.'),
      isUnique,
    ),
    denial: v.optional(denial),
    queue: v.optional(
      v.strictObject(
        {
          size: described(units(0), 'Waiters it takes.'),
          timeout: v.optional(described(duration, 'How long one waits at most.')),
          order: v.optional(v.picklist(['oldest-first', 'newest-first'], '"oldest-first" or "newest-first"')),
          strategy: v.optional(v.picklist(['notify', 'poll'], '"notify" or "poll"')),
        },
        'an object: { size, timeout, order, strategy }',
      ),
    ),
    leave: v.optional(
      described(
        v.record(reference('the name of a limit'), units(0), 'permits by limit'),
        'Permits of a concurrency limit that are not for this group.',
      ),
    ),
  },
  'a group: an object with a list of limits',
);

const tier = v.record(reference('the name of a limit'), grant, 'grants by limit');

const WHERE_FORM = `1 to ${MOST_FIELDS} descriptor fields and their values; a quota for everybody belongs to the limit`;
const override = v.strictObject(
  {
    limit: reference('the name of a limit'),
    where: v.pipe(
      v.record(field, v.pipe(v.string('a string'), v.minLength(1, 'a non-empty string')), WHERE_FORM),
      v.minEntries(1, WHERE_FORM),
      v.maxEntries(MOST_FIELDS, WHERE_FORM),
      v.description('Descriptor fields and the values they have to have.'),
    ),
    quota: units(0),
    burst,
  },
  'an override: { limit, where, quota }',
);

/** The schema of the custom algorithms that a program brings. */
export const algorithmsSchema: v.GenericSchema = v.record(
  name,
  v.function('a function that makes a plan'),
  'builders of plans by name',
);

/**
 * The schema of a policy.
 *
 * @param algorithms - schemas of the names of custom algorithms
 */
export function policySchema(algorithms: readonly v.GenericSchema<string>[]): v.GenericSchema {
  const limit = v.variant(
    'algorithm',
    [fixedWindow, slidingWindow, tokenBucket, concurrency, ...algorithms.map(customLimit)],
    'a limit: an object with an algorithm',
  );
  return v.pipe(
    v.strictObject(
      {
        $schema: v.optional(v.string('the address of the JSON Schema')),
        version: v.literal(1, '1'),
        limits: v.record(name, limit, 'limits by name'),
        groups: v.record(groupName, group, 'groups by name'),
        tiers: v.optional(
          described(v.record(name, tier, 'tiers by name'), 'What each plan grants, by limit.'),
        ),
        defaultTier: v.optional(
          v.pipe(reference('the name of a tier'), v.description('Tier of a descriptor that names none.')),
        ),
        overrides: v.optional(
          described(
            v.array(override, 'a list of overrides'),
            'Other quotas for some; the first that fits decides.',
          ),
        ),
        unmatched: v.pipe(
          reference('the name of a group, "allow" or "deny"'),
          v.description('What happens to a request that no pattern matches: a group, "allow" or "deny".'),
        ),
        paths: v.optional(
          v.strictObject(
            {
              case: v.optional(
                described(
                  v.picklist(['sensitive', 'insensitive']),
                  'How literal segments compare; default "insensitive".',
                ),
              ),
            },
            'an object: { case }',
          ),
        ),
        crossSlot: v.optional(
          described(
            v.picklist(['refuse', 'reserve']),
            'Limits that cannot share a hash slot of a cluster: refused (default), or reserved slot by slot.',
          ),
        ),
        denial: v.optional(denial),
        headers: v.optional(
          described(
            v.array(
              v.picklist(['x-ratelimit', 'x-ratelimit-delta', 'retry-after', 'draft-11']),
              'a list such as ["x-ratelimit", "retry-after"]',
            ),
            'Response fields that adapters send; default ["x-ratelimit", "retry-after"].',
          ),
        ),
      },
      'a policy: an object with version, limits, groups and unmatched',
    ),
    v.title('headgate policy'),
    v.description('Limits, the groups of requests they apply to, and what each tier grants.'),
  );
}
