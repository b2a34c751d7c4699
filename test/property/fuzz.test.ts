/** Policies and snapshots in which something is wrong: a typed error, or an engine that works; in no time, and nothing else. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createEngine, isHeadgateError, manualClock, type PolicyDocument } from 'headgate';
import { describe, it } from 'vitest';
import { checksum } from '../../src/engine/bytes.ts';
import { histories, MANY_KEYS, Player } from '../fixtures/engine-histories.ts';
import { GROUP_NAMES, numbers, policyOf, strangers, windowSets } from '../fixtures/policy-versions.ts';
import { ALGORITHMS, anyPolicy } from '../fixtures/random-policies.ts';
import { runs } from '../fixtures/runs.ts';

const LONGEST = 1000;

/** Fails if the work throws anything but a typed error, takes too long, or touches what all objects share. */
function survives<T>(work: () => T): T | undefined {
  const shared = Reflect.ownKeys(Object.prototype).length;
  const from = performance.now();
  try {
    return work();
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    assert.ok(error.message.length > 0 && error.message.length < 100_000);
    return undefined;
  } finally {
    const took = performance.now() - from;
    assert.ok(took < LONGEST, `it took ${took} ms`);
    assert.equal(Reflect.ownKeys(Object.prototype).length, shared);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  }
}

/** What may stand anywhere in a document. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1.5, 1e21, 2 ** 53, '', '1m', 'custom'],
    ...['__proto__', 'constructor', 'shadow', 'requests', [], {}, [[]], true, 10n, Symbol('s'), () => 1],
    ...[new Date(0), new Map(), { quota: 1 }, { quota: 1, burst: 0 }, { size: 1 }, 'GET /**', '* /:a/*/**'],
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc
    .constantFrom('{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}')
    .map((text) => JSON.parse(text)),
);

interface Mutation {
  /** Which of all places in the document. */
  readonly place: number;
  readonly does: 'replace' | 'remove' | 'rename' | 'copy' | 'tweak';
  readonly value: unknown;
  readonly name: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(),
  does: fc.constantFrom('replace', 'replace', 'remove', 'rename', 'copy', 'tweak', 'tweak', 'tweak'),
  value: odd,
  name: fc.constantFrom(
    '__proto__',
    'constructor',
    'quota',
    'window',
    'per',
    'limits',
    'candidate',
    'x',
    'UPPER',
    '',
  ),
});

/** Every field of a document, and what it is in; not all of those of one that holds itself. */
function placesOf(document: unknown, depth = 0): [container: Record<string, unknown>, field: string][] {
  if (typeof document !== 'object' || document === null || depth > 7) return [];
  const container = document as Record<string, unknown>;
  return Object.keys(container).flatMap((field) => [
    [container, field] as [typeof container, string],
    ...placesOf(container[field], depth + 1),
  ]);
}

function isPlain(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))
  );
}

function mutated(policy: PolicyDocument, mutations: readonly Mutation[]): PolicyDocument {
  const document = JSON.parse(JSON.stringify(policy));
  for (const { place, does, value, name } of mutations) {
    const places = placesOf(document);
    const [container, field] = places[place % Math.max(1, places.length)] ?? [{}, ''];
    const own = (name: string, value: unknown): void => {
      Object.defineProperty(container, name, { value, writable: true, enumerable: true, configurable: true });
    };
    if (does === 'replace') own(field, isPlain(value) ? JSON.parse(JSON.stringify(value)) : value);
    else if (does === 'tweak') {
      if (typeof container[field] === 'number') own(field, place % 12);
    } else if (does === 'copy') own(field, places[(place * 7) % places.length]?.[0]);
    else {
      if (does === 'rename') own(Array.isArray(container) ? field : name, container[field]);
      delete container[field];
    }
  }
  return document;
}

/** Asks every group whatever it needs, as far as that can be known; what is wrong with that has to be a typed error, too. */
function use(engine: ReturnType<typeof createEngine>, policy: PolicyDocument): void {
  const fields = Object.values(policy.limits).flatMap(({ per = [] }) => per);
  const known = Object.fromEntries(fields.map((field) => [field, 'v']));
  for (const group of Object.keys(policy.groups)) {
    survives(() => engine.tryAcquire({ ...known, group }).release());
    survives(() => engine.explain({ ...known, group }));
  }
  survives(() => engine.check({ ...known, method: 'GET', path: '/v1/x' }));
  engine.stats();
}

