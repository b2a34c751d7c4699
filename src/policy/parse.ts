import * as v from 'valibot';
import { BUILT_IN } from '../algorithms/index.ts';
import { type Fault, join, PolicyError, show, suggest } from '../errors.ts';
import { joinKey } from '../partition/key.ts';
import type {
  DenialDocument,
  GroupDocument,
  LimitDocument,
  OverrideDocument,
  PolicyDocument,
  TierDocument,
} from './document.ts';
import { conflicts } from './match.ts';
import { FIELD_FORM, isField } from './name.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { type Algorithms, type Grant, grantOf, isConcurrency, planFor } from './plans.ts';
import { policySchema } from './schema.ts';
import { isRecord, shapeFaults } from './shape.ts';
import {
  type DenialReason,
  isKeyedByReason,
  placeholdersOf,
  REASONS_WITH_RETRY_AT,
  templateFaults,
} from './template.ts';

/** Most entries of each part of a policy. */
const MOST = { limits: 1000, groups: 10_000, tiers: 1000, overrides: 100_000 } as const;

/**
 * A policy from outside, checked from end to end.
 *
 * @param input - a parsed JSON document, or anything else
 * @param algorithms - builders of the custom algorithms it may name
 * @returns `input` itself
 * @throws PolicyError with every fault: its path, the value and what would be right
 */
export function parsePolicy(input: unknown, algorithms: Algorithms = {}): PolicyDocument {
  const tooMany = sizeFaults(input);
  const faults = tooMany.length > 0 ? tooMany : allFaults(input, algorithms);
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
  return input as PolicyDocument;
}

function sizeFaults(input: unknown): Fault[] {
  return Object.entries(MOST).flatMap(([part, most]) => {
    const value = isRecord(input) ? input[part] : undefined;
    const size = typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
    if (size <= most) return [];
    return [
      { code: 'too-many', path: part, value: size, message: `${size} ${part}; at most ${most} are taken` },
    ];
  });
}

function allFaults(input: unknown, algorithms: Algorithms): Fault[] {
  const schema = policySchema(Object.keys(algorithms).map((name) => v.literal(name)));
  const faults = shapeFaults(schema, input);
  if (!isRecord(input)) return faults;
  const parts = soundParts(input, faults);
  return [...faults, ...new References(parts, algorithms).faults()];
}

/** The parts of a document whose shape is right, and the names that the others at least announce. */
interface Parts {
  readonly limits: ReadonlyMap<string, LimitDocument>;
  readonly groups: ReadonlyMap<string, GroupDocument>;
  readonly tiers: ReadonlyMap<string, TierDocument>;
  readonly overrides: ReadonlyMap<string, OverrideDocument>;
  /** The rest, where it has the right shape. */
  readonly defaultTier: string | undefined;
  readonly unmatched: string | undefined;
  readonly denial: DenialDocument | undefined;
  readonly pathCase: 'sensitive' | 'insensitive';
  readonly names: { readonly [part in 'limits' | 'groups' | 'tiers']: readonly string[] };
}

function soundParts(input: Record<string, unknown>, faults: readonly Fault[]): Parts {
  const broken = new Set(faults.flatMap(({ path }) => prefixes(path)));
  const sound = <T>(part: string): Map<string, T> =>
    new Map(
      Object.entries(input[part] ?? {}).filter(([name]) => !broken.has(join(part, name))) as [string, T][],
    );
  const text = (field: string): string | undefined =>
    typeof input[field] === 'string' ? input[field] : undefined;
  return {
    limits: sound('limits'),
    groups: sound('groups'),
    tiers: sound('tiers'),
    overrides: sound('overrides'),
    defaultTier: text('defaultTier'),
    unmatched: text('unmatched'),
    denial: broken.has('denial') ? undefined : (input.denial as DenialDocument | undefined),
    pathCase: isRecord(input.paths) && input.paths.case === 'sensitive' ? 'sensitive' : 'insensitive',
    names: { limits: keys(input.limits), groups: keys(input.groups), tiers: keys(input.tiers) },
  };
}

/** `denial` and `limits.reads` for the path `limits.reads.quota`: the parts that a fault makes unusable. */
function prefixes(path: string): string[] {
  const [part = '', name] = path.split('.', 2);
  return name === undefined || part === 'denial' ? [part] : [`${part}.${name}`];
}

function keys(value: unknown): string[] {
  return isRecord(value) ? Object.keys(value) : [];
}

/** Everything that has to hold between the parts of a document. */
class References {
  readonly #parts: Parts;
  readonly #algorithms: Algorithms;
  readonly #faults: Fault[] = [];

