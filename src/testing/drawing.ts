import type * as fastCheck from 'fast-check';
import type { Millis } from '../time.ts';
import type { Key } from './key.ts';

/** The module `fast-check`, of version 3 or later. */
export type FastCheck = typeof fastCheck;

/** What happens to a key after a wait. */
export interface Step {
  /** Negative: the clock steps back. */
  readonly wait: Millis;
  readonly cost: number;
  /** `take` asks and charges if it may, `force` charges anyway (0 never is), `refund` gives the last charge back. */
  readonly does: 'take' | 'force' | 'refund';
}

/** What histories are made to: a plan's window, the units a fresh key grants, and the time these take to vanish. */
export interface Scale {
  readonly window: Millis;
  readonly capacity: number;
  readonly drain: Millis;
}

/** What stands in a cell: a number as it is, or one counted from the present. */
export interface Cell {
  readonly value: number;
  readonly counts: 'as-is' | 'from-now';
}

/** What cells hold at `now`. */
export function instead(cells: readonly Cell[], now: Millis): readonly number[] {
  return cells.map(({ value, counts }) => (counts === 'from-now' ? now + value : value));
}

/** Plays a history on each of `keys`, and returns the instant it ends at. */
export function play(steps: readonly Step[], from: Millis, ...keys: readonly Key[]): Millis {
  return Math.max(from, ...keys.map((key) => playOn(key, steps, from)));
}

function playOn(key: Key, steps: readonly Step[], from: Millis): Millis {
  let now = from;
  let last = { cost: 0, mark: from };
  for (const { wait, cost, does } of steps) {
    now = Math.max(0, now + wait);
    if (does === 'refund') key.refund(now, last.cost, last.mark);
    else if (cost > 0 && (does === 'force' || key.admits(now, cost)))
      last = { cost, mark: key.charge(now, cost) };
  }
  return now;
}

/** What laws draw: all that can happen to a key. */
export interface Drawing {
  readonly fc: FastCheck;
  /** Somewhere between now and then. */
  readonly fractions: fastCheck.Arbitrary<number>;
  readonly starts: fastCheck.Arbitrary<Millis>;
  waits(scale: Scale): fastCheck.Arbitrary<Millis>;
  jumps(scale: Scale, furthestBack?: Millis): fastCheck.Arbitrary<Millis>;
  costs(scale: Scale): fastCheck.Arbitrary<number>;
  grantable(scale: Scale): fastCheck.Arbitrary<number>;
  histories(
    scale: Scale,
    kinds?: readonly Step['does'][],
    clock?: fastCheck.Arbitrary<Millis>,
  ): fastCheck.Arbitrary<readonly Step[]>;
  wildHistories(scale: Scale): fastCheck.Arbitrary<readonly Step[]>;
  garbage(scale: Scale, cells: number): fastCheck.Arbitrary<readonly Cell[]>;
}

/** Draws with the caller's fast-check. */
export function drawing(fc: FastCheck): Drawing {
  /** Instants to begin at: the start of time, odd ones, today, and far away. */
  const starts: fastCheck.Arbitrary<Millis> = fc.constantFrom(0, 0, 1, 1234, 1_760_000_000_123, 2 ** 51);

  /** Waits of up to two drains, with the edges of the window and the time of a unit among them. */
  function waits({ window, capacity, drain }: Scale): fastCheck.Arbitrary<Millis> {
    const unit = Math.floor(drain / capacity);
    const third = Math.floor(window / 3);
    const edges = [0, 0, 1, 2, third, window - 1, window, window + 1, unit, unit + 1, drain];
    return fc.oneof(fc.constantFrom(...edges), fc.nat(2 * drain));
  }

  /** Steps of a clock that may go back as well, by default as far as it goes forward. */
  function jumps(scale: Scale, furthestBack: Millis = 2 * scale.drain): fastCheck.Arbitrary<Millis> {
    const back = fc.oneof(waits(scale), fc.nat(furthestBack)).map((wait) => -wait);
    return fc.oneof(waits(scale), waits(scale), back);
  }

  /** Costs from 0 to somewhat more than a fresh key grants, the smallest and the largest more often. */
  function costs({ capacity }: Scale): fastCheck.Arbitrary<number> {
    return fc.oneof(fc.constantFrom(1, 1, capacity, capacity + 1), fc.nat(capacity + 2));
  }

  /** Costs that a fresh key grants. */
  function grantable({ capacity }: Scale): fastCheck.Arbitrary<number> {
    return fc.integer({ min: 1, max: capacity });
  }

  /** Up to thirty steps, of these kinds. */
  function histories(
    scale: Scale,
    kinds: readonly Step['does'][] = ['take'],
    clock: fastCheck.Arbitrary<Millis> = waits(scale),
  ): fastCheck.Arbitrary<readonly Step[]> {
    const step = fc.record({ wait: clock, cost: costs(scale), does: fc.constantFrom(...kinds) });
    return fc.array(step, { maxLength: 30 });
  }

  /** Takes, debts, refunds, and a clock that steps back: everything that can happen to a key. */
  function wildHistories(scale: Scale): fastCheck.Arbitrary<readonly Step[]> {
    return histories(scale, ['take', 'take', 'force', 'refund'], jumps(scale));
  }

  /** Cells that mean nothing: any number, any bits, and instants that are nearly right. */
  function garbage(scale: Scale, cells: number): fastCheck.Arbitrary<readonly Cell[]> {
    const { window, capacity, drain } = scale;
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 1e300, 0.5, 0, -1];
    const bits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((word) => {
      return new Float64Array(BigUint64Array.of(word).buffer)[0] ?? 0;
    });
    const anything = fc.oneof(fc.constantFrom(...odd), fc.double(), bits, fc.nat(2 * capacity));
    const edges = [window, 2 * window, drain, 2 * drain].flatMap((span) => [
      span - 1,
      span,
      span + 0.5,
      span + 1,
    ]);
    const nearly = fc.oneof(fc.constantFrom(...edges), jumps(scale), fc.nat(5 * drain));
    const cell = fc.oneof(
      anything.map((value): Cell => ({ value, counts: 'as-is' })),
      nearly.map((value): Cell => ({ value, counts: 'from-now' })),
    );
    return fc.array(cell, { minLength: cells, maxLength: cells });
  }
  const fractions = fc.double({ min: 0, max: 1, noNaN: true });
  return { fc, fractions, starts, waits, jumps, costs, grantable, histories, wildHistories, garbage };
}
