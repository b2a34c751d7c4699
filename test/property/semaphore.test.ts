import fc from 'fast-check';
import {
  type AcquireOptions,
  type Admission,
  createSemaphore,
  isHeadgateError,
  type PermitOptions,
  type Semaphore,
} from 'headgate';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { type Attempt, type Ending, SemaphoreModel } from '../fixtures/semaphore-model.ts';
import { type CountedSignal, countedSignal } from '../fixtures/signals.ts';
import { type Outcome, settled, type Watched, watch } from '../fixtures/virtual-time.ts';

const KEYS = ['a', '__proto__'];
const LEASE = 10;
const QUEUE_SIZE = 5;

/** A semaphore, and everything that was ever asked of it, in the order of the model's attempts. */
interface Real {
  readonly clock: ManualClock;
  readonly semaphore: Semaphore;
  readonly asked: { readonly answer: Watched<Admission>; readonly cancel: CountedSignal }[];
}

type Check = (model: Readonly<Pick<SemaphoreModel, 'isDisposed'>>) => boolean;

class Step implements fc.AsyncCommand<SemaphoreModel, Real> {
  readonly #name: string;
  readonly #isPossible: Check;
  readonly #act: (model: SemaphoreModel, real: Real) => void;

  constructor(name: string, isPossible: Check, act: (model: SemaphoreModel, real: Real) => void) {
    this.#name = name;
    this.#isPossible = isPossible;
    this.#act = act;
  }

  check(model: Readonly<SemaphoreModel>): boolean {
    return this.#isPossible(model);
  }

  async run(model: SemaphoreModel, real: Real): Promise<void> {
    this.#act(model, real);
    // Before anything else can run: what came back has changed hands already.
    compareCounts(model, real);
    await settled();
    compareCounts(model, real);
    compareAnswers(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

function compareCounts(model: SemaphoreModel, { semaphore, clock, asked }: Real): void {
  for (const key of KEYS) {
    expect([semaphore.held(key), semaphore.waiting(key)]).toEqual([
      model.held(key),
      model.waiting(key).length,
    ]);
  }
  const { waiting, granted, released, expired } = semaphore.stats();
  expect([granted, released, expired]).toEqual([model.granted, model.released, model.expired]);
  if (waiting === 0) expect(clock.nextWake).toBeUndefined();
  const listeners = model.attempts.map(({ ending }) => (ending === 'waiting' ? 1 : 0));
  expect(asked.map(({ cancel }) => cancel.listeners)).toEqual(listeners);
}

function compareAnswers(model: SemaphoreModel, { asked }: Real): void {
  const outcomes = asked.map(({ answer }) => answer.outcome);
  expect(outcomes.map(endingOf)).toEqual(model.attempts.map(({ ending }) => ending));
  const decisions = outcomes.flatMap((outcome, i) =>
    outcome.state === 'fulfilled' ? [[outcome.value.at, model.attempts[i]?.endedAt]] : [],
  );
  for (const [at, endedAt] of decisions) if (at !== endedAt) expect(at).toBe(endedAt);
  const fences = outcomes.flatMap((outcome) =>
    outcome.state === 'fulfilled' ? (outcome.value.fence ?? []) : [],
  );
  expect(new Set(fences).size).toBe(model.granted);
}

function endingOf(outcome: Outcome<Admission>): Ending {
  if (outcome.state === 'pending') return 'waiting';
  if (outcome.state === 'rejected') return isHeadgateError(outcome.reason) ? 'disposed' : 'aborted';
  return outcome.value.allowed ? 'granted' : (outcome.value.reason as Ending);
}

const isAny = (): boolean => true;
const isOpen: Check = ({ isDisposed }) => !isDisposed;
const admissionAt = ({ asked }: Real, i: number): Admission | undefined => {
  const outcome = asked[i]?.answer.outcome;
  return outcome?.state === 'fulfilled' ? outcome.value : undefined;
};

/** Picks an attempt of those there are. */
function pick(model: SemaphoreModel, index: number): [attempt: Attempt | undefined, at: number] {
  const at = index % Math.max(1, model.attempts.length);
  return [model.attempts[at], at];
}

const key = fc.constantFrom(...KEYS);
const permits = fc.integer({ min: 1, max: 3 });
const priority = fc.integer({ min: -1, max: 1 });
const timeout = fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined });
const index = fc.nat();

const steps = [
  fc.tuple(key, permits).map(
    ([key, permits]) =>
      new Step(`tryAcquire(${key}, ${permits})`, isOpen, (model, { semaphore, asked }) => {
        model.attempt(key, permits, 0, undefined);
        const answer = watch(Promise.resolve(semaphore.tryAcquire(key, { permits })));
        asked.push({ answer, cancel: countedSignal() });
      }),
  ),
  fc.tuple(key, permits, priority, timeout).map(
    ([key, permits, priority, timeout]) =>
      new Step(
        `acquire(${key}, ${permits}, ${priority}, ${timeout})`,
        isOpen,
        (model, { semaphore, asked }) => {
          model.attempt(key, permits, priority, timeout ?? Number.POSITIVE_INFINITY);
          const cancel = countedSignal();
          const options: PermitOptions & AcquireOptions = {
            permits,
            priority,
            timeout,
            signal: cancel.signal,
          };
          asked.push({ answer: watch(semaphore.acquire(key, options)), cancel });
        },
      ),
  ),
  index.map(
    (i) =>
      new Step(`release(${i})`, isAny, (model, real) => {
        const [attempt, at] = pick(model, i);
        const admission = admissionAt(real, at);
        if (attempt !== undefined) expect(admission?.release() ?? false).toBe(model.release(attempt));
      }),
  ),
  index.map(
    (i) =>
      new Step(`renew(${i})`, isAny, (model, real) => {
        const [attempt, at] = pick(model, i);
        if (attempt === undefined) return;
        expect(admissionAt(real, at)?.renew() ?? false).toBe(model.renew(attempt));
      }),
  ),
  index.map(
    (i) =>
      new Step(`abort(${i})`, isAny, (model, { asked }) => {
        const [attempt, at] = pick(model, i);
        if (attempt !== undefined) model.abort(attempt);
        asked[at]?.cancel.controller.abort('stop');
      }),
  ),
  fc.integer({ min: 0, max: 12 }).map(
    (by) =>
      new Step(`advance(${by})`, isAny, (model, { clock }) => {
        model.advance(by);
        clock.advance(by);
      }),
  ),
  fc.integer({ min: 0, max: 6 }).map(
    (quota) =>
      new Step(`resize(${quota})`, isOpen, (model, { semaphore }) => {
        model.resize(quota);
        semaphore.resize(quota);
      }),
  ),
  fc.nat({ max: 20 }).map(
    (chance) =>
      new Step(
        'dispose()',
        (model) => chance === 0 && isOpen(model),
        (model, { semaphore }) => {
          model.dispose();
          semaphore.dispose();
        },
      ),
  ),
];

describe('a semaphore', () => {
  it('should do what the model does, whatever is asked in whatever order', async () => {
    const histories = fc.commands(steps, { size: '+1', maxCommands: 80 });
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 0, max: 5 }), async (history, quota) => {
        const clock = manualClock();
        const semaphore = createSemaphore({ quota, lease: LEASE, queue: { size: QUEUE_SIZE }, clock });
        const real: Real = { clock, semaphore, asked: [] };
        const model = new SemaphoreModel(quota, LEASE, QUEUE_SIZE);
        await fc.asyncModelRun(() => ({ model, real }), history);
      }),
      { numRuns: 400 },
    );
  });
});

