import {
  createEngine,
  type Engine,
  isHeadgateError,
  type ManualClock,
  manualClock,
  type PolicyDocument,
  tokenBucket,
} from 'headgate';
import { beforeEach, describe, expect, it } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'apiKey', candidate: { quota: 3 } },
    drips: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 10, per: 'apiKey' },
    slides: { algorithm: 'sliding-window', quota: 10, window: '1h', per: ['account', 'call'] },
    all: { algorithm: 'fixed-window', quota: 100, window: '1d' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account' },
  },
  groups: {
    read: { limits: ['reads', 'drips', 'all'] },
    list: { limits: ['slides'] },
    call: { limits: ['calls'] },
  },
  unmatched: 'deny',
};

const read = { group: 'read', apiKey: 'a' };
const list = { group: 'list', account: 'acct', call: '\ud800 odd' };

let clock: ManualClock;
let engine: Engine;
beforeEach(() => {
  clock = manualClock(1_000_000);
  engine = createEngine(POLICY, { clock, maxKeys: 4 });
});

type Request = { readonly [field: string]: unknown };

function left(of: Engine, request: Request): Record<string, number> {
  return Object.fromEntries(of.peek(request).limits.map((limit) => [limit.name, limit.remaining]));
}

describe('a snapshot', () => {
  it('should carry usage and blocks to another engine, not permits', () => {
    for (let i = 0; i < 4; i++) engine.check(read);
    engine.check({ ...list, cost: 7 });
    engine.tryAcquire({ group: 'call', account: 'acct' });
    engine.block({ account: 'x', call: 'y' }, { until: 2_000_000, reason: 'abuse' });
    const other = createEngine(POLICY, {
      clock: manualClock(1_000_000),
      restore: engine.snapshot(),
      maxKeys: 4,
    });
    expect(other.restored).toMatchObject({ restored: 3, expired: 0, dropped: 0 });
    expect(left(other, read)).toEqual({ reads: 6, 'reads.candidate': 0, drips: 6, all: 96 });
    expect(left(other, list)).toEqual({ slides: 3 });
    expect(other.explain({ group: 'list', account: 'x', call: 'y' })).toMatchObject({
      decision: { reason: 'blocked', retryAt: 2_000_000 },
      limits: [{ blockReason: 'abuse' }],
    });
    expect(other.stats()).toMatchObject({ permits: { calls: { held: 0 } }, leases: { granted: 0 } });
    expect(engine.restored).toBeUndefined();
  });

  it('should be the same bytes for the same state, and of what was restored from it', () => {
    for (let i = 0; i < 9; i++) engine.check({ group: 'read', apiKey: `key ${i}` });
    const bytes = engine.snapshot();
    expect(engine.snapshot()).toEqual(bytes);
    const other = createEngine(POLICY, { clock, restore: bytes, maxKeys: 4 });
    expect(other.snapshot()).toEqual(bytes);
  });

  it('should say how many keys had nothing left, or no place any more', () => {
    engine.check(read);
    clock.advance(120_000);
    engine.check({ ...read, apiKey: 'b' });
    engine.check(list);
    const { all: _, slides: __, ...limits } = POLICY.limits;
    const fewer = { ...POLICY, limits, groups: { read: { limits: ['reads', 'drips'] } } };
    const other = createEngine(fewer, { clock, restore: engine.snapshot() });
    expect(other.restored).toMatchObject({ restored: 1, expired: 1, dropped: 2 });
    expect(other.restored?.usage).toContainEqual({
      limit: 'slides',
      usage: 'dropped',
      why: 'the limit is gone',
    });
  });

  it('should be taken in by the rules of a reload', () => {
    for (let i = 0; i < 4; i++) engine.check(read);
    const after = JSON.parse(JSON.stringify(POLICY)) as typeof POLICY;
    Object.assign(after.limits.reads as object, { quota: 20, window: '1h' });
    Object.assign(after.limits.drips as object, { per: 'account' });
    const bytes = engine.snapshot();
    const other = createEngine(after, { clock, restore: bytes });
    engine.reload(after);
    const request = { ...read, account: 'acct' };
    expect(left(other, request)).toEqual({ reads: 16, 'reads.candidate': 0, drips: 10, all: 96 });
    expect(left(engine, request)).toEqual(left(other, request));
  });

  it('should join what a smaller table has no room for into its remnant', () => {
    for (const apiKey of ['a', 'b', 'c', 'd']) engine.check({ ...read, apiKey, cost: 10 });
    const other = createEngine(POLICY, { clock, restore: engine.snapshot(), maxKeys: 1 });
    for (const apiKey of ['a', 'b', 'c', 'd']) {
      expect(other.check({ ...read, apiKey })).toMatchObject({ allowed: false, limit: 'reads' });
    }
    const larger = createEngine(POLICY, { clock, restore: other.snapshot(), maxKeys: 64 });
    for (const apiKey of ['a', 'b', 'c', 'd']) {
      expect(larger.check({ ...read, apiKey })).toMatchObject({ allowed: false, limit: 'reads' });
    }
  });

  it('should leave out the limits of an algorithm that the engine does not know', () => {
    const leaky = { algorithm: 'leaky', quota: 5, window: '1m', per: 'apiKey', options: {} };
    const custom = { ...POLICY, limits: { leaky, ...POLICY.limits } } as PolicyDocument;
    const algorithms = { leaky: () => tokenBucket({ quota: 5, window: '1m' }) };
    const before = createEngine(custom, { clock, algorithms });
    before.check(read);
    const other = createEngine(POLICY, { clock, restore: before.snapshot() });
    expect(left(other, read)).toMatchObject({ reads: 9, drips: 9 });
  });
});

