/** What a key grants, when it grants again, and what it reports. */

import { assertAgrees, assertLimits, takeAll } from './answers.ts';
import { equal, ok } from './assert.ts';
import { play } from './drawing.ts';
import { Key } from './key.ts';
import { type Law, law } from './law.ts';

export const GRANTING: Readonly<Record<string, Law>> = {
  'answer as an oracle does, whatever happens': law(
    ['oracle'],
    (draw, scale) => ({ steps: draw.wildHistories(scale), ask: draw.costs(scale) }),
    (limit, { from, steps, ask }, subject) => {
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
          equal(oracle.charge(limit.plan, now, cost), last.mark, 'the instant a charge counts from');
        }
        assertAgrees(limit, key, oracle, now, ask);
      }
      assertLimits(limit, now);
    },
  ),

  'admit no more than the bound in any interval': law(
    ['most'],
    (draw, scale) => ({
      gaps: draw.fc.array(draw.waits(scale), { maxLength: 30 }),
      cost: draw.costs(scale),
    }),
    (limit, { from, gaps, cost }, subject) => {
      const key = new Key(limit.plan);
      const granted = [{ at: from, units: takeAll(limit, key, from) }];
      equal(granted[0]?.units, limit.capacity, 'a fresh key grants its capacity');
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
          ok(units <= most, `${units} units from ${first.at} to ${at}, at most ${most}`);
        }
      });
    },
  ),

  'keep up the promised rate when somebody always asks': law(
    ['most', 'least'],
    (draw, scale) => ({ phase: draw.fc.nat(scale.window) }),
    (limit, { from, phase }, subject) => {
      const key = new Key(limit.plan);
      const start = from + phase;
      let now = start;
      let units = 0;
      for (let round = 0; round < 60; round++) {
        units += takeAll(limit, key, now);
        ok(units <= subject.most(limit.plan, now - start), `${units} units in ${now - start} ms`);
        now = key.availableAt(now, 1);
        const idle = now - 1 - start;
        ok(units >= subject.least(limit.plan, idle), `only ${units} units in ${idle} ms`);
      }
    },
  ),

  'admit at the promised instant, and not a millisecond before': law(
    [],
    (draw, scale) => ({
      steps: draw.wildHistories(scale),
      cost: draw.grantable(scale),
      later: draw.fractions,
    }),
    (limit, { from, steps, cost, later }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      takeAll(limit, key, now, cost);
      const at = key.availableAt(now, cost);
      ok(at > now && Number.isSafeInteger(at), `denied, but promised for ${at}`);
      equal(key.availableAt(now + Math.floor((at - now) * later), cost), at, 'the promise moved');
      ok(!key.admits(at - 1, cost), 'admitted before');
      ok(key.admits(at, cost), 'denied then');
    },
  ),

  'let exactly the remaining units pass': law(
    [],
    (draw, scale) => ({ steps: draw.wildHistories(scale) }),
    (limit, { from, steps }) => {
      const key = new Key(limit.plan);
      const now = play(steps, from, key);
      const remaining = key.remaining(now);
      equal(takeAll(limit, key, now), remaining);
      equal(key.remaining(now), 0);
      assertLimits(limit, now);
    },
  ),

  'have the full quota back at the reset, and not a millisecond before': law(
    [],
    (draw, scale) => ({ steps: draw.wildHistories(scale), later: draw.fractions }),
    (limit, { from, steps, later }) => {
      const key = new Key(limit.plan);
      equal(key.resetAt(from), from, 'a fresh key has nothing to wait for');
      const now = play(steps, from, key);
      key.charge(now, 1);
      const at = key.resetAt(now);
      ok(at > now, 'used, and reset at once');
      equal(key.resetAt(now + Math.floor((at - 1 - now) * later)), at, 'the reset moved');
      ok(key.remaining(at - 1) < key.remaining(at), 'reset before');
      equal(key.remaining(at), limit.capacity);
      equal(key.resetAt(at), at);
    },
  ),
};
