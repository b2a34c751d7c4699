/**
 * Denial templates: which one applies, and the placeholders in it.
 *
 * A placeholder is a name in braces, `{retryAfter}`; `{{` and `}}` are literal braces. Placeholders stand in the texts
 * of a body, at any depth, but not in the names of its fields.
 *
 * @module
 */

import { type Fault, join, show, suggest } from '../errors.ts';
import type { Reason } from '../limiter/decision.ts';
import type { DenialDocument, DenialTemplate, Json } from './document.ts';

/** Every reason but `ok`. */
export type DenialReason = Exclude<Reason, 'ok'>;

/** What a template can ask for: seconds to wait, name and quota of the blocking limit, Unix seconds of its reset. */
export type Placeholder = 'retryAfter' | 'limit' | 'quota' | 'resetAt';

/** What stands for each placeholder in one denial; `undefined` where the decision does not know it. */
export type PlaceholderValues = { readonly [P in Placeholder]: string | number | undefined };

/** Reasons that come with the instant of a next attempt, so that `{retryAfter}` has a value. */
export const REASONS_WITH_RETRY_AT: readonly DenialReason[] = ['quota', 'blocked', 'store-failure'];

/** How deep lists and objects of a body may nest. */
const MAX_BODY_DEPTH = 32;

const PLACEHOLDERS: readonly Placeholder[] = ['retryAfter', 'limit', 'quota', 'resetAt'];
const TEMPLATE_FIELDS: readonly (keyof DenialTemplate)[] = ['status', 'body', 'format'];

/** A literal stretch of text, a placeholder, or braces that are neither. */
type Part =
  | { readonly kind: 'literal' | 'stray'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly name: Placeholder };

/** One template for each reason. */
type DenialByReason = { readonly [R in DenialReason]?: DenialTemplate };

/**
 * Whether `denial` holds one template per reason. A document with any field of a template, or with none at all, is a
 * template itself.
 */
export function isKeyedByReason(denial: object): denial is DenialByReason {
  const fields = Object.keys(denial);
  return fields.length > 0 && !TEMPLATE_FIELDS.some((field) => fields.includes(field));
}

/**
 * The template for a denial: the group's for this reason or for all reasons, else the policy's for this reason or for
 * all reasons.
 *
 * A policy-wide template for all reasons (the result is then `policy` itself) is a catch-all: where a decision lacks the
 * value of one of its placeholders, not even its status applies.
 *
 * @param group - `denial` of the group that was asked
 * @param policy - `denial` of the policy
 * @returns `undefined` where neither has one: the built-in denial applies
 */
export function templateFor(
  reason: DenialReason,
  group?: DenialDocument,
  policy?: DenialDocument,
): DenialTemplate | undefined {
  return templateIn(group, reason) ?? templateIn(policy, reason);
}

function templateIn(denial: DenialDocument | undefined, reason: DenialReason): DenialTemplate | undefined {
  return denial !== undefined && isKeyedByReason(denial) ? denial[reason] : denial;
}

/** The placeholders that rendering `template` needs values for; none if `format` replaces its body. */
export function placeholdersOf(template: DenialTemplate): ReadonlySet<Placeholder> {
  const { body = null, format } = template;
  const parts = format === undefined ? textsIn(body, '').flatMap(({ text = '' }) => partsOf(text)) : [];
  return new Set(parts.flatMap((part) => (part.kind === 'placeholder' ? [part.name] : [])));
}

/**
 * What is wrong with a template's body: unknown placeholders and single braces (`unknown-placeholder`), and lists or
 * objects nested more than 32 deep (`too-deep`).
 *
 * @param path - where the template stands in the policy, such as `groups.read.denial`
 */
export function templateFaults(template: DenialTemplate, path: string): Fault[] {
  return textsIn(template.body ?? null, join(path, 'body')).flatMap(({ text, path }) => {
    if (text === undefined)
      return [fault('too-deep', path, text, `a body nests at most ${MAX_BODY_DEPTH} deep`)];
    return partsOf(text).flatMap((part) =>
      part.kind === 'stray' ? [fault('unknown-placeholder', path, text, explain(part.text))] : [],
    );
  });
}

function fault(code: string, path: string, value: unknown, message: string): Fault {
  return { code, path, value, message };
}

function explain(braces: string): string {
  if (braces.length === 1)
    return `a single ${show(braces)}; a literal brace is written ${show(braces + braces)}`;
  const name = braces.slice(1, -1);
  return `unknown placeholder ${show(braces)}${suggest(name, PLACEHOLDERS)} (a literal brace is doubled)`;
}

/**
 * A text with its placeholders filled in. Values are taken as they are: braces in them mean nothing.
 *
 * A placeholder without a value reads `unknown`; braces that are no placeholder stay.
 */
export function fillText(text: string, values: PlaceholderValues): string {
  return partsOf(text)
    .map((part) => (part.kind === 'placeholder' ? (values[part.name] ?? 'unknown') : part.text))
    .join('');
}

/**
 * A JSON value with its placeholder filled in: a text that is nothing but one becomes the value itself, a number (the
 * limit's name for `{limit}`), or `null` where there is none; any other text is {@link fillText}.
 */
export function fillValue(text: string, values: PlaceholderValues): string | number | null {
  const [first, second] = partsOf(text);
  if (first?.kind === 'placeholder' && second === undefined) return values[first.name] ?? null;
  return fillText(text, values);
}

function partsOf(text: string): Part[] {
  return (text.match(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g) ?? []).map(partOf);
}

function partOf(token: string): Part {
  if (token === '{{' || token === '}}') return { kind: 'literal', text: token.charAt(0) };
  if (!token.startsWith('{') && token !== '}') return { kind: 'literal', text: token };
  const name = PLACEHOLDERS.find((placeholder) => token === `{${placeholder}}`);
  return name === undefined ? { kind: 'stray', text: token } : { kind: 'placeholder', name };
}

/** A text inside a body; `undefined` where the body goes deeper than it may. */
interface TextAt {
  readonly path: string;
  readonly text: string | undefined;
}

function textsIn(value: Json, path: string, depth = 0): TextAt[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  if (depth === MAX_BODY_DEPTH) return [{ path, text: undefined }];
  return Object.entries(value).flatMap(([field, inner]) => textsIn(inner, join(path, field), depth + 1));
}
