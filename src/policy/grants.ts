import type { Plan } from '../algorithms/algorithm.ts';
import { DescriptorError, join, PolicyError, show } from '../errors.ts';
import { joinKey } from '../partition/key.ts';
import type { LooseDescriptor } from './descriptor.ts';
import type { PolicyDocument } from './document.ts';
import { fieldOf, type PathParams } from './partition.ts';
import { type Algorithms, type Grant, grantOf, planFor, type RateDocument } from './plans.ts';

/** Where a quota came from. */
export type GrantSource = 'descriptor' | 'override' | 'tier' | 'limit';

/** The plan that decides one request, and where its quota came from. */
export interface Granted {
  readonly plan: Plan;
  readonly source: GrantSource;
}

/** Plans kept for quotas that descriptors brought; beyond, they are made anew. */
const MOST_CACHED_PLANS = 1000;

/** What one limit grants to whom: descriptor before override before tier before the limit's own quota. */
export class Grants {
  readonly #name: string;
  readonly #document: RateDocument;
  readonly #algorithms: Algorithms;
  readonly #own: Granted | undefined;
  readonly #byTier = new Map<string, Granted | undefined>();
  readonly #overrides: readonly Overrides[];
  readonly #byQuota = new Map<number, Granted>();
  #horizon = 0;

  constructor(name: string, document: RateDocument, policy: PolicyDocument, algorithms: Algorithms) {
    this.#name = name;
    this.#document = document;
    this.#algorithms = algorithms;
    this.#own = this.#granted(grantOf(document.quota), 'limit');
    for (const [tier, grants] of Object.entries(policy.tiers ?? {})) {
      if (grants[name] !== undefined) this.#byTier.set(tier, this.#granted(grantOf(grants[name]), 'tier'));
    }
    this.#overrides = this.#indexOverrides(policy);
  }

  /** Some plan of this limit: its algorithm and window are right, its quota and burst mean nothing. */
  get shape(): Plan {
    const [granted] = [this.#own, ...this.#byTier.values()].filter((each) => each !== undefined);
    return granted?.plan ?? this.#plan({ quota: 0 });
  }

  /**
   * The plan for one request.
   *
   * @param quota - what the descriptor brings in `quotas`
   * @throws DescriptorError: `bad-quota`, or `no-quota` where the request has to bring one
   */
  find(
    descriptor: LooseDescriptor,
    params: PathParams | undefined,
    tier: string | undefined,
    quota: unknown,
  ): Granted {
    if (quota !== undefined) return this.#fromDescriptor(quota);
    const override = this.#overrides.length === 0 ? undefined : this.#override(descriptor, params);
    if (override !== undefined) return override;
    const isTiered = tier !== undefined && this.#byTier.has(tier);
    const granted = isTiered ? this.#byTier.get(tier) : this.#own;
    if (granted !== undefined) return granted;
    const path = join('quotas', this.#name);
    const where = tier === undefined ? 'without a tier' : `in tier ${show(tier)}`;
    const message = `limit ${show(this.#name)} has no quota of its own ${where}; give one in ${path}, or in an override`;
    throw new DescriptorError({ code: 'no-quota', path, value: undefined, message });
  }

  /** The earliest override whose fields all hold. */
  #override(descriptor: LooseDescriptor, params: PathParams | undefined): Granted | undefined {
    let first: Ranked | undefined;
    for (const overrides of this.#overrides) {
      const found = overrides.find(descriptor, params);
      if (found !== undefined && (first === undefined || found.rank < first.rank)) first = found;
    }
    return first?.granted;
  }

  #fromDescriptor(quota: unknown): Granted {
    const cached = this.#byQuota.get(quota as number);
    if (cached !== undefined) return cached;
    try {
      const plan = this.#plan({ quota: quota as number });
      const granted: Granted = { plan, source: 'descriptor' };
      if (this.#byQuota.size >= MOST_CACHED_PLANS) this.#byQuota.clear();
      this.#byQuota.set(plan.quota, granted);
      return granted;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const [{ message } = error] = error.faults;
      throw new DescriptorError({
        code: 'bad-quota',
        path: join('quotas', this.#name),
        value: quota,
        message,
      });
    }
  }

  #granted(grant: Grant | undefined, source: GrantSource): Granted | undefined {
    return grant === undefined ? undefined : { plan: this.#plan(grant), source };
  }

  /**
   * A plan whose horizon is that of the slowest plan of this limit so far: usage that another tier's plan explains is
   * not wrong, however fast this tier drains.
   */
  #plan(grant: Grant): Plan {
    const plan = planFor(this.#document, grant, this.#algorithms);
    if (plan.horizon === undefined) return plan;
    this.#horizon = Math.max(this.#horizon, plan.horizon);
    return Object.freeze(Object.defineProperty({ ...plan }, 'horizon', { get: () => this.#horizon }));
  }

  #indexOverrides(policy: PolicyDocument): Overrides[] {
    const byFields = new Map<string, Overrides>();
    (policy.overrides ?? []).forEach(({ limit, where, quota, burst }, rank) => {
      if (limit !== this.#name) return;
      const fields = Object.keys(where).sort();
      const id = joinKey(fields);
      const overrides = byFields.get(id) ?? new Overrides(fields);
      byFields.set(id, overrides);
      const plan = this.#plan(burst === undefined ? { quota } : { quota, burst });
      overrides.add(where, { rank, granted: { plan, source: 'override' } });
    });
    return [...byFields.values()];
  }
}

/** An override and its place in the policy. */
interface Ranked {
  readonly rank: number;
  readonly granted: Granted;
}

/** Overrides of one limit that ask for the same fields. */
class Overrides {
  readonly #fields: readonly string[];
  readonly #byValues = new Map<string, Ranked>();

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  add(where: Readonly<Record<string, string>>, ranked: Ranked): void {
    this.#byValues.set(joinKey(this.#fields.map((field) => where[field] ?? '')), ranked);
  }

  find(descriptor: LooseDescriptor, params: PathParams | undefined): Ranked | undefined {
    const values: string[] = [];
    for (const field of this.#fields) {
      const value = fieldOf(descriptor, params, field);
      if (typeof value !== 'string') return undefined;
      values.push(value);
    }
    return this.#byValues.get(joinKey(values));
  }
}
