import fc from 'fast-check';
import { type Admission, createEngine, definePolicy, type Engine, type Millis } from 'headgate';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { inVirtualTime, settled, watch } from '../fixtures/virtual-time.ts';

const policy = definePolicy({
  version: 1,
  limits: {
    account: { algorithm: 'concurrency', quota: 4, per: 'account', lease: '1h' },
    campaign: { algorithm: 'concurrency', quota: 'custom', per: ['account', 'campaign'] },
    pace: { algorithm: 'token-bucket', quota: 2, window: '1s', burst: 2, per: 'account' },
    spend: { algorithm: 'fixed-window', quota: 100, window: '1m', unit: 'tokens', per: 'account' },
    sms: { algorithm: 'token-bucket', quota: 1, window: '1s', burst: 1, per: 'number' },
  },
  groups: {
    outbound: { limits: ['pace', 'account', 'campaign'], queue: { size: 1_000 }, leave: { account: 1 } },
    inbound: { limits: ['account'] },
    model: { limits: ['spend', 'account'], queue: { size: 1_000 } },
    sms: { limits: ['sms'], queue: { size: 1_000 } },
    urgent: { limits: ['sms'], queue: { size: 1_000 } },
  },
  overrides: [{ limit: 'account', where: { account: 'big' }, quota: 50 }],
  unmatched: 'deny',
});
type Asking = Engine<typeof policy>;

function setUp(): { clock: ManualClock; engine: Asking } {
  const clock = manualClock();
  return { clock, engine: createEngine(policy, { clock }) };
}

const outbound = (account: string, campaign: string, quota: number) =>
  ({ group: 'outbound', account, campaign, quotas: { campaign: quota } }) as const;
const allowedOf = (watched: readonly { outcome: { state: string } }[]): number =>
  watched.filter(({ outcome }) => outcome.state === 'fulfilled').length;

