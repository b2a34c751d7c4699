/**
 * Checks the numbers of a policy: each quota that a limit, a tier or an override gives is tried on the limit's
 * algorithm.
 *
 * @module
 */

import { type Fault, isHeadgateError, join, show } from '../errors.ts';
import type { GrantDocument, OverrideDocument } from './document.ts';
import type { Draft, Entry } from './draft.ts';
import { builderOf, type Grant, grantOf, PLAN_FIELDS, planFor, type RateDocument } from './plans.ts';
import { isRecord } from './shape.ts';

/** Algorithms that hold no burst, as a policy calls their limits. */
const WITHOUT_BURST: readonly unknown[] = ['fixed-window', 'sliding-window', 'concurrency'];

/** How many tiers a message names. */
const MOST_LISTED = 5;

const IMPLIED = '("burst" is the quota where none is given)';

/** A limit whose numbers can be tried. */
interface Trial {
  readonly path: string;
  readonly limit: Entry['value'];
  /** What its algorithm said about each quota and burst that was tried. */
  readonly tried: Map<string, readonly Fault[]>;
  /** Fields of the limit itself that are known to be wrong. */
  readonly faulty: Set<string>;
}

/** Where a quota and its burst stand. */
interface Place {
  readonly quota: string;
  readonly burst: string;
}

/** What is wrong with the numbers of a draft. */
export function* quotaFaults(draft: Draft): Generator<Fault> {
  const trials = new Map<string, Trial>();
  for (const { name, path, value } of draft.entries('limits')) {
    if (!isTriable(draft, path, value.algorithm)) continue;
    const trial: Trial = { path, limit: value, tried: new Map(), faulty: new Set() };
    trials.set(name, trial);
    const grant = grantOf(value.quota as GrantDocument | undefined);
    if (grant !== undefined) yield* ownFaults(draft, trial, grant);
  }
  for (const given of grantsOf(draft)) yield* grantFaults(draft, trials.get(given.name), given);
  // What no quota was found for is tried with none at all, to hear about its other fields.
  for (const trial of trials.values()) {
    if (trial.tried.size === 0) yield* ownFaults(draft, trial, { quota: 0 }, true);
  }
  yield* missingQuotas(draft);
}

function isTriable(draft: Draft, path: string, algorithm: unknown): boolean {
  const isSound = ['algorithm', ...PLAN_FIELDS].every((field) => draft.isSound(join(path, field)));
  return (
    isSound && typeof algorithm === 'string' && typeof builderOf(algorithm, draft.algorithms) === 'function'
  );
}

/** A limit without a quota needs one from every tier. */
function* missingQuotas(draft: Draft): Generator<Fault> {
  const [limits, tiers] = [draft.names('limits'), draft.names('tiers')];
  if (tiers === undefined) return;
  // A tier with a name that is unknown may have meant this limit.
  const clear = [...draft.entries('tiers')].filter(({ value }) =>
    Object.keys(value).every((name) => limits?.has(name)),
  );
  for (const { name, path, value } of draft.entries('limits')) {
    const within = join(path, 'quota');
    if (value.quota !== undefined || !draft.isSound(within)) continue;
    const lacking = clear.filter((tier) => !Object.hasOwn(tier.value, name));
    if (tiers.size > 0 && lacking.length === 0) continue;
    const remedy =
      tiers.size === 0
        ? '; give a quota, "custom", or tiers that have one'
        : `, and so it is in tier ${listed(lacking)}; give it here, or in every tier`;
    yield { code: 'missing-field', path: within, value: undefined, message: `"quota" is missing${remedy}` };
  }
}

function listed(entries: readonly Entry[]): string {
  const names = entries.slice(0, MOST_LISTED).map(({ name }) => show(name));
  return `${names.join(', ')}${entries.length > MOST_LISTED ? ', …' : ''}`;
}

/** A quota that a tier or an override gives of a limit. */
interface Given {
  readonly name: string;
  readonly grant: Grant;
  readonly place: Place;
}

/** Every quota that tiers and overrides give. */
export function* grantsOf(draft: Draft): Generator<Given> {
  for (const tier of draft.entries('tiers')) {
    for (const [name, document] of Object.entries(tier.value)) {
      const path = join(tier.path, name);
      const grant = draft.isSound(path) ? grantOf(document as GrantDocument) : undefined;
      if (grant === undefined) continue;
      const quota = isRecord(document) ? join(path, 'quota') : path;
      yield { name, grant, place: { quota, burst: join(path, 'burst') } };
    }
  }
  for (const { path, value } of draft.entries('overrides')) {
    const place = { quota: join(path, 'quota'), burst: join(path, 'burst') };
    const isSound = draft.isSound(place.quota) && draft.isSound(place.burst);
    const grant = isSound ? grantOf(value as unknown as OverrideDocument) : undefined;
    if (grant !== undefined && typeof value.limit === 'string') yield { name: value.limit, grant, place };
  }
}

/** @param isMadeUp - whether no quota stands there, so that nothing can be wrong with it */
function* ownFaults(draft: Draft, trial: Trial, grant: Grant, isMadeUp = false): Generator<Fault> {
  for (const fault of planFaults(draft, trial, grant)) {
    if (isMadeUp && fault.path === 'quota') continue;
    if (isImplied(fault, trial)) {
      yield { ...fault, path: join(trial.path, 'quota'), message: `${fault.message} ${IMPLIED}` };
    } else {
      trial.faulty.add(fault.path);
      yield { ...fault, path: pathIn(trial, fault) };
    }
  }
}

function* grantFaults(draft: Draft, trial: Trial | undefined, given: Given): Generator<Fault> {
  const { name, grant, place } = given;
  const algorithm = draft.limit(name)?.algorithm;
  if (grant.burst !== undefined && WITHOUT_BURST.includes(algorithm)) {
    const message = `a ${algorithm} limit has no burst; give the quota alone`;
    yield { code: 'unknown-field', path: place.burst, value: grant.burst, message };
    return yield* grantFaults(draft, trial, { name, grant: { quota: grant.quota }, place });
  }
  if (trial === undefined) return;
  for (const fault of planFaults(draft, trial, grant)) {
    if (fault.path === 'quota' || (fault.path === 'burst' && grant.burst !== undefined)) {
      yield { ...fault, path: place[fault.path] };
    } else if (isImplied(fault, trial)) {
      yield { ...fault, path: place.quota, message: `${fault.message} ${IMPLIED}` };
    } else if (!trial.faulty.has(fault.path)) {
      // The limit's own burst may be too large at this quota alone.
      if (fault.path !== 'burst') trial.faulty.add(fault.path);
      yield { ...fault, path: fault.path === 'burst' ? place.quota : pathIn(trial, fault) };
    }
  }
}

/** Whether it is about a burst that nobody gave. */
function isImplied(fault: Fault, trial: Trial): boolean {
  return fault.path === 'burst' && trial.limit.burst === undefined;
}

/** What the algorithm says about one grant; paths are relative to the limit. */
function planFaults({ algorithms }: Draft, { limit, tried }: Trial, grant: Grant): readonly Fault[] {
  const id = `${grant.quota}:${grant.burst}`;
  const faults =
    tried.get(id) ?? faultsFrom(() => planFor(limit as unknown as RateDocument, grant, algorithms));
  tried.set(id, faults);
  return faults;
}

function faultsFrom(build: () => unknown): readonly Fault[] {
  try {
    build();
    return [];
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    return error.faults;
  }
}

function pathIn(trial: Trial, fault: Fault): string {
  return fault.path === '' ? trial.path : join(trial.path, fault.path);
}
