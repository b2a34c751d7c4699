/**
 * Never more at once than there are permits, as many as there are, everything done, and first come first served: also for
 * those who come just as a permit is given back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../case.ts';
import { openSemaphore, PERMITS } from './semaphore.ts';

export async function semaphoreCorrect(name: string): Promise<Result> {
  const inOrder = await playJobs(name, { jobs: 500, lengthMs: 0 });
  if (inOrder.fault !== undefined) return { fault: inOrder.fault };
  const long = await playJobs(name, { jobs: 40, lengthMs: 30 });
  if (long.fault !== undefined) return { fault: long.fault };
  if (long.most < PERMITS) return { fault: `${long.most} at once, of ${PERMITS} permits` };
  return { checksum: inOrder.done + long.done };
}

interface Played {
  readonly fault: string | undefined;
  readonly most: number;
  readonly done: number;
}

/** A length of 0 is some turns of the microtask queue. */
async function playJobs(
  name: string,
  { jobs, lengthMs }: { jobs: number; lengthMs: number },
): Promise<Played> {
  const { run } = await openSemaphore(name);
  let submitted = 0;
  let running = 0;
  let most = 0;
  const started: number[] = [];
  const all: Promise<unknown>[] = [];
  const submit = (newcomers: number): void => {
    const index = submitted++;
    const done = run(async () => {
      started.push(index);
      most = Math.max(most, ++running);
      if (lengthMs > 0) await sleep(lengthMs);
      else for (let turn = index % 5; turn >= 0; turn--) await null;
      if (newcomers > 0) submit(newcomers - 1);
      running--;
    });
    all.push(done);
    if (newcomers > 0) all.push(done.then(() => submit(newcomers - 1)));
  };
  for (let i = 0; i < jobs; i++) submit(i % 10 === 0 ? 2 : 0);
  for (let i = 0; i < all.length; i++) await all[i];
  const wrong = started.findIndex((index, place) => index !== place);
  let fault = wrong === -1 ? undefined : `job ${started[wrong]} was number ${wrong} to start`;
  if (started.length !== submitted) fault = `${started.length} of ${submitted} jobs done`;
  if (most > PERMITS) fault = `${most} at once, of ${PERMITS} permits`;
  return { fault, most, done: started.length };
}
