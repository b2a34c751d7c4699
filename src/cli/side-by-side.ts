/**
 * Two policies, asked side by side about the requests of a log.
 *
 * @module
 */

import type { LoggedDescriptor, LoggedRequest } from '../lab/trace/request.ts';
import { costsFor } from '../lab/units.ts';
import type { Decision } from '../limiter/decision.ts';
import { splitKey } from '../partition/key.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Millis } from '../time.ts';
import { ask, type Checker, inTimeOrder } from './replay.ts';

/** One of the two: a policy of rates, and an engine for it. */
export interface Side {
  readonly policy: PolicyDocument;
  readonly engine: Checker;
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
export interface Comparison {
  readonly requests: number;
  /** Requests that the policies have in different groups. */
  readonly moved: number;
  readonly denied: Readonly<Shift>;
  /** By group: every group of either policy, and `unmatched` if there was such a request. */
  readonly groups: ReadonlyMap<string, Readonly<Shift>>;
  /** By limit, requests that its own answer denied; every limit of either policy. */
  readonly limits: ReadonlyMap<string, Readonly<Shift>>;
  /** Keys of the limits that made a difference, the most affected first. */
  readonly keys: readonly Readonly<AffectedKey>[];
  /** Instants of the first and the last request; `undefined` if there was none. */
  readonly span: { readonly from: Millis; readonly to: Millis } | undefined;
}

/**
 * Asks both sides about every request at its own instant, in time order, those of the same instant in the order given.
 * Each side charges its own usage, so what it denies early on decides about what follows.
 *
 * @param refused - told of each request that a side takes for misuse; it counts nowhere in the comparison
 */
export function sideBySide(
  requests: readonly LoggedRequest[],
  before: Side,
  after: Side,
  refused: (line: number, reason: string) => void,
): Comparison {
  const ledger = new Ledger(before.policy, after.policy);
  const [askBefore, askAfter] = [askerOf(before), askerOf(after)];
  let count = 0;
  let from: Millis | undefined;
  let to: Millis = 0;
  for (const { line, at, descriptor } of inTimeOrder(requests)) {
    const [was, is] = [askBefore(descriptor, at), askAfter(descriptor, at)];
    if (typeof was === 'string' || typeof is === 'string') {
      refused(line, reasonOf(was, is));
      continue;
    }
    from ??= at;
    to = at;
    count += 1;
    ledger.add(was, is);
  }
  const { moved, denied, groups, limits } = ledger;
  const keys = [...ledger.keys.values()].sort((a, b) => extentOf(b) - extentOf(a));
  return {
    requests: count,
    moved,
    denied,
    groups,
    limits,
    keys,
    span: from === undefined ? undefined : { from, to },
  };
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

/** Asks one side, leaving out costs in units that only the other policy counts. */
function askerOf({ policy, engine }: Side): (descriptor: LoggedDescriptor, at: Millis) => Decision | string {
  const counted = costsFor(policy);
  return (descriptor, at) => ask(engine, counted(descriptor), at);
}

/** Why there is nothing to compare. */
function reasonOf(was: Decision | string, is: Decision | string): string {
  if (was === is) return String(was);
  return typeof was === 'string' ? `in the old policy, ${was}` : `in the new policy, ${is}`;
}

/** The limits that have denied a request. */
function refusing({ limits }: Decision): Decision['limits'] {
  return limits.filter(({ allowed, mode }) => !allowed && mode !== 'shadow');
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
