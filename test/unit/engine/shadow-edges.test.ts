import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

const START = 1_000_000;
const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: {
      algorithm: 'fixed-window',
      quota: 3,
      window: '1m',
      per: 'key',
      candidate: { algorithm: 'token-bucket', burst: 5, tiers: { small: 1 } },
    },
    fewer: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'key', mode: 'shadow' },
    lost: { algorithm: 'fixed-window', quota: 9, window: '1m', per: 'account', mode: 'shadow' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'key', candidate: { quota: 1, lease: '5s' } },
  },
  groups: {
    read: { limits: ['reads', 'fewer'] },
    account: { limits: ['reads', 'lost'] },
    call: { limits: ['calls'], queue: { size: 1 } },
    tried: { limits: ['fewer'] },
  },
  tiers: { small: {}, large: { reads: 4 } },
  unmatched: 'deny',
};

let clock = manualClock(START);
let engine: Engine;
beforeEach(() => {
  clock = manualClock(START);
  engine = createEngine(POLICY, { clock });
});

const read = { group: 'read', key: 'a' };
const said = (ask: object): [string, string, number][] =>
  engine.check({ ...read, ...ask }).limits.map(({ name, reason, remaining }) => [name, reason, remaining]);

describe('a candidate and a shadow limit', () => {
  it('should say what each would have said, and be charged only when the request is admitted and they agree', () => {
    expect(said({})).toEqual([
      ['reads', 'ok', 2],
      ['reads.candidate', 'ok', 4],
      ['fewer', 'ok', 1],
    ]);
    expect(said({ cost: 2 })).toEqual([
      ['reads', 'ok', 0],
      ['reads.candidate', 'ok', 2],
      ['fewer', 'quota', 1],
    ]);
    expect(said({})).toEqual([
      ['reads', 'quota', 0],
      ['reads.candidate', 'ok', 2],
      ['fewer', 'ok', 1],
    ]);
    expect(engine.stats().shadows).toMatchObject({
      'reads.candidate': { agreed: 2, wouldDeny: 0, wouldAllow: 1 },
      fewer: { agreed: 2, wouldDeny: 1, wouldAllow: 0 },
    });
  });

  it('should have quotas by tier and by descriptor: its own, else those of its limit', () => {
    const quotas = (ask: object): number[] =>
      engine.peek({ ...read, ...ask }).limits.map(({ quota }) => quota);
    expect(quotas({})).toEqual([3, 3, 2]);
    expect(quotas({ tier: 'large' })).toEqual([4, 4, 2]);
    expect(quotas({ tier: 'small' })).toEqual([3, 1, 2]);
    expect(quotas({ quotas: { reads: 7 } })).toEqual([7, 7, 2]);
  });

  it('should be refunded, forgotten and saved with the rest', () => {
    engine.refund(engine.check(read));
    expect(said({ cost: 0 }).map(([, , remaining]) => remaining)).toEqual([3, 5, 2]);
    engine.check({ ...read, cost: 2 });
    const restored = createEngine(POLICY, { clock, restore: engine.snapshot() });
    expect(restored.peek(read).limits.map(({ remaining }) => remaining)).toEqual([1, 3, 0]);
    engine.forget({ key: 'a' });
    expect(said({ cost: 0 }).map(([, , remaining]) => remaining)).toEqual([3, 5, 2]);
  });

  it('should keep its counts through a reload that keeps its usage', () => {
    for (const _ of [1, 2, 3]) engine.check(read);
    engine.reload(POLICY);
    expect(engine.stats().shadows.fewer).toEqual({ agreed: 2, wouldDeny: 1, wouldAllow: 0 });
    engine.reload(POLICY, { carry: 'reset' });
    expect(engine.stats().shadows.fewer).toEqual({ agreed: 0, wouldDeny: 0, wouldAllow: 0 });
  });

  it('should not make an error of what only it would need', () => {
    const decision = engine.check({ group: 'account', key: 'a' });
    expect(decision.allowed).toBe(true);
    expect(decision.limits.map(({ name, reason, key }) => [name, reason, key])).toEqual([
      ['reads', 'ok', 'a'],
      ['reads.candidate', 'ok', 'a'],
      ['lost', 'missing', undefined],
    ]);
  });

  it('should not be taken to let pass who is blocked', () => {
    engine.block({ key: 'a' }, { for: '1m' });
    expect(engine.check(read).reason).toBe('blocked');
    expect(engine.stats().shadows['reads.candidate']).toEqual({ agreed: 1, wouldDeny: 0, wouldAllow: 0 });
  });

  it('should leave a group without other limits unlimited', () => {
    const decisions = [1, 2, 3].map(() => engine.check({ group: 'tried', key: 'a' }));
    expect(decisions.map(({ allowed, limit, quota }) => [allowed, limit, quota])).toEqual(
      decisions.map(() => [true, undefined, Number.POSITIVE_INFINITY]),
    );
    expect(engine.stats().shadows.fewer).toEqual({ agreed: 2, wouldDeny: 1, wouldAllow: 0 });
  });
});

