import { checkUnits } from '../algorithms/algorithm.ts';
import { type Duration, type Millis, parseDuration } from '../time.ts';
import type { Custom, Verdict } from './contender.ts';
import { ExactLog } from './exact-log.ts';

const YES: Verdict = { allowed: true };

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
          most = Math.max(most, log.live);
          return YES;
        },
        stateBytes: () => 2 * Float64Array.BYTES_PER_ELEMENT * most,
      };
    },
  };
}
