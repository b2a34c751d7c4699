/** What may be written to a state, read from it, dropped, joined and repaired. */

import { answers, assertLimits, assertNoMore, assertSame, assertUntouched, takeAll } from './answers.ts';
import { equal, ok } from './assert.ts';
import { instead, play } from './drawing.ts';
import { Key } from './key.ts';
import { type Law, law, siblings } from './law.ts';

export const STATE: Readonly<Record<string, Law>> = {
  'write nothing when asked, nor for a cost of 0': law(
    [],
    (draw, scale) => ({ steps: draw.wildHistories(scale), jump: draw.jumps(scale) }),
    (limit, { from, steps, jump }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      const before = key.bytes();
      answers(limit, key, now);
      answers(limit, key, Math.max(0, now + jump));
      key.forgettableAt();
      key.refund(Math.max(0, now + jump), 0, key.charge(Math.max(0, now + jump), 0));
      equal(key.bytes(), before);
      assertLimits(limit, now);
    },
  ),

  'leave sound cells alone, and repair others to a full key': law(
    [],
    (draw, scale) => ({
      debts: draw.histories(scale, ['take', 'force', 'refund']),
      steps: draw.histories(scale, ['take', 'refund']),
      back: draw.fc.nat(scale.drain),
    }),
    (limit, { from, debts, steps, back }) => {
      const indebted = new Key(limit.plan);
      assertUntouched(indebted, play(debts, from, indebted));

      const key = new Key(limit.plan);
      const now = play(steps, from + 3 * limit.drain, key);
      assertUntouched(key, now);
      assertUntouched(key, now - back);

      key.charge(now, 1);
      const longAgo = now - 2 * limit.drain - 1;
      key.repair(longAgo);
      equal(key.remaining(longAgo), 0, 'full as of then');
      equal(takeAll(limit, key, longAgo + 2 * limit.drain), limit.capacity, 'two drains later');
    },
  ),

  'admit no more when the clock steps to and fro': law(
    ['most'],
    (draw, scale) => ({
      phase: draw.fc.nat(scale.window),
      steps: draw.fc.array(draw.fc.tuple(draw.jumps(scale, 5 * scale.drain), draw.costs(scale)), {
        maxLength: 30,
      }),
    }),
    (limit, { phase, steps }, subject) => {
      const key = new Key(limit.plan);
      let now = 20 * limit.drain + phase;
      let forward = 0;
      let units = takeAll(limit, key, now);
      equal(units, limit.capacity);
      for (const [jump, cost] of steps) {
        forward += Math.max(0, jump);
        now = Math.max(0, now + jump);
        units += key.take(now, cost) ? cost : takeAll(limit, key, now);
        const most = subject.most(limit.plan, forward);
        ok(units <= most, `${units} units in ${forward} ms of steps forward, at most ${most}`);
      }
    },
  ),

  'lock no key out for more than two drains, whatever its cells hold': law(
    [],
    (draw, scale) => ({
      cells: draw.garbage(scale, scale.plan.algorithm.cells),
      foreign: draw.garbage(scale, scale.plan.algorithm.cells),
      cost: draw.grantable(scale),
      polls: draw.fc.array(draw.waits(scale), { maxLength: 10 }),
    }),
    (limit, { from, cells, foreign, cost, polls }) => {
      const key = new Key(limit.plan, instead(cells, from));
      const joined = key.copy().join(new Key(limit.plan, instead(foreign, from)));
      const refunded = key.copy();
      refunded.refund(from, cost, key.copy().charge(from, cost));
      const end = from + 2 * limit.drain;
      for (const wrong of [key, joined, refunded]) {
        answers(limit, wrong, from);
        wrong.forgettableAt();
        if (wrong.admits(from, cost)) continue;
        wrong.repair(from);
        ok(wrong.availableAt(from, cost) <= end, `promised for ${wrong.availableAt(from, cost)}`);
        let now = from;
        for (const gap of polls) {
          now += gap;
          if (now < end && !wrong.admits(now, cost)) wrong.repair(now);
        }
        ok(wrong.take(end, cost), 'locked out');
      }
      assertLimits(limit, from);
    },
  ),

  'be as a fresh key once it is forgettable': law(
    [],
    (draw, scale, subject) => ({
      steps: draw.wildHistories(scale),
      last: draw.fc.constantFrom('kept', 'refunded'),
      wait: draw.waits(scale),
      // Waits here count from the first instant: the clock may step back, but not to before it.
      later: draw.histories(scale, ['take', 'force', 'refund']),
      other: siblings(subject, scale.plan),
    }),
    (limit, { from, steps, last, wait, later, other }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      const mark = key.charge(now, 1);
      ok(key.remaining(now) < new Key(limit.plan).remaining(now), 'usage shows');
      ok(key.forgettableAt() <= key.resetAt(now) + 1, 'kept for too long');
      if (last === 'refunded') key.refund(now, 1, mark);

      const at = key.forgettableAt() + wait;
      for (const reader of [limit.plan, other]) {
        const [kept, forgotten] = [key.copy(reader), new Key(reader)];
        assertSame(limit, kept, forgotten, at);
        const moves = later.map((step, i) => ({ ...step, wait: step.wait - (later[i - 1]?.wait ?? 0) }));
        play(moves, at, kept, forgotten);
        assertSame(limit, kept, forgotten, at);
      }
      assertLimits(limit, at);
    },
  ),

  'join to a state that grants no more than either': law(
    [],
    (draw, scale) => {
      const past = draw.histories(scale, ['take', 'force', 'refund']);
      return {
        gap: draw.waits(scale),
        pasts: draw.fc.tuple(past, past, past),
        more: draw.grantable(scale),
      };
    },
    (limit, { from, gap, pasts: [pastOfA, pastOfB, pastOfC], more }) => {
      const [a, b, c] = [new Key(limit.plan), new Key(limit.plan), new Key(limit.plan)];
      const now = Math.max(play(pastOfA, from, a), play(pastOfB, from + gap, b), play(pastOfC, from, c));
      const both = a.copy().join(b);

      assertNoMore(limit, both, a, now);
      assertNoMore(limit, both, b, now);
      equal(both.forgettableAt(), Math.max(a.forgettableAt(), b.forgettableAt()));
      assertSame(limit, both, b.copy().join(a), now);
      assertSame(limit, both.copy().join(c), a.copy().join(b.copy().join(c)), now);
      assertSame(limit, a.copy().join(a), a, now);
      assertSame(limit, a.copy().join(new Key(limit.plan)), a, now);
      assertSame(limit, new Key(limit.plan).join(a), a, now);

      // What is over is cleared before a join; then a past joined to its own continuation adds nothing.
      const past = a.forgettableAt() <= now ? new Key(limit.plan) : a;
      const present = past.copy();
      present.charge(now, more);
      assertSame(limit, past.copy().join(present), present, now);
      assertSame(limit, present.copy().join(past), present, now);
      assertLimits(limit, now);
    },
  ),
};
