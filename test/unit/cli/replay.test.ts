import { expect, it } from 'vitest';
import { type Checker, replay } from '../../../src/cli/replay.ts';
import { CostError, DescriptorError } from '../../../src/errors.ts';
import type { LoggedDescriptor, LoggedRequest } from '../../../src/lab/trace/request.ts';
import type { Decision, LimitDecision } from '../../../src/limiter/decision.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';

const LIMIT = { algorithm: 'fixed-window', quota: 1, window: '1m' } as const;
const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    a: { ...LIMIT, per: ['ip', 'key'] },
    b: { ...LIMIT, per: ['key', 'ip'] },
    c: { ...LIMIT, per: 'ip' },
    idle: LIMIT,
  },
  groups: { used: { limits: ['a', 'b', 'c'] }, unused: { limits: [] } },
  unmatched: 'deny',
};

/** An engine that answers as it is told, and writes down what it was asked. */
class FakeEngine implements Checker {
  readonly asked: [number, LoggedDescriptor][] = [];
  readonly #answer: (descriptor: LoggedDescriptor) => Partial<Decision>;

  constructor(answer: (descriptor: LoggedDescriptor) => Partial<Decision>) {
    this.#answer = answer;
  }

  check(descriptor: LoggedDescriptor, { now }: { readonly now: number }): Decision {
    this.asked.push([now, descriptor]);
    return { allowed: true, group: 'used', limits: [], ...this.#answer(descriptor) } as Decision;
  }
}

function limit(name: string, key: string | undefined, allowed = true): LimitDecision {
  return { name, key, allowed } as LimitDecision;
}

function requests(...instants: number[]): LoggedRequest[] {
  return instants.map((at, i) => ({ line: i + 1, at, descriptor: { group: `line-${i + 1}` } }));
}

it('should ask in time order, and at one instant in file order', () => {
  const engine = new FakeEngine(() => ({}));
  const { span } = replay(requests(5, 3, 5, 1, 3), POLICY, engine, () => expect.unreachable());
  expect(engine.asked.map(([now, { group }]) => [now, group])).toEqual([
    [1, 'line-4'],
    [3, 'line-2'],
    [3, 'line-5'],
    [5, 'line-1'],
    [5, 'line-3'],
  ]);
  expect(span).toEqual({ from: 1, to: 5 });
});

it('should count by group and by the answer of each limit', () => {
  const answers: Partial<Decision>[] = [
    { limits: [limit('a', 'x'), limit('c', 'x')] },
    { allowed: false, limits: [limit('a', 'x', false), limit('c', 'x', false)] },
    { allowed: false, limits: [limit('a', 'x'), limit('c', 'x', false)] },
    { allowed: false, group: 'unmatched' },
  ];
  const engine = new FakeEngine(() => answers.shift() ?? {});
  const outcome = replay(requests(1, 2, 3, 4), POLICY, engine, () => expect.unreachable());
  expect(outcome).toMatchObject({ requests: 4, allowed: 1, denied: 3 });
  expect([...outcome.groups]).toEqual([
    ['used', { allowed: 1, denied: 2 }],
    ['unused', { allowed: 0, denied: 0 }],
    ['unmatched', { allowed: 0, denied: 1 }],
  ]);
  expect([...outcome.limits]).toEqual([
    ['a', 1],
    ['b', 0],
    ['c', 2],
    ['idle', 0],
  ]);
});

it('should count keys once per partition, whatever the order of its fields', () => {
  const answers = [
    [limit('a', 'x'), limit('b', 'x'), limit('c', 'x')],
    [limit('a', 'y'), limit('b', 'x'), limit('c', 'x')],
    [limit('a', undefined), limit('c', 'z')],
  ];
  const engine = new FakeEngine(() => ({ limits: answers.shift() ?? [] }));
  expect(replay(requests(1, 2, 3), POLICY, engine, () => expect.unreachable()).keys).toBe(4);
});

it('should pass on what the engine takes for misuse, and count it nowhere', () => {
  const fault = { code: 'x', path: 'x', value: 1 };
  const errors = [
    new DescriptorError({ ...fault, message: 'no tier' }),
    new CostError({ ...fault, message: 'no cost' }),
  ];
  const engine = new FakeEngine(() => {
    const error = errors.shift();
    if (error !== undefined) throw error;
    return {};
  });
  const refused: unknown[] = [];
  const outcome = replay(requests(1, 2, 3), POLICY, engine, (...told) => refused.push(told));
  expect(refused).toEqual([
    [1, 'no tier'],
    [2, 'no cost'],
  ]);
  expect(outcome).toMatchObject({ requests: 1, span: { from: 3, to: 3 } });
});

it('should let every other error through', () => {
  const engine = new FakeEngine(() => {
    throw new RangeError('a mistake in the engine');
  });
  expect(() => replay(requests(1), POLICY, engine, () => undefined)).toThrow(RangeError);
});

it('should have no span without requests', () => {
  const outcome = replay([], POLICY, new FakeEngine(() => ({})), () => undefined);
  expect(outcome).toMatchObject({ requests: 0, keys: 0, span: undefined });
});