describe('a candidate for permits', () => {
  const call = { group: 'call', key: 'a' };

  it('should hold permits of its own for those it would admit, until they are released or its own lease ends', () => {
    const first = engine.tryAcquire(call);
    const second = engine.tryAcquire(call);
    const tried = (): unknown[] =>
      engine.peek(call).limits.map(({ reason, remaining }) => [reason, remaining]);
    expect(second.limits.map(({ reason }) => reason)).toEqual(['ok', 'concurrency']);
    expect(tried()).toEqual([
      ['concurrency', 0],
      ['concurrency', 0],
    ]);
    second.release();
    expect(tried()).toEqual([
      ['ok', 1],
      ['concurrency', 0],
    ]);
    clock.advance(5000);
    expect(tried()).toEqual([
      ['ok', 1],
      ['ok', 1],
    ]);
    expect(engine.stats().permits).toMatchObject({ calls: { held: 1 }, 'calls.candidate': { held: 0 } });
    expect([first.release(), first.release()]).toEqual([true, false]);
  });

  it('should hold permits no longer than limits in force would let it, its rival apart', () => {
    const policy: PolicyDocument = {
      version: 1,
      limits: {
        calls: { algorithm: 'concurrency', quota: 9, lease: '10s', candidate: { lease: '30s' } },
        lines: { algorithm: 'concurrency', quota: 9, lease: '20s' },
        endless: { algorithm: 'concurrency', quota: 9, mode: 'shadow' },
      },
      groups: { call: { limits: ['calls', 'lines'] }, tried: { limits: ['calls', 'endless'] } },
      unmatched: 'deny',
    };
    const crashing = createEngine(policy, { clock });
    crashing.tryAcquire({ group: 'call' });
    const held = (): unknown[] =>
      ['calls', 'calls.candidate', 'endless'].map((limit) => crashing.stats().permits[limit]?.held);
    clock.advance('19s');
    expect(held()).toEqual([0, 1, 0]);
    clock.advance('1s');
    expect(held()).toEqual([0, 0, 0]);
    crashing.tryAcquire({ group: 'tried' });
    expect(held()).toEqual([1, 1, 1]);
    clock.advance('10s');
    expect(held()).toEqual([0, 0, 0]);
  });

  it('should not be taken to deny who is denied because others wait', async () => {
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const waiting = engine.acquire({ ...call, cost: { permits: 2 } }).catch((reason) => reason);
    held[0]?.release();
    // One is free, but somebody is before it, and the queue is full.
    const refused = await engine.acquire(call);
    expect(refused.reason).toBe('queue-full');
    const { wouldDeny, wouldAllow } = engine.stats().shadows['calls.candidate'] ?? {};
    // The second of those who held is the only one it would have kept out.
    expect([wouldDeny, wouldAllow]).toEqual([1, 0]);
    engine.dispose();
    expect(await waiting).toMatchObject({ code: 'disposed' });
  });
});
