import type { Duration, Millis } from '../../time.ts';
import { parseDuration } from '../../time.ts';
import type { Clients, Workload } from '../arrival.ts';
import { boundaryAttack, keyFlood } from './attack.ts';
import { closedLoop, retryStorm } from './crowd.ts';
import { constant, diurnal, flashCrowd, onOff, type PaceOptions, poisson, zipf } from './pace.ts';

/** What a workload by name is cut to fit. */
export interface Fit {
  /** Quota of the limit it is for. */
  readonly quota: number;
  /** Window of that limit. */
  readonly window: Duration;
  /** Requests a second; default: half as much again as the quota allows (zipf, key-flood: see there). */
  readonly rate?: number;
  /** How long it goes on; default: ten windows, or one day's worth of requests by the workload's own measure. */
  readonly length?: Duration;
  /** How many keys, or clients; default: what makes the workload what it is. */
  readonly keys?: number;
  /** Default 1. */
  readonly seed?: number;
  /** How clients react to a denial; default: the workload's own. */
  readonly clients?: Clients;
}

/**
 * Workloads by name, cut to fit a limit: `constant`, `poisson`, `on-off`, `diurnal`, `flash-crowd`, `zipf`,
 * `boundary-attack`, `key-flood`, `retry-storm` (clients wait as told), `hasty-retries` (clients do not), `closed-loop`.
 */
export const WORKLOADS: Readonly<Record<string, (fit: Fit) => Workload>> = {
  constant: (fit) => constant(paceOf(fit, 1.5)),
  poisson: (fit) => poisson(paceOf(fit, 1.5)),
  'on-off': (fit) => {
    const window = parseDuration(fit.window, 'window');
    return onOff({ ...paceOf(fit, 1), on: part(window, 4), off: window });
  },
  diurnal: (fit) => diurnal(paceOf(fit, 1, 24)),
  'flash-crowd': (fit) => flashCrowd(paceOf(fit, 0.5)),
  zipf: (fit) => {
    const { keys = 1000, ...rest } = paceOf(fit, 20);
    return zipf({ ...rest, keys });
  },
  'boundary-attack': ({ quota, window }) => boundaryAttack({ quota, window }),
  'key-flood': (fit) => {
    const { rate, length, seed = 1 } = paceOf(fit, 2);
    return keyFlood({ rate, flood: fit.keys ?? 1000, length, seed });
  },
  'retry-storm': (fit) => storm(fit, 1),
  'hasty-retries': (fit) => storm(fit, 0),
  'closed-loop': (fit) => {
    const { keys = 10, seed = 1, length } = paceOf(fit, 1);
    const think = Math.max(1, Math.round(parseDuration(fit.window, 'window') / (3 * Math.max(1, fit.quota))));
    const reaction = fit.clients === undefined ? {} : { reaction: fit.clients };
    return closedLoop({ clients: keys, think, length, seed, ...reaction });
  },
};

function storm({ quota, keys, seed = 1, window, clients }: Fit, honour: number): Workload {
  const count = keys ?? Math.max(1, 10 * quota);
  const within = part(parseDuration(window, 'window'), 60);
  const made = retryStorm({ clients: count, honour, within, seed });
  return {
    ...made,
    name: honour === 1 ? made.name : 'hasty-retries',
    ...(clients === undefined ? {} : { clients }),
  };
}

/** A pace of `share` times what the quota allows, for so many windows. */
function paceOf(
  { quota, window, rate, length, keys, seed, clients }: Fit,
  share: number,
  windows = 10,
): PaceOptions & { rate: number; length: Duration; keys?: number } {
  const ms = parseDuration(window, 'window');
  return {
    rate: rate ?? Math.min(1e5, (share * Math.max(1, quota) * 1000) / ms),
    length: length ?? windows * ms,
    ...(keys === undefined ? {} : { keys }),
    ...(seed === undefined ? {} : { seed }),
    ...(clients === undefined ? {} : { clients }),
  };
}

function part(window: Millis, parts: number): Millis {
  return Math.max(1, Math.round(window / parts));
}
