/** Windows and options that change under a key. */

import { answers, assertLimits, assertNoMore, takeAll } from './answers.ts';
import { equal, ok } from './assert.ts';
import { instead, play } from './drawing.ts';
import { Key } from './key.ts';
import { type Law, law, limitOf, strangers } from './law.ts';

export const CONVERTING: Readonly<Record<string, Law>> = {
  'leave as many units as before when the window changes': law(
    ['strangers'],
    (draw, scale, subject) => ({
      other: strangers(subject, scale.plan),
      steps: draw.histories(scale),
      wait: draw.waits(scale),
    }),
    (limit, { from, other, steps, wait }, subject) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key) + wait;
      const before = key.remaining(now);
      const converted = key.copy(other).convert(now, limit.plan);
      const [left, least] = [converted.remaining(now), before - subject.loss(limit.plan, other)];
      ok(left <= before && left >= least, `${left} left, of ${before}`);
      equal(takeAll(limitOf(subject, other), converted, now), left);
      const end = converted.resetAt(now);
      ok(end <= now + 2 * subject.drain(other) + 1, `full again at ${end}`);
      assertLimits(limit, now);
    },
  ),

  'grant no more after windows have changed to and fro in one instant': law(
    ['strangers'],
    (draw, scale, subject) => ({
      others: draw.fc.array(strangers(subject, scale.plan), { minLength: 1, maxLength: 4 }),
      steps: draw
        .wildHistories(scale)
        .map((steps) => steps.map((step) => ({ ...step, wait: Math.abs(step.wait) }))),
      wait: draw.waits(scale),
    }),
    (limit, { from, others, steps, wait }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key) + wait;
      let flipped = key.copy();
      for (const other of [...others, limit.plan]) flipped = flipped.copy(other).convert(now, flipped.plan);
      assertNoMore(limit, flipped, key, now);
      assertLimits(limit, now);
    },
  ),

  'convert whatever cells hold, and lock nobody out by it': law(
    ['strangers'],
    (draw, scale, subject) => ({
      other: strangers(subject, scale.plan),
      cells: draw.garbage(scale, scale.plan.algorithm.cells),
      cost: draw.grantable(scale),
    }),
    (limit, { from, other, cells, cost }, subject) => {
      const key = new Key(limit.plan, instead(cells, from)).copy(other).convert(from, limit.plan);
      answers(limitOf(subject, other), key, from);
      if (!key.admits(from, cost)) key.repair(from);
      const most = from + 2 * subject.drain(other);
      ok(key.availableAt(from, cost) <= most, `promised for ${key.availableAt(from, cost)}`);
      assertLimits(limit, from);
    },
  ),
};
