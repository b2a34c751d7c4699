import type { Moment } from './moment.ts';
import { type LimitReport, MAX_LIMITS, readCount } from './report.ts';
import { type ResetUnit, readReset } from './reset.ts';

type Part = 'limit' | 'remaining' | 'reset' | 'reset-after';

/** The fields of one limit that came together. */
interface Family extends Partial<Record<Part, string>> {
  readonly name: string;
  /** What a number in `reset` is that is no Unix time. */
  readonly short: 'seconds' | 'milliseconds';
}

/**
 * `RateLimit-…`, `X-RateLimit-…`, `X-Rate-Limit-…`, `Vendor-RateLimit-…`, and then what is told (`Limit`, `Remaining`,
 * `Reset`) and perhaps whose it is (`Tokens`, `Minute`), in either order.
 */
const FIELD =
  /^((?:[a-z\d]{1,32}-)?rate-?limit)-(?:(limit|remaining|reset-after|reset)(?:-([a-z\d-]{1,32}))?|([a-z\d-]{1,32})-(limit|remaining|reset))$/;

/** Fields of BigCommerce that follow no pattern. */
const IRREGULAR: Readonly<Record<string, Part>> = {
  'x-rate-limit-requests-quota': 'limit',
  'x-rate-limit-requests-left': 'remaining',
  'x-rate-limit-time-reset-ms': 'reset',
};

/** Whose family has its lengths of time in milliseconds. */
const IN_MILLISECONDS = 'x-rate-limit';

/** Fields that name the limit which the others are about: GitHub's and Discord's. */
const NAMES = ['x-ratelimit-resource', 'x-ratelimit-bucket'];

/**
 * The limits in fields of their own for quota, what is left and reset: drafts up to -06 of the `RateLimit` fields, and
 * everybody's `X-RateLimit`. Fields that two limiters have both sent (`60, 1000`) are read as two limits.
 *
 * @param unit - what a plain number in a reset field means
 */
export function readPlainFields(headers: Headers, unit: ResetUnit, moment: Moment): LimitReport[] {
  const families = new Map<string, Family>();
  headers.forEach((value, field) => {
    const [family, part, whose = ''] = place(field) ?? [];
    if (family === undefined || part === undefined) return;
    const name = whose === '' ? family : `${family};${whose}`;
    const short = family === IN_MILLISECONDS ? 'milliseconds' : 'seconds';
    const known: Family = families.get(name) ?? { name, short };
    known[part] = value.trim();
    if (families.size < MAX_LIMITS || families.has(name)) families.set(name, known);
  });
  const resource = NAMES.map((field) => headers.get(field)).find((name) => name !== null) ?? undefined;
  return [...families.values()].flatMap((family) => readFamily(family, resource, unit, moment));
}

function place(field: string): [family: string, part: Part, whose?: string | undefined] | undefined {
  const irregular = Object.hasOwn(IRREGULAR, field) ? IRREGULAR[field] : undefined;
  if (irregular !== undefined) return [IN_MILLISECONDS, irregular];
  const [, family, first, after, before, last] = FIELD.exec(field) ?? [];
  const part = first ?? last;
  return family === undefined || part === undefined ? undefined : [family, part as Part, after ?? before];
}

function readFamily(
  family: Family,
  resource: string | undefined,
  unit: ResetUnit,
  moment: Moment,
): LimitReport[] {
  const remaining = entriesOf(family.remaining);
  const limits = entriesOf(family.limit);
  const resets = readResets(family, remaining.length, unit, moment);
  return remaining.slice(0, MAX_LIMITS).flatMap((text, i) => {
    const left = readCount(text);
    if (left === undefined) return [];
    // Drafts up to -02 list further policies behind the limit: `100, 100;w=60`.
    const quota = readCount(limits[i]?.split(';', 1)[0]?.trim());
    const wait = resets[i];
    const resetAt = wait === undefined ? undefined : moment.now + wait;
    return [{ name: nameOf(family, resource, quota), remaining: left, quota, resetAt }];
  });
}

/**
 * Limits without a name are told apart by their quotas: a server that reports the tightest of several in the same fields
 * says something about another limit when the quota is another.
 */
function nameOf({ name }: Family, resource: string | undefined, quota: number | undefined): string {
  if (name.includes(';')) return name;
  const which = resource ?? (quota === undefined ? undefined : String(quota));
  return which === undefined ? name : `${name};${which}`;
}

function readResets(family: Family, count: number, unit: ResetUnit, moment: Moment): (number | undefined)[] {
  const after = family['reset-after'];
  if (after !== undefined) return entriesOf(after).map((text) => readReset(text, 'auto', 'seconds', moment));
  const { reset = '', short } = family;
  // An HTTP date has a comma of its own.
  const whole = count > 1 ? undefined : readReset(reset, unit, short, moment);
  return whole === undefined ? entriesOf(reset).map((text) => readReset(text, unit, short, moment)) : [whole];
}

function entriesOf(field: string | undefined): string[] {
  return field === undefined ? [] : field.split(',', MAX_LIMITS).map((entry) => entry.trim());
}
