import { checkUnits, type Plan } from '../algorithms/algorithm.ts';
import { DescriptorError, join, PolicyError, show } from '../errors.ts';
import { joinKey } from '../partition/key.ts';
import type { Millis } from '../time.ts';
import type { LooseDescriptor } from './descriptor.ts';
import type { PolicyDocument } from './document.ts';
import type { PathParams } from './match.ts';
import { fieldOf } from './partition.ts';
import { type Algorithms, type Grant, grantOf, planFor, type RateDocument } from './plans.ts';

/** Where a quota came from. */
export type GrantSource = 'descriptor' | 'override' | 'tier' | 'limit';

/** What decides one request, and where it came from. */
export interface Granted<T> {
  readonly granted: T;
  readonly source: GrantSource;
}

/** Grants kept for quotas that descriptors brought; beyond, they are made anew. */
const MOST_CACHED = 1000;

/**
 * What one limit grants to whom: descriptor before override before tier before the limit's own quota.
 *
 * @typeParam T - what a grant is made into: a plan, or a number of permits
 */
export class Grants<T> {
  readonly #name: string;
  readonly #make: (grant: Grant) => T;
  readonly #own: Granted<T> | undefined;
  readonly #byTier = new Map<string, Granted<T> | undefined>();
  readonly #overrides: readonly Overrides<T>[];
  readonly #byQuota = new Map<number, Granted<T>>();

  /** @param make - makes something of a grant, or throws a PolicyError whose paths are relative to the limit */
  constructor(name: string, policy: PolicyDocument, make: (grant: Grant) => T) {
    this.#name = name;
    this.#make = make;
    this.#own = this.#granted(grantOf(policy.limits[name]?.quota), 'limit');
    for (const [tier, grants] of Object.entries(policy.tiers ?? {})) {
      if (grants[name] !== undefined) this.#byTier.set(tier, this.#granted(grantOf(grants[name]), 'tier'));
    }
    this.#overrides = this.#indexOverrides(policy);
  }

  /** Something that the limit grants to somebody, if the policy says any such thing. */
  get sample(): T | undefined {
    return [this.#own, ...this.#byTier.values()].find((each) => each !== undefined)?.granted;
  }

  /**
   * What decides one request.
   *
   * @param quota - what the descriptor brings in `quotas`
   * @throws DescriptorError: `bad-quota`, or `no-quota` where the request has to bring one
   */
  find(
    descriptor: LooseDescriptor,
    params: PathParams | undefined,
    tier: string | undefined,
    quota: unknown,
  ): Granted<T> {
    if (quota !== undefined) return this.#fromDescriptor(quota);
    const override = this.#overrides.length === 0 ? undefined : this.#override(descriptor, params);
    if (override !== undefined) return override;
    const tiered = tier === undefined ? undefined : this.#byTier.get(tier);
    if (tiered !== undefined) return tiered;
    const isTiered = tier !== undefined && this.#byTier.has(tier);
    if (!isTiered && this.#own !== undefined) return this.#own;
    const path = join('quotas', this.#name);
    const where = tier === undefined ? 'without a tier' : `in tier ${show(tier)}`;
    const message = `limit ${show(this.#name)} has no quota of its own ${where}; give one in ${path}, or in an override`;
    throw new DescriptorError({ code: 'no-quota', path, value: undefined, message });
  }

  /** The earliest override whose fields all hold. */
  #override(descriptor: LooseDescriptor, params: PathParams | undefined): Granted<T> | undefined {
    let first: Ranked<T> | undefined;
    for (const overrides of this.#overrides) {
      const found = overrides.find(descriptor, params);
      if (found !== undefined && (first === undefined || found.rank < first.rank)) first = found;
    }
    return first;
  }

  #fromDescriptor(quota: unknown): Granted<T> {
    const cached = this.#byQuota.get(quota as number);
    if (cached !== undefined) return cached;
    try {
      const granted = this.#make({ quota: checkUnits(quota as number, 'quota') });
      const made: Granted<T> = { granted, source: 'descriptor' };
      if (this.#byQuota.size >= MOST_CACHED) this.#byQuota.clear();
      this.#byQuota.set(quota as number, made);
      return made;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const message = error.faults[0]?.message ?? error.message;
      throw new DescriptorError({
        code: 'bad-quota',
        path: join('quotas', this.#name),
        value: quota,
        message,
      });
    }
  }

  #granted(grant: Grant | undefined, source: GrantSource): Granted<T> | undefined {
    return grant === undefined ? undefined : { granted: this.#make(grant), source };
  }

  #indexOverrides(policy: PolicyDocument): Overrides<T>[] {
    const byFields = new Map<string, Overrides<T>>();
    (policy.overrides ?? []).forEach(({ limit, where, quota, burst }, rank) => {
      if (limit !== this.#name) return;
      const fields = Object.keys(where).sort();
      const id = joinKey(fields);
      const overrides = byFields.get(id) ?? new Overrides<T>(fields);
      byFields.set(id, overrides);
      const granted = this.#make(burst === undefined ? { quota } : { quota, burst });
      overrides.add(where, { rank, granted, source: 'override' });
    });
    return [...byFields.values()];
  }
}

/**
 * Makes the plans of one limit. Their horizon is that of the slowest one so far: usage that another tier's plan explains
 * is not wrong, however fast this tier drains.
 *
 * @param horizon - that of usage from before
 */
export function planMaker(
  limit: RateDocument,
  algorithms: Algorithms,
  horizon: Millis = 0,
): (grant: Grant) => Plan {
  // What they inherit. (A getter of its own would give every plan a shape of its own, which no code is optimised for.)
  const shared = { horizon };
  return (grant) => {
    const plan = planFor(limit, grant, algorithms);
    const { horizon, ...own } = plan;
    if (horizon === undefined) return plan;
    shared.horizon = Math.max(shared.horizon, horizon);
    return Object.freeze(Object.assign(Object.create(shared), own));
  };
}

/** An override and its place in the policy. */
interface Ranked<T> extends Granted<T> {
  readonly rank: number;
}

/** Overrides of one limit that ask for the same fields. */
class Overrides<T> {
  readonly #fields: readonly string[];
  readonly #byValues = new Map<string, Ranked<T>>();

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  add(where: Readonly<Record<string, string>>, ranked: Ranked<T>): void {
    this.#byValues.set(joinKey(this.#fields.map((field) => where[field] ?? '')), ranked);
  }

  find(descriptor: LooseDescriptor, params: PathParams | undefined): Ranked<T> | undefined {
    const values: string[] = [];
    for (const field of this.#fields) {
      const value = fieldOf(descriptor, params, field);
      if (typeof value !== 'string') return undefined;
      values.push(value);
    }
    return this.#byValues.get(joinKey(values));
  }
}
