import { expect, it } from 'vitest';
import { type Outcome, outcomeOf } from '../../../src/cli/outcome.ts';
import { type Answer, replay, type Side } from '../../../src/cli/replay.ts';
import type { LoggedRequest } from '../../../src/lab/trace/request.ts';
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

/** Answers as it is told, at once. */
function sideOf(answer: (request: LoggedRequest) => Partial<Decision> | string): Side {
  return {
    ask(request, hear) {
      const told = answer(request);
      const decision = { allowed: true, group: 'used', limits: [], ...(told as Partial<Decision>) };
      hear(typeof told === 'string' ? told : (decision as unknown as Decision));
      return undefined;
    },
    finish: async () => undefined,
  };
}

/** What comes of these answers, one to each request. */
function outcomeFor(answers: (Partial<Decision> | string)[], refused: unknown[] = []): Promise<Outcome> {
  const asked = answers.map((_, i) => i + 1);
  const side = sideOf(() => answers.shift() ?? {});
  return outcomeOf(requests(...asked), POLICY, side, (...told) => refused.push(told));
}

function limit(name: string, key: string | undefined, allowed = true): LimitDecision {
  return { name, key, allowed } as LimitDecision;
}

function requests(...instants: number[]): LoggedRequest[] {
  return instants.map((at, i) => ({ line: i + 1, at, descriptor: { group: `line-${i + 1}` } }));
}

it('should count by group and by the answer of each limit', async () => {
  const outcome = await outcomeFor([
    { limits: [limit('a', 'x'), limit('c', 'x')] },
    { allowed: false, limits: [limit('a', 'x', false), limit('c', 'x', false)] },
    { allowed: false, limits: [limit('a', 'x'), limit('c', 'x', false)] },
    { allowed: false, group: 'unmatched' },
  ]);
  expect(outcome).toMatchObject({ requests: 4, allowed: 1, denied: 3, span: { from: 1, to: 4 } });
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

it('should count keys once per partition, whatever the order of its fields', async () => {
  const { keys } = await outcomeFor([
    { limits: [limit('a', 'x'), limit('b', 'x'), limit('c', 'x')] },
    { limits: [limit('a', 'y'), limit('b', 'x'), limit('c', 'x')] },
    { limits: [limit('a', undefined), limit('c', 'z')] },
  ]);
  expect(keys).toBe(4);
});

it('should pass on what is taken for misuse, and count it nowhere', async () => {
  const refused: unknown[] = [];
  const outcome = await outcomeFor(['no tier', 'no cost', {}], refused);
  expect(refused).toEqual([
    [1, 'no tier'],
    [2, 'no cost'],
  ]);
  expect(outcome).toMatchObject({ requests: 1, span: { from: 3, to: 3 } });
});

it('should let every error through', async () => {
  const side = sideOf(() => {
    throw new RangeError('a mistake in the engine');
  });
  await expect(outcomeOf(requests(1), POLICY, side, () => undefined)).rejects.toThrow(RangeError);
});

it('should have no span without requests', async () => {
  expect(await outcomeFor([])).toMatchObject({ requests: 0, keys: 0, span: undefined });
});

it('should tell of a request once all sides have answered, however late', async () => {
  const late: (() => void)[] = [];
  const name = (answer: Answer): string => (typeof answer === 'string' ? answer : answer.group);
  const queue: Side = {
    async ask({ line }, hear) {
      late.unshift(() => hear(`late ${line}`));
    },
    finish: async () => {
      for (const answer of late) answer();
    },
  };
  const told: string[] = [];
  const sides = [sideOf(({ line }) => `at once ${line}`), queue] as const;
  const { requests: count, span } = await replay(
    requests(3, 5),
    sides,
    ([one, other]) => {
      told.push(`${name(one)}, ${name(other)}`);
      return undefined;
    },
    () => expect.unreachable(),
  );
  expect(told).toEqual(['at once 2, late 2', 'at once 1, late 1']);
  expect([count, span]).toEqual([2, { from: 3, to: 5 }]);
});
