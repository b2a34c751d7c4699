import type { ParseArgsConfig } from 'node:util';
import { fixedWindow } from '../algorithms/fixed-window.ts';
import { show } from '../errors.ts';
import type { Custom, Subject } from '../lab/contender.ts';
import { seeded } from '../lab/random.ts';
import { number } from '../lab/report/words.ts';
import { makeSubject } from '../lab/runner.ts';
import { uniformKeys, zipfKeys } from '../lab/workload/keys.ts';
import { createLimiter } from '../limiter/limiter.ts';
import { type Millis, manualClock } from '../time.ts';
import { HELP_OPTION, readArguments } from './arguments.ts';
import { modulesIn } from './contenders.ts';
import { EXIT, type ExitCode, Failure, type Io, misuse } from './io.ts';
import { table } from './layout.ts';
import { stopwatch } from './stopwatch.ts';
import { asMisuse } from './traffic.ts';

/** `headgate bench --help`. */
const BENCH_HELP = `Measures how long limiters of your own take to decide, beside headgate's.

Usage: headgate bench --module FILE [--module FILE] [options]

FILE is a module that exports create({ clock, maxKeys, seed, quota, window }),
which makes a limiter: an object with check(key, cost, now) that answers true,
false or { allowed }, or a promise of one. It is to grant "quota" units in any
window of "window" milliseconds that begins with the first use, or something
like it: each answer is checked, and wrong ones end the case. headgate answers
by a fixed window.

Options:
  --ms N       how long each measurement takes, in milliseconds; default: 150
  --json       nanoseconds per decision as one line of JSON
  -h, --help   this text

Everybody runs in this process, in turns; the least of five rounds counts. For
figures to publish, take a process for each, as bench/ of the repository does.
`;

const OPTIONS = {
  module: { type: 'string', multiple: true, default: [] },
  ms: { type: 'string', default: '150' },
  json: { type: 'boolean', default: false },
  help: HELP_OPTION,
} satisfies ParseArgsConfig['options'];

const WINDOW: Millis = 3_600_000;
const ROUNDS = 5;
/** Decisions between two looks at the time. */
const PIECE = 2048;
/** Keys are drawn ahead, so that drawing is not measured. */
const DRAWN: number = 2 ** 17;

/** One kind of traffic, and the answer that all of it has to get. */
interface Case {
  readonly name: string;
  readonly keys: number;
  readonly isZipf: boolean;
  readonly isAllowed: boolean;
}

const CASES: readonly Case[] = [true, false].flatMap((isAllowed) =>
  [1, 1000, 100_000].flatMap((keys) =>
    (keys === 1 ? [false] : [false, true]).map((isZipf) => {
      const shape = keys === 1 ? '' : isZipf ? ', zipf' : ', uniform';
      const name = `${number(keys)} key${keys === 1 ? '' : 's'}${shape}, ${isAllowed ? 'allowed' : 'denied'}`;
      return { name, keys, isZipf, isAllowed };
    }),
  ),
);

const HEADGATE: Custom = {
  create({ maxKeys, seed, quota, window }) {
    const limiter = createLimiter(fixedWindow({ quota, window }), { maxKeys, seed });
    return { check: (key, cost, now) => limiter.check(key, { cost, now }) };
  },
};

