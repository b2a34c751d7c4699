import { manualClock, type PolicyDocument, StoreError } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { describe, expect, it } from 'vitest';
import { count, type MemoryOptions, MemoryStore } from '../../fixtures/memory-store.ts';

const HOUR = 3_600_000;
const policy = {
  version: 1,
  limits: {
    keys: { algorithm: 'fixed-window', quota: 3, window: '1h', per: 'apiKey' },
    commands: { algorithm: 'fixed-window', quota: 2, window: '1h', per: 'call' },
    total: { algorithm: 'fixed-window', quota: 4, window: '1h' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '1m' },
    lines: { algorithm: 'concurrency', quota: 1, per: 'number', lease: '1m' },
    tried: { algorithm: 'fixed-window', quota: 1, window: '1h', per: 'region', mode: 'shadow' },
  },
  groups: {
    say: { limits: ['keys', 'commands'] },
    any: { limits: ['total', 'keys'] },
    dial: { limits: ['keys', 'calls', 'lines'], queue: { size: 5 } },
    take: { limits: ['keys', 'calls', 'lines'] },
    try: { limits: ['tried', 'keys'] },
    all: { limits: ['total', 'calls', 'keys'] },
    own: { limits: ['keys'] },
  },
  unmatched: 'deny',
  crossSlot: 'reserve',
} as const satisfies PolicyDocument;

const who = { apiKey: 'k', call: 'c', account: 'a', number: 'n', region: 'eu' };
const say = { group: 'say', ...who } as const;
const any = { group: 'any', ...who } as const;
const dial = { group: 'dial', ...who } as const;
const take = { group: 'take', ...who } as const;

function setUp(options: Partial<MemoryOptions> = {}) {
  const clock = manualClock(1_760_000_000_000);
  const sent: string[] = [];
  const store = new MemoryStore({
    clock,
    ...options,
    onSend: (call) => {
      sent.push(`${call.what} ${call.slot.replace(/^p:\{(\w+).*/, '$1')}`);
      return options.onSend?.(call);
    },
  });
  const engine = createDistributedEngine(policy, { store, clock, denialCache: 100 });
  return {
    ...{ clock, store, engine },
    /** What was sent since it was last looked at: what, and to the slot of which field. */
    sent: () => sent.splice(0),
    /** Units used, or permits held, by row and limit; without those of which there are none. */
    usage: () => {
      const cells = [...store.rows].flatMap(([row, kept]) =>
        [...kept.cells].map(([cells, [, used = 0]]) => [`${row.slice(2)} ${limitOf(cells)}`, used] as const),
      );
      const held = [...store.leases].map(
        ([set, members]) => [set.slice(2).replace(/:leases$/, ''), count(members, clock.now())] as const,
      );
      return Object.fromEntries([...cells, ...held].filter(([, used]) => used > 0));
    },
    /** Lets time go by, as far as anything is done about it. */
    pass: async (length: number) => {
      for (let passed = 0; passed < length; passed += 25) {
        clock.advance(25);
        await settle();
      }
    },
  };
}

