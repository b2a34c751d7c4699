import { metrics } from '@opentelemetry/api';
import { createEngine, type Engine, type EngineStats, isHeadgateError } from 'headgate';
import { type InstrumentOptions, instrument } from 'headgate/opentelemetry';
import { afterEach, expect, it } from 'vitest';
import { openTarget, type Target } from '../../fixtures/scrape.ts';

const POLICY = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 1, window: '1m' } },
  groups: { read: { limits: ['reads'] } },
  unmatched: 'deny',
} as const;

let target: Target | undefined;
afterEach(async () => {
  metrics.disable();
  await target?.close();
  target = undefined;
});

/** An engine of which only is known who listens, and how often its counts were read. */
function watched(): { engine: Pick<Engine, 'on' | 'stats'>; listeners: () => number; reads: () => number } {
  const real = createEngine(POLICY) as Engine;
  let listeners = 0;
  let reads = 0;
  const engine: Pick<Engine, 'on' | 'stats'> = {
    on: (event, listener) => {
      const off = real.on(event, listener);
      listeners += 1;
      return () => {
        listeners -= 1;
        off();
      };
    },
    stats: (): EngineStats => {
      reads += 1;
      return real.stats();
    },
  };
  return { engine, listeners: () => listeners, reads: () => reads };
}

it('should take the meter of the global provider, and work to no end without one', async () => {
  const engine = createEngine(POLICY) as Engine;
  const stop = instrument(engine);
  engine.check({ group: 'read' });
  stop();

  const opened = await openTarget();
  target = opened;
  metrics.setGlobalMeterProvider({ getMeter: () => opened.meter });
  instrument(engine);
  engine.check({ group: 'read' });
  await Promise.resolve();
  const samples = await opened.samples();
  expect(samples.find(({ name }) => name === 'headgate_decisions_total')).toMatchObject({
    labels: { group: 'read', limit: 'reads', outcome: 'denied', reason: 'quota' },
    value: 1,
  });
});

it('should read all counts at once, when they are asked for and not before', async () => {
  target = await openTarget();
  const { engine, reads } = watched();
  instrument(engine, { meter: target.meter });
  expect(reads()).toBe(0);
  await target.text();
  expect(reads()).toBe(1);
});

it('should leave no listener and no reader behind', async () => {
  target = await openTarget();
  const { engine, listeners, reads } = watched();
  const stop = instrument(engine, { meter: target.meter });
  expect(listeners()).toBeGreaterThan(0);
  stop();
  stop();
  await target.text();
  expect([listeners(), reads()]).toEqual([0, 0]);
});

it.each<[string, object, string, string]>([
  ['an option that does not exist', { prefx: 'a' }, 'prefx', 'did you mean "prefix"?'],
  ['a prefix that no metric may have', { prefix: '1st' }, 'prefix', '"1st" is no prefix'],
  ['an empty prefix', { prefix: '' }, 'prefix', 'give a letter'],
  ['a prefix that is too long', { prefix: 'a'.repeat(65) }, 'prefix', 'at most 63'],
  ['a prefix that is no text', { prefix: 7 }, 'prefix', '7 is no prefix'],
  ['a provider in place of a meter', { meter: { getMeter: () => undefined } }, 'meter', 'is no meter'],
  ['no meter', { meter: null }, 'meter', 'null is no meter'],
])('should refuse %s, and not listen', (_title, options, path, message) => {
  const { engine, listeners } = watched();
  let caught: unknown;
  try {
    instrument(engine, options as InstrumentOptions);
  } catch (error) {
    caught = error;
  }
  expect(isHeadgateError(caught, 'PolicyError') && [caught.path, caught.message]).toEqual([
    path,
    expect.stringContaining(message),
  ]);
  expect(listeners()).toBe(0);
});
