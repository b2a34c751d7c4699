import { join, show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import type { Finding } from './finding.ts';

/** Limits that no group has, and tiers that change nothing for anybody. */
export function* unusedParts(document: PolicyDocument): Generator<Finding> {
  const used = new Set(Object.values(document.groups).flatMap(({ limits }) => limits));
  const tiers = Object.entries(document.tiers ?? {});
  for (const name of Object.keys(document.limits).filter((each) => !used.has(each))) {
    const grants = tiers.filter(([, tier]) => tier[name] !== undefined).length;
    const overrides = (document.overrides ?? []).filter(({ limit }) => limit === name).length;
    const others = grants + overrides;
    const vain =
      others === 0 ? '' : ` What tiers and overrides grant of it (${others}) grants nobody anything.`;
    yield {
      code: 'unused-limit',
      path: join('limits', name),
      message: `No group has limit ${show(name)}, so it is never asked.${vain}`,
      remedy: 'List it in the groups that it is for, or drop it with all that is granted of it.',
    };
  }
  const counting = tiers.filter(([, tier]) => Object.keys(tier).some((name) => used.has(name)));
  for (const [name, tier] of tiers) {
    const grants = Object.keys(tier);
    // An empty tier beside others is a plan that has what the limits say themselves.
    if (grants.some((limit) => used.has(limit)) || (grants.length === 0 && counting.length > 0)) continue;
    const what =
      grants.length === 0 ? 'sets nothing, nor does any other tier' : 'sets only limits that no group has';
    yield {
      code: 'unused-tier',
      path: join('tiers', name),
      message: `Tier ${show(name)} ${what}: it makes no difference to be in it.`,
      remedy: 'Give it a quota of a limit that groups have, or drop it.',
    };
  }
}
