/**
 * When requests come: workloads that are told apart by their rate over time.
 *
 * @module
 */

import { checkFields } from '../../errors.ts';
import { type Duration, type Millis, parseDuration, toInstant } from '../../time.ts';
import type { Arrival, Clients, Workload } from '../arrival.ts';
import { badOption, integer, positive, within } from '../options.ts';
import { exponential, type Random, seeded } from '../random.ts';
import { type Hold, holding } from './hold.ts';
import { type Keys, uniformKeys, zipfKeys } from './keys.ts';

/** What all paced workloads take. */
export interface PaceOptions {
  /** Arrivals to the second, on average over the whole length: above 0, at most 10,000,000; default 10. */
  readonly rate?: number;
  /** How long it goes on; default `"10m"`. */
  readonly length?: Duration;
  /** Who asks: so many keys, equally likely, or a way to draw them, such as `zipfKeys(1000)`; default one key. */
  readonly keys?: number | Keys;
  /** Units of each request: a number, or the least and the most of whole numbers equally likely; default 1. */
  readonly cost?: number | readonly [least: number, most: number];
  /** How long work holds permits once it is admitted, such as `"3s"` or `exponentialHold("3s")`; default: it holds none. */
  readonly hold?: Hold;
  /** The first instant; default 2001-09-09T01:46:40Z (10^12 ms). */
  readonly from?: Millis;
  /** An integer from 0 to 2^32 - 1; default 1. */
  readonly seed?: number;
  /** How clients react to a denial; default: not at all. */
  readonly clients?: Clients;
}

/** The options with their defaults. */
interface Pace {
  readonly rate: number;
  readonly length: Millis;
  readonly keys: Keys;
  readonly cost: (random: Random) => number;
  readonly hold: Hold | undefined;
  readonly from: Millis;
  readonly seed: number;
  readonly clients: { readonly clients?: Clients };
}

const PACE_FIELDS = ['rate', 'length', 'keys', 'cost', 'hold', 'from', 'seed', 'clients'];

/** When workloads begin unless told otherwise: an instant that no window's length begins at by chance. */
export const DEFAULT_FROM: Millis = 1e12;

function paceFrom(options: PaceOptions, more: readonly string[] = []): Pace {
  checkFields(options, [...PACE_FIELDS, ...more]);
  const {
    rate = 10,
    length = '10m',
    keys = 1,
    cost = 1,
    hold,
    from = DEFAULT_FROM,
    seed = 1,
    clients,
  } = options;
  return {
    rate: positive(rate, 'rate', 1e7),
    length: parseDuration(length, 'length'),
    keys: typeof keys === 'function' ? keys : uniformKeys(keys),
    cost: costFrom(cost),
    hold,
    from: toInstant(from, 'from'),
    seed: integer(seed, 'seed', 0, 2 ** 32 - 1),
    clients: clients === undefined ? {} : { clients },
  };
}

function costFrom(cost: number | readonly [number, number]): (random: Random) => number {
  const [least, most] = typeof cost === 'number' ? [cost, cost] : cost;
  integer(least, 'cost', 0, Number.MAX_SAFE_INTEGER);
  if (!Number.isSafeInteger(most) || most < least)
    throw badOption('cost', most, `an integer from ${least}, the least cost`);
  return least === most ? () => least : (random) => least + Math.floor(random() * (most - least + 1));
}

/**
 * Requests at even intervals.
 *
 * @throws PolicyError naming the faulty option; so do all workloads
 */
export function constant(options: PaceOptions = {}): Workload {
  const pace = paceFrom(options);
  const { rate, length, from, seed } = pace;
  return paced('constant', `${perSecond(rate)} requests a second at even intervals`, pace, function* () {
    const random = seeded(seed);
    for (let i = 0; (i * 1000) / rate < length; i++) yield draw(pace, from + (i * 1000) / rate, random);
  });
}

/** Requests that come independently of each other, `rate` to the second on average. */
export function poisson(options: PaceOptions = {}): Workload {
  const pace = paceFrom(options);
  return paced(
    'poisson',
    `${perSecond(pace.rate)} requests a second on average, independent of each other`,
    pace,
    () => thinned(pace, 1, () => 1),
  );
}

/** Options of {@link onOff}. */
export interface OnOffOptions extends PaceOptions {
  /** How long a burst lasts; default `"10s"`. */
  readonly on?: Duration;
  /** How long the silence after it lasts; default `"50s"`. */
  readonly off?: Duration;
}