/** Until nothing happens any more without the clock. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const fails = (): never => {
  throw new StoreError({ code: 'busy', path: 'store', value: undefined, message: 'busy' });
};

describe('a request whose limits are in several slots', () => {
  it('should be asked slot by slot, what all share at last', async () => {
    const { engine, sent, usage } = setUp();
    expect((await engine.check(say)).allowed).toBe(true);
    expect(sent()).toEqual(['charge apiKey', 'charge call']);
    expect((await engine.check(any)).allowed).toBe(true);
    expect(sent()).toEqual(['charge apiKey', 'charge all']);
    expect(usage()).toEqual({ '{apiKey=k} keys': 2, '{call=c} commands': 1, '{all} total': 1 });
  });

  it('should be given back where it was reserved when a later slot denies', async () => {
    const { engine, sent, usage } = setUp();
    await engine.check({ ...say, apiKey: 'l', cost: 2 });
    sent();
    const denied = await engine.check(say);
    expect([denied.reason, denied.limit, denied.retryAt]).toEqual(['quota', 'commands', denied.at + HOUR]);
    expect(denied.limits.map(({ remaining }) => remaining)).toEqual([3, 0]);
    expect(sent()).toEqual(['charge apiKey', 'charge call', 'refund apiKey']);
    expect(usage()).toEqual({ '{apiKey=l} keys': 2, '{call=c} commands': 2 });
  });

  it('should leave no trace elsewhere when the first slot denies, or a limit never grants as much', async () => {
    const { engine, sent } = setUp();
    await engine.check({ ...say, call: 'd', cost: 2 });
    sent();
    const denied = await engine.check({ ...any, cost: 2 });
    expect([denied.limit, ...denied.limits.map(({ remaining }) => remaining)]).toEqual(['keys', 4, 1]);
    expect(sent()).toEqual(['charge apiKey', 'deny all']);
    expect(await engine.check({ ...say, apiKey: 'l', cost: 3 })).toMatchObject({ reason: 'never' });
    expect(sent()).toEqual(['deny apiKey', 'deny call']);
  });

  it('should be peeked at, and refunded, in all slots', async () => {
    const { engine, sent, usage } = setUp();
    const decision = await engine.check(say);
    expect((await engine.peek(say)).limits.map(({ remaining }) => remaining)).toEqual([2, 1]);
    await engine.refund(decision);
    await engine.refund(decision);
    expect(usage()).toEqual({});
    expect(sent().slice(2)).toEqual(['peek apiKey', 'peek call', 'refund apiKey', 'refund call']);
  });

  it('should be decided by the clock of each server', async () => {
    const { clock, engine } = setUp({ aheadOf: (slot) => (slot.includes('apiKey') ? HOUR : 0) });
    expect((await engine.check({ ...say, call: 'd', cost: 2 })).allowed).toBe(true);
    expect((await engine.check({ ...say, call: 'e' })).allowed).toBe(true);
    const denied = await engine.check(say);
    expect([denied.at, denied.retryAt]).toEqual([clock.now() + HOUR, clock.now() + 2 * HOUR]);
    clock.advance(HOUR - 1);
    expect((await engine.check(say)).reason).toBe('quota');
    clock.advance(1);
    expect(await engine.check(say)).toMatchObject({ allowed: true, at: clock.now() });
  });

  it('should be decided by the policy when a slot does not answer, with nothing left behind in the others', async () => {
    const { engine, usage } = setUp({ onSend: ({ slot }) => slot.includes('call=') && fails() });
    expect(await engine.check(say)).toMatchObject({ reason: 'store-failure', source: 'fallback' });
    await settle();
    expect(usage()).toEqual({});
  });

  it('should be denied though a slot does not answer, if another denies', async () => {
    const { engine } = setUp({ onSend: ({ slot }) => slot.includes('{all') && fails() });
    await engine.check({ ...say, call: 'd', cost: 2 });
    expect(await engine.check({ ...any, cost: 2 })).toMatchObject({ reason: 'quota', source: 'store' });
  });
});

describe('a denial that is kept in process', () => {
  const own = { group: 'own', apiKey: 'k' } as const;

  /** Has a request reserve all of a key until it is let go. */
  async function reserved(what: 'denied' | 'failing' | 'late') {
    let go = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => {
      go = resolve;
    });
    const isSlow = { call: false, apiKey: false };
    const made = setUp({
      onSend: async ({ slot }) => {
        if (!isSlow.call || !slot.includes('call=')) return;
        await isHeld;
        if (what === 'failing') fails();
      },
      onReply: ({ slot }) => (isSlow.apiKey && slot.includes('apiKey=') ? isHeld : undefined),
    });
    if (what === 'denied') await made.engine.check({ ...say, apiKey: 'l', cost: 2 });
    isSlow.call = what !== 'late';
    isSlow.apiKey = what === 'late';
    const asked = made.engine.check({ ...say, apiKey: 'k', cost: 2 });
    await settle();
    isSlow.apiKey = false;
    if (what === 'late') await made.pass(250);
    return { ...made, asked, go };
  }

  it.each(['denied', 'failing', 'late'] as const)(
    'should end when what it was due to had only been reserved (%s)',
    async (what) => {
      const { engine, asked, go } = await reserved(what);
      const due = { ...own, cost: 2 } as const;
      expect([(await engine.check(due)).source, (await engine.check(due)).source]).toEqual([
        'store',
        'local',
      ]);
      expect(engine.stats().denialCache.size).toBe(1);
      go();
      expect((await asked).allowed).toBe(false);
      await settle();
      expect(await engine.check(due)).toMatchObject({ allowed: true, source: 'store' });
    },
  );
});

