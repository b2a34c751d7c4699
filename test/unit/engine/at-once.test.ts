/** Several things in one call or at one instant: who goes first. */

import { type Admission, createEngine, type Decision, type Engine } from 'headgate';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { settled, type Watched, watch } from '../../fixtures/virtual-time.ts';

const WINDOW = 1_000;
const queue = { size: 5 } as const;

function setUp(): { clock: ManualClock; engine: Engine } {
  const clock = manualClock();
  const policy = {
    version: 1,
    limits: {
      rate: { algorithm: 'fixed-window', quota: 2, window: WINDOW, anchor: 'epoch' },
      permit: { algorithm: 'concurrency', quota: 3, lease: WINDOW },
    },
    groups: {
      rate: { limits: ['rate'], queue },
      'other-rate': { limits: ['rate'], queue },
      permit: { limits: ['permit'], queue },
      'other-permit': { limits: ['permit'], queue },
      both: { limits: ['rate', 'permit'], queue },
    },
    unmatched: 'deny',
  } as const;
  return { clock, engine: createEngine(policy, { clock }) };
}

async function reasons(...answers: Watched<Decision>[]): Promise<string[]> {
  await settled();
  return answers.map(({ outcome }) => (outcome.state === 'fulfilled' ? outcome.value.reason : outcome.state));
}

describe('what comes back in one call', () => {
  it('should go to who waits rather than to who asks on hearing that a lease was lost', async () => {
    const { clock, engine } = setUp();
    const lost = engine.tryAcquire({ group: 'permit', cost: { permits: 3 } });
    const waiting = watch(engine.acquire({ group: 'permit', cost: { permits: 3 } }));
    let newcomer: Decision | undefined;
    lost.signal.addEventListener('abort', () => {
      newcomer = engine.tryAcquire({ group: 'other-permit' });
    });
    clock.set(WINDOW);
    expect([await reasons(waiting), newcomer?.reason]).toEqual([['ok'], 'concurrency']);
  });

  it('should go to the higher priority when charges and permits are cancelled together', async () => {
    const { engine } = setUp();
    const cost = { requests: 2, permits: 3 };
    const first = engine.tryAcquire({ group: 'both', cost });
    const high = watch(engine.acquire({ group: 'rate', cost: 2 }, { priority: 5 }));
    const low = watch(engine.acquire({ group: 'both', cost }));
    first.cancel();
    expect(await reasons(high, low)).toEqual(['ok', 'pending']);
  });

  it('should go to the higher priority when several leave by one signal', async () => {
    const { engine } = setUp();
    engine.tryAcquire({ group: 'permit', cost: { permits: 2 } });
    const controller = new AbortController();
    const two = { permits: 2 };
    const leaving = [
      watch(engine.acquire({ group: 'permit', cost: two }, { signal: controller.signal })),
      watch(engine.acquire({ group: 'other-permit', cost: two }, { signal: controller.signal, priority: 5 })),
    ];
    const low = watch(engine.acquire({ group: 'permit' }));
    const high = watch(engine.acquire({ group: 'other-permit' }, { priority: 5 }));
    controller.abort();
    expect(await reasons(...leaving, high, low)).toEqual(['rejected', 'rejected', 'ok', 'pending']);
  });

  it.each<[string, giveBack: (engine: Engine, admission: Admission) => unknown]>([
    ['refunded', (engine, admission) => engine.refund(admission)],
    ['settled for less', (_engine, admission) => admission.settle(0)],
    ['cancelled', (_engine, admission) => admission.cancel()],
    ['forgotten', (engine) => engine.forget({})],
  ])('should have changed hands when the call returns: units that are %s', (_title, giveBack) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire({ group: 'rate', cost: 2 });
    engine.acquire({ group: 'rate' });
    engine.acquire({ group: 'other-rate' });
    engine.acquire({ group: 'other-rate' });
    giveBack(engine, admission);
    expect([engine.stats().waiting, engine.peek({ group: 'rate' }).remaining]).toEqual([1, 0]);
  });

  it('should go to the higher priority when permits are released', async () => {
    const { engine } = setUp();
    const cost = { permits: 3 };
    const first = engine.tryAcquire({ group: 'permit', cost });
    const low = watch(engine.acquire({ group: 'permit', cost }));
    const high = watch(engine.acquire({ group: 'other-permit', cost }, { priority: 5 }));
    first.release();
    expect(await reasons(high, low)).toEqual(['ok', 'pending']);
  });
});

