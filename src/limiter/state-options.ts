import { collectFaults, PolicyError, show } from '../errors.ts';
import { randomSeed } from '../partition/remnant.ts';
import type { TableOptions } from '../partition/table.ts';
import { type Clock, systemClock } from '../time.ts';

/** What a limiter and an engine have in common: how much they remember, and whose time it is. */
export interface StateOptions {
  /**
   * Keys of one partition that have a row of their own; 1 to 2^24, default 10,000. Beyond, a new key takes the row of one
   * that was not asked about for long, and what that one has used lives on in the remnant: rows that several keys share.
   */
  readonly maxKeys?: number;
  /** Keys of one partition that can be blocked at once; 1 to 2^24, default 10,000. */
  readonly maxBlocks?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Makes the choice of remnant rows repeatable: an integer from 0 to 2^32 - 1. Default: random, as it should be. */
  readonly seed?: number;
}

/** Names of the fields of {@link StateOptions}. */
export const STATE_OPTIONS = ['maxKeys', 'maxBlocks', 'clock', 'seed'] as const;

const MOST_KEYS = 2 ** 24;
const DEFAULT_KEYS = 10_000;

/**
 * The options with their defaults.
 *
 * @throws PolicyError naming every faulty option
 */
export function stateFrom(options: StateOptions): { table: TableOptions; clock: Clock } {
  const { maxKeys, maxBlocks, seed, clock } = collectFaults({
    maxKeys: () => integer(options.maxKeys ?? DEFAULT_KEYS, 'maxKeys', 1, MOST_KEYS),
    maxBlocks: () => integer(options.maxBlocks ?? DEFAULT_KEYS, 'maxBlocks', 1, MOST_KEYS),
    seed: () => (options.seed === undefined ? undefined : integer(options.seed, 'seed', 0, 2 ** 32 - 1)),
    clock: () => checkClock(options.clock ?? systemClock),
  });
  return { table: { maxKeys, maxBlocks, seed: seed === undefined ? randomSeed() : [seed, ~seed] }, clock };
}

function integer(value: number, path: string, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const message = `${show(value)} is no ${path}; give an integer from ${least} to ${most}`;
  throw new PolicyError([{ code: 'bad-option', path, value, message }]);
}

function checkClock(clock: Clock): Clock {
  if (typeof clock === 'object' && clock !== null && typeof clock.now === 'function') return clock;
  const message = `${show(clock)} is no clock; give an object with a method now()`;
  throw new PolicyError([{ code: 'bad-option', path: 'clock', value: clock, message }]);
}
