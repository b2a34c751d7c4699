import { type Fault, join, show, suggest } from '../errors.ts';
import type { CandidateDocument, GrantDocument, LimitDocument, PolicyDocument } from './document.ts';
import { Draft } from './draft.ts';
import { builderOf } from './plans.ts';
import { quotaFaults } from './quotas.ts';

/** What decisions call the candidate of a limit. No limit has such a name. */
function candidateName(limit: string): string {
  return `${limit}${SUFFIX}`;
}

/** The limit whose quotas a descriptor gives: that of a candidate is its limit's. */
export function quotaName(limit: string): string {
  return limit.endsWith(SUFFIX) ? limit.slice(0, -SUFFIX.length) : limit;
}

const SUFFIX = '.candidate';

/** Fields that a limit keeps under another algorithm. */
const COMMON = ['quota', 'window', 'unit', 'per', 'missing'] as const;

/** The same policy with each candidate written out: a shadow limit beside its own, in groups, tiers and overrides. */
export function withCandidates(policy: PolicyDocument): PolicyDocument {
  const candidates = Object.entries(policy.limits).flatMap(([name, limit]) =>
    limit.candidate === undefined ? [] : [{ name, limit, candidate: limit.candidate }],
  );
  if (candidates.length === 0) return policy;
  const tried = new Map(candidates.map((each) => [each.name, each]));
  const limits = Object.entries(policy.limits).flatMap(([name, limit]): [string, LimitDocument][] => {
    const candidate = tried.get(name)?.candidate;
    return candidate === undefined
      ? [[name, limit]]
      : [
          [name, limit],
          [candidateName(name), merged(limit, candidate)],
        ];
  });
  const groups = Object.entries(policy.groups).map(([name, group]) => {
    const withTried = group.limits.flatMap((limit) =>
      tried.has(limit) ? [limit, candidateName(limit)] : [limit],
    );
    const leave = Object.entries(group.leave ?? {}).flatMap(([limit, permits]) =>
      tried.has(limit)
        ? [
            [limit, permits],
            [candidateName(limit), permits],
          ]
        : [[limit, permits]],
    );
    return [name, { ...group, limits: withTried, leave: Object.fromEntries(leave) }];
  });
  const tiers = Object.entries(policy.tiers ?? {}).map(([tier, grants]) => {
    const others = candidates.flatMap(({ name, candidate }): [string, GrantDocument][] => {
      const grant = candidate.tiers?.[tier] ?? grants[name];
      return grant === undefined ? [] : [[candidateName(name), grant]];
    });
    return [tier, { ...grants, ...Object.fromEntries(others) }];
  });
  const overrides = (policy.overrides ?? []).flatMap((override) =>
    tried.has(override.limit)
      ? [override, { ...override, limit: candidateName(override.limit) }]
      : [override],
  );
  return {
    ...policy,
    limits: Object.fromEntries(limits),
    groups: Object.fromEntries(groups),
    tiers: Object.fromEntries(tiers),
    overrides,
  };
}

function merged(limit: LimitDocument, { tiers: _, ...own }: CandidateDocument): LimitDocument {
  const isSame = own.algorithm === undefined || own.algorithm === limit.algorithm;
  const fields = Object.entries(limit).filter(
    ([field]) => isSame || (COMMON as readonly string[]).includes(field),
  );
  const { candidate: __, ...kept } = Object.fromEntries(fields);
  return { ...kept, ...own, mode: 'shadow' } as LimitDocument;
}

/** What is wrong with the candidates of a draft whose shape is right; nothing while that is wrong. */
export function* candidateFaults(draft: Draft): Generator<Fault> {
  const policy = draft.document as unknown as PolicyDocument;
  let isClear = true;
  for (const [name, limit] of Object.entries(policy.limits)) {
    if (limit.candidate === undefined) continue;
    for (const fault of ownFaults(draft, limit, limit.candidate, join(join('limits', name), 'candidate'))) {
      isClear = false;
      yield fault;
    }
  }
  const whole = isClear ? withCandidates(policy) : policy;
  if (whole === policy) return;
  const written = new Draft(whole as unknown as Draft['document'], draft.algorithms, []);
  for (const fault of quotaFaults(written))
    yield { ...fault, path: fault.path.replace(WRITTEN_OUT, IN_PLACE) };
}

/** A tier's grant of a candidate, and where it stands in the document. */
const WRITTEN_OUT = /^tiers\.([^.]+)\.([^.]+)\.candidate/;
const IN_PLACE = 'limits.$2.candidate.tiers.$1';

function* ownFaults(
  draft: Draft,
  limit: LimitDocument,
  candidate: CandidateDocument,
  path: string,
): Generator<Fault> {
  const { algorithm = limit.algorithm } = candidate;
  const holdsPermits = limit.algorithm === 'concurrency';
  const isKnown = holdsPermits
    ? algorithm === 'concurrency'
    : builderOf(algorithm, draft.algorithms) !== undefined;
  if (!isKnown) {
    const message = holdsPermits
      ? 'the candidate of a concurrency limit is one, too; leave "algorithm" out'
      : `${show(algorithm)} is no algorithm of rates`;
    yield { code: 'unknown-algorithm', path: join(path, 'algorithm'), value: algorithm, message };
  }
  for (const field of holdsPermits ? ['window', 'burst', 'anchor', 'options'] : ['lease']) {
    const value = (candidate as Readonly<Record<string, unknown>>)[field];
    if (value === undefined) continue;
    const message = `a ${algorithm} limit has no ${show(field)}`;
    yield { code: 'unknown-field', path: join(path, field), value, message };
  }
  const tiers = Object.keys(draft.document.tiers ?? {});
  for (const tier of Object.keys(candidate.tiers ?? {})) {
    if (tiers.includes(tier)) continue;
    const message = `unknown tier ${show(tier)}${suggest(tier, tiers)}`;
    yield { code: 'unknown-tier', path: join(join(path, 'tiers'), tier), value: tier, message };
  }
}