describe('a policy in which something is wrong', () => {
  const base = fc.oneof(
    anyPolicy,
    fc.tuple(numbers, windowSets, strangers).map(([quotas, windows, others]) => {
      const policy = policyOf(quotas, windows);
      return { ...policy, limits: { ...others, ...policy.limits } };
    }),
  );

  it('should be refused by a typed error, or decide', () => {
    const seen = { refused: 0, taken: 0 };
    fc.assert(
      fc.property(
        base,
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        base,
        (policy, mutations, other) => {
          const wrong = mutated(policy, mutations);
          const clock = manualClock(1_000_000);
          const engine = survives(() => createEngine(wrong, { clock, algorithms: ALGORITHMS }));
          seen[engine === undefined ? 'refused' : 'taken']++;
          if (engine !== undefined) use(engine, wrong);
          const before = createEngine(other, { clock, algorithms: ALGORITHMS, seed: 1 });
          use(before, other);
          const bytes = before.snapshot();
          const report = survives(() => before.reload(wrong));
          assert.equal(report === undefined, engine === undefined, 'reload takes what createEngine takes');
          if (report === undefined) assert.deepEqual(before.snapshot(), bytes);
          else {
            use(before, wrong);
            // What was taken can be saved and taken in again.
            createEngine(before.policy, { clock, algorithms: ALGORITHMS, restore: before.snapshot() });
          }
          use(before, before.policy);
        },
      ),
      { numRuns: runs(250, 50_000) },
    );
    assert.ok(seen.refused > 20 && seen.taken > 20, JSON.stringify(seen));
  });
});

describe('a snapshot in which something is wrong', () => {
  interface Slip {
    readonly at: number;
    readonly does: 'byte' | 'word' | 'cut' | 'insert' | 'copy';
    readonly value: number;
  }
  const slip: fc.Arbitrary<Slip> = fc.record({
    at: fc.nat(),
    does: fc.constantFrom('byte', 'byte', 'byte', 'byte', 'word', 'word', 'cut', 'insert', 'copy'),
    value: fc.oneof(
      fc.constantFrom(0, 1, 2, 255, 0x7fffffff, 0xffffffff, 0x7ff80000, 0x30303030),
      fc.nat(0xffffffff),
    ),
  });

  function slipped(bytes: Uint8Array, slips: readonly Slip[]): Uint8Array {
    let all = [...bytes.subarray(0, -4)];
    for (const { at, does, value } of slips) {
      // The first 8 bytes say what it is, which the table tests look at.
      const from = 8 + (at % Math.max(1, all.length - 8));
      if (does === 'byte') all[from] = value & 255;
      else if (does === 'cut') all = all.slice(0, from);
      else if (does === 'insert') all.splice(from, 0, value & 255);
      else if (does === 'copy')
        all.splice(from, 8, ...all.slice(value % all.length, (value % all.length) + 8));
      else all.splice(from, 4, value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
    }
    return Uint8Array.from([...all, 0, 0, 0, 0]);
  }

  const history = histories({ groups: GROUP_NAMES, keys: MANY_KEYS, maxLength: 25 });
  const cases = [
    numbers,
    windowSets,
    strangers,
    history,
    fc.array(slip, { minLength: 1, maxLength: 2 }),
  ] as const;

  function restored(player: Player, policy: PolicyDocument, restore: Uint8Array): boolean {
    const { clock } = player;
    const before = [clock.now(), clock.nextWake];
    const engine = survives(() => createEngine(policy, { clock, restore, maxKeys: 3 }));
    assert.deepEqual([clock.now(), clock.nextWake], before);
    if (engine === undefined) return false;
    for (const group of GROUP_NAMES) {
      for (const key of MANY_KEYS) {
        const ask = { group, key, sub: 'p' };
        const { remaining, resetAt, limits } = engine.tryAcquire(ask);
        for (const each of [remaining, resetAt ?? 0, ...limits.map(({ remaining }) => remaining)])
          assert.ok(!Number.isNaN(each) || limits.length > 0);
      }
    }
    engine.stats();
    createEngine(policy, { clock, restore: engine.snapshot() });
    return true;
  }

  it('should be refused by a typed error', () => {
    fc.assert(
      fc.property(...cases, (quotas, windows, others, history, slips) => {
        const base = policyOf(quotas, windows);
        const policy = { ...base, limits: { ...others, ...base.limits } };
        const player = new Player(policy, { maxKeys: 3 });
        for (const move of history) player.play(move);
        const bytes = player.engine.snapshot();
        const wrong = slipped(bytes, slips);
        wrong.set(bytes.subarray(-4), wrong.length - 4);
        const isSame = Buffer.compare(wrong, bytes) === 0;
        assert.equal(restored(player, policy, wrong), isSame);
      }),
      { numRuns: runs(200, 10_000) },
    );
  });

  it('should be refused by a typed error, or be taken in, although its checksum is right', () => {
    const seen = { refused: 0, taken: 0 };
    fc.assert(
      fc.property(...cases, (quotas, windows, others, history, slips) => {
        const base = policyOf(quotas, windows);
        const policy = { ...base, limits: { ...others, ...base.limits } };
        const player = new Player(policy, { maxKeys: 3 });
        for (const move of history) player.play(move);
        const wrong = slipped(player.engine.snapshot(), slips);
        new DataView(wrong.buffer).setUint32(wrong.length - 4, checksum(wrong.subarray(0, -4)), true);
        seen[restored(player, policy, wrong) ? 'taken' : 'refused']++;
      }),
      { numRuns: runs(400, 40_000) },
    );
    assert.ok(seen.refused > 20 && seen.taken > 20, JSON.stringify(seen));
  });
});
