/**
 * A decision as response fields. Reads no clock: lengths of time count from `decision.at`.
 *
 * @module
 */

import { checkOptionsObject, DescriptorError, PolicyError, show, suggest } from '../errors.ts';
import type { Decision, LimitDecision } from '../limiter/decision.ts';
import type { HeaderDialect } from '../policy/document.ts';
import type { Millis } from '../time.ts';

/** Which fields to send. A policy document will do. */
export interface HeaderOptions {
  /** Default `["x-ratelimit", "retry-after"]`. */
  readonly headers?: readonly HeaderDialect[];
}

type Fields = Record<string, string>;
type Draft = Exclude<HeaderDialect, 'x-ratelimit' | 'x-ratelimit-delta' | 'retry-after'>;

/** What one version of draft-ietf-httpapi-ratelimit-headers calls its fields and their parameters. */
interface WireNames {
  /** The field that lists the limits, and its parameters. */
  readonly policies: string;
  readonly quota: string;
  readonly window: string;
  readonly unit: string;
  /** The field that says what is left, and its parameters. */
  readonly state: string;
  readonly remaining: string;
  readonly reset: string;
  /** How a limit's name is written. */
  readonly name: (name: string) => string;
}

const DRAFTS: Readonly<Record<Draft, WireNames>> = {
  'draft-11': {
    policies: 'RateLimit-Policy',
    quota: 'q',
    window: 'w',
    unit: 'qu',
    state: 'RateLimit',
    remaining: 'r',
    reset: 't',
    name: quoted,
  },
};

const DEFAULT_DIALECTS: readonly HeaderDialect[] = ['x-ratelimit', 'retry-after'];

/** The largest integer of a structured field: fifteen digits (RFC 9651, section 3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

/**
 * The response fields that tell a client where it stands.
 *
 * - `x-ratelimit`: `X-RateLimit-Limit`, `-Remaining` and `-Reset` of `decision.limit`; reset in Unix seconds.
 * - `x-ratelimit-delta`: the same, but reset in seconds from now.
 * - `retry-after`: `Retry-After` in seconds, on a denial that knows when to come back.
 * - `draft-11`: `RateLimit-Policy` with every limit; `RateLimit` too, or, on a denial, with those that denied.
 *
 * Seconds are rounded up and integers have at most fifteen digits. A decision that no limit took part in has no
 * rate-limit fields, nor has one that was made while a store failed (`source: 'fallback'`): nobody knows what is left. A
 * permit has no reset, and limits in shadow mode are not shown. A response may already have
 * fields of these names, say from a gateway: append to them.
 *
 * @returns fields by name, in the usual spelling
 * @throws PolicyError (`unknown-dialect`), DescriptorError (`no-decision`)
 */
export function rateLimitHeaders(decision: Decision, options: HeaderOptions = {}): Record<string, string> {
  checkDecision(decision);
  checkOptionsObject(options);
  const fields: Fields = {};
  for (const dialect of options.headers ?? DEFAULT_DIALECTS) write(fields, decision, dialect);
  return fields;
}

/** @throws DescriptorError (`no-decision`) */
export function checkDecision(decision: Decision): void {
  if (typeof decision?.allowed === 'boolean') return;
  const message = `${show(decision)} is no decision; give what check returned`;
  throw new DescriptorError({ code: 'no-decision', path: 'decision', value: decision, message });
}

/**
 * Seconds after which a denied request is worth repeating, as `Retry-After` says them: rounded up, at least 1.
 *
 * @returns `undefined` if the decision is no denial, or does not know
 */
export function retryAfterSeconds(decision: Decision): number | undefined {
  if (decision.allowed || decision.retryAt === undefined) return undefined;
  const seconds = wholeSeconds(decision.retryAt - decision.at);
  return seconds === undefined ? undefined : Math.max(1, seconds);
}

/**
 * Milliseconds as whole seconds, rounded up: 0 to fifteen digits.
 *
 * @returns `undefined` for `undefined`, infinite or NaN
 */
export function wholeSeconds(ms: Millis | undefined): number | undefined {
  return ms !== undefined && Number.isFinite(ms) ? toInteger(Math.ceil(ms / 1000)) : undefined;
}

