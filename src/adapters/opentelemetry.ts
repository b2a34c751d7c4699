/**
 * What an engine does, as metrics of OpenTelemetry. Labels are names of the policy (groups, limits, partition fields) and
 * words of headgate's own (outcomes, reasons); never a key, an account or a path.
 *
 * @module headgate/opentelemetry
 */

import { type BatchObservableCallback, type Meter, metrics } from '@opentelemetry/api';
import type { DecisionEvent, NearLimitEvent, ReloadedEvent } from '../engine/events.ts';
import { checkFields, checkGiven, PolicyError, show } from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Millis } from '../time.ts';
import { type Counts, READINGS, type Sources } from './readings.ts';
import { Tally } from './tally.ts';

export type { Counts } from './readings.ts';

/** What is needed of an engine: one in process has it, and a distributed one. */
export interface Instrumented {
  /** Calls a listener after each decision, until the function that it returns is called. */
  on(event: 'allowed' | 'denied', listener: (event: DecisionEvent) => unknown): () => void;
  /** The same, for charges that cross a limit's `nearLimit`. */
  on(event: 'near-limit', listener: (event: NearLimitEvent) => unknown): () => void;
  /** The same, for requests that were admitted after waiting. */
  on(event: 'granted', listener: (event: GrantedAfter) => unknown): () => void;
  /** The same, for policies put in force. */
  on(event: 'reloaded', listener: (event: ReloadedEvent) => unknown): () => void;
  /** What it has counted. */
  stats(): Counts;
}

/** A request that was admitted after waiting. */
export interface GrantedAfter {
  /** The admission that was waited for. */
  readonly admission: Decision;
  /** For how long, in milliseconds. */
  readonly waited: Millis;
}

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** What makes the instruments. Default: that of the global provider, which has to be registered before. */
  readonly meter?: Meter;
  /**
   * What all names begin with: a letter, then at most 63 letters, digits, `_`, `.`, `-` or `/`. Several engines in one
   * process need one each. Default `headgate`.
   */
  readonly prefix?: string;
}

/** Bounds of the wait time's buckets, in seconds: a queue's timeout may be minutes or hours. */
const WAIT_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600];

/**
 * Counts decisions, charges near a limit, waits and reloads from now on, and reads everything else from `engine.stats()`
 * whenever metrics are collected.
 *
 * @param engine - in process or distributed; of a distributed one, only what this process decides is counted
 * @returns a function that ends it
 * @throws PolicyError for an unknown option, or an engine, a prefix or a meter that is none
 */
export function instrument(engine: Instrumented, options: InstrumentOptions = {}): () => void {
  const isEngine = typeof engine?.on === 'function' && typeof engine.stats === 'function';
  checkGiven(isEngine, 'engine', engine, 'an engine');
  const { meter, prefix } = checked(options);
  const decisions = new Tally('group', 'limit', 'outcome', 'reason');
  const nearLimit = new Tally('group', 'limit');
  const reloads = meter.createCounter(`${prefix}.reloads`, {
    description: 'Policies put in force while running.',
  });
  const waits = meter.createHistogram(`${prefix}.wait.seconds`, {
    description: 'Time that admitted requests have waited in queues.',
    unit: 's',
    advice: { explicitBucketBoundaries: WAIT_BOUNDS },
  });
  const onDecided = ({ decision: { group, limit, allowed, reason } }: DecisionEvent): void =>
    decisions.add(group, limit, allowed ? 'allowed' : 'denied', reason);
  const stops = [
    engine.on('allowed', onDecided),
    engine.on('denied', onDecided),
    engine.on('near-limit', ({ group, limit }) => nearLimit.add(group, limit)),
    engine.on('granted', ({ admission, waited }) => waits.record(waited / 1000, { group: admission.group })),
    engine.on('reloaded', () => reloads.add(1)),
    observe(meter, prefix, () => ({ stats: engine.stats(), decisions, nearLimit })),
  ];
  return () => {
    for (const stop of stops.splice(0)) stop();
  };
}

/** Has all readings taken from one look at the sources whenever metrics are collected. */
function observe(meter: Meter, prefix: string, look: () => Sources): () => void {
  const observed = Object.entries(READINGS).map(([name, { kind, description, read }]) => ({
    instrument: meter[`createObservable${kind}`](`${prefix}.${name}`, { description }),
    read,
  }));
  const instruments = observed.map(({ instrument }) => instrument);
  const callback: BatchObservableCallback = (result) => {
    const sources = look();
    for (const { instrument, read } of observed)
      for (const [value, labels] of read(sources)) result.observe(instrument, value, { ...labels });
  };
  meter.addBatchObservableCallback(callback, instruments);
  return () => meter.removeBatchObservableCallback(callback, instruments);
}

function checked(options: InstrumentOptions): Required<InstrumentOptions> {
  checkFields(options, ['meter', 'prefix']);
  const { meter = metrics.getMeter('headgate'), prefix = 'headgate' } = options;
  if (typeof prefix !== 'string' || !/^[A-Za-z][\w./-]{0,63}$/.test(prefix)) {
    const message = `${show(prefix)} is no prefix; give a letter, then at most 63 letters, digits, "_", ".", "-" or "/"`;
    throw new PolicyError([{ code: 'bad-value', path: 'prefix', value: prefix, message }]);
  }
  if (typeof meter?.addBatchObservableCallback !== 'function') {
    const message = `${show(meter)} is no meter; give one of @opentelemetry/api`;
    throw new PolicyError([{ code: 'bad-value', path: 'meter', value: meter, message }]);
  }
  return { meter, prefix };
}
