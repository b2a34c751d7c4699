import {
  createEngine,
  type Decision,
  DescriptorError,
  type Engine,
  type EngineEvents,
  type EventName,
  manualClock,
  type PolicyDocument,
} from 'headgate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Events } from '../../../src/engine/events.ts';
import { settled } from '../../fixtures/virtual-time.ts';

const START = 1_000_000;
const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'key' },
    drips: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 4, per: 'key', nearLimit: 0.5 },
    calls: { algorithm: 'concurrency', quota: 2, lease: '10s', per: 'key', nearLimit: 1 },
    tried: { algorithm: 'fixed-window', quota: 1, window: '1m', per: 'key', mode: 'shadow' },
  },
  groups: {
    read: { limits: ['reads', 'tried'] },
    tell: { limits: ['tried'] },
    drip: { limits: ['drips'] },
    call: { limits: ['calls'], queue: { size: 1, timeout: '20s' } },
  },
  unmatched: 'deny',
};
const NAMES: readonly EventName[] = [
  'allowed',
  'denied',
  'queued',
  'granted',
  'released',
  'lease-expired',
  'near-limit',
  'evicted',
  'reloaded',
  'listener-error',
];

type Heard = { [E in EventName]: [E, EngineEvents[E]] }[EventName];

let clock = manualClock(START);
let engine: Engine;
let heard: Heard[];
beforeEach(() => {
  clock = manualClock(START);
  engine = createEngine(POLICY, { clock, maxKeys: 2 });
  heard = [];
});
afterEach(() => engine.dispose());

const read = { group: 'read', key: 'a' };
const call = { group: 'call', key: 'a' };

function listen(...names: readonly EventName[]): void {
  for (const name of names) engine.on(name, (event) => heard.push([name, event] as Heard));
}
const names = (): EventName[] => heard.map(([name]) => name);

describe('what is told', () => {
  it('should be the very decision, allowed or denied, with what shadow limits said', async () => {
    listen('allowed', 'denied');
    const decisions: Decision[] = [engine.check({ ...read, cost: 10 }), engine.check(read)];
    await settled();
    expect(heard).toEqual([
      ['allowed', { decision: decisions[0], shadows: [{ limit: 'tried', verdict: 'wouldDeny' }] }],
      ['denied', { decision: decisions[1], shadows: [{ limit: 'tried', verdict: 'agreed' }] }],
    ]);
    expect(
      heard.map(([, event]) => (event as { decision: Decision }).decision === decisions.shift()),
    ).toEqual([true, true]);
    const limits = heard.map(([, event]) => (event as { decision: Decision }).decision.limits);
    expect(limits.map((each) => each.map(({ name, mode, reason }) => [name, mode, reason]))).toEqual([
      [
        ['reads', 'enforce', 'ok'],
        ['tried', 'shadow', 'never'],
      ],
      [
        ['reads', 'enforce', 'quota'],
        ['tried', 'shadow', 'ok'],
      ],
    ]);
  });

  it('should be how somebody waited and was granted, and what came back', async () => {
    const first = engine.tryAcquire({ ...call, cost: { permits: 2 } });
    listen(...NAMES);
    const waiting = engine.acquire({ ...call, cost: { permits: 2 } });
    clock.advance(3000);
    first.release();
    const admission = await waiting;
    await settled();
    expect(heard).toEqual([
      ['queued', { group: 'call', at: START, waiting: 1 }],
      [
        'released',
        { at: START + 3000, held: 3000, fence: 1, permits: [{ limit: 'calls', key: 'a', permits: 2 }] },
      ],
      ['allowed', { decision: admission, shadows: [] }],
      ['near-limit', { limit: 'calls', group: 'call', key: 'a', at: START + 3000, used: 2, of: 2, share: 1 }],
      ['granted', { admission, waited: 3000 }],
    ]);
  });

  it('should be which lease has expired, once somebody finds out', async () => {
    listen('released', 'lease-expired');
    const admission = engine.tryAcquire(call);
    clock.advance(12_000);
    expect(admission.release()).toBe(false);
    await settled();
    expect(heard).toEqual([
      [
        'lease-expired',
        { at: START + 12_000, held: 12_000, fence: 1, permits: [{ limit: 'calls', key: 'a', permits: 1 }] },
      ],
    ]);
  });

  it('should be for how long permits were held, also without a lease', async () => {
    const calls = { algorithm: 'concurrency', quota: 2, per: 'key' } as const;
    engine.reload({ ...POLICY, limits: { ...POLICY.limits, calls } });
    listen('released');
    const admission = engine.tryAcquire(call);
    clock.advance(3000);
    admission.release();
    await settled();
    expect(heard).toMatchObject([['released', { at: START + 3000, held: 3000 }]]);
  });

  it('should be who was denied for want of room or of time in the queue, and nothing of those who left', async () => {
    engine.tryAcquire({ ...call, cost: { permits: 2 } });
    listen('denied', 'queued', 'allowed', 'granted');
    const controller = new AbortController();
    const leaving = engine.acquire(call, { signal: controller.signal }).catch((reason) => reason);
    controller.abort('enough');
    const waiting = engine.acquire({ ...call, cost: { permits: 3 } });
    const late = engine.acquire(call, { timeout: '5s' });
    const full = await engine.acquire(call);
    clock.advance(5000);
    const decisions = [await waiting, full, await late];
    expect([await leaving, ...decisions.map(({ reason }) => reason)]).toEqual([
      'enough',
      'never',
      'queue-full',
      'queue-timeout',
    ]);
    await settled();
    expect(names()).toEqual(['queued', 'denied', 'queued', 'denied', 'denied']);
  });

  it('should be each key that gave up its row, and whether what it had used is kept', async () => {
    listen('evicted');
    for (const key of ['a', 'b', 'c']) engine.check({ group: 'read', key });
    clock.advance(60_000);
    engine.check({ group: 'read', key: 'd' });
    await settled();
    expect(heard).toEqual([
      ['evicted', { partition: 'key', key: 'a', joined: true }],
      ['evicted', { partition: 'key', key: 'b', joined: false }],
    ]);
  });

  it('should be the report of a reload, before what comes of it, and the events of its new partitions', async () => {
    engine.tryAcquire({ ...call, cost: { permits: 2 } });
    engine.acquire(call);
    listen('reloaded', 'granted', 'evicted');
    const more = { algorithm: 'fixed-window', quota: 1, window: '1m', per: 'other' } as const;
    const report = engine.reload({
      ...POLICY,
      limits: { ...POLICY.limits, calls: { algorithm: 'concurrency', quota: 3, per: 'key' }, more },
      groups: { ...POLICY.groups, more: { limits: ['more'] } },
    });
    for (const other of ['x', 'y', 'z']) engine.check({ group: 'more', other });
    await settled();
    expect(names()).toEqual(['reloaded', 'granted', 'evicted']);
    expect(heard[0]?.[1]).toEqual({ report });
    expect(heard[2]).toEqual(['evicted', { partition: 'other', key: 'x', joined: true }]);
  });
});

