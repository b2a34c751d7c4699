import fc from 'fast-check';
import type { Admission, Decision } from 'headgate';
import { describe, expect, it } from 'vitest';
import { type Attempt, EngineModel } from '../fixtures/engine-model.ts';
import { asks, following, policies } from '../fixtures/engine-policies.ts';
import { EngineSubject } from '../fixtures/engine-subject.ts';
import { settled } from '../fixtures/virtual-time.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const SIGNALS = 8;
/** More than any window, drain, lease and patience together. */
const LONG = 1_000;

type Act = (model: EngineModel, subject: EngineSubject) => void;

/** Something that happens to the model and to the engine, whereupon they are compared. */
class Step implements fc.AsyncCommand<EngineModel, EngineSubject> {
  readonly #name: readonly unknown[];
  readonly #act: Act;
  readonly #isBlind: boolean;

  /** @param isBlind - nobody looks at the engine afterwards, so that whatever is next is the first to find out */
  constructor(name: readonly unknown[], act: Act, isBlind = false) {
    this.#name = name;
    this.#act = act;
    this.#isBlind = isBlind;
  }

  check(): boolean {
    return true;
  }

  async run(model: EngineModel, subject: EngineSubject): Promise<void> {
    this.#act(model, subject);
    // Before anything else can run: what came back has changed hands already.
    if (!this.#isBlind) subject.compareCounts(model);
    await settled();
    subject.compareAnswers(model);
    if (this.#isBlind) return;
    subject.compareCounts(model);
    subject.compareLimits(model);
    subject.compareTotals(model);
  }

  toString(): string {
    const [what, ...details] = this.#name;
    return `${what}(${details.map((each) => fc.stringify(each)).join(', ')})`;
  }
}

/** A step that does something to one of the attempts so far. */
function toOne(
  name: string,
  act: (attempt: Attempt, admission: Admission, model: EngineModel, subject: EngineSubject) => void,
): fc.Arbitrary<Step> {
  return fc.nat().map(
    (n) =>
      new Step([name, n], (model, subject) => {
        const open = model.attempts.filter(({ isOpen }) => isOpen);
        // Mostly those that hold something, now and then any.
        const from = n % 4 === 0 || open.length === 0 ? model.attempts : open;
        const attempt = from[n % Math.max(1, from.length)];
        const admission = attempt && subject.admission(attempt.ticket);
        if (attempt !== undefined && admission !== undefined) act(attempt, admission, model, subject);
      }),
  );
}

const acquire = fc
  .record({
    ask: asks,
    priority: fc.constantFrom(0, 0, 0, 1, -1),
    timeout: fc.option(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 })), {
      nil: undefined,
      freq: 2,
    }),
    signal: fc.option(fc.nat({ max: SIGNALS - 1 }), { nil: undefined, freq: 2 }),
  })
  .map(
    ({ ask, ...options }) =>
      new Step(['acquire', ask, options], (model, subject) => {
        const { priority, timeout, signal } = options;
        model.attempt(ask, { priority, signal, timeout: timeout ?? FOREVER });
        const cancel = signal === undefined ? undefined : subject.signals[signal]?.signal;
        subject.note(subject.engine.acquire({ ...ask }, { priority, timeout, signal: cancel }));
      }),
  );

const tryAcquire = asks.map(
  (ask) =>
    new Step(['tryAcquire', ask], (model, subject) => {
      model.attempt(ask);
      subject.note(subject.engine.tryAcquire({ ...ask }));
    }),
);

const check = fc.tuple(asks, fc.boolean()).map(([{ group, ...rest }, isPaced]) => {
  const ask = { ...rest, group: isPaced ? 'paced' : group };
  return new Step(['check', ask], (model, subject) => {
    const check = (): Decision => subject.engine.check({ ...ask });
    if (model.hasPermits(ask.group)) expect(check).toThrow(/tryAcquire/);
    else {
      model.attempt(ask);
      subject.note(check(), true);
    }
  });
});

const release = toOne('release', (attempt, admission, model) => {
  expect(admission.release()).toBe(model.release(attempt));
});

const cancel = toOne('cancel', (attempt, admission, model) => {
  expect(admission.cancel()).toBe(model.cancel(attempt));
});

const renew = toOne('renew', (attempt, admission, model) => {
  expect(admission.renew()).toBe(model.renew(attempt));
  const { lease } = attempt;
  if (lease?.state === 'held') expect(admission.expiresAt ?? FOREVER).toBe(lease.expiresAt);
});

const listen = toOne('listen', ({ ticket }, admission, _model, { asked }) => {
  const entry = asked[ticket];
  if (entry !== undefined) entry.lost = admission.signal;
});

const refund = toOne('refund', (attempt, admission, model, { engine }) => {
  model.refund(attempt);
  engine.refund(admission);
});

