/** One program of one contender, in a process of its own: `worker.js program contender setting` prints a result as JSON. */
import { type ProgramName, type Result, SETTING, type Setting } from './case.ts';
import { churn, churnMemory } from './programs/churn.ts';
import { correct } from './programs/correct.ts';
import { decide } from './programs/decide.ts';
import { fullCollection, garbage, memory, pause } from './programs/memory.ts';
import { leave, uncontended, uncontendedSync, waiters } from './programs/semaphore.ts';
import { semaphoreCorrect } from './programs/semaphore-correct.ts';

const PROGRAMS: Readonly<Record<ProgramName, (contender: string, setting: Setting) => Promise<Result>>> = {
  correct,
  decide,
  memory,
  garbage,
  pause,
  'full-collection': fullCollection,
  churn,
  'churn-memory': churnMemory,
  'semaphore-correct': semaphoreCorrect,
  uncontended,
  'uncontended-sync': uncontendedSync,
  waiters,
  leave,
};

const [, , program = '', contender = '', setting = '{}'] = process.argv;
const play = PROGRAMS[program as ProgramName];
if (play === undefined) throw new Error(`unknown program ${program}`);

let result: Result;
try {
  result = await play(contender, { ...SETTING, ...JSON.parse(setting) });
} catch (error) {
  result = { fault: error instanceof Error ? error.message : String(error) };
}
// Some contenders hold timers; nobody waits for them. What is written to a pipe has to be out first.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
