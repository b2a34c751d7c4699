// What is measured, inside a process of its own: `node cases.js <contender> <case>` prints one line of JSON.
// Garbage is collected whenever the engine likes, and is part of the cost. Collecting it by hand before a measurement would
// throw away compiled code together with the last objects that it was compiled for.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CONTENDERS } from './contenders.js';

const PERMITS = 10;
/** Made once: an error is dearer than everything that is timed. */
const REASON = new Error('gone');

/** Names of the cases, and what each measures. */
export const CASES = /** @type {const} */ ({
  correct: 'right answers',
  uncontended: 'acquire and release, nobody else (ns)',
  'uncontended-sync': 'the same without a promise (ns)',
  'waiters-10000': '10,000 waiters through 10 permits (ns per job)',
  'waiters-100000': '100,000 waiters through 10 permits (ns per job)',
  'waiters-300000': '300,000 waiters through 10 permits (ns per job)',
  leave: 'leaving from the middle of 100,000 waiters (ns, less what aborting a signal costs by itself)',
});

/** @typedef {{ value?: number, checksum?: number, fault?: string | undefined }} Result */

/** @type {Record<string, (name: string) => Promise<Result>>} */
const PROGRAMS = {
  correct,
  uncontended,
  'uncontended-sync': uncontendedSync,
  'waiters-10000': (name) => waiters(name, 10_000),
  'waiters-100000': (name) => waiters(name, 100_000),
  'waiters-300000': (name) => waiters(name, 300_000),
  leave,
};

/**
 * Never more at once than there are permits, as many as there are, everything done, and first come first served: also
 * for those who come just as a permit is given back.
 *
 * @param {string} name
 * @returns {Promise<Result>}
 */
async function correct(name) {
  const inOrder = await playJobs(name, { jobs: 500, length: 0 });
  if (inOrder.fault !== undefined) return inOrder;
  const long = await playJobs(name, { jobs: 40, length: 30 });
  if (long.fault !== undefined) return long;
  if (long.most < PERMITS) return { fault: `${long.most} at once, of ${PERMITS} permits` };
  return { checksum: inOrder.done + long.done };
}

/**
 * @param {string} name
 * @param {{ jobs: number, length: number }} plan - length in milliseconds; 0: some turns of the microtask queue
 */
async function playJobs(name, { jobs, length }) {
  const { run } = await open(name, PERMITS);
  let submitted = 0;
  let running = 0;
  let most = 0;
  /** @type {number[]} */
  const started = [];
  /** @type {Promise<unknown>[]} */
  const all = [];
  /** @param {number} newcomers */
  const submit = (newcomers) => {
    const index = submitted++;
    const done = run(async () => {
      started.push(index);
      most = Math.max(most, ++running);
      if (length > 0) await sleep(length);
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

/**
 * @param {string} name
 * @returns {Promise<Result>}
 */
async function uncontended(name) {
  const { uncontended: work } = await open(name, PERMITS);
  return timed(work);
}

/**
 * @param {string} name
 * @returns {Promise<Result>}
 */
async function uncontendedSync(name) {
  const { uncontendedSync: work } = await open(name, PERMITS);
  return work === undefined ? {} : timed(async (times) => work(times));
}

/**
 * Does something for half a second to warm up, and then for half a second by the clock.
 *
 * @param {(times: number) => Promise<void>} work
 * @returns {Promise<Result>}
 */
async function timed(work) {
  await repeat(work);
  return { value: await repeat(work), checksum: 1 };
}

/** Nanoseconds each. @param {(times: number) => Promise<void>} work */
async function repeat(work) {
  const start = process.hrtime.bigint();
  let times = 0;
  for (let more = 10; since(start) < 5e8; more = Math.min(2 * more, 10_000)) {
    await work(more);
    times += more;
  }
  return since(start) / times;
}

/**
 * All ask at once; a job takes one turn of the microtask queue. The clock runs from the first that asks to the last that
 * is done. Small runs are repeated, so that every size works through about as many jobs.
 *
 * @param {string} name
 * @param {number} count
 * @returns {Promise<Result>}
 */
async function waiters(name, count) {
  const { run } = await open(name, PERMITS);
  let checksum = 0;
  const job = async () => {
    await null;
    checksum++;
  };
  /** @param {number} jobs */
  const round = async (jobs) => {
    const all = new Array(jobs);
    for (let i = 0; i < jobs; i++) all[i] = run(job);
    await Promise.all(all);
  };
  // Long enough for everything to be compiled, also on a busy machine.
  const warm = process.hrtime.bigint();
  for (let jobs = 0; jobs < 300_000 && since(warm) < 5e9; jobs += 1000) await round(1000);
  checksum = 0;
  const rounds = Math.ceil(100_000 / count);
  let elapsed = 0;
  for (let i = 0; i < rounds; i++) {
    const start = process.hrtime.bigint();
    await round(count);
    elapsed += since(start);
  }
  return { value: elapsed / (rounds * count), checksum };
}

/**
 * 100,000 wait; 10,000 of the middle half give up, in an order that is no order. Timed is the call that aborts, less what
 * aborting costs with a listener that does nothing: events of Node's own take several microseconds.
 *
 * @param {string} name
 * @returns {Promise<Result>}
 */
async function leave(name) {
  const contender = await open(name, PERMITS);
  const { wait, run } = contender;
  if (wait === undefined) return {};
  const count = 100_000;
  const leaving = 10_000;
  let value = 0;
  let checksum = 0;
  for (let i = 0; i < 2; i++) {
    /** @type {() => void} */
    let open = () => undefined;
    const closed = new Promise((resolve) => {
      open = () => resolve(undefined);
    });
    const holders = Array.from({ length: PERMITS }, () => run(async () => closed));
    const gone = Array.from({ length: count }, () => new AbortController());
    const left = gone.map((each) => wait(each.signal).then(release, () => checksum++));
    const middle = gone.slice(count / 4, (3 * count) / 4);
    const some = Array.from(
      { length: leaving },
      (_, i) => middle[(i * 7919) % middle.length] ?? new AbortController(),
    );
    const start = process.hrtime.bigint();
    for (const each of some) each.abort(REASON);
    const elapsed = since(start);
    value = (elapsed - abortIdle(leaving)) / leaving;
    open();
    await Promise.all([...holders, ...left]);
  }
  return { value, checksum };
}

/** How long it takes to abort so many signals that nobody minds, in nanoseconds. @param {number} count */
function abortIdle(count) {
  const idle = Array.from({ length: count }, () => new AbortController());
  for (const { signal } of idle) signal.addEventListener('abort', () => undefined, { once: true });
  const start = process.hrtime.bigint();
  for (const each of idle) each.abort(REASON);
  return since(start);
}

/** @param {any} held - what waiting has brought */
function release(held) {
  if (typeof held === 'object' && held !== null && 'release' in held) held.release();
}

/**
 * @param {string} name
 * @param {number} permits
 */
function open(name, permits) {
  const make = CONTENDERS[name];
  if (make === undefined) throw new Error(`unknown contender ${name}`);
  return make(permits);
}

/** @param {bigint} start */
function since(start) {
  return Number(process.hrtime.bigint() - start);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , contender = '', name = ''] = process.argv;
  const program = PROGRAMS[name];
  if (program === undefined) throw new Error(`unknown case ${name}`);
  console.log(JSON.stringify(await program(contender)));
}
