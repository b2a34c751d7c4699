/**
 * What a policy grants of a limit, to whom.
 *
 * @module
 */

import { join } from '../../errors.ts';
import type { LimitDocument, PolicyDocument } from '../document.ts';
import { type Grant, grantOf } from '../plans.ts';

/** A grant, and where it stands. */
export interface PlacedGrant {
  readonly grant: Grant;
  /** Of its quota. */
  readonly path: string;
  /** Of its burst, if it has one of its own. */
  readonly burstPath: string | undefined;
  /** Who is granted it, for a message; empty for everybody. */
  readonly whose: string;
}

/** Partition fields of a limit. */
export function fieldsOf(document: PolicyDocument, name: string): readonly string[] {
  return [document.limits[name]?.per ?? []].flat();
}

/** What a limit counts. */
export function unitOf(limit: LimitDocument): string {
  if (limit.algorithm === 'concurrency') return 'permits';
  return 'unit' in limit ? (limit.unit ?? 'requests') : 'requests';
}

/** Every grant of a limit that the document has a number for, in its order. */
export function placedGrants(document: PolicyDocument, name: string): PlacedGrant[] {
  const limit = document.limits[name];
  const own = grantOf(limit?.quota);
  const path = join('limits', name);
  const burst = limit !== undefined && 'burst' in limit && limit.burst !== undefined;
  const placed: PlacedGrant[] = [];
  if (own !== undefined) {
    const burstPath = burst ? join(path, 'burst') : undefined;
    placed.push({ grant: own, path: join(path, 'quota'), burstPath, whose: '' });
  }
  for (const [tier, grants] of Object.entries(document.tiers ?? {})) {
    const grant = grantOf(grants[name]);
    if (grant === undefined) continue;
    const within = join(join('tiers', tier), name);
    placed.push({
      grant,
      path: typeof grants[name] === 'object' ? join(within, 'quota') : within,
      burstPath: grant.burst === undefined ? undefined : join(within, 'burst'),
      whose: ` in tier ${JSON.stringify(tier)}`,
    });
  }
  for (const [i, override] of (document.overrides ?? []).entries()) {
    if (override.limit !== name) continue;
    const within = join('overrides', i);
    placed.push({
      grant: override.burst === undefined ? { quota: override.quota } : override,
      path: join(within, 'quota'),
      burstPath: override.burst === undefined ? undefined : join(within, 'burst'),
      whose: ' in this override',
    });
  }
  return placed;
}

/** What a policy grants of each limit. */
export class Budgets {
  readonly #document: PolicyDocument;
  readonly #overrides = new Map<string, Grant[]>();
  readonly #every = new Map<string, Grant[] | undefined>();

  constructor(document: PolicyDocument) {
    this.#document = document;
    for (const override of document.overrides ?? []) {
      const grants = this.#overrides.get(override.limit) ?? [];
      grants.push(override);
      this.#overrides.set(override.limit, grants);
    }
    for (const name of Object.keys(document.limits)) this.#every.set(name, this.#findEvery(name));
  }

  /** What overrides grant of a limit. */
  overrides(name: string): readonly Grant[] {
    return this.#overrides.get(name) ?? [];
  }

  /** What a limit grants in a tier; `undefined` where the document has no number. */
  inTier(name: string, tier: string): Grant | undefined {
    const given = this.#document.tiers?.[tier]?.[name];
    return grantOf(given === undefined ? this.#document.limits[name]?.quota : given);
  }

  /**
   * Everything that a limit may grant; `undefined` where some of it is not in the document, because requests have to bring
   * it. Quotas that requests bring of their own accord are not looked at.
   */
  every(name: string): readonly Grant[] | undefined {
    return this.#every.get(name);
  }

  #findEvery(name: string): Grant[] | undefined {
    const { tiers = {}, limits, defaultTier } = this.#document;
    const byTier = Object.keys(tiers).map((tier) => this.inTier(name, tier));
    const own = limits[name]?.quota;
    // A request without a tier has the default one; without any quota, the engine refuses it.
    const hasOwn = defaultTier === undefined && own !== undefined;
    const all = [...byTier, ...(hasOwn ? [grantOf(own)] : []), ...this.overrides(name)];
    const known = all.flatMap((grant) => grant ?? []);
    return known.length === all.length && known.length > 0 ? known : undefined;
  }
}