describe('shadow limits in a slot of their own', () => {
  const attempt = { group: 'try', ...who } as const;

  it('should be charged with the others and never deny', async () => {
    const { engine, usage } = setUp();
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await engine.check(attempt));
    expect(answers.map(({ allowed, limits }) => [allowed, limits[0]?.allowed])).toEqual([
      [true, true],
      [true, false],
      [true, false],
      [false, false],
    ]);
    expect(usage()).toEqual({ '{apiKey=k} keys': 3, '{region=eu}:shadow tried': 1 });
  });

  it('should be given back like others', async () => {
    const { engine, usage, sent } = setUp();
    await engine.check({ ...any, cost: 3 });
    sent();
    expect((await engine.check(attempt)).reason).toBe('quota');
    expect(sent()).toEqual(['charge region', 'charge apiKey', 'refund region']);
    expect(usage()).toEqual({ '{apiKey=k} keys': 3, '{all} total': 3 });
  });

  it('should not matter when they do not answer', async () => {
    const { engine } = setUp({ onSend: ({ slot }) => slot.includes('region') && fails() });
    expect(await engine.check(attempt)).toMatchObject({ allowed: true, source: 'store', remaining: 2 });
  });
});

describe('permits in several slots', () => {
  it('should be one lease', async () => {
    const { clock, engine, usage } = setUp();
    const first = await engine.tryAcquire(take);
    expect([first.allowed, first.fence, first.expiresAt]).toEqual([true, 1, clock.now() + 60_000]);
    expect(usage()).toEqual({ '{apiKey=k} keys': 1, '{account=a}:calls': 1, '{number=n}:lines': 1 });
    const second = await engine.tryAcquire(take);
    expect([second.reason, second.limit]).toEqual(['concurrency', 'lines']);
    expect(usage()).toEqual({ '{apiKey=k} keys': 1, '{account=a}:calls': 1, '{number=n}:lines': 1 });
    expect([await first.release(), await first.release()]).toEqual([true, false]);
    expect(usage()).toEqual({ '{apiKey=k} keys': 1 });
    expect((await engine.tryAcquire(take)).fence).toBe(3);
  });

  it('should be asked for where the lease is, then where it is shared least', async () => {
    const { engine, sent } = setUp();
    expect((await engine.tryAcquire({ group: 'all', ...who }, { id: 'call-1' })).allowed).toBe(true);
    expect(sent()).toEqual(['deny account', 'charge apiKey', 'charge all', 'charge account']);
    expect((await engine.tryAcquire({ group: 'all', ...who })).allowed).toBe(true);
    expect(sent()).toEqual(['charge account', 'charge apiKey', 'charge all']);
  });

  it('should be lost with the first of them', async () => {
    const { clock, engine, store } = setUp();
    const admission = await engine.tryAcquire(take);
    clock.advance(30_000);
    expect([await admission.renew(), admission.expiresAt]).toEqual([true, clock.now() + 60_000]);
    store.leases.get('p:{number=n}:lines:leases')?.clear();
    expect([await admission.renew(), await admission.release()]).toEqual([false, false]);
  });

  it('should be given to whoever asks for the same lease again, and charged once', async () => {
    const { engine, usage } = setUp();
    const first = await engine.tryAcquire(take, { id: 'call-1' });
    const again = await engine.tryAcquire(take, { id: 'call-1' });
    expect([again.allowed, again.expiresAt]).toEqual([true, first.expiresAt]);
    expect(again.fence).toBeGreaterThan(first.fence ?? 0);
    expect(usage()).toEqual({ '{apiKey=k} keys': 1, '{account=a}:calls': 1, '{number=n}:lines': 1 });
    expect((await engine.tryAcquire(take, { id: 'call-2' })).reason).toBe('concurrency');
    expect([await again.release(), await first.release()]).toEqual([true, false]);
  });

  it('should outlive a repeated call that is answered too late', async () => {
    let delay: Promise<void> | undefined;
    const { clock, engine, usage } = setUp({ onReply: ({ what }) => what === 'deny' && delay });
    await engine.tryAcquire(take, { id: 'call-1' });
    delay = clock.sleep(400);
    const late = engine.tryAcquire(take, { id: 'call-1' });
    for (let i = 0; i < 20; i++) {
      clock.advance(25);
      await settle();
    }
    expect((await late).reason).toBe('store-failure');
    expect(usage()).toEqual({ '{apiKey=k} keys': 1, '{account=a}:calls': 1, '{number=n}:lines': 1 });
  });

  it('should not be granted on what another call for the same lease has only reserved', async () => {
    const { engine, sent, usage, clock } = setUp({
      // The process dies after its first reservation.
      onSend: ({ what, slot }) =>
        what === 'charge' && slot.includes('apiKey') && isDying && new Promise(() => {}),
    });
    let isDying = true;
    engine.tryAcquire(take, { id: 'call-1' }).catch(() => undefined);
    await settle();
    isDying = false;
    expect(usage()).toEqual({ '{number=n}:lines': 1 });
    sent();
    expect(await engine.tryAcquire(take, { id: 'call-1' })).toMatchObject({
      reason: 'concurrency',
      fence: undefined,
    });
    clock.advance(60_000);
    expect((await engine.tryAcquire(take, { id: 'call-1' })).allowed).toBe(true);
  });
});

