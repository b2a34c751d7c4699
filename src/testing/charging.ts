/** Charges, refunds, and quotas that change under them. */

import {
  answers,
  assertAgrees,
  assertLimits,
  assertNoMore,
  assertSame,
  assertUntouched,
  takeAll,
} from './answers.ts';
import { equal } from './assert.ts';
import { play } from './drawing.ts';
import { Key } from './key.ts';
import { beside, type Law, law, limitOf, siblings } from './law.ts';

export const CHARGING: Readonly<Record<string, Law>> = {
  'charge in parts as at once': law(
    [],
    (draw, scale) => ({
      steps: draw.wildHistories(scale),
      first: draw.costs(scale),
      second: draw.costs(scale),
    }),
    (limit, { from, steps, first, second }) => {
      const [parts, whole] = [new Key(limit.plan), new Key(limit.plan)];
      const now = play(steps, from, parts, whole);
      parts.charge(now, first);
      parts.charge(now, second);
      whole.charge(now, first + second);
      assertSame(limit, parts, whole, now);
      assertLimits(limit, now);
    },
  ),

  'give back the whole charge in the same instant': law(
    [],
    (draw, scale) => ({
      steps: draw.histories(scale, ['take', 'refund']),
      cost: draw.grantable(scale),
    }),
    (limit, { from, steps, cost }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      const before = key.copy();
      const mark = key.charge(now, cost);
      equal(key.remaining(now), Math.max(0, before.remaining(now) - cost));
      key.refund(now, cost, mark);
      assertSame(limit, key, before, now);
      assertLimits(limit, now);
    },
  ),

  'give back no more than is left of a charge': law(
    [],
    (draw, scale) => ({
      steps: draw.histories(scale),
      cost: draw.grantable(scale),
      others: draw.histories(scale, ['force']),
      wait: draw.waits(scale),
    }),
    (limit, { from, steps, cost, others, wait }, subject) => {
      const [key, without] = [new Key(limit.plan), new Key(limit.plan)];
      const now = play(steps, from, key, without);
      // What debt cuts off at its limit cannot be given back exactly, so stay below it.
      let room = limit.capacity + key.remaining(now) - 1 - cost;
      const skipUnless: (holds: boolean) => void = subject.fc.pre;
      skipUnless(room >= 0);
      // A unit that stays, so that windows begin at the same instant with the charge in question and without.
      for (const one of [key, without]) one.charge(now, 1);
      const counted = others.filter((step) => {
        room -= step.cost;
        return room >= 0;
      });
      const mark = key.charge(now, cost);
      const end = play(counted, now, key, without) + wait;
      key.refund(end, cost, mark);
      assertNoMore(limit, key, without, end);
      assertLimits(limit, end);
    },
  ),

  'give back nothing of a charge that is over': law(
    [],
    (draw, scale) => ({
      steps: draw.histories(scale, ['take', 'force', 'refund']),
      cost: draw.costs(scale),
      others: draw.histories(scale, ['take', 'force']),
      wait: draw.waits(scale),
      last: draw.costs(scale),
    }),
    (limit, { from, steps, cost, others, wait, last }, subject) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      const mark = key.charge(now, cost);
      const over = Math.max(play(others, now, key), mark + subject.refundable(limit.plan, cost)) + wait;
      key.charge(over, last);
      const before = key.copy();
      key.refund(over, cost, mark);
      assertSame(limit, key, before, over);
      assertLimits(limit, over);
    },
  ),

  'keep usage when the quota changes': law(
    ['siblings', 'oracle'],
    (draw, scale, subject) => ({
      other: siblings(subject, scale.plan),
      steps: draw.fc.array(
        draw.fc.tuple(draw.fc.boolean(), draw.waits(scale), draw.costs(scale), draw.fc.boolean()),
        { maxLength: 30 },
      ),
      ask: draw.costs(scale),
    }),
    (limit, { from, other, steps, ask }, subject) => {
      const limits = [
        { ...limit, plan: beside(limit.plan, other) },
        { ...limitOf(subject, other), plan: beside(other, limit.plan) },
      ] as const;
      const oracle = subject.oracle(limit.plan.quota * other.quota);
      let key = new Key(limit.plan);
      let now = from;
      let slack = 0;
      for (const [isOther, wait, cost, isForced] of steps) {
        now += wait;
        const present = limits[isOther ? 1 : 0];
        if (present.plan.quota !== key.plan.quota) slack += subject.slack;
        key = key.copy(present.plan);
        assertUntouched(key, now);
        if (isForced || key.admits(now, cost)) {
          key.charge(now, cost);
          oracle.charge(key.plan, now, cost);
        }
        assertAgrees(present, key, oracle, now, ask, slack);
      }
      assertLimits(limit, now);
    },
  ),

  'give nothing back when a quota is cut and restored': law(
    ['siblings'],
    (draw, scale, subject) => ({
      other: siblings(subject, scale.plan),
      asks: draw.fc.array(draw.costs(scale)),
    }),
    (limit, { from, other, asks }) => {
      const key = new Key(beside(limit.plan, other));
      equal(takeAll(limit, key, from), limit.capacity);
      const changed = key.copy(beside(other, limit.plan));
      answers(limit, changed, from);
      for (const cost of asks) if (!changed.admits(from, cost)) changed.repair(from);
      assertSame(limit, changed.copy(key.plan), key, from);
    },
  ),
};
