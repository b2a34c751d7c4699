/**
 * A denial as an HTTP response: the policy's template, a problem document, or the built-in body.
 *
 * @module
 */

import { checkOptionsObject, DescriptorError } from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import type { DenialDocument, DenialTemplate, GroupDocument } from '../policy/document.ts';
import {
  type DenialReason,
  fillText,
  fillValue,
  type PlaceholderValues,
  placeholdersOf,
  templateFor,
} from '../policy/template.ts';
import {
  checkDecision,
  type HeaderOptions,
  rateLimitHeaders,
  retryAfterSeconds,
  wholeSeconds,
} from './headers.ts';

/** What a denied request is told, and in which fields. A policy document will do. */
export interface DenialOptions extends HeaderOptions {
  /** Template for all groups. */
  readonly denial?: DenialDocument;
  /** Templates of single groups, by the group's name; they go before `denial`. */
  readonly groups?: { readonly [name: string]: GroupDocument | Pick<GroupDocument, 'denial'> };
}

/** A response, ready to be sent by any framework. */
export interface DenialResponse {
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** Fields by name: the rate-limit fields, `Content-Type`, and `Cache-Control: no-store`. */
  readonly headers: Record<string, string>;
  /** The body as text; not to be sent in answer to HEAD. */
  readonly body: string;
}

interface Content {
  readonly type: string;
  readonly body: string;
}

/** A denied decision. */
type Denial = Decision & { readonly reason: DenialReason };

interface Problem {
  readonly type: string;
  readonly title: string;
}

const REGISTRY = 'https://iana.org/assignments/http-problem-types';
const EXCEEDED: Problem = { type: `${REGISTRY}#quota-exceeded`, title: 'Quota exceeded' };
const REDUCED: Problem = { type: `${REGISTRY}#temporary-reduced-capacity`, title: 'Capacity reached' };
const ABNORMAL: Problem = { type: `${REGISTRY}#abnormal-usage-detected`, title: 'Abnormal usage' };

interface Meaning {
  readonly status: number;
  /** A sentence that gives away nothing about any tenant. */
  readonly message: string;
  /** Absent: `about:blank`. */
  readonly problem?: Problem;
}

/** What each reason means over HTTP unless a template says otherwise. */
const MEANINGS: Readonly<Record<DenialReason, Meaning>> = {
  quota: { status: 429, problem: EXCEEDED, message: 'Too many requests.' },
  concurrency: { status: 429, problem: EXCEEDED, message: 'Too many requests at once.' },
  never: { status: 429, problem: EXCEEDED, message: 'The request asks for more than its limit ever grants.' },
  blocked: { status: 429, problem: ABNORMAL, message: 'Requests are blocked.' },
  missing: { status: 400, message: 'The request does not say whose limit it counts against.' },
  unmatched: { status: 404, message: 'There is no such endpoint.' },
  capacity: { status: 503, problem: REDUCED, message: 'The service is at its capacity.' },
  'queue-full': { status: 503, problem: REDUCED, message: 'Too many requests are waiting.' },
  'queue-timeout': { status: 503, problem: REDUCED, message: 'The request waited too long.' },
  'store-failure': { status: 503, problem: REDUCED, message: 'Limits cannot be checked at the moment.' },
};

/** Titles of `about:blank` problems, which have to be those of the status (RFC 9457, section 4.2.1). */
const PHRASES: Readonly<Record<number, string>> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found' };

/**
 * The response to a denied request.
 *
 * Without a template the status is 429; 503 where it is the service that lacks room (`capacity`, `queue-full`,
 * `queue-timeout`, `store-failure`), 404 for `unmatched` and 400 for `missing`. The body is
 * `{"error":{"code":"quota","message":"Too many requests.","limit":"reads","retryAfter":12}}`: the reason, a sentence
 * and, where known, the limit and the seconds to wait. What a template does not say, status or body, stays like this.
 *
 * @throws DescriptorError (`not-denied`) if the decision allows the request, or (`no-decision`) if it is none
 * @throws PolicyError (`unknown-dialect`)
 */
export function denialResponse(decision: Decision, options: DenialOptions = {}): DenialResponse {
  checkDecision(decision);
  checkOptionsObject(options);
  if (!isDenial(decision)) {
    const message = 'the decision allows the request; there is no denial to send';
    throw new DescriptorError({
      code: 'not-denied',
      path: 'decision.allowed',
      value: decision.allowed,
      message,
    });
  }
  const template = chooseTemplate(decision, options);
  const { type, body } = contentOf(decision, template);
  return {
    status: statusOf(decision, template),
    headers: { ...rateLimitHeaders(decision, options), 'Content-Type': type, 'Cache-Control': 'no-store' },
    body,
  };
}

function isDenial(decision: Decision): decision is Denial {
  return !decision.allowed && decision.reason !== 'ok';
}

/**
 * The template that applies; an empty one, which leaves everything as built in, if none does. A body that asks for a
 * value which this decision does not know is not sent: "try again in unknown seconds" helps nobody.
 */
function chooseTemplate(decision: Denial, { denial, groups = {} }: DenialOptions): DenialTemplate {
  const group = Object.hasOwn(groups, decision.group) ? groups[decision.group] : undefined;
  const template = templateFor(decision.reason, group?.denial, denial) ?? {};
  if (!lacksValue(template, valuesOf(decision))) return template;
  const isCatchAll = template === denial;
  return isCatchAll || template.status === undefined ? {} : { status: template.status };
}

function lacksValue(template: DenialTemplate, values: PlaceholderValues): boolean {
  const lacksAny = Object.values(values).includes(undefined);
  return lacksAny && [...placeholdersOf(template)].some((placeholder) => values[placeholder] === undefined);
}

function valuesOf(decision: Decision): PlaceholderValues {
  return {
    retryAfter: retryAfterSeconds(decision),
    limit: decision.limit,
    quota: Number.isFinite(decision.quota) ? decision.quota : undefined,
    resetAt: wholeSeconds(decision.resetAt),
  };
}

function statusOf(decision: Denial, template: DenialTemplate): number {
  return template.status ?? MEANINGS[decision.reason].status;
}

function contentOf(decision: Denial, template: DenialTemplate): Content {
  if (template.format === 'problem+json') {
    const problem = problemOf(decision, statusOf(decision, template));
    return { type: 'application/problem+json', body: JSON.stringify(problem) };
  }
  if (template.body === undefined) {
    return { type: 'application/json', body: JSON.stringify(builtIn(decision)) };
  }
  const values = valuesOf(decision);
  if (typeof template.body === 'string') {
    return { type: 'text/plain; charset=utf-8', body: fillText(template.body, values) };
  }
  const fill = (_field: string, value: unknown): unknown =>
    typeof value === 'string' ? fillValue(value, values) : value;
  return { type: 'application/json', body: JSON.stringify(template.body, fill) };
}

function builtIn(decision: Denial): object {
  const { limit, reason } = decision;
  const { message } = MEANINGS[reason];
  return { error: { code: reason, message, limit, retryAfter: retryAfterSeconds(decision) } };
}

/** A problem document (RFC 9457) of a registered type; `status` is the code that is sent. */
function problemOf(decision: Denial, status: number): object {
  const { message, problem } = MEANINGS[decision.reason];
  const violated = decision.limits.filter((limit) => !limit.allowed && limit.mode === 'enforce');
  return {
    type: problem?.type ?? 'about:blank',
    title: problem?.title ?? PHRASES[status],
    status,
    detail: message,
    ...(violated.length > 0 && { 'violated-policies': violated.map((limit) => limit.name) }),
  };
}
