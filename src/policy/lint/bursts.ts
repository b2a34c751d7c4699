import { show } from '../../errors.ts';
import { parseDuration } from '../../time.ts';
import type { PolicyDocument } from '../document.ts';
import { type PlacedGrant, placedGrants } from './budget.ts';
import type { Finding } from './finding.ts';

/** A burst is too large if it is worth this many windows and this long a time of the quota. */
const MANY_WINDOWS = 10n;
const LONG_MS = 3_600_000n;

/** Token buckets whose burst is worth so much of their quota that the quota says little. */
export function* oversizedBursts(document: PolicyDocument): Generator<Finding> {
  for (const [name, limit] of Object.entries(document.limits)) {
    if (limit.algorithm !== 'token-bucket' || !('window' in limit)) continue;
    const own = 'burst' in limit ? limit.burst : undefined;
    const window = BigInt(parseDuration(limit.window));
    let isOwnTooLarge = false;
    for (const placed of placedGrants(document, name)) {
      const { quota, burst = own } = placed.grant;
      if (burst === undefined || !isTooLarge(BigInt(quota), BigInt(burst), window)) continue;
      // Whoever mends the limit's own burst mends it for those that keep it.
      const isMendedWithIt = isOwnTooLarge && placed.grant.burst === undefined;
      if (placed.whose === '') isOwnTooLarge = true;
      if (!isMendedWithIt) yield oversized(name, placed, { quota, burst, window });
    }
  }
}

function isTooLarge(quota: bigint, burst: bigint, window: bigint): boolean {
  return quota > 0n && burst >= MANY_WINDOWS * quota && burst * window >= LONG_MS * quota;
}

function oversized(
  name: string,
  { path, burstPath, whose }: PlacedGrant,
  { quota, burst, window }: { quota: number; burst: number; window: bigint },
): Finding {
  const inherited = burstPath === undefined ? ', which is kept from the limit itself,' : '';
  return {
    code: 'oversized-burst',
    path: burstPath ?? path,
    message: `The burst of ${burst} that limit ${show(name)} has${whose}${inherited} is ${BigInt(burst) / BigInt(quota)} times its quota of ${quota} per ${lengthOf(window)}: whoever has saved it up can spend the quota of ${lengthOf((BigInt(burst) * window) / BigInt(quota))} at once.`,
    remedy:
      'Give a burst of a few windows at most, and say a quota for the longer time in a limit of its own if that is what was meant.',
  };
}

/** A length of time in the largest unit of which it has two. */
function lengthOf(ms: bigint): string {
  const units: readonly [string, bigint][] = [
    ['days', 86_400_000n],
    ['hours', 3_600_000n],
    ['minutes', 60_000n],
    ['seconds', 1000n],
  ];
  const [unit, length] = units.find(([, each]) => ms >= 2n * each) ?? ['ms', 1n];
  return `${ms % length === 0n ? '' : 'about '}${ms / length} ${unit}`;
}
