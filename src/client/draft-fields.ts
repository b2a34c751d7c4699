import { type Moment, toWait } from './moment.ts';
import { type LimitReport, MAX_LIMITS, readCount } from './report.ts';
import { type BareItem, type Item, parseDictionary, parseList } from './structured-field.ts';

/** What the drafts of the `RateLimit` fields call their parameters, the latest first. */
const PARAMETERS = {
  /** -08 to -11. */
  current: { remaining: 'r', reset: 't' },
  /** As an open change has it. */
  proposed: { remaining: 'a', reset: 'w' },
  /** Of `RateLimit-Policy`, -08 to -11; before, a policy was its quota. */
  policy: { quota: 'q', window: 'w', unit: 'qu' },
  /** -07. */
  dictionary: { quota: 'limit', remaining: 'remaining', reset: 'reset' },
} as const;

/** What a limit is called whose name the server does not say. */
const UNNAMED = 'ratelimit';

interface Policy {
  readonly quota: number | undefined;
  readonly window: number | undefined;
}

/**
 * The limits in `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them since -07. A
 * malformed field is ignored whole.
 */
export function readDraftFields(headers: Headers, moment: Moment): LimitReport[] {
  const field = headers.get('ratelimit');
  if (field === null) return [];
  const items = parseList(field);
  if (items !== undefined) return readItems(items, policiesOf(headers), moment);
  const members = parseDictionary(field);
  return members === undefined ? [] : readDictionary(members, moment);
}

function readItems(
  items: readonly Item[],
  policies: ReadonlyMap<string, Policy>,
  moment: Moment,
): LimitReport[] {
  const reports: LimitReport[] = [];
  for (const { bare, parameters } of items.slice(0, MAX_LIMITS)) {
    const names = parameters.has(PARAMETERS.current.remaining) ? PARAMETERS.current : PARAMETERS.proposed;
    const remaining = countOf(parameters.get(names.remaining));
    const reset = parameters.get(names.reset);
    const isMalformed = remaining === undefined || (reset !== undefined && countOf(reset) === undefined);
    if ((bare.kind !== 'string' && bare.kind !== 'token') || isMalformed) return [];
    const policy = policies.get(bare.value);
    // The window is the longest that a reset which is not said can take.
    reports.push(report(bare.value, remaining, policy?.quota, countOf(reset) ?? policy?.window, moment));
  }
  return reports;
}

function readDictionary(members: ReadonlyMap<string, Item>, moment: Moment): LimitReport[] {
  const names = PARAMETERS.dictionary;
  const remaining = countOf(members.get(names.remaining)?.bare);
  const quota = countOf(members.get(names.quota)?.bare);
  const reset = countOf(members.get(names.reset)?.bare);
  return remaining === undefined ? [] : [report(UNNAMED, remaining, quota, reset, moment)];
}

function report(
  name: string,
  remaining: number,
  quota: number | undefined,
  seconds: number | undefined,
  { now }: Moment,
): LimitReport {
  const resetAt = seconds === undefined ? undefined : now + toWait(seconds * 1000);
  return { name, remaining, quota, resetAt };
}

function policiesOf(headers: Headers): ReadonlyMap<string, Policy> {
  const items = parseList(headers.get('ratelimit-policy') ?? '') ?? [];
  const names = PARAMETERS.policy;
  return new Map(
    items.slice(0, MAX_LIMITS).map(({ bare, parameters }) => {
      const unit = parameters.get(names.unit);
      const isRate = unit?.kind !== 'string' || unit.value !== 'concurrent-requests';
      const window = isRate ? countOf(parameters.get(names.window)) : undefined;
      return [
        bare.kind === 'other' ? '' : String(bare.value),
        { quota: countOf(parameters.get(names.quota)), window },
      ];
    }),
  );
}

/** A count that is an integer from 0. */
function countOf(item: BareItem | undefined): number | undefined {
  return item?.kind === 'integer' ? readCount(String(item.value)) : undefined;
}
