import type { EngineStats } from '../engine/contract.ts';
import type { Millis } from '../time.ts';
import type { Labels, Tally } from './tally.ts';

/** One figure, with what tells it apart from others of the same metric. */
type Reading = readonly [value: number, labels?: Labels];

/** Counts of an engine: some of them only of one in process, some only of a distributed one. */
export interface Counts
  extends Pick<EngineStats, 'waiting' | 'shadows' | 'listenerErrors'>,
    Partial<Pick<EngineStats, 'permits' | 'partitions' | 'leases'>> {
  /** Decisions by who made them. */
  readonly sources?: Readonly<Record<string, number>>;
  /** How the store has answered this process. */
  readonly store?: {
    /** Calls that have failed. */
    readonly failures: number;
    /** Until when it is not asked, because it keeps failing; `undefined`: it is asked. */
    readonly leftAloneUntil: Millis | undefined;
  };
  /** The denials that `denialCache` keeps in process. */
  readonly denialCache?: {
    /** Denials kept. */
    readonly size: number;
    /** Requests that were denied by one of them. */
    readonly hits: number;
  };
}

/** What there is to read. */
export interface Sources {
  readonly stats: Counts;
  readonly decisions: Tally;
  readonly nearLimit: Tally;
}

/** A metric that is read when metrics are collected. */
export interface ReadMetric {
  readonly kind: 'Counter' | 'Gauge';
  readonly description: string;
  readonly read: (sources: Sources) => readonly Reading[];
}

/** The metrics that are read, by the name behind the prefix. */
export const READINGS: Readonly<Record<string, ReadMetric>> = {
  decisions: {
    kind: 'Counter',
    description: 'Decisions, by group, deciding limit, outcome and reason.',
    read: ({ decisions }) => decisions.read(),
  },
  near_limit: {
    kind: 'Counter',
    description: 'Charges that crossed the share of a limit that is worth telling.',
    read: ({ nearLimit }) => nearLimit.read(),
  },
  'queue.length': {
    kind: 'Gauge',
    description: 'Requests that wait, over all queues.',
    read: ({ stats: { waiting } }) => [[waiting]],
  },
  'permits.held': {
    kind: 'Gauge',
    description: 'Permits held, by limit.',
    read: ({ stats: { permits } }) => by('limit', permits, ({ held }) => held),
  },
  'permits.keys': {
    kind: 'Gauge',
    description: 'Keys of which permits are held or awaited, by limit.',
    read: ({ stats: { permits } }) => by('limit', permits, ({ keys }) => keys),
  },
  keys: {
    kind: 'Gauge',
    description: 'Keys with usage of their own, by partition.',
    read: ({ stats: { partitions } }) => by('partition', partitions, ({ keys }) => keys),
  },
  max_keys: {
    kind: 'Gauge',
    description: 'The most keys there can be, by partition.',
    read: ({ stats: { partitions } }) => by('partition', partitions, ({ maxKeys }) => maxKeys),
  },
  blocks: {
    kind: 'Gauge',
    description: 'Blocks kept, by partition.',
    read: ({ stats: { partitions } }) => by('partition', partitions, ({ blocks }) => blocks),
  },
  evictions: {
    kind: 'Counter',
    description: 'Keys that gave up their place, by partition and whether their usage still mattered.',
    read: ({ stats: { partitions } }) => [
      ...by('partition', partitions, ({ joined }) => joined, { joined: 'true' }),
      ...by('partition', partitions, ({ evicted, joined }) => evicted - joined, { joined: 'false' }),
    ],
  },
  inherited: {
    kind: 'Counter',
    description: 'Keys that began with usage of evicted ones, by partition.',
    read: ({ stats: { partitions } }) => by('partition', partitions, ({ inherited }) => inherited),
  },
  'leases.granted': {
    kind: 'Counter',
    description: 'Leases granted.',
    read: ({ stats: { leases } }) => (leases === undefined ? [] : [[leases.granted]]),
  },
  'leases.expired': {
    kind: 'Counter',
    description: 'Leases whose time was up before they were released.',
    read: ({ stats: { leases } }) => (leases === undefined ? [] : [[leases.expired]]),
  },
  'shadow.decisions': {
    kind: 'Counter',
    description: 'Decisions, by shadow limit and whether enforcing it would have changed them.',
    read: ({ stats: { shadows } }) => [
      ...by('limit', shadows, ({ agreed }) => agreed, { verdict: 'agreed' }),
      ...by('limit', shadows, ({ wouldDeny }) => wouldDeny, { verdict: 'would-deny' }),
      ...by('limit', shadows, ({ wouldAllow }) => wouldAllow, { verdict: 'would-allow' }),
    ],
  },
  'decisions.made': {
    kind: 'Counter',
    description: 'Decisions of a distributed engine, by who made them.',
    read: ({ stats: { sources } }) => by('source', sources, (count) => count),
  },
  'store.failures': {
    kind: 'Counter',
    description: 'Calls of the store that have failed.',
    read: ({ stats: { store } }) => (store === undefined ? [] : [[store.failures]]),
  },
  'store.left_alone': {
    kind: 'Gauge',
    description: 'Whether the store is left alone: 1 or 0.',
    read: ({ stats: { store } }) =>
      store === undefined ? [] : [[store.leftAloneUntil === undefined ? 0 : 1]],
  },
  'denials.kept': {
    kind: 'Gauge',
    description: 'Denials kept in process.',
    read: ({ stats: { denialCache } }) => (denialCache === undefined ? [] : [[denialCache.size]]),
  },
  'denials.found': {
    kind: 'Counter',
    description: 'Requests that were denied by a denial kept in process.',
    read: ({ stats: { denialCache } }) => (denialCache === undefined ? [] : [[denialCache.hits]]),
  },
  listener_errors: {
    kind: 'Counter',
    description: 'Times that a listener of an event threw.',
    read: ({ stats: { listenerErrors } }) => [[listenerErrors]],
  },
};

function by<T>(
  label: string,
  records: Readonly<Record<string, T>> = {},
  read: (record: T) => number,
  more: Labels = {},
): Reading[] {
  return Object.entries(records).map(([name, record]) => [read(record), { [label]: name, ...more }]);
}
