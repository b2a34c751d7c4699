import { checkFields, type Fault, join, PolicyError, show, suggest } from '../errors.ts';
import { quotaName } from '../policy/candidates.ts';
import type { Carry } from '../policy/carry.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { ReloadOptions } from './contract.ts';

/**
 * How the usage of each limit is to be carried.
 *
 * @param policies - the old and the new one: the limits that may be named
 * @throws PolicyError naming every faulty option
 */
export function carryBy(
  options: ReloadOptions,
  policies: readonly PolicyDocument[],
): (limit: string) => Carry {
  checkFields(options, ['carry']);
  const { carry = 'keep' } = options;
  if (typeof carry !== 'object' || carry === null) {
    const [fault] = faultsOf(carry, 'carry');
    if (fault !== undefined) throw new PolicyError([fault]);
    return () => carry;
  }
  const known = [...new Set(policies.flatMap(({ limits }) => Object.keys(limits)))];
  const faults = Object.entries(carry).flatMap(([limit, value]): Fault[] => {
    const path = join('carry', limit);
    if (known.includes(limit)) return faultsOf(value, path);
    const message = `unknown limit ${show(limit)}${suggest(limit, known)}`;
    return [{ code: 'unknown-limit', path, value: limit, message }];
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
  return (limit) => carry[quotaName(limit)] ?? 'keep';
}

function faultsOf(value: unknown, path: string): Fault[] {
  if (value === 'keep' || value === 'reset' || value === undefined) return [];
  const message = `${show(value)} is no way to carry usage; give "keep" or "reset"`;
  return [{ code: 'bad-carry', path, value, message }];
}