/** Bursts and silence in turn; inside a burst requests come independently. `rate` is that of both together. */
export function onOff(options: OnOffOptions = {}): Workload {
  const pace = paceFrom(options, ['on', 'off']);
  const on = parseDuration(options.on ?? '10s', 'on');
  const off = parseDuration(options.off ?? '50s', 'off');
  const peak = (on + off) / on;
  const text = `bursts of ${on / 1000} s, then ${off / 1000} s of silence, ${perSecond(pace.rate)} requests a second on average`;
  return paced('on-off', text, pace, () => thinned(pace, peak, (t) => (t % (on + off) < on ? peak : 0)));
}

/** Options of {@link diurnal}. */
export interface DiurnalOptions extends PaceOptions {
  /** The length of a day; default that of the workload. */
  readonly day?: Duration;
  /** The rate at the quietest hour as a share of the mean, 0 to 1; default 0.2. */
  readonly trough?: number;
}

/** The ups and downs of a day as a sine: quietest where a day begins and ends. */
export function diurnal(options: DiurnalOptions = {}): Workload {
  const pace = paceFrom(options, ['day', 'trough']);
  const day = options.day === undefined ? pace.length : parseDuration(options.day, 'day');
  const swing = 1 - within(options.trough ?? 0.2, 'trough', 0, 1);
  const text = `${perSecond(pace.rate)} requests a second on average, as a day has it`;
  return paced('diurnal', text, pace, () =>
    thinned(pace, 1 + swing, (t) => 1 - swing * Math.cos((2 * Math.PI * t) / day)),
  );
}

/** Options of {@link flashCrowd}. */
export interface FlashCrowdOptions extends PaceOptions {
  /** When the crowd comes, counted from the first instant; default after a third of the length. */
  readonly after?: Duration;
  /** How long until it has fallen to half; default a tenth of the length. */
  readonly halfLife?: Duration;
  /** How many times the usual rate it comes with: 1 to 1000; default 20. */
  readonly factor?: number;
}

/** Steady traffic, and a crowd that comes all at once and loses interest. `rate` is the usual one. */
export function flashCrowd(options: FlashCrowdOptions = {}): Workload {
  const pace = paceFrom(options, ['after', 'halfLife', 'factor']);
  const { length } = pace;
  const after = options.after === undefined ? Math.round(length / 3) : parseDuration(options.after, 'after');
  const halfLife =
    options.halfLife === undefined ? Math.max(1, length / 10) : parseDuration(options.halfLife, 'halfLife');
  const factor = within(options.factor ?? 20, 'factor', 1, 1000);
  const text = `${perSecond(pace.rate)} requests a second, and suddenly ${factor} times as many`;
  return paced('flash-crowd', text, pace, () =>
    thinned(pace, factor, (t) => (t < after ? 1 : 1 + (factor - 1) * 0.5 ** ((t - after) / halfLife))),
  );
}

/** Options of {@link zipf}. */
export interface ZipfOptions extends Omit<PaceOptions, 'keys'> {
  /** How many keys there are: 1 to 2^24; default 1000. */
  readonly keys?: number;
  /** How steeply popularity falls, see {@link zipfKeys}; default 1.1. */
  readonly exponent?: number;
}

/** Independent requests of many clients, a few of whom ask for most. */
export function zipf(options: ZipfOptions = {}): Workload {
  const { keys = 1000, exponent = 1.1, ...rest } = options;
  const pace = paceFrom({ ...rest, keys: zipfKeys(keys, exponent) });
  const text = `${perSecond(pace.rate)} requests a second on average, of ${keys} clients with a Zipf exponent of ${exponent}`;
  return paced('zipf', text, pace, () => thinned(pace, 1, () => 1));
}

/** A rate as a description has it: three digits will do. */
export function perSecond(rate: number): string {
  return String(Number.isInteger(rate) ? rate : Number(rate.toPrecision(3)));
}

function paced(name: string, description: string, pace: Pace, arrivals: () => Iterable<Arrival>): Workload {
  const expected = Math.round((pace.rate * pace.length) / 1000);
  const workload = { name, description, seed: pace.seed, arrivals, expected, ...pace.clients };
  return pace.hold === undefined ? workload : holding(workload, pace.hold);
}

/** A Poisson process whose rate changes: drawn at its peak, and thinned (Lewis and Shedler, 1979). */
function* thinned(pace: Pace, peak: number, share: (t: Millis) => number): Iterable<Arrival> {
  const { rate, length, from, seed } = pace;
  const random = seeded(seed);
  for (let t = exponential(random, rate * peak); t < length; t += exponential(random, rate * peak)) {
    if (peak === 1 || random() * peak < share(t)) yield draw(pace, from + t, random);
  }
}

function draw({ keys, cost }: Pace, at: number, random: Random): Arrival {
  return { at: Math.floor(at), key: keys(random), cost: cost(random) };
}
