/**
 * For tests of code that uses headgate: a clock that moves only when it is told to, and the laws of algorithms.
 *
 * @module headgate/testing
 */

export {
  type AlgorithmLaw,
  type AlgorithmLawsOptions,
  algorithmLaws,
} from './testing/algorithm-laws.ts';
export type { FastCheck } from './testing/drawing.ts';
export type { RatePlan } from './testing/key.ts';
export type { Oracle, Terms } from './testing/oracle.ts';
export { type ManualClock, manualClock } from './time.ts';