/** Runs `headgate bench`. */
export async function bench(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArguments({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) {
    io.stdout(BENCH_HELP);
    return EXIT.done;
  }
  if (positionals[0] !== undefined) throw misuse(`unexpected argument ${show(positionals[0])}`);
  if (values.module.length === 0) throw misuse('--module is missing');
  if (!/^[1-9]\d{0,5}$/.test(values.ms))
    throw misuse(`--ms takes a whole number from 1 to 999999, not ${show(values.ms)}`);
  const contenders: [string, Custom][] = [['headgate', HEADGATE], ...(await modulesIn(values.module))];

  const results: Record<string, Record<string, number>> = {};
  for (const each of CASES) {
    if (io.isTTY) io.stderr(`\r\x1b[K${each.name}`);
    results[each.name] = await measureCase(each, contenders, Number(values.ms)).catch(asMisuse);
  }
  if (io.isTTY) io.stderr('\r\x1b[K');
  io.stdout(values.json ? `${JSON.stringify(results)}\n` : textResults(results));
  return EXIT.done;
}

/** Nanoseconds that each contender takes for a decision: the least of the rounds, in which they take turns. */
async function measureCase(
  each: Case,
  contenders: readonly (readonly [string, Custom])[],
  ms: number,
): Promise<Record<string, number>> {
  const random = seeded(1);
  const draw = each.isZipf ? zipfKeys(each.keys) : uniformKeys(each.keys);
  const order = Array.from({ length: DRAWN }, () => draw(random));
  const least: Record<string, number> = {};
  const ready: (readonly [string, Meter])[] = [];
  for (const [name, custom] of contenders) {
    const meter = new Meter(name, custom, each, order);
    await meter.fill();
    ready.push([name, meter]);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, meter] of ready) {
      const ns = await meter.run(ms);
      least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, ns);
    }
  }
  return least;
}

/** One contender in one case. */
class Meter {
  readonly #name: string;
  readonly #case: Case;
  readonly #subject: Subject;
  readonly #order: readonly string[];
  readonly #clock = manualClock(1e12);
  #at = 0;

  constructor(name: string, custom: Custom, each: Case, order: readonly string[]) {
    this.#name = name;
    this.#case = each;
    this.#order = order;
    const quota = each.isAllowed ? 1e9 : 1;
    const setting = { clock: this.#clock, maxKeys: each.keys, seed: 1, quota, window: WINDOW };
    this.#subject = makeSubject(name, custom, setting);
  }

  /** Asks for every key once: those of a quota of 1 have used it up then. */
  async fill(): Promise<void> {
    const now = this.#clock.now();
    for (const key of new Set(this.#order)) this.#expect(allowedIn(await this.#ask(key, now)), true);
  }

  /** Nanoseconds per decision, over so many milliseconds. */
  async run(ms: number): Promise<number> {
    const start = stopwatch();
    let elapsed = 0;
    let decisions = 0;
    for (; elapsed < ms; elapsed = stopwatch() - start) {
      const now = this.#clock.advance(1);
      let allowed = 0;
      for (let i = 0; i < PIECE; i++) {
        this.#at = (this.#at + 1) % DRAWN;
        const answer = this.#ask(this.#order[this.#at] as string, now);
        // Only those who answer with promises are awaited, as their users have to.
        if (allowedIn(isPromise(answer) ? await answer : answer)) allowed += 1;
      }
      this.#expect(allowed === (this.#case.isAllowed ? PIECE : 0), true);
      decisions += PIECE;
    }
    return (elapsed * 1e6) / decisions;
  }

  #ask(key: string, now: Millis): unknown {
    return this.#subject.check(key, 1, now, { at: now, key, cost: 1 });
  }

  #expect(actual: boolean, expected: boolean): void {
    if (actual === expected) return;
    const wanted = this.#case.isAllowed
      ? 'every request is to be allowed'
      : 'the second request of each key is to be denied';
    throw new Failure(`${this.#name}: wrong answers in "${this.#case.name}": ${wanted}`);
  }
}

function isPromise(answer: unknown): answer is Promise<unknown> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}

function allowedIn(answer: unknown): boolean {
  return (
    answer === true ||
    (typeof answer === 'object' && answer !== null && (answer as { allowed?: unknown }).allowed === true)
  );
}

/** Nanoseconds, and how many times as long as headgate the others take. */
function textResults(results: Record<string, Record<string, number>>): string {
  const [first = {}] = Object.values(results);
  const names = Object.keys(first);
  const rows = Object.entries(results).map(([name, taken]) => [
    name,
    ...names.map((each) => {
      const ns = taken[each] ?? Number.NaN;
      const ratio = each === 'headgate' ? '' : ` (${(ns / (taken.headgate ?? Number.NaN)).toFixed(2)}x)`;
      return `${Math.round(ns)}${ratio}`;
    }),
  ]);
  return `nanoseconds per decision, and by headgate's\n\n${table([['', ...names], ...rows])}`;
}
