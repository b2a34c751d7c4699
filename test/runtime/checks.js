/**
 * What must hold wherever the package runs: plain JavaScript without a test framework.
 *
 * @module
 */

import { ENGINE_CHECKS } from './check-engine.js';
import { FETCH_CHECKS } from './check-fetch.js';
import { LIMIT_CHECKS } from './check-limits.js';
import { PERMIT_CHECKS } from './check-permits.js';

const CHECKS = { ...LIMIT_CHECKS, ...ENGINE_CHECKS, ...PERMIT_CHECKS, ...FETCH_CHECKS };

/**
 * Runs all checks, one after the other, against the entries of one build.
 *
 * @param modules - as in `entries.js`
 * @param more - further checks by name, for this runtime alone
 * @returns for each its name and, if it failed, why; data that any runtime can send
 */
export async function runChecks(modules, more = {}) {
  const results = [];
  for (const [name, check] of Object.entries({ ...CHECKS, ...more })) {
    try {
      await Promise.race([check(modules), tooLong()]);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error?.stack ?? error) });
    }
  }
  return results;
}

/** So that a check that never ends is named; no honest one takes a second. */
function tooLong() {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it has not ended after 20 seconds')), 20_000);
    timer.unref?.();
  });
}
