import { manualClock } from '../time.ts';
import type { Arrival } from './arrival.ts';
import { type Contender, isPolicy, type Runner, type Setting, type Verdict } from './contender.ts';
import { unqueued } from './policy-runner.ts';
import { makeRunner } from './runner.ts';

/** Decisions to a batch, batches, and keys that take turns. */
const BATCH = 4000;
const BATCHES = 25;
const KEYS = 1000;

/** What a contender is made for, but time. */
export type Setup = Omit<Setting, 'clock'>;

/**
 * Nanoseconds that one decision takes: the median of batches, on 1000 keys that take turns, a millisecond after every
 * ten. A policy's queues are left out, and permits go back at once. Not repeatable to the digit, and the machine's other work shows.
 *
 * @param setup - what the contender is made for, and a clock in milliseconds with fractions, such as `performance.now`
 */
export function timeDecisions(
  contender: Contender,
  { timer, ...setup }: Setup & { readonly timer: () => number },
): number {
  const { ask, pass } = alone(contender, setup);
  const keys = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
  let allowed = 0;
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const began = timer();
    for (let i = 0; i < BATCH; i++) {
      if (i % 10 === 0) pass(1);
      if (ask(keys[i % KEYS] as string)) allowed += 1;
    }
    times.push(((timer() - began) * 1e6) / BATCH);
  }
  // Whoever answers nobody has not decided; it also keeps the loop from being dropped.
  return allowed < 0 ? Number.NaN : (times.toSorted((a, b) => a - b)[BATCHES >> 1] as number);
}

/** Keys that are weighed, and requests of each. */
const WEIGHED = 20_000;
const REQUESTS = 10;

/**
 * Bytes that a key takes, its name and the table around it included: what there is more of after 20,000 keys have made ten
 * requests each, with room for no more of them.
 *
 * @param setup - what the contender is made for, and what tells bytes in use once everything that can be is collected
 */
export async function weighKeys(
  contender: Contender,
  { scale, ...setup }: Setup & { readonly scale: () => number | Promise<number> },
): Promise<number> {
  const before = await scale();
  const { ask, pass } = alone(contender, { ...setup, maxKeys: WEIGHED });
  for (let request = 0; request < REQUESTS; request++) {
    pass(1);
    for (let i = 0; i < WEIGHED; i++) ask(`key-${i}`);
  }
  const after = await scale();
  // Asked once more, so that the limiter cannot have been collected.
  ask('key-0');
  return Math.max(0, Math.round((after - before) / WEIGHED));
}

/** A contender with a clock of its own, where nobody waits. */
function alone(
  contender: Contender,
  setup: Setup,
): { ask: (key: string) => boolean; pass: (ms: number) => void } {
  const clock = manualClock(1e12);
  let now = clock.now();
  const { policy, holds } = isPolicy(contender) ? unqueued(contender) : { policy: contender, holds: false };
  const runner: Runner = makeRunner('measured', policy, { ...setup, clock });
  const hold = holds ? { hold: 0 } : {};
  return {
    ask(key) {
      const arrival: Arrival = { at: now, key, cost: 1, ...hold };
      const verdict = runner.check(key, 1, now, arrival) as Verdict;
      if (holds && verdict.allowed) runner.work?.(verdict)?.end();
      return verdict.allowed;
    },
    pass(ms) {
      now += ms;
      clock.set(now);
    },
  };
}