  constructor(parts: Parts, algorithms: Algorithms) {
    this.#parts = parts;
    this.#algorithms = algorithms;
  }

  faults(): Fault[] {
    for (const [name, limit] of this.#parts.limits) this.#checkLimit(limit, join('limits', name));
    for (const [name, tier] of this.#parts.tiers) this.#checkTier(tier, join('tiers', name));
    this.#checkGrants();
    this.#checkOverrides();
    this.#checkGroups();
    this.#checkPatterns();
    this.#checkChoices();
    if (this.#parts.denial !== undefined) this.#checkDenial(this.#parts.denial, 'denial', []);
    return this.#faults;
  }

  #add(code: string, path: string, value: unknown, message: string): void {
    this.#faults.push({ code, path, value, message });
  }

  #checkKnown(kind: 'limits' | 'groups' | 'tiers', name: string, path: string): boolean {
    const known = this.#parts.names[kind];
    if (known.includes(name)) return true;
    const what = kind.slice(0, -1);
    this.#add(`unknown-${what}`, path, name, `unknown ${what} ${show(name)}${suggest(name, known)}`);
    return false;
  }

  #checkLimit(limit: LimitDocument, path: string): void {
    const fields = [limit.per ?? []].flat();
    if (new Set(fields).size < fields.length) {
      this.#add('duplicate', join(path, 'per'), limit.per, 'a field is named twice; name each once');
    }
    // Without a quota of its own, the other numbers are checked with the least that has a burst.
    this.#checkPlan(limit, grantOf(limit.quota) ?? { quota: 1 }, (field) => join(path, field));
  }

  #checkTier(tier: TierDocument, path: string): void {
    for (const [name, document] of Object.entries(tier)) {
      const within = join(path, name);
      const grant = grantOf(document);
      if (!this.#checkKnown('limits', name, within) || grant === undefined) continue;
      this.#checkGrant(name, grant, (field) => (typeof document === 'object' ? join(within, field) : within));
    }
  }