describe('who is on the way out, or not yet in', () => {
  it('should be granted nothing under a signal that is being aborted', async () => {
    const { engine } = setUp();
    engine.tryAcquire({ group: 'permit', cost: { permits: 2 } });
    const controller = new AbortController();
    const { signal } = controller;
    const leaving = [2, 1].map((permits) =>
      watch(engine.acquire({ group: 'permit', cost: { permits } }, { signal })),
    );
    const staying = watch(engine.acquire({ group: 'permit' }));
    controller.abort();
    expect(await reasons(...leaving, staying)).toEqual(['rejected', 'rejected', 'ok']);
    expect(engine.stats().leases).toEqual({ granted: 2, released: 0, expired: 0 });
  });

  it.each<[string, ask: (engine: Engine) => Decision]>([
    ['check', (engine) => engine.check({ group: 'rate' })],
    ['tryAcquire', (engine) => engine.tryAcquire({ group: 'rate' })],
  ])('should not pass those who wait by %s, though there is enough for him', async (_title, ask) => {
    const { clock, engine } = setUp();
    engine.check({ group: 'rate' });
    const waiter = watch(engine.acquire({ group: 'rate', cost: 2 }));
    expect(ask(engine)).toMatchObject({ allowed: false, reason: 'quota', retryAt: undefined, remaining: 1 });
    expect(engine.check({ group: 'other-rate' }).allowed).toBe(true);
    clock.advance(WINDOW);
    expect(await reasons(waiter)).toEqual(['ok']);
  });
});

describe('what comes back at the very deadline', () => {
  it('should be had by everybody there is enough for, of permits', async () => {
    const { clock, engine } = setUp();
    engine.tryAcquire({ group: 'permit', cost: { permits: 3 } });
    const patient = watch(engine.acquire({ group: 'permit' }));
    const impatient = watch(engine.acquire({ group: 'permit' }, { timeout: WINDOW }));
    clock.advance(WINDOW);
    expect(await reasons(patient, impatient)).toEqual(['ok', 'ok']);
  });

  it('should be had by everybody there is enough for, of a rate', async () => {
    const { clock, engine } = setUp();
    engine.check({ group: 'rate', cost: 2 });
    const patient = watch(engine.acquire({ group: 'rate' }));
    const impatient = watch(engine.acquire({ group: 'rate' }, { timeout: WINDOW }));
    clock.advance(WINDOW);
    expect(await reasons(patient, impatient)).toEqual(['ok', 'ok']);
  });

  it('should go to the higher priority, whoever gives up', async () => {
    const { clock, engine } = setUp();
    engine.check({ group: 'rate', cost: 2 });
    const high = watch(engine.acquire({ group: 'other-rate', cost: 2 }, { priority: 5 }));
    const low = watch(engine.acquire({ group: 'rate', cost: 2 }, { timeout: WINDOW }));
    clock.advance(WINDOW);
    expect(await reasons(high, low)).toEqual(['ok', 'queue-timeout']);
  });
});

describe('one thing after another', () => {
  it('should settle what was released, also when a cancel that came too late was refused', () => {
    const { engine } = setUp();
    const admission: Admission = engine.tryAcquire({ group: 'rate', cost: 2 });
    expect([admission.release(), admission.cancel()]).toEqual([true, false]);
    expect([admission.settle(1), engine.peek({ group: 'rate' }).remaining]).toEqual([true, 1]);
  });

  it('should read the costs of a waiter once, whatever their owner does with them later', async () => {
    const { engine } = setUp();
    const first = engine.tryAcquire({ group: 'permit', cost: { permits: 3 } });
    const cost = { permits: 1 };
    engine.acquire({ group: 'permit', cost });
    cost.permits = 2;
    first.release();
    expect(engine.stats().permits.permit?.held).toBe(1);
  });

  it('should be had at the end of the block in force, also when it took the place of a longer one', async () => {
    const clock = manualClock();
    const rate = { algorithm: 'fixed-window', quota: 1, window: WINDOW, per: 'account' } as const;
    const groups = { rate: { limits: ['rate'], queue } } as const;
    const engine = createEngine({ version: 1, limits: { rate }, groups, unmatched: 'deny' }, { clock });
    const ask = { group: 'rate', account: 'a' } as const;
    engine.check(ask);
    const waiting = watch(engine.acquire(ask));
    engine.block({ account: 'a' }, { for: '1h' });
    clock.advance(WINDOW);
    expect(await reasons(waiting)).toEqual(['pending']);
    engine.block({ account: 'a' }, { for: '1m' });
    clock.advance('1m');
    expect([await reasons(waiting), clock.nextWake]).toEqual([['ok'], undefined]);
  });

  it('should abort the signal of a lease that is lost, also after the engine was disposed of', () => {
    const { clock, engine } = setUp();
    const { signal } = engine.tryAcquire({ group: 'permit' });
    engine.dispose();
    clock.advance(WINDOW);
    expect(signal.aborted).toBe(true);
  });
});
