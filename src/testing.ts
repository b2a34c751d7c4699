/**
 * What tests of code that uses headgate need: a clock that obeys, and the laws of algorithms.
 *
 * @module
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
