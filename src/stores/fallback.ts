/**
 * What is decided while the store fails: by what each limit says for that case.
 *
 * @module
 */

import type { ActualCost, Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/contract.ts';
import { createEngine } from '../engine/engine.ts';
import { isHeadgateError } from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import { isMissing } from '../partition/key.ts';
import type { Descriptor, LooseDescriptor } from '../policy/descriptor.ts';
import type { GrantDocument, LimitDocument, PolicyDocument } from '../policy/document.ts';
import type { PathParams } from '../policy/match.ts';
import type { Clock } from '../time.ts';
import type { DistributedAdmission } from './admitted.ts';
import { keepRenewed } from './keep.ts';

/** What becomes of a request: the strictest of what its limits say. */
export type Strategy = 'deny' | 'allow' | 'local';

/** A request as an engine in process reads it. */
export interface LocalRequest {
  readonly descriptor: LooseDescriptor;
  readonly group: string;
  readonly tier: string | undefined;
  readonly params: PathParams | undefined;
}

/** Decides in place of the store. */
export class Fallback {
  readonly #strategies = new Map<string, Strategy>();
  readonly #document: PolicyDocument;
  readonly #share: number;
  readonly #limits: ReadonlySet<string>;
  readonly #units: ReadonlySet<string>;
  /** Fields that a path may bring. */
  readonly #fields: readonly string[];
  /** Of the limits that say `local`, with a share of what they grant. */
  readonly #shares: PolicyDocument;
  /** Knows only the limits that say `local`. */
  #engine: Engine | undefined;
  /** Has taken over: what was asked before is decided there, too. */
  #after: Fallback | undefined;

  /** @param share - of each quota, above 0 to 1 */
  constructor(document: PolicyDocument, share: number, clock: Clock) {
    this.#document = document;
    this.#share = share;
    for (const [name, { limits }] of Object.entries(document.groups))
      this.#strategies.set(name, strictest(limits.map((limit) => strategyOf(document.limits[limit]))));
    const local = Object.entries(document.limits).filter(([, limit]) => strategyOf(limit) === 'local');
    this.#limits = new Set(local.map(([name]) => name));
    this.#units = new Set(['requests', 'permits', ...local.map(([, limit]) => unitOf(limit))]);
    const fields = local.flatMap(([, { per }]) => per ?? []);
    const where = (document.overrides ?? []).flatMap((override) => Object.keys(override.where));
    this.#fields = [...new Set([...fields, ...where])];
    this.#shares = localPolicy(document, this.#limits, share);
    if (local.length > 0) this.#engine = createEngine(this.#shares, { clock });
  }

  /** Goes on with the usage, and with the permits, that `before` has granted; it decides nothing any more. */
  takeOver(before: Fallback): void {
    if (before.#engine === undefined) return;
    this.#engine = before.#engine;
    this.#engine.reload(this.#shares);
    before.#engine = undefined;
    before.#after = this;
  }

  strategyOf(group: string): Strategy {
    return this.#strategies.get(group) ?? 'allow';
  }

  /** Decides on this process's share of the quotas; `undefined` if no limit, or not the policy in force, says how. */
  decide(request: LocalRequest, mode: 'charge' | 'peek'): LocalAdmission | undefined {
    if (this.#after !== undefined) return this.#after.#decideForBefore(request, mode);
    const descriptor = this.#descriptorOf(request);
    if (this.#engine === undefined) return undefined;
    const { clock } = this.#engine;
    const decision = mode === 'charge' ? this.#engine.tryAcquire(descriptor) : this.#engine.peek(descriptor);
    return new LocalAdmission(decision, this.#document, clock);
  }

  #decideForBefore(request: LocalRequest, mode: 'charge' | 'peek'): LocalAdmission | undefined {
    try {
      return this.decide(request, mode);
    } catch (error) {
      if (isHeadgateError(error)) return undefined;
      throw error;
    }
  }

  refund({ decision }: LocalAdmission): void {
    this.#engine?.refund(decision);
  }

  #descriptorOf({ descriptor, group, tier, params }: LocalRequest): Descriptor {
    const { method, path, cost, quotas, ...fields } = descriptor;
    const fromPath = this.#fields
      .filter((name) => isMissing(fields[name]))
      .map((name) => [name, params?.get(name)]);
    const own = Object.entries(quotas ?? {}).filter(([limit]) => this.#limits.has(limit));
    const scaled = own.map(([limit, quota]) => [limit, scale(Number(quota), this.#share)]);
    const units = typeof cost === 'object' && cost !== null ? Object.entries(cost) : undefined;
    const known = units?.filter(([unit]) => this.#units.has(unit));
    return {
      ...fields,
      ...Object.fromEntries(fromPath),
      ...{ group, tier },
      cost: known === undefined ? cost : Object.fromEntries(known),
      quotas: Object.fromEntries(scaled),
    } as Descriptor;
  }
}

/** What an engine in process has decided on its share. */
export class LocalAdmission implements DistributedAdmission {
  readonly source = 'local';
  readonly decision: Decision | Admission;
  readonly allowed: boolean;
  readonly at: Decision['at'];
  readonly group: string;
  readonly limit: Decision['limit'];
  readonly quota: number;
  readonly remaining: number;
  readonly resetAt: Decision['resetAt'];
  readonly retryAt: Decision['retryAt'];
  readonly reason: Decision['reason'];
  readonly fence = undefined;
  readonly #document: PolicyDocument;
  readonly #clock: Clock;

  /** @param document - the whole policy, not only what was decided by */
  constructor(decision: Decision | Admission, document: PolicyDocument, clock: Clock) {
    this.decision = decision;
    this.#document = document;
    this.#clock = clock;
    this.allowed = decision.allowed;
    this.at = decision.at;
    this.group = decision.group;
    this.limit = decision.limit;
    this.quota = decision.quota;
    this.remaining = decision.remaining;
    this.resetAt = decision.resetAt;
    this.retryAt = decision.retryAt;
    this.reason = decision.reason;
  }

  get limits(): Decision['limits'] {
    return this.decision.limits;
  }

  get #admission(): Admission | undefined {
    return 'release' in this.decision ? this.decision : undefined;
  }

  get signal(): AbortSignal {
    return this.#admission?.signal ?? new AbortController().signal;
  }

  get expiresAt(): Admission['expiresAt'] {
    return this.#admission?.expiresAt;
  }

  async release(): Promise<boolean> {
    return this.#admission?.release() ?? false;
  }

  async renew(): Promise<boolean> {
    return this.#admission?.renew() ?? false;
  }

  async settle(actual: ActualCost): Promise<boolean> {
    return this.#admission?.settle(actual) ?? false;
  }

  async cancel(): Promise<boolean> {
    return this.#admission?.cancel() ?? false;
  }

  get holdsPermits(): boolean {
    return this.#admission?.holdsPermits ?? false;
  }

  /** The policy by which it was decided. */
  get document(): PolicyDocument {
    return this.#document;
  }

  keep(): () => void {
    const { at, expiresAt } = this;
    if (expiresAt === undefined || !this.holdsPermits) return () => undefined;
    return keepRenewed(this.#clock, expiresAt - at, () => this.renew());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Everything, `limits` too, for `JSON.stringify`. */
  toJSON(): Decision {
    const { decision, ...told } = this;
    return { ...told, limits: decision.limits };
  }
}

function strategyOf(limit: LimitDocument | undefined): Strategy {
  if (limit === undefined || limit.mode === 'shadow') return 'allow';
  return limit.onStoreFailure ?? 'deny';
}

function strictest(strategies: readonly Strategy[]): Strategy {
  if (strategies.includes('deny')) return 'deny';
  return strategies.includes('local') ? 'local' : 'allow';
}

function unitOf(limit: LimitDocument): string {
  return ('unit' in limit ? limit.unit : undefined) ?? 'requests';
}

/** The policy of the limits that say `local`, with a share of what they grant. */
function localPolicy(document: PolicyDocument, kept: ReadonlySet<string>, share: number): PolicyDocument {
  const only = <T>(entries: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(entries).filter(([limit]) => kept.has(limit));
  const limits = only(document.limits).map(([name, { candidate, ...limit }]) => [name, scaled(limit, share)]);
  const tiers = Object.entries(document.tiers ?? {}).map(([tier, grants]) => [
    tier,
    Object.fromEntries(
      only(grants as Record<string, GrantDocument>).map(([limit, grant]) => [limit, scaled(grant, share)]),
    ),
  ]);
  const groups = Object.entries(document.groups).map(([name, group]) => [
    name,
    { limits: group.limits.filter((limit) => kept.has(limit)) },
  ]);
  const overrides = (document.overrides ?? []).filter(({ limit }) => kept.has(limit));
  return {
    version: 1,
    limits: Object.fromEntries(limits),
    groups: Object.fromEntries(groups),
    tiers: Object.fromEntries(tiers),
    ...(document.defaultTier !== undefined && { defaultTier: document.defaultTier }),
    overrides: overrides.map((override) => scaled(override, share)),
    unmatched: 'deny',
  };
}

/** The same with a share of its quota and burst. */
function scaled<T>(grant: T, share: number): T {
  if (typeof grant === 'number') return scale(grant, share) as T;
  if (typeof grant !== 'object' || grant === null) return grant;
  const entries = Object.entries(grant).map(([field, value]) => [
    field,
    (field === 'quota' || field === 'burst') && typeof value === 'number' ? scale(value, share) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** A share of a quota: whole units, and one at least of any quota that is not 0. */
function scale(quota: number, share: number): number {
  return quota === 0 ? 0 : Math.max(1, Math.floor(quota * share));
}
