/**
 * What tests of code that uses headgate need: a clock that obeys.
 *
 * @module
 */

export { type ManualClock, manualClock } from './time.ts';