describe('near-limit', () => {
  const near = (): unknown[] =>
    heard.map(([, event]) => [(event as { used: number }).used, (event as { at: number }).at - START]);

  it('should be told by the charge that crosses the share, once in a window', async () => {
    listen('near-limit');
    for (let i = 0; i < 12; i++) engine.check(read);
    clock.advance(60_000);
    engine.check({ ...read, cost: 7 });
    engine.check({ ...read, cost: 0 });
    engine.check({ ...read, cost: 3 });
    await settled();
    expect(near()).toEqual([
      [8, 0],
      [10, 60_000],
    ]);
    expect(heard[0]?.[1]).toEqual({
      limit: 'reads',
      group: 'read',
      key: 'a',
      at: START,
      used: 8,
      of: 10,
      share: 0.8,
    });
  });

  it('should be told of each key, and again after a bucket has drained below the share', async () => {
    listen('near-limit');
    const drip = { group: 'drip', key: 'a' };
    engine.check(drip);
    engine.check(drip);
    engine.check(drip);
    engine.check({ group: 'drip', key: 'b', cost: 4 });
    clock.advance(2000);
    engine.check(drip);
    engine.check(drip);
    await settled();
    expect(near()).toEqual([
      [2, 0],
      [4, 0],
      [2, 2000],
    ]);
  });

  it.each([
    [0.55, 100, 55],
    [0.07, 100, 7],
    [0.28, 25, 7],
    [0.8, 10, 8],
    [1, 3, 3],
    [0.5, 3, 2],
  ])('should be told at %d of %d when %d are used', async (nearLimit, quota, used) => {
    const limits = { l: { algorithm: 'fixed-window', quota, window: 1000, nearLimit } } as const;
    engine = createEngine(
      { version: 1, limits, groups: { g: { limits: ['l'] } }, unmatched: 'deny' },
      { clock },
    );
    listen('near-limit');
    for (let i = 0; i < quota; i++) engine.check({ group: 'g' });
    await settled();
    expect(near()).toEqual([[used, 0]]);
  });

  it('should be told by what settle adds, once, and not by what it gives back', async () => {
    listen('near-limit');
    const settle = (cost: number, actual: number): void => {
      engine.tryAcquire({ ...read, cost }).settle(actual);
    };
    settle(1, 7);
    settle(1, 1);
    expect(engine.peek(read).remaining).toBe(2);
    settle(1, 30);
    clock.advance(60_000);
    settle(9, 2);
    settle(1, 40);
    clock.advance(60_000);
    settle(0, 9);
    await settled();
    expect(near()).toEqual([
      [8, 0],
      [9, 60_000],
      [10, 60_000],
      [9, 120_000],
    ]);
  });

  it('should not be told by what settle adds to a shadow, or to what is forgotten', async () => {
    const kept = engine.tryAcquire({ group: 'tell', key: 'a', cost: 0 });
    listen('near-limit');
    kept.settle(5);
    const lost = engine.tryAcquire({ ...read, cost: 1 });
    engine.reload({ ...POLICY, limits: { ...POLICY.limits } }, { carry: 'reset' });
    lost.settle(10);
    await settled();
    expect(near()).toEqual([]);
  });

  it('should not be told by what is peeked, denied, or asked of a shadow', async () => {
    listen('near-limit');
    engine.peek({ ...read, cost: 9 });
    engine.check({ ...read, cost: 11 });
    engine.check(read);
    await settled();
    expect(heard).toEqual([]);
  });
});

