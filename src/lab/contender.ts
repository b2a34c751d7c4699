/**
 * What can be compared: plans, policies, and anything else that says yes or no.
 *
 * @module
 */

import type { Plan } from '../algorithms/algorithm.ts';
import { checkUnits } from '../algorithms/algorithm.ts';
import { createEngine } from '../engine/engine.ts';
import { PolicyError, show } from '../errors.ts';
import type { Decision, LimitDecision } from '../limiter/decision.ts';
import { createLimiter } from '../limiter/limiter.ts';
import type { StateOptions } from '../limiter/state-options.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Clock, type Duration, type Millis, parseDuration } from '../time.ts';
import type { Arrival } from './arrival.ts';
import { ExactLog } from './exact-log.ts';
import { costsFor } from './units.ts';

/** An answer of a contender. */
export interface Verdict {
  /** Whether the request may go ahead. */
  readonly allowed: boolean;
  /** Denied: when it would be allowed, for clients who listen; `Infinity`: never. */
  readonly retryAt?: Millis | undefined;
}

/** A limiter in use. */
export interface Subject {
  /**
   * Asks for `cost` units of `key` at `now` and takes them if that is agreed to.
   *
   * @param arrival - the whole request, for those who look at more than the key
   */
  check(key: string, cost: number, now: Millis, arrival: Arrival): boolean | Verdict;
  /** Bytes of state that each key takes by now, if that is known. */
  bytesPerKey?(): number;
}

/** What a contender is made for. */
export interface Setting {
  /** Virtual time, the same as `now` in each call. */
  readonly clock: Clock;
  /** Keys to keep at most. */
  readonly maxKeys: number;
  /** For whatever it draws at random. */
  readonly seed: number;
  /** Units per window that it is measured by; whoever has a quota of his own need not heed it. */
  readonly quota: number;
  /** That window, in milliseconds. */
  readonly window: Millis;
}

/** A limiter of your own: makes a fresh one each time. A module for `headgate compare` or `bench` exports one. */
export interface Custom {
  /** A limiter that has seen nothing yet. */
  create(setting: Setting): Subject;
}

/** Whatever can be compared: a plan, a policy, or a limiter of your own. */
export type Contender = Plan | PolicyDocument | Custom;

/** What a request asked of one limit, for the oracle. */
export interface Asked {
  readonly limit: string;
  readonly key: string;
  readonly cost: number;
  readonly quota: number;
  readonly window: Millis;
}

/** The quota that the oracle measures single limits by. */
export interface Terms {
  readonly quota: number;
  readonly window: Millis;
}

/** A contender as a run sees it. */
export interface Runner extends Subject {
  readonly kind: string;
  /** Answers; what was asked stands in `asked` then, also after a denial. */
  check(key: string, cost: number, now: Millis, arrival: Arrival): Verdict;
  /** `undefined`: one limit, of everybody's terms. */
  readonly asked: readonly Asked[] | undefined;
  /** Whether the last answer was the oracle's business: a missing field or an unknown path is not. */
  readonly isRate: boolean;
}

/** Makes a contender ready for a run. */
export function makeRunner(name: string, contender: Contender, setting: Setting): Runner {
  if (isCustom(contender)) return customRunner(name, contender, setting);
  if (isPolicy(contender)) return policyRunner(contender, setting);
  if (isPlan(contender)) return planRunner(contender, setting);
  const message = `${show(contender)} is no contender; give a plan, a policy, or an object with a method create()`;
  throw new PolicyError([{ code: 'bad-contender', path: `algorithms.${name}`, value: contender, message }]);
}

/** Whether `contender` is a plan of an algorithm. */
export function isPlan(contender: Contender): contender is Plan {
  return has(contender, 'algorithm') && typeof (contender as Plan).algorithm?.availableAt === 'function';
}

function isPolicy(contender: Contender): contender is PolicyDocument {
  return has(contender, 'limits') && has(contender, 'groups');
}

function isCustom(contender: Contender): contender is Custom {
  return has(contender, 'create') && typeof (contender as Custom).create === 'function';
}

function has(contender: unknown, field: string): boolean {
  return typeof contender === 'object' && contender !== null && field in contender;
}

function planRunner(plan: Plan, setting: Setting): Runner {
  const limiter = createLimiter(plan, stateOf(setting));
  return {
    kind: plan.algorithm.kind,
    asked: undefined,
    isRate: true,
    check: (key, cost, now) => limiter.check(key, { cost, now }),
    bytesPerKey: () => plan.algorithm.cells * Float64Array.BYTES_PER_ELEMENT,
  };
}

