import {
  createEngine,
  type Engine,
  type EngineOptions,
  type FixedWindowOptions,
  fixedWindow,
  manualClock,
  type PolicyDocument,
  SnapshotError,
} from 'headgate';
import { describe, expect, it } from 'vitest';
import { ByteWriter, checksum } from '../../../src/engine/bytes.ts';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 10, window: '1m', per: 'apiKey' },
    writes: {
      algorithm: 'token-bucket',
      quota: 'custom',
      burst: 4,
      window: '1m',
      per: ['apiKey', 'account'],
    },
    all: { algorithm: 'sliding-window', quota: 100, window: '1h', candidate: { quota: 50 } },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account' },
  },
  groups: { any: { limits: ['reads', 'writes', 'all'] }, call: { limits: ['calls'] } },
  tiers: { free: { writes: 2 }, pro: { writes: { quota: 4, burst: 8 } } },
  defaultTier: 'free',
  unmatched: 'deny',
};
const START = 1_000_000;

function engineAt(now: number, options: EngineOptions = {}, policy = POLICY): Engine {
  return createEngine(policy, { clock: manualClock(now), ...options });
}

const ask = (apiKey: string) => ({ group: 'any', apiKey, account: 'x' });

/** An engine that two keys have asked, the first three times. */
function used(): Engine {
  const engine = engineAt(START);
  for (const key of ['k1', 'k1', 'k2', 'k1']) engine.check(ask(key));
  return engine;
}

const left = (engine: Engine, key: string) =>
  Object.fromEntries(engine.peek(ask(key)).limits.map(({ name, remaining }) => [name, remaining]));

/** The same bytes with a right checksum again. */
function sealed(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(bytes.length - 4, checksum(bytes.subarray(0, -4)), true);
  return bytes;
}

describe('a snapshot', () => {
  it('should carry what was used, of enforced limits and of shadows', () => {
    const engine = used();
    const restored = engineAt(START, { restore: engine.snapshot() });
    expect(left(restored, 'k1')).toEqual({ reads: 7, writes: 1, all: 96, 'all.candidate': 46 });
    expect(left(restored, 'k1')).toEqual(left(engine, 'k1'));
    expect(left(restored, 'k3')).toEqual({ reads: 10, writes: 4, all: 96, 'all.candidate': 46 });
  });

  it('should say what became of the keys and of each limit', () => {
    const report = engineAt(START, { restore: used().snapshot() }).restored;
    expect(report).toMatchObject({ restored: 5, expired: 0, dropped: 0 });
    expect(report?.usage.map(({ limit, usage }) => [limit, usage])).toEqual([
      ['reads', 'kept'],
      ['writes', 'kept'],
      ['all', 'kept'],
      ['all.candidate', 'kept'],
      ['calls', 'new'],
    ]);
    expect(engineAt(START).restored).toBeUndefined();
  });

  it('should count what is over by now as expired, and what has no place any more as dropped', () => {
    const bytes = used().snapshot();
    expect(engineAt(START + 60_000, { restore: bytes }).restored).toMatchObject({
      restored: 2,
      expired: 3,
      dropped: 0,
    });
    const { reads, all } = POLICY.limits;
    const smaller = { ...POLICY, limits: { reads, all }, groups: {}, tiers: {}, defaultTier: undefined };
    const policy = JSON.parse(JSON.stringify(smaller)) as PolicyDocument;
    expect(engineAt(START, { restore: bytes }, policy).restored).toMatchObject({
      restored: 3,
      expired: 0,
      dropped: 2,
    });
  });

  it('should carry blocks with their reasons, and leave leases behind', () => {
    const engine = used();
    engine.block({ apiKey: 'k2' }, { for: '5m', reason: 'abuse' });
    engine.block({ apiKey: 'gone' }, { for: '1s' });
    expect(engine.tryAcquire({ group: 'call', account: 'x' }).allowed).toBe(true);
    const restored = engineAt(START + 2000, { restore: engine.snapshot() });
    expect(restored.check(ask('k2'))).toMatchObject({ reason: 'blocked', retryAt: START + 300_000 });
    expect(restored.explain(ask('k2')).limits[0]?.blockReason).toBe('abuse');
    expect(restored.check(ask('gone')).allowed).toBe(true);
    expect(restored.stats().permits).toEqual({ calls: { keys: 0, held: 0 } });
  });

  it('should be the same bytes for the same usage, whatever is read from it', () => {
    const engine = used();
    const bytes = engine.snapshot();
    engine.peek(ask('k1'));
    engine.stats();
    expect(engine.snapshot()).toEqual(bytes);
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect(engineAt(START, { restore: bytes }).snapshot()).toEqual(bytes);
  });

  it('should be taken in from any view of bytes, and not be kept', () => {
    const engine = used();
    const bytes = engine.snapshot();
    const padded = new Uint8Array(bytes.length + 7);
    padded.set(bytes, 3);
    const views = [Buffer.from(bytes), padded.subarray(3, 3 + bytes.length)];
    for (const view of views) {
      const restored = engineAt(START, { restore: view });
      view.fill(0);
      expect(left(restored, 'k1')).toEqual(left(engine, 'k1'));
    }
  });

  it('should carry a custom algorithm where it is known, and begin anew where it is not', () => {
    const algorithms = { 'my-window': fixedWindow };
    const mine = { algorithm: 'my-window', quota: 5, window: 1000, per: 'k', options: {} };
    const policy = (limit: object) =>
      ({
        version: 1,
        limits: { l: limit },
        groups: { g: { limits: ['l'] } },
        unmatched: 'deny',
      }) as PolicyDocument;
    const strip = ({ quota, window }: FixedWindowOptions) => fixedWindow({ quota, window });
    const clock = manualClock(START);
    const own = { 'my-window': strip as (typeof algorithms)['my-window'] };
    const engine = createEngine(policy(mine), { clock, algorithms: own });
    engine.check({ group: 'g', k: 'a', cost: 3 });
    const restore = engine.snapshot();
    const again = createEngine(policy(mine), { clock, algorithms: own, restore });
    expect(again.peek({ group: 'g', k: 'a' }).remaining).toBe(2);
    const other = { algorithm: 'fixed-window', quota: 5, window: 1000, per: 'k' };
    const without = createEngine(policy(other), { clock, restore });
    expect(without.peek({ group: 'g', k: 'a' }).remaining).toBe(5);
    expect(without.restored).toMatchObject({ restored: 0, dropped: 1 });
  });
});