describe('waiting for limits in several slots', () => {
  const lineOf = ({ lines }: MemoryStore): number =>
    [...lines.values()].reduce((sum, { size }) => sum + size, 0);

  it('should go in the order in which they came, whatever slot has room', async () => {
    const { engine, pass, store, usage } = setUp();
    const held = [await engine.tryAcquire(take)];
    const order: number[] = [];
    const waiting = [0, 1].map(async (n) => {
      const admission = await engine.acquire(dial);
      order.push(n);
      held.push(admission);
    });
    await settle();
    expect([lineOf(store), order]).toEqual([2, []]);
    // The account has room, the number has none: the place in line is kept, and nothing stays reserved.
    await pass(4000);
    expect([lineOf(store), order]).toEqual([2, []]);
    expect(usage()).toEqual({ '{apiKey=k} keys': 1, '{account=a}:calls': 1, '{number=n}:lines': 1 });
    expect((await engine.tryAcquire(dial)).reason).toBe('concurrency');
    for (const n of [0, 1]) {
      await held[n]?.release();
      await pass(200);
      expect(order).toEqual([0, 1].slice(0, n + 1));
    }
    await Promise.all(waiting);
    expect(lineOf(store)).toBe(0);
  });

  it('should reserve nothing for those who are not at the head', async () => {
    const { engine, sent } = setUp();
    await engine.tryAcquire(take);
    for (let i = 0; i < 3; i++) engine.acquire(dial).catch(() => undefined);
    await settle();
    sent();
    expect((await engine.tryAcquire(dial)).reason).toBe('concurrency');
    expect(sent().filter((call) => call.startsWith('charge'))).toEqual([]);
  });

  it.each([
    ['leave no place to whoever was told that the store has failed', 0, 'store-failure', 0],
    ['leave the place to whoever goes on waiting', 100, undefined, 1],
  ])('should %s', async (_title, before, reason, left) => {
    let go = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => {
      go = resolve;
    });
    let isSlow = false;
    const { engine, store, pass } = setUp({ onReply: () => (isSlow ? isHeld : undefined) });
    await engine.tryAcquire(take);
    isSlow = before === 0;
    let told: string | undefined;
    const asked = engine.acquire(dial);
    asked.then((admission) => {
      told = admission.reason;
    });
    await settle();
    await pass(before);
    isSlow = true;
    const places = (): string[] => [...store.lines.values()].flatMap((line) => [...line.keys()]);
    await pass(400);
    const taken = places();
    expect([told, taken.length]).toEqual([reason, 1]);
    isSlow = false;
    go();
    await settle();
    expect(places()).toEqual(taken.slice(0, left));
  });

  it('should leave the line when a key elsewhere is blocked, or a slot fails', async () => {
    let isDown = false;
    const { engine, store } = setUp({ onSend: ({ slot }) => isDown && slot.includes('number') && fails() });
    await engine.block({ number: 'n' }, { for: '1h' });
    expect((await engine.acquire(dial)).reason).toBe('blocked');
    expect(lineOf(store)).toBe(0);
    isDown = true;
    expect((await engine.acquire(dial)).reason).toBe('store-failure');
    await settle();
    expect(lineOf(store)).toBe(0);
  });
});

/** The limit whose cells are called so in a store. */
function limitOf(cells: string): string {
  return cells.replace(/\..*/, '');
}
