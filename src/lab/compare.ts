/**
 * The comparison: any number of contenders over the same arrivals.
 *
 * @module
 */

import { checkFields, checkGiven, checkOptionsObject, PolicyError } from '../errors.ts';
import { type Duration, type Millis, parseDuration } from '../time.ts';
import type { Workload } from './arrival.ts';
import { type Contender, isPlan, type Terms } from './contender.ts';
import type { Figures } from './figures.ts';
import { integer } from './options.ts';
import { Run, type RunOptions } from './run.ts';
import { timeDecisions, weighKeys } from './timing.ts';

/** Options of {@link compare}. */
export interface CompareOptions {
  /** The contenders by their names: plans, policies, or limiters of your own. */
  readonly algorithms: Readonly<Record<string, Contender>>;
  /** What comes in. */
  readonly workload: Workload;
  /** Units per window that the exact log grants; default: the quota of the first plan. A policy's limits have their own. */
  readonly quota?: number;
  /** The window of the exact log; default: that of the first plan. */
  readonly window?: Duration;
  /** Keys that each contender keeps at most: 1 to 2^24, default 100,000. */
  readonly maxKeys?: number;
  /** Keys whose usage is told over time; default: of the first 64 that somebody denies, the two denied most often. */
  readonly watch?: readonly string[];
  /**
   * Milliseconds that pass, with fractions, such as `performance.now`; with it, decisions are timed after the replay.
   * Without it the same comparison gives the same figures to the last digit.
   */
  readonly timer?: () => number;
  /**
   * Bytes in use once everything that can be is collected, or a promise of them; with it, keys are weighed after the
   * replay. Like `timer`, it leaves the other figures alone.
   */
  readonly scale?: () => number | Promise<number>;
  /** Told now and then how many arrivals have been replayed, and at the end. */
  readonly progress?: (arrivals: number, isLast: boolean) => void;
}

/** What a comparison found. */
export interface Comparison {
  /** What came in. */
  readonly workload: {
    /** Its name. */
    readonly name: string;
    /** What it does. */
    readonly description: string;
    /** Where it drew from. */
    readonly seed: number;
    /** How many arrivals there were, not counting those of closed loops after the first. */
    readonly arrivals: number;
    /** Instant of the first arrival; `undefined` without any. */
    readonly from: Millis | undefined;
    /** Instant of the last arrival. */
    readonly to: Millis | undefined;
  };
  /** Quota and window of the exact log that single limits were measured by; `undefined` if all contenders are policies. */
  readonly oracle:
    | {
        /** Units per window. */
        readonly quota: number;
        /** In milliseconds. */
        readonly window: Millis;
      }
    | undefined;
  /** Each contender, in the order given. */
  readonly contenders: readonly Figures[];
}

const FIELDS = [
  'algorithms',
  'workload',
  'quota',
  'window',
  'maxKeys',
  'watch',
  'timer',
  'scale',
  'progress',
];

/** How many keys are watched unless they are named, and of how many it is told then. */
const WATCHED = 64;
const TOLD = 2;
/** How often progress is told. */
const STRIDE = 2 ** 14;

