import { join, show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import type { Finding } from './finding.ts';
import { Pairs } from './pairs.ts';

/** Limits that can never deny what others allow: everywhere, or in a tier that sets them. */
export function* neverBindingLimits(document: PolicyDocument): Generator<Finding> {
  const pairs = new Pairs(document);
  const ranks = new Map(Object.keys(document.limits).map((name, rank) => [name, rank]));
  for (const [weak, rank] of ranks) {
    const strong = [...pairs.countingMoreThan(weak)].find(
      (name) =>
        pairs.isAlwaysFirst(name, weak) &&
        // Of two that are alike the first one stays.
        !((ranks.get(name) ?? 0) > rank && pairs.isAlwaysFirst(weak, name)),
    );
    if (strong === undefined) yield* looseTiers(document, pairs, weak);
    else yield neverBinding(weak, strong);
  }
}

function neverBinding(weak: string, strong: string): Finding {
  const [name, other] = [show(weak), show(strong)];
  return {
    code: 'never-binding-limit',
    path: join('limits', weak),
    message: `Limit ${name} can never deny a request by itself: every group that has it also has ${other}, which counts the same requests and denies whenever it would.`,
    remedy: `Drop ${name}, or make it tighter than ${other}.`,
  };
}

function* looseTiers(document: PolicyDocument, pairs: Pairs, weak: string): Generator<Finding> {
  for (const [tier, grants] of Object.entries(document.tiers ?? {})) {
    if (grants[weak] === undefined) continue;
    const strong = [...pairs.countingMoreThan(weak)].find((each) => pairs.isFirstIn(tier, each, weak));
    if (strong === undefined) continue;
    const [name, other] = [show(weak), show(strong)];
    const [least, most] = [weak, strong].map((each) => pairs.budgets.inTier(each, tier)?.quota);
    yield {
      code: 'loose-tier',
      path: join(join('tiers', tier), weak),
      message: `Tier ${show(tier)} grants ${least} of limit ${name}, which is looser than the ${most} of ${other} that the same requests count against in this tier: ${name} can never deny one by itself.`,
      remedy: `Grant less of ${name} or more of ${other} in this tier, or leave ${name} out of it.`,
    };
  }
}
