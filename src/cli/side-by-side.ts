/**
 * Two policies, asked side by side about the requests of a log.
 *
 * @module
 */

import type { LoggedRequest } from '../lab/trace/request.ts';
import type { Decision } from '../limiter/decision.ts';
import { splitKey } from '../partition/key.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { refusing } from './outcome.ts';
import { type Answer, type Replayed, replay, type Side } from './replay.ts';

/** One of the two: a policy that is asked. */
interface PolicySide extends Side {
  readonly policy: PolicyDocument;
}

/** Denials before and after a change. A request counts wherever it was denied. */
export interface Shift {
  /** Requests denied by the old policy. */
  before: number;
  /** Requests denied by the new one. */
  after: number;
  /** Of `after`, those that the old policy allowed. */
  newlyDenied: number;
  /** Of `before`, those that the new policy allows. */
  newlyAllowed: number;
}

/** What became different for one key. */
export interface AffectedKey {
  /** The fields of the partition and their values; none where one budget serves all. */
  readonly key: Readonly<Record<string, string>>;
  newlyDenied: number;
  newlyAllowed: number;
}

/** What a change of policy would have done to a log. */
export interface Comparison extends Replayed {
  /** Requests that the policies have in different groups. */
  readonly moved: number;
  readonly denied: Readonly<Shift>;
  /** By group: every group of either policy, and `unmatched` if there was such a request. */
  readonly groups: ReadonlyMap<string, Readonly<Shift>>;
  /** By limit, requests that its own answer denied; every limit of either policy. */
  readonly limits: ReadonlyMap<string, Readonly<Shift>>;
  /** Keys of the limits that made a difference, the most affected first. */
  readonly keys: readonly Readonly<AffectedKey>[];
}

/**
 * Asks both sides about every request. Each side charges its own usage, so what it denies early on decides about what
 * follows.
 *
 * @param requests - in time order
 * @param refused - told of each request that a side takes for misuse; it counts nowhere in the comparison
 */
export async function sideBySide(
  requests: readonly LoggedRequest[],
  before: PolicySide,
  after: PolicySide,
  refused: (line: number, reason: string) => void,
): Promise<Comparison> {
  const ledger = new Ledger(before.policy, after.policy);
  const take = ([was, is]: readonly [Answer, Answer]): string | undefined => {
    if (typeof was === 'string' || typeof is === 'string') return reasonOf(was, is);
    ledger.add(was, is);
    return undefined;
  };
  const replayed = await replay(requests, [before, after], take, refused);
  const { moved, denied, groups, limits } = ledger;
  const keys = [...ledger.keys.values()].sort((a, b) => extentOf(b) - extentOf(a));
  return { ...replayed, moved, denied, groups, limits, keys };
}

/** Counts what both sides decided. */
class Ledger {
  readonly denied = noShift();
  readonly groups: Map<string, Shift>;
  readonly limits: Map<string, Shift>;
  /** By what tells them apart. */
  readonly keys = new Map<string, AffectedKey>();
  moved = 0;
  readonly #before: PolicyDocument;
  readonly #after: PolicyDocument;

  constructor(before: PolicyDocument, after: PolicyDocument) {
    this.#before = before;
    this.#after = after;
    this.groups = shifts([before, after].flatMap(({ groups }) => Object.keys(groups)));
    this.limits = shifts([before, after].flatMap(({ limits }) => Object.keys(limits)));
  }

  add(was: Decision, is: Decision): void {
    if (was.group !== is.group) this.moved += 1;
    this.#note(was, 'before');
    this.#note(is, 'after');
    if (was.allowed && !is.allowed) this.#noteChange(is, this.#after, 'newlyDenied');
    if (!was.allowed && is.allowed) this.#noteChange(was, this.#before, 'newlyAllowed');
  }

  #note(decision: Decision, figure: keyof Shift): void {
    // No policy names the group of requests that no pattern matches.
    const group = this.groups.get(decision.group) ?? noShift();
    this.groups.set(decision.group, group);
    if (decision.allowed) return;
    for (const shift of [this.denied, group]) shift[figure] += 1;
    for (const { name } of refusing(decision)) {
      const limit = this.limits.get(name);
      if (limit !== undefined) limit[figure] += 1;
    }
  }

  #noteChange(denial: Decision, policy: PolicyDocument, change: 'newlyDenied' | 'newlyAllowed'): void {
    this.#note(denial, change);
    for (const [id, key] of keysOf(denial, policy)) {
      const affected = this.keys.get(id) ?? { key, newlyDenied: 0, newlyAllowed: 0 };
      this.keys.set(id, affected);
      affected[change] += 1;
    }
  }
}

function shifts(names: readonly string[]): Map<string, Shift> {
  return new Map(names.map((name) => [name, noShift()]));
}

function noShift(): Shift {
  return { before: 0, after: 0, newlyDenied: 0, newlyAllowed: 0 };
}

function extentOf({ newlyDenied, newlyAllowed }: AffectedKey): number {
  return newlyDenied + newlyAllowed;
}

/** Why there is nothing to compare. */
function reasonOf(was: Answer, is: Answer): string {
  if (was === is) return String(was);
  return typeof was === 'string' ? `in the old policy, ${was}` : `in the new policy, ${is}`;
}

/** The keys that a request was denied for, each once, by what tells them apart. */
function keysOf(decision: Decision, policy: PolicyDocument): Map<string, AffectedKey['key']> {
  const keys = new Map<string, AffectedKey['key']>();
  for (const { name, key } of refusing(decision)) {
    if (key === undefined) continue;
    const fields = [policy.limits[name]?.per ?? []].flat().sort();
    // With `"missing": "shared"` the empty key, or a value, stands for nobody.
    const values = splitKey(key, fields.length);
    const named = Object.fromEntries(fields.map((field, i) => [field, values[i] ?? '']));
    keys.set(JSON.stringify(named), named);
  }
  return keys;
}
