import type { PolicyDocument } from '../document.ts';
import type { Grant } from '../plans.ts';
import { Budgets, fieldsOf, unitOf } from './budget.ts';
import { bindsFirst, type Rate, rateOf } from './dominance.ts';

/** The numbers of a limit at its most generous, or at its tightest; `undefined` for what nothing can be proven of. */
type Extremes = { readonly permits: number } | { readonly rate: Rate } | undefined;

/** Limits side by side: which of two denies before the other one does. */
export class Pairs {
  readonly budgets: Budgets;
  readonly #document: PolicyDocument;
  readonly #limitsOf: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #groupsOf = new Map<string, string[]>();
  readonly #counting = new Map<string, ReadonlySet<string>>();
  readonly #most = new Map<string, Extremes>();
  readonly #least = new Map<string, Extremes>();
  readonly #byTier = new Map<string, Extremes>();

  constructor(document: PolicyDocument) {
    this.#document = document;
    this.budgets = new Budgets(document);
    this.#limitsOf = new Map(
      Object.entries(document.groups).map(([name, { limits }]) => [name, new Set(limits)]),
    );
    for (const [group, { limits }] of Object.entries(document.groups)) {
      for (const name of limits) {
        const users = this.#groupsOf.get(name) ?? [];
        users.push(group);
        this.#groupsOf.set(name, users);
      }
    }
    for (const name of Object.keys(document.limits)) {
      const grants = this.budgets.every(name) ?? [];
      this.#most.set(name, this.#extremes(name, grants, 'most'));
      this.#least.set(name, this.#extremes(name, grants, 'least'));
      this.#counting.set(name, this.#findCounting(name));
    }
  }

  /** Other limits that count every request that `weak` counts, on the same budget or on a wider one. */
  countingMoreThan(weak: string): ReadonlySet<string> {
    return this.#counting.get(weak) ?? new Set();
  }

  /** Whether `strong` denies before `weak` does, whoever asks. */
  isAlwaysFirst(strong: string, weak: string): boolean {
    const isCounting = this.countingMoreThan(weak).has(strong);
    return isCounting && this.#isFirst(strong, weak, this.#most.get(strong), this.#least.get(weak));
  }

  /** Whether `strong` denies before `weak` does in a tier, and does not merely have the same numbers. */
  isFirstIn(tier: string, strong: string, weak: string): boolean {
    const [own, least] = [this.#inTier(strong, tier), this.#inTier(weak, tier)];
    if (own === undefined || least === undefined || isAlike(own, least)) return false;
    if (!this.#isFirst(strong, weak, own, least)) return false;
    const overrides = this.budgets.overrides(strong);
    if (overrides.length === 0) return true;
    return this.#isFirst(strong, weak, this.#extremes(strong, overrides, 'most'), least);
  }

  /** The numbers of a limit in a tier. */
  #inTier(name: string, tier: string): Extremes {
    const id = `${tier} ${name}`;
    const known = this.#byTier.get(id);
    if (known !== undefined) return known;
    const grant = this.budgets.inTier(name, tier);
    const found = grant && this.#extremes(name, [grant], 'most');
    this.#byTier.set(id, found);
    return found;
  }

  #findCounting(weak: string): Set<string> {
    const [first, ...rest] = this.#groupsOf.get(weak) ?? [];
    const limit = this.#document.limits[weak];
    // Who lacks a field is denied by this limit alone.
    if (first === undefined || limit === undefined || limit.missing === 'deny') return new Set();
    // A shadow limit denies nobody, and is there to be compared with.
    if (limit.mode === 'shadow') return new Set();
    const fields = fieldsOf(this.#document, weak);
    const others = [...(this.#limitsOf.get(first) ?? [])].filter((name) => {
      const other = this.#document.limits[name];
      return (
        name !== weak &&
        other !== undefined &&
        other.mode !== 'shadow' &&
        unitOf(other) === unitOf(limit) &&
        fieldsOf(this.#document, name).every((field) => fields.includes(field)) &&
        rest.every((group) => this.#limitsOf.get(group)?.has(name))
      );
    });
    return new Set(others);
  }

  #extremes(name: string, grants: readonly Grant[], extreme: 'most' | 'least'): Extremes {
    const limit = this.#document.limits[name];
    if (limit === undefined || grants.length === 0) return undefined;
    if (limit.algorithm === 'concurrency') {
      const pick = extreme === 'most' ? Math.max : Math.min;
      return { permits: grants.map(({ quota }) => quota).reduce((a, b) => pick(a, b)) };
    }
    const rate = rateOf(limit, grants, extreme);
    return rate && { rate };
  }

  #isFirst(strong: string, weak: string, most: Extremes, least: Extremes): boolean {
    if (most === undefined || least === undefined) return false;
    if ('rate' in most && 'rate' in least)
      return bindsFirst(most.rate, least.rate, { isSame: this.#isSame(strong, weak) });
    if ('rate' in most || 'rate' in least) return false;
    // One lease holds the permits of both, so what is held of the weaker one is held of the stronger one too.
    return this.#groups(weak).every((group) => {
      const leave = this.#document.groups[group]?.leave ?? {};
      return least.permits - (leave[weak] ?? 0) >= most.permits - (leave[strong] ?? 0);
    });
  }

  /** Whether two limits are charged with the same requests, key by key; `strong` with at least those of `weak`. */
  #isSame(strong: string, weak: string): boolean {
    const isSameKey = fieldsOf(this.#document, strong).length === fieldsOf(this.#document, weak).length;
    return isSameKey && this.#groups(strong).length === this.#groups(weak).length;
  }

  #groups(limit: string): readonly string[] {
    return this.#groupsOf.get(limit) ?? [];
  }
}

/** Whether two limits have the same numbers. */
function isAlike(a: Extremes, b: Extremes): boolean {
  if (a === undefined || b === undefined) return false;
  if ('permits' in a) return 'permits' in b && a.permits === b.permits;
  if ('permits' in b) return false;
  const [left, right] = [a.rate, b.rate];
  return (
    left.kind === right.kind &&
    left.quota === right.quota &&
    left.window === right.window &&
    left.burst === right.burst &&
    left.isAligned === right.isAligned
  );
}