  #checkGrant(name: string, grant: Grant, at: (field: string) => string): void {
    const limit = this.#parts.limits.get(name);
    if (limit === undefined) return;
    if (isConcurrency(limit) && grant.burst !== undefined) {
      this.#add('unknown-field', at('burst'), grant.burst, 'permits have no burst; give a quota only');
    }
    this.#checkPlan(limit, grant, at);
  }

  /** Builds a plan, to hear what its algorithm says about the numbers. */
  #checkPlan(limit: LimitDocument, grant: Grant, at: (field: string) => string): void {
    if (isConcurrency(limit)) return;
    try {
      planFor(limit, grant, this.#algorithms);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      for (const fault of error.faults) this.#faults.push({ ...fault, path: at(fault.path) });
    }
  }

  /** A limit without a quota needs one from every tier. */
  #checkGrants(): void {
    for (const [name, limit] of this.#parts.limits) {
      if (limit.quota !== undefined) continue;
      const path = join(join('limits', name), 'quota');
      const tiers = this.#parts.names.tiers;
      if (tiers.length === 0) {
        this.#add(
          'missing-field',
          path,
          undefined,
          '"quota" is missing; give a quota, "custom", or tiers that have one',
        );
      }
      for (const [tier, grants] of this.#parts.tiers) {
        if (Object.hasOwn(grants, name)) continue;
        this.#add(
          'missing-field',
          path,
          undefined,
          `"quota" is missing, and tier ${show(tier)} gives none; give either`,
        );
      }
    }
  }

  #checkOverrides(): void {
    const seen = new Set<string>();
    for (const [index, override] of this.#parts.overrides) {
      const path = join('overrides', index);
      const { limit, where, quota, burst } = override;
      if (this.#checkKnown('limits', limit, join(path, 'limit'))) {
        this.#checkGrant(limit, burst === undefined ? { quota } : { quota, burst }, (field) =>
          join(path, field),
        );
      }
      const fields = Object.keys(where).sort();
      for (const field of fields.filter((name) => !isField(name))) {
        this.#add(
          'bad-field',
          join(join(path, 'where'), field),
          field,
          `${show(field)} is not ${FIELD_FORM}`,
        );
      }
      if (fields.length === 0) {
        this.#add(
          'bad-value',
          join(path, 'where'),
          where,
          'an override for everybody; change the quota instead',
        );
      }
      const identity = joinKey([limit, '', ...fields.flatMap((field) => [field, where[field] ?? ''])]);
      if (seen.has(identity)) {
        this.#add(
          'duplicate',
          path,
          where,
          'an earlier override has the same limit and the same fields; drop one',
        );
      }
      seen.add(identity);
    }
  }

  #checkGroups(): void {
    for (const [name, group] of this.#parts.groups) {
      const path = join('groups', name);
      group.limits.forEach((limit, i) => {
        const within = join(join(path, 'limits'), i);
        this.#checkKnown('limits', limit, within);
        if (group.limits.indexOf(limit) < i) {
          this.#add('duplicate', within, limit, `${show(limit)} is listed already; a limit is charged once`);
        }
      });
      for (const limit of Object.keys(group.leave ?? {})) this.#checkLeave(group, limit, join(path, 'leave'));
      if (group.denial !== undefined)
        this.#checkDenial(group.denial, join(path, 'denial'), this.#reasons(group));
    }
  }

  #checkLeave(group: GroupDocument, limit: string, path: string): void {
    const document = this.#parts.limits.get(limit);
    if (group.limits.includes(limit) && (document === undefined || isConcurrency(document))) return;
    const message = `${show(limit)} is no concurrency limit of this group; permits can be left of those only`;
    this.#add('bad-value', join(path, limit), limit, message);
  }

  /** Why a request of this group may be denied, as far as the policy can tell. */
  #reasons(group: GroupDocument): DenialReason[] {
    const limits = group.limits.flatMap((name) => this.#parts.limits.get(name) ?? []);
    const reasons = new Set<DenialReason>(['blocked', 'quota']);
    for (const limit of limits) {
      if (isConcurrency(limit)) reasons.add('concurrency').add('capacity');
      if (limit.missing === 'deny') reasons.add('missing');
    }
    if (group.queue !== undefined) reasons.add('queue-full').add('queue-timeout');
    return [...reasons];
  }

  /** @param reachable - reasons that a template for all of them has to serve */
  #checkDenial(denial: DenialDocument, path: string, reachable: readonly DenialReason[]): void {
    const templates = isKeyedByReason(denial) ? Object.entries(denial) : [['', denial] as const];
    for (const [reason, template] of templates) {
      const within = reason === '' ? path : join(path, reason);
      this.#faults.push(...templateFaults(template, within));
      if (template.body !== undefined && template.format !== undefined) {
        this.#add(
          'bad-value',
          join(within, 'format'),
          template.format,
          'a problem document has its own body; drop one',
        );
      }
      if (!placeholdersOf(template).has('retryAfter')) continue;
      const serves = reason === '' ? reachable : [reason as DenialReason];
      for (const unknown of serves.filter((served) => !REASONS_WITH_RETRY_AT.includes(served))) {
        const message = `{retryAfter} has no value when the reason is ${show(unknown)}; give that reason a template of its own`;
        this.#add('no-retry-after', join(within, 'body'), template.body, message);
      }
    }
  }

  #checkPatterns(): void {
    const patterns: { pattern: Pattern; group: string; path: string }[] = [];
    for (const [group, { match = [] }] of this.#parts.groups) {
      match.forEach((text, i) => {
        const path = `groups.${group}.match.${i}`;
        try {
          patterns.push({ pattern: parsePattern(text, path), group, path });
        } catch (error) {
          if (!(error instanceof PolicyError)) throw error;
          this.#faults.push(...error.faults);
        }
      });
    }
    for (const { first, second } of conflicts(patterns, { case: this.#parts.pathCase })) {
      const message = `the same requests match ${show(first.pattern.text)} of group ${show(first.group)}; drop one`;
      this.#add('equal-patterns', second.path, second.pattern.text, message);
    }
  }

  #checkChoices(): void {
    const { defaultTier, unmatched, names } = this.#parts;
    if (defaultTier !== undefined) this.#checkKnown('tiers', defaultTier, 'defaultTier');
    const choices = [...names.groups, 'allow', 'deny'];
    if (unmatched !== undefined && !choices.includes(unmatched)) {
      this.#add(
        'unknown-group',
        'unmatched',
        unmatched,
        `unknown group ${show(unmatched)}${suggest(unmatched, choices)}`,
      );
    }
    for (const name of names.groups.filter((group) => group === 'allow' || group === 'deny')) {
      this.#add(
        'bad-name',
        join('groups', name),
        name,
        `"unmatched" takes ${show(name)} for a verdict; call the group something else`,
      );
    }
    for (const name of Object.keys(this.#algorithms)) {
      if (name in BUILT_IN || name === 'concurrency') {
        this.#add(
          'bad-name',
          `algorithms.${name}`,
          name,
          `${show(name)} is built in; call the custom algorithm something else`,
        );
      }
    }
  }
}