/** One caller: how much it wants, how long it waits and works, and whether it gives up. */
const caller = fc.record({
  permits,
  timeout: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
  isAborted: fc.boolean(),
  comesBack: fc.boolean(),
});
type Caller = typeof caller extends fc.Arbitrary<infer C> ? C : never;

describe('interleavings', () => {
  it('should end every acquire once, in order, within the quota, losing no wake-up and leaving nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(caller, { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
        fc.scheduler(),
        async (callers, quotas, strides, scheduler) => {
          const clock = manualClock();
          const semaphore = createSemaphore({ quota: 3, lease: LEASE, queue: { size: 8 }, clock });
          let quota = 3;
          let held = 0;
          const line: { readonly permits: number; readonly answer: Watched<Admission> }[] = [];
          const endings = callers.map(() => 0);
          const when = (what: string): Promise<string> => scheduler.schedule(Promise.resolve(what), what);

          const check = (): void => {
            const before = held;
            held = semaphore.held('a');
            expect(held).toBeLessThanOrEqual(Math.max(before, quota));
            const isWaiting = line.map(({ answer }) => answer.outcome.state === 'pending');
            const first = isWaiting.indexOf(true);
            const head = line[first];
            if (head === undefined) return;
            expect(held + head.permits).toBeGreaterThan(quota);
            const younger = line.slice(first).map(({ answer }) => endingOf(answer.outcome));
            expect(younger).not.toContain('granted');
          };
          const live = async (
            { permits, timeout, isAborted, comesBack }: Caller,
            i: number,
          ): Promise<void> => {
            await when(`caller ${i} arrives`);
            const cancel = new AbortController();
            const promise = semaphore.acquire('a', { permits, timeout, signal: cancel.signal });
            line.push({ permits, answer: watch(promise) });
            if (isAborted) when(`caller ${i} gives up`).then(() => cancel.abort('stop'));
            const admission = await promise.catch(() => undefined);
            endings[i] = (endings[i] ?? 0) + 1;
            if (admission === undefined || !admission.allowed) return;
            await when(`caller ${i} is done`);
            const pending = line.filter(({ answer }) => answer.outcome.state === 'pending');
            admission.release();
            // What came back has changed hands in that very call.
            const head = pending[pending.length - semaphore.waiting('a')];
            if (head !== undefined) expect(semaphore.held('a') + head.permits).toBeGreaterThan(quota);
            // A newcomer in the very same tick passes nobody.
            if (comesBack) {
              const waiting = semaphore.waiting('a');
              using again = semaphore.tryAcquire('a');
              if (waiting > 0) expect(again.allowed).toBe(false);
            }
            expect(admission.release()).toBe(false);
          };
          const lives = callers.map(live);
          for (const stride of strides) when(`${stride} ms pass`).then(() => clock.advance(stride));
          for (const next of quotas) {
            when(`the quota becomes ${next}`).then(() => {
              quota = next;
              semaphore.resize(next);
            });
          }
          while (scheduler.count() > 0) {
            await scheduler.waitOne();
            await settled();
            check();
          }
          quota = 5;
          semaphore.resize(5);
          const all = Promise.all(lives);
          const finished = watch(all);
          for (let rounds = 0; finished.outcome.state === 'pending' && rounds < 100; rounds++) {
            await settled();
            if (scheduler.count() > 0) await scheduler.waitOne();
            else clock.set(clock.nextWake ?? clock.now());
          }
          await settled();
          expect(finished.outcome).toMatchObject({ state: 'fulfilled' });
          expect(endings).toEqual(callers.map(() => 1));
          clock.advance(LEASE);
          expect([semaphore.held('a'), semaphore.waiting('a'), clock.nextWake]).toEqual([0, 0, undefined]);
          expect(semaphore.stats()).toMatchObject({ keys: 0, waiting: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });
});