describe('bytes that are no snapshot', () => {
  function mended(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
    const copy = bytes.slice();
    change(new DataView(copy.buffer));
    return copy;
  }
  const rows: [what: string, make: (bytes: Uint8Array) => unknown, code: string][] = [
    ['nothing', () => null, 'no-snapshot'],
    ['text', () => 'snapshot', 'no-snapshot'],
    ['a buffer without a view', (bytes) => bytes.buffer, 'no-snapshot'],
    ['no bytes', () => new Uint8Array(), 'no-snapshot'],
    ['other bytes', () => new Uint8Array(100).fill(7), 'no-snapshot'],
    ['the first half', (bytes) => bytes.slice(0, bytes.length / 2), 'damaged'],
    ['all but the last byte', (bytes) => bytes.slice(0, -1), 'damaged'],
    ['one byte more', (bytes) => Uint8Array.from([...bytes, 0]), 'damaged'],
    [
      'a bit that flipped',
      (bytes) => mended(bytes, (view) => view.setUint8(100, view.getUint8(100) ^ 4)),
      'damaged',
    ],
    ['another version', (bytes) => mended(bytes, (view) => view.setUint32(4, 2, true)), 'unknown-version'],
  ];
  it.each(rows)('should be refused when they are %s', (_, make, code) => {
    engine.check(read);
    const restore = make(engine.snapshot()) as Uint8Array;
    try {
      createEngine(POLICY, { restore });
      expect.unreachable();
    } catch (error) {
      expect(isHeadgateError(error, 'SnapshotError')).toBe(true);
      expect(error).toMatchObject({ code, path: 'restore' });
    }
  });

  it('should be read out of a larger buffer, as a Buffer and from another realm', () => {
    engine.check(read);
    const bytes = engine.snapshot();
    const larger = new Uint8Array(bytes.length + 13);
    larger.set(bytes, 13);
    for (const restore of [larger.subarray(13), Buffer.from(bytes)])
      expect(left(createEngine(POLICY, { clock, restore }), read)).toMatchObject({ reads: 9 });
  });
});
