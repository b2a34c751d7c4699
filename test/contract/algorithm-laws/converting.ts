/** Windows and options that change under a key. */

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Key } from '../../fixtures/algorithm-key.ts';
import { answers, assertLimits, assertNoMore, takeAll } from '../../fixtures/answers.ts';
import {
  garbage,
  grantable,
  histories,
  play,
  starts,
  waits,
  wildHistories,
} from '../../fixtures/histories.ts';
import { forLimits, type Law, limitOf, strangers } from './law.ts';

export const CONVERTING: Readonly<Record<string, Law>> = {
  'leave as many units as before when the window changes': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale, plan) => ({
        from: starts,
        other: strangers(subject, plan),
        steps: histories(scale),
        wait: waits(scale),
      }),
      (limit, { from, other, steps, wait }) => {
        const key = new Key(limit.plan);
        const now = play(steps, from, key) + wait;
        const before = key.remaining(now);
        const converted = key.copy(other).convert(now, limit.plan);
        const [left, least] = [converted.remaining(now), before - subject.loss(limit.plan, other)];
        assert.ok(left <= before && left >= least, `${left} left, of ${before}`);
        assert.equal(takeAll(limitOf(subject, other), converted, now), left);
        const end = converted.resetAt(now);
        assert.ok(end <= now + 2 * subject.drain(other) + 1, `full again at ${end}`);
        assertLimits(limit, now);
      },
    ),

  'grant no more after windows have changed to and fro in one instant': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale, plan) => ({
        from: starts,
        others: fc.array(strangers(subject, plan), { minLength: 1, maxLength: 4 }),
        steps: wildHistories(scale).map((steps) =>
          steps.map((step) => ({ ...step, wait: Math.abs(step.wait) })),
        ),
        wait: waits(scale),
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

  'convert whatever cells hold, and lock nobody out by it': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale, plan) => ({
        from: starts,
        other: strangers(subject, plan),
        cells: garbage(scale, plan.algorithm.cells),
        cost: grantable(scale),
      }),
      (limit, { from, other, cells, cost }) => {
        const values = cells.map(({ value, counts }) => (counts === 'from-now' ? from + value : value));
        const key = new Key(limit.plan, values).copy(other).convert(from, limit.plan);
        answers(limitOf(subject, other), key, from);
        if (!key.admits(from, cost)) key.repair(from);
        const most = from + 2 * subject.drain(other);
        assert.ok(key.availableAt(from, cost) <= most, `promised for ${key.availableAt(from, cost)}`);
        assertLimits(limit, from);
      },
    ),
};
