import { join, show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import { parsePattern } from '../pattern.ts';
import { fieldsOf } from './budget.ts';
import type { Finding } from './finding.ts';

/**
 * Fields that hold a network address, unless options say otherwise. Case, hyphens and underscores do not matter:
 * `client_ip` is `clientIp`.
 */
export const ADDRESS_FIELDS: readonly string[] = [
  'ip',
  'ipAddress',
  'address',
  'clientAddress',
  'clientIp',
  'remoteAddress',
  'remoteIp',
];

/** Fields that say who was authenticated, unless options say otherwise. Case, hyphens and underscores do not matter. */
export const ACCOUNT_FIELDS: readonly string[] = [
  'account',
  'accountId',
  'apiKey',
  'apiToken',
  'customer',
  'customerId',
  'org',
  'orgId',
  'organisation',
  'organization',
  'project',
  'projectId',
  'team',
  'teamId',
  'tenant',
  'tenantId',
  'user',
  'userId',
  'workspace',
  'workspaceId',
];

/** Tells addresses and accounts among fields. */
export interface FieldKinds {
  readonly isAddress: (field: string) => boolean;
  readonly isAccount: (field: string) => boolean;
}

/** Kinds of fields by their names. */
export function fieldKinds(addresses: readonly string[], accounts: readonly string[]): FieldKinds {
  return { isAddress: memberOf(addresses), isAccount: memberOf(accounts) };
}

function memberOf(names: readonly string[]): (field: string) => boolean {
  const plain = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();
  const members = new Set(names.map(plain));
  return (field) => members.has(plain(field));
}

/** Groups that count by address, though their requests come from accounts, and do not count by account. */
export function* addressesWithoutAccount(document: PolicyDocument, kinds: FieldKinds): Generator<Finding> {
  for (const [group, { limits }] of Object.entries(document.groups)) {
    const fields = limits.map((name) => fieldsOf(document, name));
    const index = fields.findIndex((each) => each.some(kinds.isAddress));
    const isPerAccount = fields.some((each) => each.some(kinds.isAccount) && !each.some(kinds.isAddress));
    const limit = limits[index];
    if (limit === undefined || isPerAccount) continue;
    const evidence = evidenceOfAccounts(document, group, kinds);
    if (evidence === undefined) continue;
    yield {
      code: 'address-without-account',
      path: join(`groups.${group}.limits`, index),
      message: `Group ${show(group)} counts by network address (limit ${show(limit)}) and not by account, though its requests come from accounts: ${evidence}. One account with many addresses has as many budgets, and accounts behind one address share one.`,
      remedy: `Add a limit that is per account to group ${show(group)}; keep the one per address for what comes unauthenticated.`,
    };
  }
}

/** What says that a group's requests come from accounts, if anything does. */
function evidenceOfAccounts(
  document: PolicyDocument,
  group: string,
  { isAccount }: FieldKinds,
): string | undefined {
  const { limits = [], match = [] } = document.groups[group] ?? {};
  for (const name of limits) {
    const field = fieldsOf(document, name).find(isAccount);
    if (field !== undefined) return `limit ${show(name)} is per ${show(field)} too`;
    const where = (document.overrides ?? []).flatMap((each) =>
      each.limit === name ? Object.keys(each.where) : [],
    );
    const asked = where.find(isAccount);
    if (asked !== undefined) return `an override of limit ${show(name)} asks for ${show(asked)}`;
    const tier = Object.entries(document.tiers ?? {}).find(([, grants]) => grants[name] !== undefined)?.[0];
    if (tier !== undefined) return `limit ${show(name)} depends on the account's tier, such as ${show(tier)}`;
  }
  for (const text of match) {
    const named = parsePattern(text).segments.find((each) => each.kind === 'param' && isAccount(each.name));
    if (named?.kind === 'param') return `the pattern ${show(text)} names one`;
  }
  return undefined;
}