/**
 * Runs every contender over the same arrivals, in virtual time, and measures each against an exact log of what it
 * granted. Clients react to each contender by themselves, so from the first denial on their further attempts differ.
 * Memory does not grow with the number of arrivals.
 *
 * @throws PolicyError naming the faulty option, or a contender that is none
 *
 * @example
 * ```ts
 * const { contenders } = await compare({
 *   algorithms: { fixed: fixedWindow({ quota: 100, window: '1m', anchor: 'epoch' }) },
 *   workload: boundaryAttack({ quota: 100, window: '1m' }),
 * });
 * console.log(contenders[0]?.window?.ratio); // 2
 * ```
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  checkFields(options, FIELDS);
  const { algorithms, workload, watch, timer, scale, progress } = options;
  checkOptionsObject(algorithms, 'algorithms');
  checkGiven(
    typeof workload?.arrivals === 'function',
    'workload',
    workload,
    'a workload, such as poisson(...)',
  );
  checkGiven(watch === undefined || Array.isArray(watch), 'watch', watch, 'a list of keys');
  for (const [path, given] of Object.entries({ timer, scale, progress }))
    checkGiven(given === undefined || typeof given === 'function', path, given, 'a function');
  const named = Object.entries(algorithms);
  if (named.length === 0) throw noContender(algorithms);
  const terms = termsOf(options);
  const maxKeys = integer(options.maxKeys ?? 100_000, 'maxKeys', 1, 2 ** 24);
  const measured = terms ?? NO_TERMS;
  const setting = { maxKeys, seed: workload.seed, ...measured };
  const runOptions: RunOptions = { terms: measured, clients: workload.clients, setting };

  let runs: readonly Run[] | undefined;
  const watched = new Set(watch ?? []);
  let arrivals = 0;
  let from: Millis | undefined;
  let to: Millis = 0;
  const start = (at: Millis): readonly Run[] => {
    from = at;
    const made = named.map(([name, contender]) => new Run(name, contender, at, runOptions));
    for (const run of made) for (const key of watched) run.watch(key);
    return made;
  };
  for await (const arrival of workload.arrivals()) {
    runs ??= start(arrival.at);
    to = arrival.at;
    for (const run of runs) {
      const answered = run.arrive(arrival);
      if (answered !== undefined) await answered;
      const { denied } = run;
      if (watch !== undefined || denied === undefined || watched.size >= WATCHED) continue;
      watched.add(denied.key);
      for (const each of runs) each.watch(denied.key, denied);
      run.denied = undefined;
    }
    arrivals += 1;
    if (arrivals % STRIDE === 0) progress?.(arrivals, false);
  }
  // Without arrivals the contenders are made all the same, so that a faulty one is told of.
  const finished = runs ?? start(0);
  for (const run of finished) await run.finish();
  progress?.(arrivals, true);

  const denials = (key: string): number => finished.reduce((sum, run) => sum + run.denials(key), 0);
  const mostDenied = [...watched].sort((a, b) => denials(b) - denials(a)).slice(0, TOLD);
  const told = watch === undefined ? new Set(mostDenied) : watched;
  const contenders: Figures[] = [];
  // One after the other, so that no two are weighed or timed at once.
  for (const [i, [, contender]] of named.entries()) {
    contenders.push({
      ...(finished[i] as Run).figures(told),
      ...(scale === undefined ? {} : { bytesPerKey: await weighKeys(contender, { scale, ...setting }) }),
      ...(timer === undefined ? {} : { nsPerDecision: timeDecisions(contender, { timer, ...setting }) }),
    });
  }
  return {
    workload: {
      name: workload.name,
      description: workload.description,
      seed: workload.seed,
      arrivals,
      from: arrivals === 0 ? undefined : from,
      to: arrivals === 0 ? undefined : to,
    },
    oracle: terms,
    contenders,
  };
}

/** What policies are run with, which bring their own. */
const NO_TERMS: Terms = { quota: 1, window: 1 };

function termsOf({ algorithms, quota, window }: CompareOptions): Terms | undefined {
  const contenders = Object.values(algorithms);
  const plan = contenders.find((each) => isPlan(each) && each.window !== undefined);
  const found = {
    quota: quota ?? (plan !== undefined && isPlan(plan) ? plan.quota : undefined),
    window: window ?? (plan !== undefined && isPlan(plan) ? plan.window : undefined),
  };
  if (found.quota !== undefined && found.window !== undefined) {
    return {
      quota: integer(found.quota, 'quota', 0, Number.MAX_SAFE_INTEGER),
      window: parseDuration(found.window, 'window'),
    };
  }
  if (contenders.every((each) => 'limits' in each)) return undefined;
  const message = 'no contender says by which quota and window to measure; give both';
  const path = found.quota === undefined ? 'quota' : 'window';
  throw new PolicyError([{ code: 'bad-option', path, value: undefined, message }]);
}

function noContender(value: unknown): PolicyError {
  const message = 'there is nothing to compare; give at least one contender';
  return new PolicyError([{ code: 'bad-option', path: 'algorithms', value, message }]);
}
