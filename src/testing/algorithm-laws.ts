import type { Arbitrary } from 'fast-check';
import type { Algorithm } from '../algorithms/algorithm.ts';
import { checkFields, PolicyError, show } from '../errors.ts';
import type { Millis } from '../time.ts';
import { CHARGING } from './charging.ts';
import { CONVERTING } from './converting.ts';
import type { FastCheck } from './drawing.ts';
import { GRANTING } from './granting.ts';
import { Key, type RatePlan } from './key.ts';
import type { Knowledge, Law, Runs, Subject } from './law.ts';
import type { Oracle } from './oracle.ts';
import { STATE } from './state.ts';

/** Options of {@link algorithmLaws}. All that is not given is measured, or the laws that need it are left out. */
export interface AlgorithmLawsOptions<P extends RatePlan> {
  /** The module `fast-check`, version 3 or later: `import * as fc from 'fast-check'`. */
  readonly fc: FastCheck;
  /** Draws plans: quotas from 1, any windows, any other options. Plans with small numbers find faults soonest. */
  readonly plan: Arbitrary<P>;
  /** Draws plans that a limit may change to from this one: other quotas, the same window. */
  readonly siblings?: (plan: P) => Arbitrary<P>;
  /** Draws plans that a limit may change to from this one: the same quota and burst, other windows or options of its own. */
  readonly strangers?: (plan: P) => Arbitrary<P>;
  /** Units that a change to a stranger may cost, since an instant has no parts of a millisecond; default 0. */
  readonly loss?: (from: P, to: P) => number;
  /** The algorithm worked out another way, for a fresh key. `scale` is a multiple of every quota it will meet. */
  readonly oracle?: (scale: number) => Oracle;
  /** How many milliseconds a change of quota may move the state: 0 (default) if usage is counted in whole units. */
  readonly slack?: Millis;
  /** Units that a fresh key grants at once; default: the plan's burst, or its quota. */
  readonly capacity?: (plan: P) => number;
  /** Milliseconds until usage of one capacity has vanished; default: what the algorithm says at instant 0, which is too little where windows slide. */
  readonly drain?: (plan: P) => Millis;
  /** Milliseconds for which a charge can be given back, counted from what `charge` returned; default: two drains. */
  readonly refundable?: (plan: P, cost: number) => Millis;
  /** The bound: most units granted from one instant to another that is `span` later, both included. */
  readonly most?: (plan: P, span: Millis) => number;
  /** The promise: fewest units granted in that time to somebody who always asks, beginning with a fresh key. */
  readonly least?: (plan: P, span: Millis) => number;
  /** How many random cases each law is tried on; default 200. */
  readonly numRuns?: number;
}

/** One law, for any test runner. */
export interface AlgorithmLaw {
  /** What an algorithm should do, to follow "should". */
  readonly name: string;
  /** Tries it on random cases. Throws what fast-check reports, with the smallest case that breaks it. */
  readonly check: () => void;
}

const LAWS: Readonly<Record<string, Law>> = { ...GRANTING, ...STATE, ...CHARGING, ...CONVERTING };
const NEEDED: readonly Knowledge[] = ['siblings', 'strangers', 'oracle', 'most', 'least'];
const FIELDS = ['fc', 'plan', 'loss', 'slack', 'capacity', 'drain', 'refundable', 'numRuns', ...NEEDED];

/**
 * The laws that an algorithm has to keep, if limits are to mean what they say: it admits at the instant it promised and
 * not before, tells what is left, writes nothing when asked, gives back no more than was charged, joins states without
 * minting quota, locks no key out whatever its cells hold, and, if it has `convert`, wins nothing by a change. They are the very tests of the built-in algorithms. Each has
 * two sides: an algorithm that denies everything breaks it, and so does one that admits everything.
 *
 * @param algorithm - the algorithm; the plans are read by it, whatever they name themselves
 * @throws PolicyError naming a faulty option
 *
 * @example
 * ```ts
 * import * as fc from 'fast-check';
 * import { it } from 'vitest';
 *
 * const plan = fc.record({ quota: fc.integer({ min: 1, max: 50 }), window: fc.constantFrom(7, 1000) }).map(leakyBucket);
 * for (const { name, check } of algorithmLaws(LEAKY_BUCKET, { fc, plan })) it(`should ${name}`, check);
 * ```
 */
export function algorithmLaws<P extends RatePlan>(
  algorithm: Algorithm<P>,
  options: AlgorithmLawsOptions<P>,
): readonly AlgorithmLaw[] {
  if (typeof algorithm?.availableAt !== 'function') throw badOption('algorithm', algorithm, 'an Algorithm');
  checkFields(options, FIELDS);
  const { numRuns = 200 } = options;
  const subject = subjectOf(
    algorithm as unknown as Algorithm,
    options as unknown as AlgorithmLawsOptions<RatePlan>,
  );
  const known = NEEDED.filter(
    (knowledge) =>
      options[knowledge] !== undefined && (knowledge !== 'strangers' || algorithm.convert !== undefined),
  );
  return Object.entries(LAWS)
    .filter(([, { needs }]) => needs.every((each) => known.includes(each)))
    .map(([name, { holds }]) => ({ name, check: (runs: Runs = {}) => holds(subject, { numRuns, ...runs }) }));
}

/** What is known of an algorithm; what a law needs and is not known is never asked for. */
function subjectOf(algorithm: Algorithm, options: AlgorithmLawsOptions<RatePlan>): Subject {
  const { fc, plan, siblings, strangers, oracle, most, least, slack = 0 } = options;
  if (typeof fc?.assert !== 'function') throw badOption('fc', fc, 'the module fast-check');
  if (typeof plan?.map !== 'function')
    throw badOption('plan', plan, 'an arbitrary of fast-check that draws plans');
  const read = (each: RatePlan): RatePlan => ({ ...each, algorithm });
  const capacity = options.capacity ?? (({ burst, quota }) => burst ?? quota);
  const drain =
    options.drain ??
    ((each) => {
      const key = new Key(each);
      key.charge(0, capacity(each));
      return key.resetAt(0);
    });
  return {
    fc,
    plans: plan.map(read),
    siblings: (each) => siblings?.(each).map(read) ?? fc.constant(each),
    strangers: (each) => strangers?.(each).map(read) ?? fc.constant(each),
    loss: options.loss ?? (() => 0),
    oracle: oracle ?? unknown,
    most: most ?? unknown,
    least: least ?? unknown,
    slack,
    capacity,
    drain,
    refundable: options.refundable ?? ((each) => 2 * drain(each)),
  };
}

function unknown(): never {
  throw new Error('a law asked for what is not known');
}

function badOption(path: string, value: unknown, wanted: string): PolicyError {
  const message = `${show(value)} is no ${path}; give ${wanted}`;
  return new PolicyError([{ code: 'bad-option', path, value, message }]);
}