describe('all or nothing', () => {
  /** What one request asks: which account, which campaign, which quota the campaign has, how many requests it counts. */
  const request = fc.record({
    account: fc.constantFrom('x', 'y'),
    campaign: fc.constantFrom('one', 'two'),
    quota: fc.integer({ min: 0, max: 3 }),
    cost: fc.integer({ min: 0, max: 3 }),
    wait: fc.integer({ min: 0, max: 700 }),
    release: fc.option(fc.nat(), { nil: undefined }),
    end: fc.constantFrom('release', 'cancel'),
  });

  it('should take of every limit or of none, and never more than any quota, in any history', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
        const { clock, engine } = setUp();
        const open: (Admission & { descriptor: ReturnType<typeof outbound> })[] = [];
        const count = (keep: (each: ReturnType<typeof outbound>) => boolean): number =>
          open.filter(({ descriptor }) => keep(descriptor)).length;
        for (const { account, campaign, quota, cost, wait, release, end } of requests) {
          clock.advance(wait === 0 ? 1 : wait);
          const descriptor = outbound(account, campaign, quota);
          const before = engine.peek(descriptor);
          const ofAccount = count((each) => each.account === account);
          const ofCampaign = count((each) => each.account === account && each.campaign === campaign);
          const admission = engine.tryAcquire({ ...descriptor, cost });
          const [pace] = engine.peek(descriptor).limits;
          const fits =
            ofAccount + 1 <= 3 && ofCampaign + 1 <= quota && (before.limits[0]?.remaining ?? 0) >= cost;
          expect(admission.allowed).toBe(fits);
          expect(pace?.remaining).toBe((before.limits[0]?.remaining ?? 0) - (fits ? cost : 0));
          if (fits) open.push(Object.assign(admission, { descriptor }));
          const held = engine.stats().permits;
          expect([held.account?.held, held.campaign?.held]).toEqual([open.length, open.length]);
          if (release === undefined) continue;
          const [ended] = open.splice(release % Math.max(1, open.length), 1);
          if (ended !== undefined) expect(ended[end]()).toBe(true);
          expect(engine.stats().permits.account?.held).toBe(open.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('should leave its headroom to the group that may have it', () => {
    const { engine } = setUp();
    const [first, second] = ['p', 'q'].map((campaign) => engine.tryAcquire(outbound('x', campaign, 9)));
    expect([first?.allowed, second?.allowed]).toEqual([true, true]);
    engine.tryAcquire({ group: 'inbound', account: 'x' });
    expect(engine.peek(outbound('x', 'p', 9)).limits[1]).toMatchObject({
      allowed: false,
      remaining: 0,
      quota: 4,
    });
    const inbound = engine.tryAcquire({ group: 'inbound', account: 'x' });
    expect(inbound).toMatchObject({ allowed: true, remaining: 0 });
    expect(engine.tryAcquire({ group: 'inbound', account: 'x' })).toMatchObject({ reason: 'concurrency' });
  });

  it('should see that a lease has expired when it is only asked', () => {
    const { clock, engine } = setUp();
    for (let i = 0; i < 4; i++) engine.tryAcquire({ group: 'inbound', account: 'x' });
    expect(engine.peek({ group: 'inbound', account: 'x' }).allowed).toBe(false);
    clock.set(3_600_000);
    expect(engine.peek({ group: 'inbound', account: 'x' })).toMatchObject({ allowed: true, remaining: 4 });
    expect(engine.explain({ group: 'inbound', account: 'x' }).limits).toMatchObject([{ used: 0 }]);
  });

  it('should name tryAcquire to whoever checks a group with permits', () => {
    const { engine } = setUp();
    const check = (): unknown => engine.check({ group: 'inbound', account: 'x' });
    expect(check).toThrow(expect.objectContaining({ name: 'DescriptorError', path: 'group' }));
    expect(check).toThrow(/tryAcquire/);
  });
});

describe('queues', () => {
  it('should let no campaign at its own quota hold up its siblings', async () => {
    const { clock, engine } = setUp();
    const campaigns = (campaign: string, quota: number, n: number) =>
      Array.from({ length: n }, () => watch(engine.acquire(outbound('big', campaign, quota))));
    const slow = campaigns('slow', 1, 10);
    await settled();
    const fast = campaigns('fast', 40, 20);
    clock.set(20_000);
    await settled();
    expect([allowedOf(slow), allowedOf(fast)]).toEqual([1, 20]);
  });

  it('should keep order inside one campaign and give a freed permit to the oldest head that fits', async () => {
    const { clock, engine } = setUp();
    const served: string[] = [];
    const enqueue = (name: string, campaign: string, quota: number, priority = 0): void => {
      engine.acquire(outbound('x', campaign, quota), { priority }).then(() => served.push(name));
    };
    const held = [1, 2, 3].map(() => engine.tryAcquire({ group: 'inbound', account: 'x' }));
    enqueue('a1', 'a', 1);
    enqueue('b1', 'b', 9);
    enqueue('a2', 'a', 1);
    enqueue('b2', 'b', 9);
    enqueue('c1', 'c', 9, 5);
    for (const admission of held) {
      clock.advance('1s');
      admission.release();
      await settled();
    }
    expect(served).toEqual(['c1', 'a1', 'b1']);
  });

  it('should delay no account because another is stuck', async () => {
    const { clock, engine } = setUp();
    for (let i = 0; i < 4; i++) engine.tryAcquire({ group: 'inbound', account: 'account-0' });
    const accounts = Array.from({ length: 1_000 }, (_, i) => `account-${i}`);
    const answers: { account: string; at: Millis }[] = [];
    for (let round = 0; round < 3; round++) {
      for (const account of accounts) {
        engine.run(outbound(account, 'c', 9), ({ at }) => {
          answers.push({ account, at });
          return clock.sleep('2s');
        });
      }
    }
    await settled();
    clock.set(500);
    await settled();
    expect(answers).toHaveLength(3 * 999);
    expect(answers.every(({ account, at }) => account !== 'account-0' && at <= 500)).toBe(true);
    expect(engine.stats().waiting).toBe(3);
  });

  it('should grant nothing new to a campaign whose quota was cut until it is below', async () => {
    const { engine } = setUp();
    const held = [1, 2].map(() => engine.tryAcquire(outbound('big', 'c', 5)));
    const waiter = watch(engine.acquire(outbound('big', 'c', 1)));
    held[0]?.release();
    await settled();
    expect([waiter.outcome.state, engine.stats().permits.campaign?.held]).toEqual(['pending', 1]);
  });

  it('should read a descriptor once, whatever its owner does with it later', async () => {
    const { engine } = setUp();
    const held = [1, 2, 3, 4].map(() => engine.tryAcquire({ group: 'inbound', account: 'x' }));
    const descriptor = { group: 'model', account: 'x', cost: { tokens: 1 } } as {
      group: 'model';
      account: string;
      cost: { tokens: number };
    };
    const first = engine.acquire(descriptor);
    descriptor.account = 'y';
    held[0]?.release();
    expect((await first).limits.map(({ key }) => key)).toEqual(['x', 'x']);
  });

  it('should not keep waiting for what there is no room for', async () => {
    const clock = manualClock();
    const engine = createEngine(policy, { clock, maxKeys: 1 });
    engine.tryAcquire({ group: 'inbound', account: 'x' });
    expect(await engine.acquire(outbound('y', 'c', 9))).toMatchObject({ allowed: false, reason: 'capacity' });
    expect(engine.stats()).toMatchObject({
      waiting: 0,
      permits: { account: { keys: 1 }, campaign: { keys: 0 } },
    });
  });
});

describe('pacing', () => {
  const sms = { group: 'sms', number: '+1' } as const;

  it('should send one a second, in order, through one timer', async () => {
    const { clock, engine } = setUp();
    const sent: [number, Millis][] = [];
    const all = Array.from({ length: 30 }, (_, i) => engine.run(sms, ({ at }) => sent.push([i, at])));
    await inVirtualTime(clock, Promise.all(all));
    expect(sent).toEqual(Array.from({ length: 30 }, (_, i) => [i, i * 1_000]));
    expect([clock.nextWake, engine.stats().waiting]).toEqual([undefined, 0]);
  });

  it('should still grant what the rate allows at the very deadline', async () => {
    const { clock, engine } = setUp();
    engine.tryAcquire(sms);
    const waiters = [1, 2].map(() => engine.acquire(sms, { timeout: '1s' }));
    expect(await inVirtualTime(clock, Promise.all(waiters))).toMatchObject([
      { allowed: true, at: 1_000 },
      { allowed: false, reason: 'queue-timeout', at: 1_000 },
    ]);
  });

  it('should let nobody pass those who wait', async () => {
    const { clock, engine } = setUp();
    engine.tryAcquire(sms);
    const waiter = watch(engine.acquire(sms));
    expect(engine.tryAcquire(sms, { now: 1_000 })).toMatchObject({ allowed: false, reason: 'quota' });
    clock.set(1_000);
    await settled();
    expect(waiter.outcome).toMatchObject({ value: { allowed: true, at: 1_000 } });
  });

  it('should serve the higher priority first, also of another group that shares the rate', async () => {
    const { clock, engine } = setUp();
    engine.tryAcquire(sms);
    const low = watch(engine.acquire(sms));
    const high = watch(engine.acquire({ group: 'urgent', number: '+1' }, { priority: 5 }));
    clock.set(1_000);
    await settled();
    expect([low.outcome.state, high.outcome.state]).toEqual(['pending', 'fulfilled']);
    clock.set(2_000);
    await settled();
    expect(low.outcome).toMatchObject({ value: { at: 2_000 } });
  });

  it.each<[string, (engine: Asking, admission: Admission) => unknown]>([
    ['cancelled', (_engine, admission) => admission.cancel()],
    ['refunded', (engine, admission) => engine.refund(admission)],
    ['settled for less', (_engine, admission) => admission.settle(0)],
    ['forgotten', (engine) => engine.forget({ number: '+1' })],
  ])('should serve the next one at once when the one before is %s', async (_title, giveBack) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(sms);
    const waiter = watch(engine.acquire(sms));
    giveBack(engine, admission);
    await settled();
    expect(waiter.outcome).toMatchObject({ value: { allowed: true, at: 0 } });
  });

  it('should serve waiters of a key at once when its block is lifted', async () => {
    const { engine } = setUp();
    engine.tryAcquire(sms);
    const waiter = watch(engine.acquire(sms));
    engine.block({ number: '+1' }, { for: '1h' });
    engine.forget({ number: '+1' });
    await settled();
    expect(waiter.outcome.state).toBe('pending');
    engine.unblock({ number: '+1' });
    await settled();
    expect(waiter.outcome).toMatchObject({ value: { allowed: true, at: 0 } });
  });

  it('should answer at once what no waiting helps against', async () => {
    const { engine } = setUp();
    expect(await engine.acquire({ ...sms, cost: 2 })).toMatchObject({ allowed: false, reason: 'never' });
    engine.block({ number: '+2' }, { for: '1h' });
    expect(await engine.acquire({ ...sms, number: '+2' })).toMatchObject({
      allowed: false,
      reason: 'blocked',
    });
    expect(engine.stats().waiting).toBe(0);
  });
});

describe('reserving and settling', () => {
  const ask = (tokens: number) => ({ group: 'model', account: 'x', cost: { tokens } }) as const;
  const left = (engine: Asking): number | undefined => engine.peek(ask(0)).limits[0]?.remaining;

  it.each<[string, reserved: number, actual: { tokens: number } | number, left: number]>([
    ['up', 40, { tokens: 70 }, 30],
    ['up past the quota', 40, { tokens: 150 }, 0],
    ['down', 40, { tokens: 15 }, 85],
    ['to nothing', 40, { tokens: 0 }, 100],
    ['not at all in a unit that is not named', 40, 7, 60],
  ])('should settle %s, once', (_title, reserved, actual, remaining) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(ask(reserved));
    expect([admission.settle(actual), admission.settle(actual), admission.cancel()]).toEqual([
      true,
      false,
      false,
    ]);
    expect(left(engine)).toBe(remaining);
    expect(engine.stats().permits.account?.held).toBe(0);
  });

  it('should keep the permit when settled, until released', () => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(ask(10));
    admission.settle({ tokens: 5 });
    expect(engine.stats().permits.account?.held).toBe(1);
    expect([admission.release(), engine.stats().permits.account?.held]).toEqual([true, 0]);
  });

  it('should give back within the window only', () => {
    const { clock, engine } = setUp();
    const admission = engine.tryAcquire(ask(40));
    clock.set(60_000);
    engine.tryAcquire(ask(50)).release();
    expect(admission.settle({ tokens: 0 })).toBe(true);
    expect(left(engine)).toBe(50);
  });

  it.each<[string, unknown, string]>([
    ['NaN', Number.NaN, 'cost'],
    ['-1 tokens', { tokens: -1 }, 'cost.tokens'],
    ['text', '7', 'cost'],
  ])('should refuse to settle for %s, and may be settled then', (_title, actual, path) => {
    const { engine } = setUp();
    const admission = engine.tryAcquire({ group: 'sms', number: '+1' });
    const model = engine.tryAcquire(ask(40));
    const target = path === 'cost' ? admission : model;
    expect(() => target.settle(actual as number)).toThrow(
      expect.objectContaining({ name: 'CostError', path }),
    );
    expect([target.settle(0), left(engine)]).toEqual([true, 60]);
  });

  it('should give everything back when cancelled, once', () => {
    const { engine } = setUp();
    const admission = engine.tryAcquire(ask(40));
    expect([admission.cancel(), admission.cancel(), admission.release()]).toEqual([true, false, false]);
    expect([left(engine), engine.stats().permits.account?.held]).toEqual([100, 0]);
  });

  it('should agree with a plain count in any order of reserving, settling and cancelling', () => {
    const step = fc.record({
      tokens: fc.integer({ min: 0, max: 60 }),
      actual: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { engine } = setUp();
        let used = 0;
        for (const { tokens, actual } of steps) {
          const admission = engine.tryAcquire(ask(tokens));
          expect(admission.allowed).toBe(used + tokens <= 100 || tokens === 0 ? used <= 100 : false);
          if (!admission.allowed) continue;
          used += tokens;
          if (actual === undefined) {
            admission.cancel();
            used -= tokens;
          } else {
            admission.settle({ tokens: actual });
            // Debt saturates at one further quota.
            used = Math.min(200, used + actual - tokens);
          }
          admission.release();
          expect(left(engine)).toBe(Math.max(0, 100 - used));
        }
      }),
    );
  });
});
