/** The laws of `headgate/testing`, run on one algorithm, and then on limiters that are none, which break each of them. */

import * as fc from 'fast-check';
import { type AlgorithmLawsOptions, algorithmLaws, type RatePlan } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import type { Algorithm } from '../../src/algorithms/algorithm.ts';
import { SHAMS } from '../fixtures/shams.ts';

/** One algorithm, as the laws need to know it; everything is declared. */
export type Subject = Required<Omit<AlgorithmLawsOptions<RatePlan>, 'fc' | 'numRuns'>> & {
  readonly algorithm: Algorithm;
};

/** How many laws there are. */
const LAWS = 21;

/** Runs every law on one algorithm, and then on limiters that are none, which have to break each of them. */
export function describeAlgorithm(name: string, { algorithm, ...subject }: Subject, numRuns: number): void {
  const lawsOf = (one: Algorithm, runs: number) => algorithmLaws(one, { fc, ...subject, numRuns: runs });

  describe(name, () => {
    it.each(lawsOf(algorithm, numRuns))('should $name', ({ check }) => check());

    it.each(SHAMS)('should not pass for one that %s', (_title, sham) => {
      const laws = lawsOf(sham(algorithm), 20);
      expect(laws).toHaveLength(LAWS);
      expect(laws.filter((law) => !breaks(law.check)).map((law) => law.name)).toEqual([]);
    });
  });
}

function breaks(check: () => void): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}