/** What our own limiters want to know of a setting. */
function stateOf({ clock, maxKeys, seed }: Setting): StateOptions {
  return { clock, maxKeys, seed };
}

/** Answers that no rate limit gave. */
const NO_RATE: readonly string[] = ['missing', 'unmatched', 'blocked', 'concurrency', 'capacity'];

function policyRunner(policy: PolicyDocument, setting: Setting): Runner {
  const engine = createEngine(policy, stateOf(setting));
  const describe = describer(engine.policy);
  const counted = costsFor(engine.policy);
  const runner = {
    kind: 'policy',
    asked: [] as readonly Asked[],
    isRate: true,
    check(_key: string, _cost: number, now: Millis, arrival: Arrival): Decision {
      const decision = engine.check(arrival.descriptor ? counted(arrival.descriptor) : describe(arrival), {
        now,
      });
      runner.asked = decision.limits.flatMap(askedOf);
      runner.isRate = !NO_RATE.includes(decision.reason);
      return decision;
    },
  };
  return runner;
}

/** A limit in the shadow decides nothing, so nobody is measured by it. */
function askedOf({ name, key, cost, quota, window, mode }: LimitDecision): Asked[] {
  return key === undefined || window === undefined || mode === 'shadow'
    ? []
    : [{ limit: name, key, cost, quota, window }];
}

/** Makes a descriptor of a request that has only a key: every partition field holds it. */
function describer({ limits, groups }: PolicyDocument): (arrival: Arrival) => Record<string, unknown> {
  const fields = new Set(Object.values(limits).flatMap(({ per = [] }) => [per].flat()));
  const units = new Set(
    Object.values(limits).map((limit) => ('unit' in limit ? limit.unit : undefined) ?? 'requests'),
  );
  const [group, ...others] = Object.keys(groups);
  const named = group === undefined || others.length > 0 ? {} : { group };
  return ({ key, cost }) => ({
    ...named,
    ...Object.fromEntries([...fields].map((field) => [field, key])),
    cost: Object.fromEntries([...units].map((unit) => [unit, cost])),
  });
}

function customRunner(name: string, custom: Custom, setting: Setting): Runner {
  const subject = custom.create(setting);
  return {
    kind: 'custom',
    asked: undefined,
    isRate: true,
    check(key, cost, now, arrival) {
      const answer = subject.check(key, cost, now, arrival);
      if (typeof answer === 'boolean') return answer ? YES : NO;
      if (typeof answer === 'object' && answer !== null && typeof answer.allowed === 'boolean') return answer;
      const message = `check() answered ${show(answer)}; answer true, false or { allowed, retryAt }`;
      throw new PolicyError([{ code: 'bad-answer', path: `algorithms.${name}`, value: answer, message }]);
    },
    ...(subject.bytesPerKey === undefined
      ? {}
      : { bytesPerKey: () => subject.bytesPerKey?.() ?? Number.NaN }),
  };
}

const YES: Verdict = { allowed: true };
const NO: Verdict = { allowed: false };

/**
 * The exact log as a contender: it keeps the instant of everything it granted, and never grants more than `quota` units
 * in any interval of one window's length. The truth, at the price of its memory.
 *
 * @throws PolicyError naming the faulty option
 */
export function exactLog(options: { readonly quota: number; readonly window: Duration }): Custom {
  const quota = checkUnits(options.quota, 'quota');
  const window = parseDuration(options.window, 'window');
  return {
    create() {
      const logs = new Map<string, ExactLog>();
      let sweepAt = 1024;
      let most = 0;
      const sweep = (now: Millis): void => {
        for (const [key, log] of logs) if (log.last <= now - window) logs.delete(key);
        sweepAt = Math.max(1024, 2 * logs.size);
      };
      return {
        check(key, cost, now) {
          const log = logs.get(key) ?? new ExactLog([window]);
          const at = quota === 0 ? Number.POSITIVE_INFINITY : log.roomAt(0, now, cost, quota);
          if (at > now) return { allowed: false, retryAt: at };
          if (cost > 0) {
            log.record(now, cost);
            if (!logs.has(key)) logs.set(key, log);
            if (logs.size > sweepAt) sweep(now);
          }
          // The most that one key has taken so far: two float64 for each instant.
          most = Math.max(most, log.size);
          return YES;
        },
        bytesPerKey: () => 2 * Float64Array.BYTES_PER_ELEMENT * most,
      };
    },
  };
}