function write(fields: Fields, decision: Decision, dialect: HeaderDialect): void {
  switch (dialect) {
    case 'x-ratelimit':
      xRateLimit(fields, decision, 0);
      break;
    case 'x-ratelimit-delta':
      xRateLimit(fields, decision, decision.at);
      break;
    case 'retry-after': {
      const seconds = retryAfterSeconds(decision);
      if (seconds !== undefined) fields['Retry-After'] = String(seconds);
      break;
    }
    default:
      draft(fields, decision, wireNames(dialect));
  }
}

function wireNames(dialect: Draft): WireNames {
  if (Object.hasOwn(DRAFTS, dialect)) return DRAFTS[dialect];
  const known = [...DEFAULT_DIALECTS, 'x-ratelimit-delta', ...Object.keys(DRAFTS)];
  const message = `unknown dialect ${show(dialect)}${suggest(dialect, known)}`;
  throw new PolicyError([{ code: 'unknown-dialect', path: 'headers', value: dialect, message }]);
}

function xRateLimit(fields: Fields, decision: Decision, since: Millis): void {
  if (!isAboutReported(decision)) return;
  fields['X-RateLimit-Limit'] = String(toInteger(decision.quota));
  fields['X-RateLimit-Remaining'] = String(toInteger(decision.remaining));
  const reset = decision.resetAt === undefined ? undefined : wholeSeconds(decision.resetAt - since);
  if (reset !== undefined) fields['X-RateLimit-Reset'] = String(reset);
}

/**
 * Whether the limit that a decision is about may be shown. An answer of our own is about one that counts, and makes its
 * list of limits when it is read for the first time, which takes longer than deciding: 2 µs of a request.
 */
function isAboutReported(decision: Decision): boolean {
  if (isGuess(decision)) return false;
  if (!Object.hasOwn(decision, 'limits')) return decision.limit !== undefined;
  return reported(decision).some((limit) => limit.name === decision.limit);
}

function draft(fields: Fields, decision: Decision, names: WireNames): void {
  const limits = reported(decision);
  const policies = limits.map((limit) =>
    member(names.name(limit.name), [
      [names.quota, toInteger(limit.quota)],
      [names.window, wholeSeconds(limit.window)],
      [names.unit, unitOf(limit)],
    ]),
  );
  const state = limits
    .filter((limit) => limit.allowed === decision.allowed)
    .map((limit) =>
      member(names.name(limit.name), [
        [names.remaining, toInteger(limit.remaining)],
        [names.reset, secondsToReset(decision, limit)],
      ]),
    );
  if (policies.length > 0) fields[names.policies] = policies.join(', ');
  if (state.length > 0) fields[names.state] = state.join(', ');
}

function reported(decision: Decision): readonly LimitDecision[] {
  if (decision.limit === undefined || isGuess(decision)) return [];
  return decision.limits.filter((limit) => limit.mode === 'enforce');
}

/** Whether it was not known what has been used. */
function isGuess(decision: Decision & { readonly source?: unknown }): boolean {
  return decision.source === 'fallback';
}

function unitOf(limit: LimitDecision): string | undefined {
  if (limit.kind === 'concurrency') return quoted('concurrent-requests');
  return limit.unit === 'requests' ? undefined : quoted(limit.unit);
}

function secondsToReset(decision: Decision, limit: LimitDecision): number | undefined {
  if (limit.kind === 'concurrency' || limit.resetAt === undefined) return undefined;
  return decision.allowed ? wholeSeconds(limit.resetAt - decision.at) : retryAfterSeconds(decision);
}

/** A member of a structured list (RFC 9651, section 3.1); parameters without a value are left out. */
function member(
  name: string,
  parameters: readonly (readonly [string, number | string | undefined])[],
): string {
  const written = parameters.map(([key, value]) => (value === undefined ? '' : `;${key}=${value}`));
  return name + written.join('');
}

/** A structured string. It can hold printable ASCII only, as all names in a policy are. */
function quoted(text: string): string {
  return `"${text.replace(/[^ -~]/g, '_').replace(/["\\]/g, '\\$&')}"`;
}

/** A count as a field can hold it; what is no positive number counts as 0. */
function toInteger(value: number): number {
  return value >= 1 ? Math.min(Math.floor(value), MAX_INTEGER) : 0;
}
