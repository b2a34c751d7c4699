import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/engine.ts';
import { isHeadgateError, type PolicyError } from '../../src/errors.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { isField, isName } from '../../src/policy/name.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { policySchema } from '../../src/policy/schema.ts';
import { shapeFaults } from '../../src/policy/shape.ts';
import { readDuration } from '../../src/time.ts';
import { BASE, faultsOf, limitsWith, policyWith } from '../fixtures/policy-documents.ts';
import { validatePolicy } from '../fixtures/policy-schema.ts';
import { ALGORITHMS, anyPolicy } from '../fixtures/random-policies.ts';

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
const SCHEMA = policySchema(Object.keys(ALGORITHMS).map((name) => v.literal(name)));

/** Asks an engine about every group and about a path; whether it gave an answer at all. */
function isAnswered(document: PolicyDocument): boolean {
  const engine = createEngine(document, { algorithms: ALGORITHMS, clock: { now: () => 0 } });
  const limits = Object.values(document.limits);
  const descriptor = Object.fromEntries(
    limits.flatMap(({ per = [] }) => [per].flat().map((field) => [field, 'x'])),
  );
  const requests = [
    { method: 'GET', path: '/g0/7' },
    ...Object.keys(document.groups).map((group) => ({ group })),
  ];
  const answers = requests.map((request) => {
    try {
      return typeof engine.check({ ...descriptor, ...request }).allowed === 'boolean';
    } catch (error) {
      // A tier may want quotas, a unit a cost, and permits another call.
      if (isHeadgateError(error, 'DescriptorError') || isHeadgateError(error, 'CostError')) return false;
      throw error;
    }
  });
  return answers.includes(true);
}

describe('a right policy', () => {
  it('should be taken by the parser, by the JSON Schema, and by an engine that answers', () => {
    let answered = 0;
    fc.assert(
      fc.property(anyPolicy, (document) => {
        expect(faultsOf(document, ALGORITHMS)).toEqual([]);
        validatePolicy(document);
        expect(validatePolicy.errors).toBeNull();
        if (isAnswered(document)) answered++;
      }),
      { numRuns: 500 },
    );
    expect(answered).toBeGreaterThan(250);
  });
});

type Container = Record<string | number, unknown>;
/** Changes a document at a place of its own choice. */
type Mutation = (document: object, pick: number) => void;

/** Every place in a document, also where it holds itself. */
function placesIn(root: object): [Container, string][] {
  const seen = new Set<unknown>([root]);
  const places: [Container, string][] = [];
  for (const value of seen) {
    if (typeof value !== 'object' || value === null) continue;
    for (const key of Object.keys(value)) {
      places.push([value as Container, key]);
      seen.add((value as Container)[key]);
    }
  }
  return places;
}

const NAMES = [
  '__proto__',
  'constructor',
  'Reads',
  '',
  'a\r\nb',
  '0',
  'quota',
  'limits',
  'x'.repeat(300),
  'qouta',
  '*',
];
const VALUES: unknown[] = [
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  -0,
  0,
  1.5,
  1e21,
  2 ** 53 - 1,
  10n,
  '',
  '10',
  'custom',
  'deny',
  '1 fortnight',
  '{retryAfter}',
  '{',
  '__proto__',
  'GET /**',
  true,
  () => 1,
  Symbol('x'),
  new Date(0),
  new Map([['a', 1]]),
  new Array(2),
];
const FRESH: readonly (() => unknown)[] = [
  () => ({}),
  () => [],
  () => ({ quota: 1, burst: 2 ** 53 - 1 }),
  () => JSON.parse('{"__proto__":{"polluted":true},"toString":1}'),
  () => Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 0),
  ...VALUES.map((value) => () => value),
];

