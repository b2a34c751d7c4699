/**
 * What is likely a mistake in a policy that is sound. See `docs/lint.md` for every code, with an example and a remedy.
 *
 * @module headgate/lint
 */

import { checkFields, type Fault, join, PolicyError, show } from '../errors.ts';
import { ACCOUNT_FIELDS, ADDRESS_FIELDS, addressesWithoutAccount, fieldKinds } from './lint/addresses.ts';
import { oversizedBursts } from './lint/bursts.ts';
import { type Finding, sortFindings } from './lint/finding.ts';
import { neverBindingLimits } from './lint/never-binding.ts';
import { Routes } from './lint/routes.ts';
import { shadowedPatterns } from './lint/shadowed.ts';
import { unlimitedTraffic } from './lint/unlimited.ts';
import { unreachablePatterns } from './lint/unreachable.ts';
import { unusedParts } from './lint/unused.ts';
import { parsePolicy } from './parse.ts';
import type { Algorithms } from './plans.ts';

export type { Finding, FindingCode } from './lint/finding.ts';
export { ACCOUNT_FIELDS, ADDRESS_FIELDS };

/** Options of {@link lintPolicy}. */
export interface LintOptions {
  /** Builders of the custom algorithms that the policy may name. */
  readonly algorithms?: Algorithms;
  /** Fields that hold a network address; default {@link ADDRESS_FIELDS}. */
  readonly addressFields?: readonly string[];
  /** Fields that say who was authenticated; default {@link ACCOUNT_FIELDS}. */
  readonly accountFields?: readonly string[];
}

/**
 * Looks for what is likely a mistake in a policy: patterns that nothing reaches, limits that never deny, traffic that
 * goes without. It reads the document and changes nothing.
 *
 * @param document - a parsed JSON document, or anything else
 * @returns findings, ordered by path; none for a policy without any
 * @throws PolicyError with every fault of a policy that is not sound, as `parsePolicy` does, or of the options
 */
export function lintPolicy(document: unknown, options: LintOptions = {}): Finding[] {
  checkFields(options, ['algorithms', 'addressFields', 'accountFields']);
  const { algorithms, addressFields = ADDRESS_FIELDS, accountFields = ACCOUNT_FIELDS } = options;
  checkNames(addressFields, 'addressFields');
  checkNames(accountFields, 'accountFields');
  const policy = parsePolicy(document, algorithms);
  const routes = new Routes(policy);
  return sortFindings([
    ...unreachablePatterns(routes),
    ...shadowedPatterns(policy, routes),
    ...unlimitedTraffic(policy),
    ...unusedParts(policy),
    ...neverBindingLimits(policy),
    ...oversizedBursts(policy),
    ...addressesWithoutAccount(policy, fieldKinds(addressFields, accountFields)),
  ]);
}

function checkNames(names: unknown, path: string): void {
  const isList = Array.isArray(names);
  const index = isList ? names.findIndex((name) => typeof name !== 'string') : -1;
  if (isList && index === -1) return;
  const value: unknown = isList ? names[index] : names;
  const fault: Fault = {
    code: 'bad-value',
    path: isList ? join(path, index) : path,
    value,
    message: `${show(value)} does not fit; give ${isList ? 'the name of a field' : 'a list of fields'}`,
  };
  throw new PolicyError([fault]);
}
