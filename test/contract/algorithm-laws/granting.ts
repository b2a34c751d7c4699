/** What a key grants, when it grants again, and what it reports. */

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Key } from '../../fixtures/algorithm-key.ts';
import { assertAgrees, assertLimits, takeAll } from '../../fixtures/answers.ts';
import { costs, grantable, play, starts, waits, wildHistories } from '../../fixtures/histories.ts';
import { forLimits, type Law } from './law.ts';

export const GRANTING: Readonly<Record<string, Law>> = {
  'answer as an oracle does, whatever happens': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, steps: wildHistories(scale), ask: costs(scale) }),
      (limit, { from, steps, ask }) => {
        const key = new Key(limit.plan);
        const oracle = subject.oracle(limit.plan.quota);
        let now = from;
        let last = { cost: 0, mark: from };
        for (const { wait, cost, does } of steps) {
          now = Math.max(0, now + wait);
          assertAgrees(limit, key, oracle, now, cost);
          if (does === 'refund') {
            key.refund(now, last.cost, last.mark);
            oracle.refund(limit.plan, now, last.cost, last.mark);
          } else if (cost > 0 && (does === 'force' || oracle.conforms(limit.plan, now, cost))) {
            last = { cost, mark: key.charge(now, cost) };
            assert.equal(oracle.charge(limit.plan, now, cost), last.mark, 'the instant a charge counts from');
          }
          assertAgrees(limit, key, oracle, now, ask);
        }
        assertLimits(limit, now);
      },
    ),

  'admit no more than the bound in any interval': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, gaps: fc.array(waits(scale), { maxLength: 30 }), cost: costs(scale) }),
      (limit, { from, gaps, cost }) => {
        const key = new Key(limit.plan);
        const granted = [{ at: from, units: takeAll(limit, key, from) }];
        assert.equal(granted[0]?.units, limit.capacity, 'a fresh key grants its capacity');
        let now = from;
        for (const gap of gaps) {
          now += gap;
          granted.push({ at: now, units: key.take(now, cost) ? cost : takeAll(limit, key, now) });
        }
        granted.forEach((first, i) => {
          let units = 0;
          for (const { at, units: more } of granted.slice(i)) {
            units += more;
            const most = subject.most(limit.plan, at - first.at);
            assert.ok(units <= most, `${units} units from ${first.at} to ${at}, at most ${most}`);
          }
        });
      },
    ),

  'keep up the promised rate when somebody always asks': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, phase: fc.nat(scale.window) }),
      (limit, { from, phase }) => {
        const key = new Key(limit.plan);
        const start = from + phase;
        let now = start;
        let units = 0;
        for (let round = 0; round < 60; round++) {
          units += takeAll(limit, key, now);
          assert.ok(units <= subject.most(limit.plan, now - start), `${units} units in ${now - start} ms`);
          now = key.availableAt(now, 1);
          const idle = now - 1 - start;
          assert.ok(units >= subject.least(limit.plan, idle), `only ${units} units in ${idle} ms`);
        }
      },
    ),

  'admit at the promised instant, and not a millisecond before': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, steps: wildHistories(scale), cost: grantable(scale), later: fractions }),
      (limit, { from, steps, cost, later }) => {
        const key = new Key(limit.plan);
        const now = play(steps, from, key);
        takeAll(limit, key, now, cost);
        const at = key.availableAt(now, cost);
        assert.ok(at > now && Number.isSafeInteger(at), `denied, but promised for ${at}`);
        assert.equal(key.availableAt(now + Math.floor((at - now) * later), cost), at, 'the promise moved');
        assert.ok(!key.admits(at - 1, cost), 'admitted before');
        assert.ok(key.admits(at, cost), 'denied then');
      },
    ),

  'let exactly the remaining units pass': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, steps: wildHistories(scale) }),
      (limit, { from, steps }) => {
        const key = new Key(limit.plan);
        const now = play(steps, from, key);
        const remaining = key.remaining(now);
        assert.equal(takeAll(limit, key, now), remaining);
        assert.equal(key.remaining(now), 0);
        assertLimits(limit, now);
      },
    ),

  'have the full quota back at the reset, and not a millisecond before': (subject, runs) =>
    forLimits(
      subject,
      runs,
      (scale) => ({ from: starts, steps: wildHistories(scale), later: fractions }),
      (limit, { from, steps, later }) => {
        const key = new Key(limit.plan);
        assert.equal(key.resetAt(from), from, 'a fresh key has nothing to wait for');
        const now = play(steps, from, key);
        key.charge(now, 1);
        const at = key.resetAt(now);
        assert.ok(at > now, 'used, and reset at once');
        assert.equal(key.resetAt(now + Math.floor((at - 1 - now) * later)), at, 'the reset moved');
        assert.ok(key.remaining(at - 1) < key.remaining(at), 'reset before');
        assert.equal(key.remaining(at), limit.capacity);
        assert.equal(key.resetAt(at), at);
      },
    ),
};

/** Somewhere between now and then. */
const fractions = fc.double({ min: 0, max: 1, noNaN: true });
