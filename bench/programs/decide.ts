/** Nanoseconds per decision. Garbage is collected whenever the engine likes, and is part of the cost. */
import type { Result, Setting } from '../case.ts';
import { open } from '../contenders/subjects.ts';
import { makeTraffic } from '../workload.ts';
import { askMany, fill } from './ask.ts';

const PIECE = 4096;

export async function decide(contender: string, setting: Setting): Promise<Result> {
  const subject = await open(contender, setting);
  const traffic = makeTraffic(setting);
  await fill(subject, traffic.keys);
  // With a quota of 1 everyone has used it up by now; with any other, nobody ever will.
  const share = setting.quota === 1 ? 0 : 1;
  const { order, strings } = traffic;
  const isOnce = setting.strings === 'fresh';
  const warmCalls = isOnce ? order.length / 4 : Number.POSITIVE_INFINITY;
  const calls = isOnce ? order.length : Number.POSITIVE_INFINITY;

  let at = 0;
  let checksum = 0;
  const run = async (forMs: number, most: number): Promise<number> => {
    const start = performance.now();
    const first = at;
    let elapsed = 0;
    // A string that has been asked with is no longer fresh: those are asked once, however long it takes.
    for (; (isOnce || elapsed < forMs) && at < most; elapsed = performance.now() - start) {
      const tally = await askMany(subject, traffic, at, PIECE);
      at += PIECE;
      checksum = (checksum + tally.checksum) | 0;
      if (tally.allowed !== share * PIECE) throw new Error(`${tally.allowed} of ${PIECE} allowed`);
    }
    return (elapsed * 1e6) / (at - first);
  };
  await run(setting.warmMs, warmCalls);
  const value = await run(setting.measureMs, calls);
  return { value, checksum: checksum + strings.length };
}