function replace([container, key]: [Container, string], value: unknown): void {
  Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

const putting =
  (make: () => unknown): Mutation =>
  (document, pick) => {
    const places = placesIn(document);
    const place = places[pick % places.length];
    if (place !== undefined) replace(place, make());
  };

const renaming =
  (name: string): Mutation =>
  (document, pick) => {
    const places = placesIn(document);
    const [container, key] = places[pick % places.length] ?? [{}, ''];
    if (Array.isArray(container)) return;
    replace([container, name], container[key]);
    if (pick % 2 === 0 && key !== name) delete container[key];
  };

const dropping: Mutation = (document, pick) => {
  const places = placesIn(document);
  const [container, key] = places[pick % places.length] ?? [{}, ''];
  if (Array.isArray(container)) container.splice(Number(key), 1);
  else delete container[key];
};

const repeating: Mutation = (document, pick) => {
  const lists = placesIn(document).filter(([container]) => Array.isArray(container));
  const [container, key] = lists[pick % lists.length] ?? [];
  if (Array.isArray(container)) container.push(container[Number(key)]);
};

/** Puts one part of the document in the place of another, or within itself. */
const grafting: Mutation = (document, pick) => {
  const places = placesIn(document);
  const [from, key] = places[(pick * 7919) % places.length] ?? [{}, ''];
  const place = places[pick % places.length];
  if (place !== undefined) replace(place, from[key]);
};

/** Those that may well leave a policy right. */
const GENTLE: readonly Mutation[] = [
  dropping,
  ...[0, 1, 500, '2m', 'deny', undefined, {}].map((value) => putting(() => structuredClone(value))),
];
const HARSH: readonly Mutation[] = [...FRESH.map(putting), ...NAMES.map(renaming), repeating, grafting];

const mutated = fc
  .tuple(
    fc.oneof(anyPolicy, fc.constant(BASE)),
    fc.array(fc.tuple(fc.oneof(fc.constantFrom(...GENTLE), fc.constantFrom(...HARSH)), fc.nat(10_000)), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([policy, mutations]) => {
    const document: object = structuredClone(policy);
    for (const [mutate, pick] of mutations) mutate(document, pick);
    return document;
  });

function expectTold({ faults, faultCount, message }: PolicyError): void {
  expect(faultCount).toBeGreaterThan(0);
  expect(message.split('\n')).toHaveLength(1 + Math.min(faultCount, 100) + (faultCount > 100 ? 1 : 0));
  for (const fault of faults) {
    expect([typeof fault.code, typeof fault.path, typeof fault.message]).toEqual([
      'string',
      'string',
      'string',
    ]);
    expect(fault.message).not.toBe('');
    expect(`${fault.path} ${fault.message}`).not.toMatch(/[\r\n]/);
  }
  expect(new Set(faults.map((fault) => `${fault.path}: ${fault.message}`)).size).toBe(faults.length);
}

describe('a policy with random faults', () => {
  it('should be refused with reasons or answer, and change no prototype', () => {
    const before = PROTOTYPES.map((prototype) => Object.getOwnPropertyNames(prototype));
    const count = { refused: 0, answered: 0 };
    fc.assert(
      fc.property(mutated, (document) => {
        try {
          if (isAnswered(document as PolicyDocument)) count.answered++;
        } catch (error) {
          if (!isHeadgateError(error, 'PolicyError')) throw error;
          expectTold(error);
          count.refused++;
        }
      }),
      { numRuns: 2500 },
    );
    expect(PROTOTYPES.map((prototype) => Object.getOwnPropertyNames(prototype))).toEqual(before);
    expect('polluted' in {}).toBe(false);
    expect(count.refused).toBeGreaterThan(1000);
    expect(count.answered).toBeGreaterThan(75);
  });

  it('should be refused by nothing else than what the parser says', () => {
    fc.assert(
      fc.property(mutated, (document) => {
        const faults = faultsOf(document, ALGORITHMS);
        if (faults.length === 0)
          expect(() =>
            createEngine(parsePolicy(document, ALGORITHMS), { algorithms: ALGORITHMS }),
          ).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('should have a fault wherever valibot finds one', () => {
    let found = 0;
    fc.assert(
      fc.property(mutated, (document) => {
        const { issues = [] } = v.safeParse(SCHEMA, document);
        const faults = [...shapeFaults(SCHEMA, document)];
        if (issues.length > 0) {
          found++;
          expect(faults).not.toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(300);
  });

  it('should be refused by the parser wherever the JSON Schema refuses it', () => {
    let found = 0;
    fc.assert(
      fc.property(mutated, (document) => {
        if (faultsOf(document, ALGORITHMS).length > 0) return;
        found++;
        validatePolicy(JSON.parse(JSON.stringify(document)));
        expect(validatePolicy.errors).toBeNull();
      }),
      { numRuns: 2000 },
    );
    expect(found).toBeGreaterThan(50);
  });
});

describe('texts in the JSON Schema', () => {
  const text = fc.oneof(
    fc.stringMatching(/^[A-Za-z_-]?[A-Za-z0-9_-]{0,66}$/),
    fc.stringMatching(/^[0-9.]{1,20} ?(ms|[smhdwx])$/),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom(
      'constructor',
      'prototype',
      '__proto__',
      'toString',
      'path',
      'quotas',
      'allow',
      'deny',
      'a\n',
    ),
  );
  const isTaken = (document: unknown): boolean => validatePolicy(JSON.parse(JSON.stringify(document)));

  it('should be names and fields just where the parser takes them', () => {
    fc.assert(
      fc.property(text, (word) => {
        expect(isTaken(limitsWith({ reads: { unit: word } }))).toBe(isName(word));
        expect(isTaken(limitsWith({ reads: { per: [word] } }))).toBe(isField(word));
        const groups = Object.defineProperty({}, word, { value: { limits: [] }, enumerable: true });
        expect(isTaken(policyWith({ groups }))).toBe(faultsOf(policyWith({ groups })).length === 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('should be durations wherever the parser takes them, and nearly nowhere else', () => {
    fc.assert(
      fc.property(text, (word) => {
        const isLength = readDuration(word) !== undefined;
        const isWritten = /^\d{1,16}(\.\d{1,6})? ?(ms|[smhdw])$/.test(word) && /[1-9]/.test(word);
        const taken = isTaken(limitsWith({ reads: { window: word } }));
        if (isLength) expect(taken).toBe(true);
        expect(taken).toBe(isWritten);
      }),
      { numRuns: 1000 },
    );
  });
});
