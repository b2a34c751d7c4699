import { join, show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import type { Grant } from '../plans.ts';
import { everyGrant, fieldsOf, grantIn, overridesOf, unitOf } from './budget.ts';
import { bindsFirst, rateOf } from './dominance.ts';
import type { Finding } from './finding.ts';

/** Limits that can never deny what others allow: everywhere, or in a tier that sets them. */
export function* neverBindingLimits(document: PolicyDocument): Generator<Finding> {
  const pairs = new Pairs(document);
  const order = Object.keys(document.limits);
  for (const [rank, weak] of order.entries()) {
    const candidates = pairs.countingMoreThan(weak);
    const strong = candidates.find(
      (name) =>
        pairs.isAlwaysFirst(name, weak) && !(order.indexOf(name) > rank && pairs.isAlwaysFirst(weak, name)),
    );
    if (strong !== undefined) yield neverBinding(weak, strong);
    else yield* looseTiers(document, pairs, weak, candidates);
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

function* looseTiers(
  document: PolicyDocument,
  pairs: Pairs,
  weak: string,
  candidates: readonly string[],
): Generator<Finding> {
  for (const tier of Object.keys(document.tiers ?? {})) {
    const grant = document.tiers?.[tier]?.[weak] === undefined ? undefined : grantIn(document, weak, tier);
    if (grant === undefined) continue;
    const strong = candidates.find((name) => pairs.isFirstIn(tier, name, weak, grant));
    if (strong === undefined) continue;
    const [name, other] = [show(weak), show(strong)];
    const most = grantIn(document, strong, tier)?.quota;
    yield {
      code: 'loose-tier',
      path: join(join('tiers', tier), weak),
      message: `Tier ${show(tier)} grants ${grant.quota} of limit ${name}, which is looser than the ${most} of ${other} that the same requests count against in this tier: ${name} can never deny one.`,
      remedy: `Grant less of ${name} or more of ${other} in this tier, or leave ${name} out of it.`,
    };
  }
}

/** Limits side by side. */
class Pairs {
  readonly #document: PolicyDocument;
  readonly #groupsOf = new Map<string, string[]>();

  constructor(document: PolicyDocument) {
    this.#document = document;
    for (const [group, { limits }] of Object.entries(document.groups)) {
      for (const name of limits) {
        const users = this.#groupsOf.get(name) ?? [];
        users.push(group);
        this.#groupsOf.set(name, users);
      }
    }
  }

  /** Other limits that count every request that `weak` counts, on the same budget or on a wider one. */
  countingMoreThan(weak: string): string[] {
    const [first, ...rest] = this.#groupsOf.get(weak) ?? [];
    const limit = this.#document.limits[weak];
    // Who lacks a field is denied by this limit alone.
    if (first === undefined || limit === undefined || limit.missing === 'deny') return [];
    const fields = fieldsOf(this.#document, weak);
    return this.#limitsOf(first).filter((name) => {
      const other = this.#document.limits[name];
      return (
        name !== weak &&
        other !== undefined &&
        unitOf(other) === unitOf(limit) &&
        fieldsOf(this.#document, name).every((field) => fields.includes(field)) &&
        rest.every((group) => this.#limitsOf(group).includes(name))
      );
    });
  }

  /** Whether `strong` denies before `weak` does, whoever asks. */
  isAlwaysFirst(strong: string, weak: string): boolean {
    const [most, least] = [everyGrant(this.#document, strong), everyGrant(this.#document, weak)];
    if (most === undefined || least === undefined) return false;
    return this.countingMoreThan(weak).includes(strong) && this.#isFirst(strong, weak, most, least);
  }

  /** Whether `strong` denies before `weak` does in a tier, and does not merely have the same numbers. */
  isFirstIn(tier: string, strong: string, weak: string, grant: Grant): boolean {
    const most = grantIn(this.#document, strong, tier);
    if (most === undefined || this.#isAlike(strong, weak, most, grant)) return false;
    return this.#isFirst(strong, weak, [most, ...overridesOf(this.#document, strong)], [grant]);
  }

  #isFirst(strong: string, weak: string, most: readonly Grant[], least: readonly Grant[]): boolean {
    const { limits, groups } = this.#document;
    const [upper, lower] = [limits[strong], limits[weak]];
    if (upper === undefined || lower === undefined) return false;
    if (upper.algorithm === 'concurrency' || lower.algorithm === 'concurrency') {
      if (upper.algorithm !== lower.algorithm) return false;
      const slack =
        quotas(least).reduce((a, b) => Math.min(a, b)) - quotas(most).reduce((a, b) => Math.max(a, b));
      // One lease holds the permits of both, so what is held of the weaker one is held of the stronger one too.
      return this.#groups(weak).every((group) => {
        const leave = groups[group]?.leave ?? {};
        return slack >= (leave[weak] ?? 0) - (leave[strong] ?? 0);
      });
    }
    const [rate, other] = [rateOf(upper, most, 'most'), rateOf(lower, least, 'least')];
    return (
      rate !== undefined &&
      other !== undefined &&
      bindsFirst(rate, other, { isSame: this.#isSame(strong, weak) })
    );
  }

  /** Whether two limits are charged with the same requests, key by key. */
  #isSame(strong: string, weak: string): boolean {
    const isSameKey = fieldsOf(this.#document, strong).length === fieldsOf(this.#document, weak).length;
    return isSameKey && this.#groups(strong).length === this.#groups(weak).length;
  }

  /** Whether two grants are the same numbers of the same algorithm. */
  #isAlike(strong: string, weak: string, most: Grant, least: Grant): boolean {
    const { limits } = this.#document;
    const [upper, lower] = [limits[strong], limits[weak]];
    if (upper === undefined || lower === undefined || most.quota !== least.quota) return false;
    const [rate, other] = [rateOf(upper, [most], 'most'), rateOf(lower, [least], 'most')];
    return (
      rate?.kind === other?.kind &&
      rate?.window === other?.window &&
      rate?.burst === other?.burst &&
      rate?.isAligned === other?.isAligned
    );
  }

  #groups(limit: string): readonly string[] {
    return this.#groupsOf.get(limit) ?? [];
  }

  #limitsOf(group: string): readonly string[] {
    return this.#document.groups[group]?.limits ?? [];
  }
}

function quotas(grants: readonly Grant[]): number[] {
  return grants.map(({ quota }) => quota);
}
