// Semaphores compared: `npm run bench` in the root, or `node bench/semaphore.js [rounds]` after a build.
//
// Every contender first shows that it answers rightly; whoever does not is not timed. Then every case runs in a process
// of its own, the contenders one after the other, round after round, so that whatever else the machine does meets all of
// them alike. Ratios are taken within a round.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CASES } from './cases.js';
import { CONTENDERS } from './contenders.js';

const ROUNDS = Number(process.argv[2] ?? 5);
const PATIENCE = 60_000;
const OURS = 'headgate';
const RIVAL = 'async-sema';
const program = fileURLToPath(new URL('cases.js', import.meta.url));
const run = promisify(execFile);

/** @typedef {import('./cases.js').Result} Result */

/**
 * One case of one contender, in a process of its own.
 *
 * @param {string} contender
 * @param {string} name
 * @returns {Promise<Result>}
 */
async function play(contender, name) {
  try {
    const { stdout } = await run(process.execPath, [program, contender, name], {
      timeout: PATIENCE,
    });
    return JSON.parse(stdout);
  } catch (error) {
    const isLate = typeof error === 'object' && error !== null && 'killed' in error && error.killed === true;
    return { fault: isLate ? `not done after ${PATIENCE / 1000} s` : String(error) };
  }
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** @param {number} value */
function figure(value) {
  if (Number.isNaN(value)) return '-';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** @param {readonly number[]} values */
function spread(values) {
  return `${figure(median(values))} (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${ROUNDS} rounds\n`);

/** @type {string[]} */
const sound = [];
let checksum = 0;
for (const contender of Object.keys(CONTENDERS)) {
  const { fault, checksum: done = 0 } = await play(contender, 'correct');
  console.log(`${contender.padEnd(12)} ${fault === undefined ? 'answers rightly' : `FAILED: ${fault}`}`);
  if (fault !== undefined) continue;
  sound.push(contender);
  checksum += done;
}

/** Nanoseconds by case and contender, one for each round. @type {Map<string, Map<string, number[]>>} */
const figures = new Map();
/** Why there is none. @type {Map<string, string>} */
const faults = new Map();
for (let round = 0; round < ROUNDS; round++) {
  for (const name of Object.keys(CASES).filter((each) => each !== 'correct')) {
    const byContender = figures.get(name) ?? new Map();
    figures.set(name, byContender);
    const from = round % sound.length;
    for (const contender of [...sound.slice(from), ...sound.slice(0, from)]) {
      if (faults.has(`${name} ${contender}`)) continue;
      const { value, fault, checksum: done = 0 } = await play(contender, name);
      checksum += done;
      // Whoever is not done with few waiters need not try more.
      const kind = name.split('-')[0] ?? name;
      for (const alike of fault === undefined ? [] : Object.keys(CASES)) {
        if (alike === name || (kind === 'waiters' && alike.startsWith(kind)))
          faults.set(`${alike} ${contender}`, fault ?? '');
      }
      if (value !== undefined) byContender.set(contender, [...(byContender.get(contender) ?? []), value]);
    }
  }
}

for (const [name, byContender] of figures) {
  console.log(`\n${CASES[/** @type {keyof typeof CASES} */ (name)]}`);
  const ours = byContender.get(OURS) ?? [];
  for (const contender of sound) {
    const theirs = byContender.get(contender);
    const fault = faults.get(`${name} ${contender}`);
    if (fault !== undefined) console.log(`  ${contender.padEnd(12)} ${fault}`);
    else if (theirs !== undefined) {
      const ratio = ratios(ours, theirs);
      console.log(`  ${contender.padEnd(12)} ${`x ${figure(median(ratio))}`.padEnd(10)} ${spread(theirs)}`);
    }
  }
}
console.log(
  '\n"x" is what headgate takes, divided by what the contender takes: below 1, headgate is faster.',
);

/**
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs
 */
function ratios(ours, theirs) {
  return ours.flatMap((value, round) => (theirs[round] === undefined ? [] : [value / theirs[round]]));
}

/** @param {string} name */
function againstRival(name) {
  const byContender = figures.get(name);
  return median(ratios(byContender?.get(OURS) ?? [], byContender?.get(RIVAL) ?? []));
}

/** @param {string} contender */
function growth(contender) {
  const few = figures.get('waiters-10000')?.get(contender) ?? [];
  const many = figures.get('waiters-300000')?.get(contender) ?? [];
  return median(ratios(many, few));
}

const leave = median(figures.get('leave')?.get(OURS) ?? []);
/** @type {[goal: string, value: number, most: number][]} */
const goals = [
  [`uncontended, over ${RIVAL}`, againstRival('uncontended'), 1],
  [`100,000 waiters, cost per job over ${RIVAL}'s`, againstRival('waiters-100000'), 1],
  [`cost per job, 300,000 over 10,000 waiters (${RIVAL}'s is the bar)`, growth(OURS), growth(RIVAL)],
  ['leaving from the middle of 100,000, in microseconds', leave / 1000, 5],
];
console.log('\ngoals');
for (const [goal, value, most] of goals) {
  console.log(`  ${value <= most ? 'pass' : 'FAIL'}  ${goal}: ${figure(value)}, at most ${figure(most)}`);
}
console.log(`\nchecksum ${checksum}`);
