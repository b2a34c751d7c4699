import fc from 'fast-check';
import { type Admission, createEngine, type Descriptor, definePolicy, type Engine } from 'headgate';
import { type ManualClock, manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { type CountedSignal, countedSignal } from '../fixtures/signals.ts';
import { settled, type Watched, watch } from '../fixtures/virtual-time.ts';

const LEASE = 12;
const ACCOUNT_QUOTA = 3;
const CAMPAIGN_QUOTA = 2;

const policy = definePolicy({
  version: 1,
  limits: {
    account: { algorithm: 'concurrency', quota: ACCOUNT_QUOTA, per: 'account', lease: LEASE },
    campaign: { algorithm: 'concurrency', quota: CAMPAIGN_QUOTA, per: ['account', 'campaign'], lease: '1h' },
    dials: { algorithm: 'token-bucket', quota: 1, window: 3, burst: 2, per: 'account' },
  },
  groups: {
    campaign: { limits: ['account', 'campaign'], queue: { size: 8 }, leave: { account: 1 } },
    outbound: { limits: ['dials', 'account'], queue: { size: 8, order: 'newest-first' } },
    inbound: { limits: ['account'] },
    paced: { limits: ['dials'], queue: { size: 2, timeout: 10 } },
  },
  unmatched: 'deny',
});

/** One caller: what it wants, how long it waits, whether it gives up, and how it ends what it got. */
const caller = fc.record({
  group: fc.constantFrom('campaign', 'campaign', 'outbound', 'inbound', 'paced'),
  account: fc.constantFrom('x', 'x', 'x', 'y'),
  campaign: fc.constantFrom('p', 'q'),
  requests: fc.constantFrom(1, 1, 2),
  /** Whether it would wait. */
  isPatient: fc.constantFrom(true, true, true, false),
  priority: fc.constantFrom(0, 0, 1),
  timeout: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined }),
  /** Some have a signal in common. */
  signal: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
  end: fc.constantFrom('release', 'release', 'cancel', 'renew', 'expire'),
});
type Caller = typeof caller extends fc.Arbitrary<infer C> ? C : never;

/** Why somebody is refused who may not pass others. */
const BUSY = {
  campaign: 'concurrency',
  outbound: 'concurrency',
  inbound: 'concurrency',
  paced: 'quota',
} as const;

interface Place {
  readonly caller: Caller;
  readonly turn: number;
  readonly answer: Watched<Admission>;
}

/** An engine with callers whose steps come in any order. */
class Crowd {
  readonly clock: ManualClock = manualClock();
  readonly engine: Engine<typeof policy> = createEngine(policy, { clock: this.clock });
  readonly signals: readonly CountedSignal[] = [0, 1, 2].map(countedSignal);
  /** How often each caller was answered. */
  readonly answers: number[];
  readonly #places: Place[] = [];
  readonly #scheduler: fc.Scheduler;
  /** How many were waiting when a call that may have handed something over returned. */
  #waiting: number | undefined;

  constructor(scheduler: fc.Scheduler, callers: number) {
    this.#scheduler = scheduler;
    this.answers = Array.from({ length: callers }, () => 0);
  }

  /** Resolves when the scheduler comes to it. */
  when(what: string): Promise<string> {
    return this.#scheduler.schedule(Promise.resolve(what), what);
  }

  async live(caller: Caller, i: number): Promise<void> {
    const { timeout, priority, end } = caller;
    await this.when(`caller ${i} arrives`);
    const signal = this.signals[caller.signal ?? -1]?.signal;
    const expected = signal?.aborted && caller.isPatient ? 'aborted' : this.#fate(caller);
    const promise = caller.isPatient
      ? this.engine.acquire(askOf(caller), { timeout, priority, signal })
      : Promise.resolve(this.engine.tryAcquire(askOf(caller)));
    this.#places.push({ caller, turn: this.#places.length, answer: watch(promise) });
    const admission = await promise.catch((reason: unknown) => {
      expect(reason).toBe('stop');
      return undefined;
    });
    this.answers[i] = (this.answers[i] ?? 0) + 1;
    if (expected !== 'waits') expect(admission?.reason ?? 'aborted').toBe(expected);
    if (!admission?.allowed) return;
    await this.when(`caller ${i} is done`);
    if (end === 'renew') {
      admission.renew();
      await this.when(`caller ${i} is done at last`);
    }
    if (end === 'expire') return;
    if (end === 'cancel') admission.cancel();
    else admission.release();
    this.#waiting = this.engine.stats().waiting;
    expect(admission.release()).toBe(false);
  }

  /** One of them gives up, or all who share the signal. */
  abort(i: number): void {
    this.signals[i]?.controller.abort('stop');
    this.#waiting = this.engine.stats().waiting;
  }

