/**
 * The laws of rate algorithms. Each has two sides: a limiter that denies everything breaks it, and so does one that
 * admits everything.
 */

import { describe, expect, it } from 'vitest';
import type { RatePlan } from '../fixtures/algorithm-key.ts';
import { SHAMS } from '../fixtures/shams.ts';
import { CHARGING } from './algorithm-laws/charging.ts';
import { CONVERTING } from './algorithm-laws/converting.ts';
import { GRANTING } from './algorithm-laws/granting.ts';
import type { Law, Subject } from './algorithm-laws/law.ts';
import { STATE } from './algorithm-laws/state.ts';

export type { Subject } from './algorithm-laws/law.ts';

const LAWS: Readonly<Record<string, Law>> = { ...GRANTING, ...STATE, ...CHARGING, ...CONVERTING };

/** Runs every law on one algorithm, and then on limiters that are none, which have to break each of them. */
export function describeAlgorithm(name: string, subject: Subject, numRuns: number): void {
  describe(name, () => {
    it.each(Object.entries(LAWS))('should %s', (_title, law) => law(subject, { numRuns }));

    it.each(SHAMS)('should not pass for one that %s', (_title, sham) => {
      const disguise = (plan: RatePlan): RatePlan => ({ ...plan, algorithm: sham(plan.algorithm) });
      const fake: Subject = {
        ...subject,
        plans: subject.plans.map(disguise),
        siblings: (plan) => subject.siblings(plan).map(disguise),
        strangers: (plan) => subject.strangers(plan).map(disguise),
      };
      const kept = Object.entries(LAWS).filter(([, law]) => !breaks(fake, law));
      expect(kept.map(([title]) => title)).toEqual([]);
    });
  });
}

function breaks(subject: Subject, law: Law): boolean {
  try {
    law(subject, { numRuns: 20, endOnFailure: true });
    return false;
  } catch {
    return true;
  }
}