describe('what is no snapshot', () => {
  const good = used().snapshot();
  const changed = (at: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const detached = good.slice();
  structuredClone(detached.buffer, { transfer: [detached.buffer] });

  it.each<[string, unknown, string]>([
    ['text', 'hgss', 'no-snapshot'],
    ['null', null, 'no-snapshot'],
    ['an ArrayBuffer', good.buffer, 'no-snapshot'],
    ['words instead of bytes', new Uint16Array(64), 'no-snapshot'],
    ['nothing', new Uint8Array(0), 'no-snapshot'],
    ['bytes that were given away', detached, 'no-snapshot'],
    ['another beginning', changed(0), 'no-snapshot'],
    ['another version', changed(4), 'unknown-version'],
    ['a bit that has flipped', changed(100), 'damaged'],
    ['a beginning alone', good.subarray(0, 64), 'damaged'],
    ['something more at the end', Uint8Array.from([...good, 0]), 'damaged'],
    ['content that is cut off, sealed again', sealed(good.slice(0, 200)), 'bad-content'],
  ])('should be refused by a typed error: %s', (_title, restore, code) => {
    let caught: unknown;
    try {
      engineAt(START, { restore: restore as Uint8Array });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(SnapshotError);
    expect(caught).toMatchObject({ name: 'SnapshotError', code, path: 'restore' });
  });

  interface Parts {
    limits?: unknown;
    fields?: unknown;
    saved?: unknown;
    keys?: readonly string[];
    cells?: readonly number[];
    remnant?: readonly number[];
    until?: number;
    copies?: number;
  }
  /** A snapshot of one limit, but for what is wrong with it. */
  function written(parts: Parts): Uint8Array {
    const { limits = { l: { algorithm: 'fixed-window', quota: 'custom', window: 1000, per: 'k' } } } = parts;
    const { fields = ['k'], saved = [{ name: 'l', cells: 2, horizon: 0 }], keys = ['a'] } = parts;
    const { cells = [START, 3], remnant = [], until = START + 1, copies = 1 } = parts;
    const out = new ByteWriter();
    for (const word of [0x73736768, 1, 1, 2]) out.uint32(word);
    out.text(JSON.stringify(limits));
    out.uint32(copies);
    for (let i = 0; i < copies; i++) {
      out.text(JSON.stringify(fields));
      out.text(JSON.stringify(saved));
      out.uint32(keys.length);
      for (const key of keys) {
        out.text(key);
        out.uint32(0);
      }
      out.floats(Float64Array.from(cells));
      out.floats(Float64Array.from(remnant));
      out.uint32(1);
      out.text('blocked');
      out.float64(until);
      out.text('null');
    }
    out.uint32(0);
    return out.sealed();
  }
  const policy: PolicyDocument = {
    version: 1,
    limits: { l: { algorithm: 'fixed-window', quota: 5, window: 1000, per: 'k' } },
    groups: { g: { limits: ['l'] } },
    unmatched: 'deny',
  };
  const restored = (parts: Parts): Engine => engineAt(START, { restore: written(parts) }, policy);

  it('should not be one that was only written by hand', () => {
    expect(restored({}).peek({ group: 'g', k: 'a' }).remaining).toBe(2);
    expect(restored({ remnant: [START, 4] }).peek({ group: 'g', k: 'b' }).remaining).toBe(1);
  });

  it.each<[string, Parts]>([
    ['no limits', { limits: null }],
    ['a limit with a fault', { limits: { l: { algorithm: 'fixed-window', window: -1 } } }],
    ['fields that are no list', { fields: 7 }],
    ['saved limits that are no list', { saved: { length: 1 } }],
    ['a saved limit of nothing', { saved: [null] }],
    ['more cells than the algorithm has', { saved: [{ name: 'l', cells: 3, horizon: 0 }], cells: [1, 2, 3] }],
    ['a broken number of cells', { saved: [{ name: 'x', cells: 0.5, horizon: 0 }], cells: [] }],
    ['far too many cells', { saved: [{ name: 'x', cells: 1e9, horizon: 0 }], cells: [] }],
    ['a horizon that is none', { saved: [{ name: 'l', cells: 2, horizon: -1 }] }],
    ['fewer cells than keys', { keys: ['a', 'b'] }],
    ['a remnant of three rows', { remnant: [1, 1, 1, 1, 1, 1] }],
    ['a remnant of half a row', { remnant: [1] }],
    ['a remnant of no cells', { saved: [], cells: [], remnant: [1] }],
    ['a limit in a partition that it is not per', { fields: ['other'] }],
    ['a partition that comes twice', { copies: 2 }],
    ['a block without an end', { until: Number.NaN }],
    ['a block for ever', { until: Number.POSITIVE_INFINITY }],
  ])('should be refused although its checksum is right: %s', (_title, parts) => {
    expect(() => restored(parts)).toThrow(SnapshotError);
    expect(() => restored(parts)).toThrow(/makes no sense/);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, -1])(
    'should not lock a key out for more than two windows, whatever its cells hold: %d',
    (cell) => {
      const clock = manualClock(START);
      const engine = createEngine(policy, { clock, restore: written({ cells: [cell, cell] }) });
      engine.check({ group: 'g', k: 'a' });
      clock.advance(2000);
      expect(engine.check({ group: 'g', k: 'a' }).allowed).toBe(true);
    },
  );

  it('should be refused by an engine that has less room for blocks: none is ever dropped', () => {
    const engine = createEngine(policy, { clock: manualClock(START) });
    engine.block({ k: 'a' }, { for: '1h' });
    engine.block({ k: 'b' }, { for: '1h' });
    const restore = engine.snapshot();
    expect(() => engineAt(START, { restore, maxBlocks: 1 }, policy)).toThrow(/2 keys|1 keys/);
    expect(engineAt(START, { restore, maxBlocks: 2 }, policy).stats().partitions.k?.blocks).toBe(2);
  });
});
