import type { Plan } from '../algorithms/algorithm.ts';
import { PolicyError, show } from '../errors.ts';
import { createLimiter } from '../limiter/limiter.ts';
import {
  type Contender,
  type Custom,
  isCustom,
  isPlan,
  isPolicy,
  type Runner,
  type Setting,
  type Subject,
  type Verdict,
} from './contender.ts';
import { policyRunner } from './policy-runner.ts';

/** Makes a contender ready for a run. */
export function makeRunner(name: string, contender: Contender, setting: Setting): Runner {
  if (isCustom(contender)) return customRunner(name, contender, setting);
  if (isPolicy(contender)) return policyRunner(contender, setting);
  if (isPlan(contender)) return planRunner(contender, setting);
  const message = `${show(contender)} is no contender; give a plan, a policy, or an object with a method create()`;
  throw new PolicyError([{ code: 'bad-contender', path: `algorithms.${name}`, value: contender, message }]);
}

function planRunner(plan: Plan, { clock, maxKeys, seed }: Setting): Runner {
  const limiter = createLimiter(plan, { clock, maxKeys, seed });
  return {
    kind: plan.algorithm.kind,
    isWaiting: false,
    check: (key, cost, now) => limiter.check(key, { cost, now }),
    stateBytes: () => plan.algorithm.cells * Float64Array.BYTES_PER_ELEMENT,
  };
}

const YES: Verdict = { allowed: true };
const NO: Verdict = { allowed: false };

function customRunner(name: string, custom: Custom, setting: Setting): Runner {
  const subject = makeSubject(name, custom, setting);
  return {
    kind: 'custom',
    isWaiting: false,
    check(key, cost, now, arrival) {
      const answer = subject.check(key, cost, now, arrival);
      if (typeof answer === 'boolean') return answer ? YES : NO;
      if (typeof answer === 'object' && answer !== null && typeof answer.allowed === 'boolean') {
        if (!Number.isNaN(answer.retryAt)) return answer;
      }
      const message = `check() answered ${nameOf(answer)}; answer true, false or { allowed, retryAt }, at once`;
      throw new PolicyError([{ code: 'bad-answer', path: `algorithms.${name}`, value: answer, message }]);
    },
    ...(subject.stateBytes === undefined ? {} : { stateBytes: () => subject.stateBytes?.() ?? Number.NaN }),
  };
}

/** An answer that is none. */
function nameOf(answer: unknown): string {
  if (answer instanceof Promise) return 'a promise';
  return Number.isNaN((answer as Verdict | undefined)?.retryAt) ? 'with NaN for retryAt' : show(answer);
}

/**
 * What `create` makes.
 *
 * @throws PolicyError (`bad-contender`) if it cannot be asked
 */
export function makeSubject(name: string, custom: Custom, setting: Setting): Subject {
  const subject: unknown = custom.create(setting);
  if (typeof (subject as Subject | undefined)?.check === 'function') return subject as Subject;
  const message = `create() returned ${show(subject)}; return an object with a method check()`;
  throw new PolicyError([{ code: 'bad-contender', path: `algorithms.${name}`, value: subject, message }]);
}
