/**
 * Checks the templates of a policy: their placeholders, and whether each of them has a value when it is needed.
 *
 * @module
 */

import { type Fault, join, show } from '../errors.ts';
import type { DenialTemplate } from './document.ts';
import type { Draft, Entry } from './draft.ts';
import { grantsOf } from './quotas.ts';
import { REASONS } from './schema.ts';
import { isRecord } from './shape.ts';
import {
  type DenialReason,
  isKeyedByReason,
  placeholdersOf,
  REASONS_WITH_RETRY_AT,
  templateFaults,
} from './template.ts';

/** What is wrong with the templates of a draft. */
export function* denialFaults(draft: Draft): Generator<Fault> {
  // The policy's template for all reasons is a catch-all: it serves only decisions that know all of its placeholders.
  yield* faultsIn(draft, draft.document.denial, 'denial', []);
  const groups = [...draft.entries('groups')].filter(({ value }) => value.denial !== undefined);
  const empty: ReadonlySet<string> = groups.length === 0 ? new Set() : limitsWithoutUnits(draft);
  for (const { path, value } of groups) {
    yield* faultsIn(draft, value.denial, join(path, 'denial'), reasonsOf(draft, value, empty));
  }
}

/** @param reachable - the reasons that a template for all of them has to serve */
function* faultsIn(
  draft: Draft,
  denial: unknown,
  path: string,
  reachable: readonly DenialReason[],
): Generator<Fault> {
  if (!isRecord(denial)) return;
  if (!isKeyedByReason(denial)) return yield* faultsOf(draft, denial, path, reachable);
  for (const reason of REASONS) {
    const template = Object.hasOwn(denial, reason) ? denial[reason] : undefined;
    if (isRecord(template)) yield* faultsOf(draft, template, join(path, reason), [reason]);
  }
}

function* faultsOf(
  draft: Draft,
  template: DenialTemplate,
  path: string,
  serves: readonly DenialReason[],
): Generator<Fault> {
  const { body, format } = template;
  if (body === undefined) return;
  if (format !== undefined) {
    const message = 'a problem document has a body of its own; drop "body" or "format"';
    yield { code: 'bad-value', path: join(path, 'format'), value: format, message };
  }
  if (!draft.isSound(join(path, 'body'))) return;
  yield* templateFaults(template, path);
  const unserved = serves.filter((reason) => !REASONS_WITH_RETRY_AT.includes(reason));
  if (unserved.length === 0 || !placeholdersOf(template).has('retryAfter')) return;
  const which = unserved.map((reason) => show(reason)).join(' or ');
  const remedy = serves.length > 1 ? 'key "denial" by reason, and leave it out there' : 'leave it out here';
  const message = `{retryAfter} has no value when the reason is ${which}; ${remedy}`;
  yield { code: 'no-retry-after', path: join(path, 'body'), value: body, message };
}

/** Limits that grant nothing to somebody. */
function limitsWithoutUnits(draft: Draft): ReadonlySet<string> {
  const own = [...draft.entries('limits')].filter(({ value }) => value.quota === 0);
  const granted = [...grantsOf(draft)].filter(({ grant }) => grant.quota === 0);
  return new Set([...own, ...granted].map(({ name }) => name));
}

/** Why a request of this group may be denied, as far as a policy can tell. */
function reasonsOf(draft: Draft, group: Entry['value'], empty: ReadonlySet<string>): DenialReason[] {
  const reasons = new Set<DenialReason>(['blocked', 'quota']);
  const names: readonly unknown[] = Array.isArray(group.limits) ? group.limits : [];
  for (const name of names.filter((item) => typeof item === 'string')) {
    const limit = draft.limit(name);
    if (limit?.algorithm === 'concurrency') reasons.add('concurrency').add('capacity');
    if (limit?.missing === 'deny') reasons.add('missing');
    if (empty.has(name)) reasons.add('never');
  }
  if (group.queue !== undefined) reasons.add('queue-full').add('queue-timeout');
  return [...reasons];
}