  /** What is to be seen when everything that can run has run. */
  expectSound(): void {
    const pending = this.#pending();
    const { waiting, leases, permits } = this.engine.stats();
    const live = leases.granted - leases.released - leases.expired;
    expect([waiting, permits.account?.held]).toEqual([pending.length, live]);
    // What came back had changed hands when the call returned that gave it back.
    if (this.#waiting !== undefined) expect(this.#waiting).toBe(waiting);
    this.#waiting = undefined;
    for (const account of ['x', 'y']) {
      const used = ['p', 'q'].map((campaign) => this.#used(account, campaign));
      const [ofAccount] = used[0] ?? [];
      const ofCampaigns = used.map(([, ofCampaign]) => ofCampaign ?? 0);
      expect(ofAccount).toBeGreaterThanOrEqual(ofCampaigns.reduce((sum, each) => sum + each, 0));
      expect(ofAccount).toBeLessThanOrEqual(ACCOUNT_QUOTA);
      expect(Math.max(...ofCampaigns)).toBeLessThanOrEqual(CAMPAIGN_QUOTA);
    }
    // No lost wake-up: nobody who is first in his queue would be admitted now.
    const heads = pending.filter((place) => this.#lineOf(place.caller)[0] === place);
    const fitting = heads.filter(({ caller }) => this.engine.peek(askOf(caller)).allowed);
    expect(fitting).toEqual([]);
    const isAwaited = (i: number): boolean => pending.some(({ caller }) => caller.signal === i);
    expect(this.signals.map(({ listeners }) => listeners)).toEqual(
      [0, 1, 2].map((i) => Number(isAwaited(i))),
    );
    if (pending.length === 0) expect(this.clock.nextWake).toBeUndefined();
  }

  /** What must become of somebody who comes now; `waits` if that depends on what happens later. */
  #fate(caller: Caller): string {
    const line = this.#lineOf(caller);
    const [head] = line;
    const { group, isPatient, timeout } = caller;
    const priority = isPatient ? caller.priority : 0;
    const isEqualBefore = head?.caller.priority === priority && group !== 'outbound';
    const mustWait = head !== undefined && (head.caller.priority > priority || isEqualBefore);
    const { allowed, reason } = this.engine.peek(askOf(caller));
    if (allowed && !mustWait) return 'ok';
    if (group === 'inbound' || !isPatient) return allowed ? BUSY[group] : reason;
    if (timeout === 0) return 'queue-timeout';
    return line.length >= policy.groups[group].queue.size ? 'queue-full' : 'waits';
  }

  #used(account: string, campaign: string): number[] {
    return this.engine.explain({ group: 'campaign', account, campaign }).limits.map(({ used }) => used);
  }

  #pending(): Place[] {
    return this.#places.filter(({ answer }) => answer.outcome.state === 'pending');
  }

  /** Who waits in the same queue, in order. */
  #lineOf({ group, account, campaign }: Caller): Place[] {
    const sign = group === 'outbound' ? -1 : 1;
    return this.#pending()
      .filter(({ caller }) => caller.group === group && caller.account === account)
      .filter(({ caller }) => group !== 'campaign' || caller.campaign === campaign)
      .sort((a, b) => b.caller.priority - a.caller.priority || sign * (a.turn - b.turn));
  }
}

function askOf({ group, account, campaign, requests }: Caller): Descriptor<typeof policy> {
  return { group, account, campaign, cost: { requests } };
}

describe('interleavings', () => {
  it('should answer every acquire once, within all quotas, losing no wake-up and leaving nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(caller, { minLength: 4, maxLength: 14, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 8, size: 'max' }),
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
        fc.scheduler(),
        async (callers, strides, aborted, scheduler) => {
          const crowd = new Crowd(scheduler, callers.length);
          const { clock, engine } = crowd;
          const all = watch(Promise.all(callers.map((each, i) => crowd.live(each, i))));
          for (const stride of strides) crowd.when(`${stride} ms pass`).then(() => clock.advance(stride));
          for (const i of aborted) crowd.when(`signal ${i} is aborted`).then(() => crowd.abort(i));
          for (let rounds = 0; all.outcome.state === 'pending' && rounds < 500; rounds++) {
            if (scheduler.count() > 0) await scheduler.waitOne();
            else clock.set(clock.nextWake ?? clock.now());
            await settled();
            crowd.expectSound();
          }
          expect(all.outcome).toEqual({ state: 'fulfilled', value: callers.map(() => undefined) });
          expect(crowd.answers).toEqual(callers.map(() => 1));
          clock.advance(LEASE);
          const none = { keys: 0, held: 0 };
          expect(engine.stats()).toMatchObject({ waiting: 0, permits: { account: none, campaign: none } });
          expect(clock.nextWake).toBeUndefined();
        },
      ),
      { numRuns: 250 },
    );
  });
});
