/**
 * Exactly the quota in a window, for each key, then denied; and again once the window is over. Whoever fails this is not
 * timed: a limiter that says yes to everyone is fast.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Result, Setting } from '../case.ts';
import type { Subject } from '../contenders/subject.ts';
import { open } from '../contenders/subjects.ts';
import { makeKeys, START } from '../workload.ts';

const QUOTA = 5;
const WINDOW = 1000;

export async function correct(contender: string, setting: Setting): Promise<Result> {
  const subject = await open(contender, { ...setting, quota: QUOTA, windowMs: WINDOW, maxKeys: 100 });
  const keys = makeKeys(20);
  const isGiven = setting.clock === 'given';
  // Not at the seam of two aligned windows, where a sliding one lets a little more through, as it should.
  if (!isGiven) await sleep(WINDOW - (Date.now() % WINDOW) + 10);
  const first = await round(subject, keys, START);
  if (first !== undefined) return { fault: first };
  if (subject.isWindowless) return { checksum: QUOTA * keys.length };
  // After two windows nobody has anything left of the first.
  if (!isGiven) await sleep(2 * WINDOW + 10);
  const again = await round(subject, keys, START + 2 * WINDOW);
  if (again !== undefined) return { fault: `in a later window: ${again}` };
  return { checksum: 2 * QUOTA * keys.length };
}

async function round(subject: Subject, keys: readonly string[], now: number): Promise<string | undefined> {
  const allowed = new Map<string, number>();
  for (let turn = 1; turn <= 2 * QUOTA; turn++) {
    for (const [i, key] of keys.entries()) {
      const isAllowed = (await askOne(subject, key, now, i)) >= 0;
      if (isAllowed && turn > QUOTA) return `request ${turn} of ${QUOTA} allowed`;
      if (isAllowed) allowed.set(key, (allowed.get(key) ?? 0) + 1);
    }
  }
  const short = keys.find((key) => allowed.get(key) !== QUOTA);
  return short === undefined ? undefined : `${allowed.get(short) ?? 0} of ${QUOTA} requests allowed`;
}

async function askOne(subject: Subject, key: string, now: number, at: number): Promise<number> {
  if (subject.kind === 'sync') return subject.ask(key, now, at);
  try {
    return subject.left(await subject.ask(key, now, at));
  } catch (error) {
    if (error instanceof Error) throw error;
    return -1;
  }
}