describe('a listener', () => {
  it('should hear after the call, each event in order, and those who came first first', async () => {
    const order: string[] = [];
    engine.on('allowed', () => order.push('first'));
    engine.on('allowed', () => order.push('second'));
    engine.on('denied', () => order.push('denied'));
    engine.check(read);
    engine.check({ ...read, cost: 11 });
    engine.check(read);
    expect(order).toEqual([]);
    await settled();
    expect(order).toEqual(['first', 'second', 'denied', 'first', 'second']);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('oh');
      },
    ],
    ['throws nothing at all', () => Promise.reject()],
    ['rejects', () => Promise.reject(new Error('oh'))],
    [
      'returns what looks like a promise and throws',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is the point
        get then(): never {
          throw new Error('oh');
        },
      }),
    ],
  ])('should disturb neither the call nor other listeners when it %s', async (_title, fail) => {
    const errors: unknown[] = [];
    engine.on('allowed', fail);
    listen('allowed');
    engine.on('listener-error', ({ event, error }) => errors.push([event, error]));
    engine.on('listener-error', fail);
    expect([engine.check(read).remaining, engine.check(read).remaining]).toEqual([9, 8]);
    await settled();
    expect(names()).toEqual(['allowed', 'allowed']);
    expect(errors.map((each) => (each as unknown[])[0])).toEqual(['allowed', 'allowed']);
    // Two of the event itself, two of those who heard of that.
    expect(engine.stats().listenerErrors).toBe(4);
  });

  it('should hold nobody up when it never settles', async () => {
    engine.on('allowed', () => new Promise(() => {}));
    listen('allowed');
    engine.check(read);
    engine.check(read);
    await settled();
    expect(names()).toEqual(['allowed', 'allowed']);
    expect(engine.stats().listenerErrors).toBe(0);
  });

  it('should be free to call the engine again', async () => {
    let rounds = 0;
    engine.on('allowed', ({ decision }) => {
      if (++rounds > 3) return;
      engine.check(read);
      if (rounds === 1) engine.reload({ ...POLICY, groups: { ...POLICY.groups, extra: { limits: [] } } });
      if (rounds === 2) engine.refund(decision);
      engine.snapshot();
    });
    listen('allowed', 'reloaded');
    engine.check(read);
    await settled();
    expect(names()).toEqual(['allowed', 'allowed', 'reloaded', 'allowed', 'allowed']);
    expect(engine.peek(read).remaining).toBe(7);
    expect(engine.stats().listenerErrors).toBe(0);
  });

  it('should be free to end itself, and to add another, which hears of what is next', async () => {
    const off = engine.on('allowed', () => {
      off();
      off();
      listen('allowed');
    });
    engine.check(read);
    await settled();
    expect(heard).toEqual([]);
    engine.check(read);
    await settled();
    expect(names()).toEqual(['allowed']);
  });

  it.each<[string, unknown, unknown]>([
    ['an unknown event', 'alowed', () => {}],
    ['a name that every object has', 'constructor', () => {}],
    ['no event', undefined, () => {}],
    ['no function', 'allowed', 'listener'],
  ])('should be refused by a typed error: %s', (_title, event, listener) => {
    expect(() => engine.on(event as 'allowed', listener as () => void)).toThrow(DescriptorError);
  });
});

describe('when nobody listens', () => {
  const emit = Events.prototype.emit;
  let built: EventName[];
  beforeEach(() => {
    built = [];
    Events.prototype.emit = function (this: Events, ...event: [EventName, never]): void {
      built.push(event[0]);
      emit.apply(this, event);
    } as typeof emit;
  });
  afterEach(() => {
    Events.prototype.emit = emit;
  });

  /** Causes every event there is. */
  async function all(): Promise<void> {
    for (const key of ['a', 'b', 'c']) engine.check({ group: 'read', key, cost: 9 });
    engine.check({ ...read, cost: 11 });
    const first = engine.tryAcquire({ ...call, cost: { permits: 2 } });
    const waiting = engine.acquire(call);
    first.release();
    await waiting;
    clock.advance(60_000);
    engine.reload(POLICY);
    engine.stats();
    await settled();
  }

  it('should build nothing, also once they have stopped', async () => {
    await all();
    for (const name of NAMES) engine.on(name, () => {})();
    await all();
    expect(built).toEqual([]);
  });

  it.each(NAMES.filter((name) => name !== 'listener-error'))(
    'should build nothing but %s for those who do',
    async (name) => {
      engine.on(name, () => {});
      await all();
      expect(new Set(built)).toEqual(new Set([name]));
    },
  );
});