const settle = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 })).chain(([requests, tokens]) =>
  toOne(`settle(${requests}, ${tokens})`, (attempt, admission, model) => {
    const isPlain = tokens === 3;
    const actual = isPlain ? { requests } : { requests, tokens };
    expect(admission.settle(isPlain ? requests : actual)).toBe(model.settle(attempt, actual));
  }),
);

const abort = fc.nat({ max: SIGNALS - 1 }).map(
  (i) =>
    new Step(['abort', i], (model, { signals }) => {
      model.abort(i);
      signals[i]?.controller.abort(`signal ${i}`);
    }),
);

const advance = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 45 })), fc.boolean())
  .map(([by, isBlind]) => {
    const act: Act = (model, { clock }) => {
      model.advance(by);
      clock.advance(by);
    };
    return new Step(['advance', by, isBlind ? 'unseen' : 'seen'], act, isBlind);
  });

const advanceToWake = fc.constant(
  new Step(['advance to the next wake'], (model, { clock }) => {
    const to = Math.max(clock.nextWake ?? 0, clock.now());
    model.advance(to - model.now);
    clock.set(to);
  }),
);

const forget = fc.tuple(fc.boolean(), asks).map(
  ([isAccount, ask]) =>
    new Step(['forget', isAccount ? 'account' : 'campaign', ask], (model, { engine }) => {
      const { account, campaign } = ask;
      const partition = isAccount ? { account } : { account, campaign };
      expect(engine.forget(partition)).toBe(model.forget(isAccount ? 'pace' : 'sliding', ask));
    }),
);

const reload = policies.map(
  (next) =>
    new Step(['reload', next], (model, { engine }) => {
      const policy = following(model.policy, next);
      model.reload(policy);
      const { usage } = engine.reload(policy);
      expect(usage.filter(({ usage }) => usage !== 'kept')).toEqual([]);
    }),
);

const step = fc.oneof(
  { weight: 14, arbitrary: acquire },
  { weight: 4, arbitrary: fc.oneof(tryAcquire, check) },
  { weight: 6, arbitrary: release },
  { weight: 5, arbitrary: fc.oneof(cancel, renew, listen, refund, settle, settle) },
  { weight: 3, arbitrary: abort },
  { weight: 6, arbitrary: fc.oneof(advance, advanceToWake) },
  { weight: 1, arbitrary: fc.oneof(forget, reload) },
  { weight: 1, arbitrary: reload },
);

/** Everybody who holds something gives it back, again and again, until nobody waits any more. */
async function drain(subject: EngineSubject): Promise<void> {
  const { clock, engine } = subject;
  for (let rounds = 0; engine.stats().waiting > 0; rounds++) {
    expect(rounds).toBeLessThan(500);
    const before = engine.stats().waiting;
    for (const admission of subject.admissions) admission.release();
    await settled();
    if (engine.stats().waiting < before) continue;
    expect(clock.nextWake).toBeDefined();
    clock.set(Math.max(clock.nextWake ?? 0, clock.now()));
    await settled();
  }
}

/** All have been answered; and when all is given back, nothing is held, armed, listened to or used. */
function expectQuiet(subject: EngineSubject): void {
  const { engine, clock } = subject;
  expect(subject.pending).toBe(0);
  for (const admission of subject.admissions) admission.release();
  expect(subject.admissions.filter((admission) => admission.release())).toEqual([]);
  const { waiting, permits, leases } = engine.stats();
  expect([waiting, clock.nextWake, subject.listeners]).toEqual([
    0,
    undefined,
    subject.listeners.map(() => 0),
  ]);
  expect(leases.granted).toBe(leases.released + leases.expired);
  const none = { keys: 0, held: 0 };
  expect(permits).toEqual({ total: none, account: none, campaign: none });
  clock.advance(LONG);
  const { limits } = engine.peek({ group: 'probe', account: 'x', campaign: 'p', cost: { tokens: 1 } });
  expect(limits.map(({ remaining }) => remaining)).toEqual(limits.map(({ burst, quota }) => burst ?? quota));
}

describe('an engine', () => {
  it('should do what the model does, whatever is asked in whatever order, and leave nothing behind', async () => {
    const histories = fc.array(step, { size: 'max', minLength: 10, maxLength: 70 });
    await fc.assert(
      fc.asyncProperty(policies, histories, fc.boolean(), async (policy, history, isDisposed) => {
        const model = new EngineModel(policy);
        const subject = new EngineSubject(policy, SIGNALS);
        await fc.asyncModelRun(() => ({ model, real: subject }), history);
        if (isDisposed) {
          const { engine } = subject;
          engine.dispose();
          await settled();
          const late = { group: 'inbound', account: 'x' };
          expect(() => engine.tryAcquire(late)).toThrow(/disposed/);
          await expect(engine.acquire(late)).rejects.toThrow(/disposed/);
        } else await drain(subject);
        expectQuiet(subject);
      }),
      { numRuns: 200 },
    );
  });
});
