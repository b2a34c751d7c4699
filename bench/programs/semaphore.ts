/**
 * Permits: alone, with many who wait, and leaving a queue. Garbage is collected whenever the engine likes, and is part of
 * the cost. Collecting it by hand before a measurement would throw away compiled code together with the last objects that
 * it was compiled for.
 */
import type { Result, Setting } from '../case.ts';
import { SEMAPHORES, type SemaphoreContender } from '../contenders/semaphores.ts';

export const PERMITS = 10;
/** Made once: an error is dearer than everything that is timed. */
const REASON = new Error('gone');

export async function openSemaphore(name: string): Promise<SemaphoreContender> {
  const make = SEMAPHORES[name];
  if (make === undefined) throw new Error(`unknown semaphore ${name}`);
  return make(PERMITS);
}

export async function uncontended(name: string, setting: Setting): Promise<Result> {
  const { uncontended: work } = await openSemaphore(name);
  return timed(work, setting);
}

export async function uncontendedSync(name: string, setting: Setting): Promise<Result> {
  const { uncontendedSync: work } = await openSemaphore(name);
  return work === undefined ? {} : timed(async (times) => work(times), setting);
}

async function timed(
  work: (times: number) => Promise<void>,
  { warmMs, measureMs }: Setting,
): Promise<Result> {
  await repeat(work, 2 * warmMs);
  return { value: await repeat(work, measureMs), checksum: 1 };
}

/** Nanoseconds each. */
async function repeat(work: (times: number) => Promise<void>, forMs: number): Promise<number> {
  const start = performance.now();
  let times = 0;
  for (let more = 10; performance.now() - start < forMs; more = Math.min(2 * more, 10_000)) {
    await work(more);
    times += more;
  }
  return ((performance.now() - start) * 1e6) / times;
}

/**
 * All ask at once; a job takes one turn of the microtask queue. The clock runs from the first that asks to the last that
 * is done. Small runs are repeated, so that every size works through about as many jobs.
 */
export async function waiters(name: string, { waiters: count }: Setting): Promise<Result> {
  const { run } = await openSemaphore(name);
  let checksum = 0;
  const job = async (): Promise<void> => {
    await null;
    checksum++;
  };
  const round = async (jobs: number): Promise<void> => {
    const all = new Array<Promise<void>>(jobs);
    for (let i = 0; i < jobs; i++) all[i] = run(job);
    await Promise.all(all);
  };
  // Long enough for everything to be compiled, also on a busy machine.
  const warm = performance.now();
  for (let jobs = 0; jobs < 300_000 && performance.now() - warm < 3000; jobs += 1000) await round(1000);
  checksum = 0;
  const rounds = Math.ceil(100_000 / count);
  const start = performance.now();
  for (let i = 0; i < rounds; i++) await round(count);
  return { value: ((performance.now() - start) * 1e6) / (rounds * count), checksum };
}

/**
 * 100,000 wait; 10,000 of the middle half give up, in an order that is no order. Timed is the call that aborts, less what
 * aborting costs with a listener that does nothing: events of Node's own take several microseconds.
 */
export async function leave(name: string, { waiters: count }: Setting): Promise<Result> {
  const { wait, run } = await openSemaphore(name);
  if (wait === undefined) return {};
  const leaving = count / 10;
  let value = 0;
  let checksum = 0;
  // The first time is to warm up.
  for (let i = 0; i < 2; i++) {
    let open = (): void => undefined;
    const closed = new Promise<void>((resolve) => {
      open = resolve;
    });
    const holders = Array.from({ length: PERMITS }, () => run(async () => closed));
    const gone = Array.from({ length: count }, () => new AbortController());
    const left = gone.map((each) => wait(each.signal).then(release, () => checksum++));
    const middle = gone.slice(count / 4, (3 * count) / 4);
    const some = Array.from(
      { length: leaving },
      (_, place) => middle[(place * 7919) % middle.length] as AbortController,
    );
    const start = performance.now();
    for (const each of some) each.abort(REASON);
    const elapsed = performance.now() - start;
    value = ((elapsed - abortIdle(leaving)) * 1e6) / leaving;
    open();
    await Promise.all([...holders, ...left]);
  }
  return { value, checksum };
}

/** How long it takes to abort so many signals that nobody minds, in milliseconds. */
function abortIdle(count: number): number {
  const idle = Array.from({ length: count }, () => new AbortController());
  for (const { signal } of idle) signal.addEventListener('abort', () => undefined, { once: true });
  const start = performance.now();
  for (const each of idle) each.abort(REASON);
  return performance.now() - start;
}

/** Gives back what waiting has brought, if it can be given back. */
function release(held: unknown): void {
  if (typeof held !== 'object' || held === null || !('release' in held)) return;
  if (typeof held.release === 'function') held.release();
}
