/**
 * What a distributed engine tells those who listen: of what is decided here, and of the store.
 *
 * @module
 */

import type { DecisionEvent, NearLimitEvent, ReloadedEvent } from '../engine/events.ts';
import type { Millis } from '../time.ts';
import type { DistributedAdmission } from './admitted.ts';
import type { DistributedDecision } from './answer.ts';
import type { StoreEvent } from './guard.ts';

/** Of `allowed` and `denied`. */
export interface DistributedDecisionEvent extends DecisionEvent {
  /** What was decided, and by whom. While the store fails, nothing is said of shadow limits. */
  readonly decision: DistributedDecision;
}

/** Of `queued`. */
export interface DistributedQueuedEvent {
  /** The group whose queue it is. */
  readonly group: string;
  /** When the waiting began, by the store's clock. */
  readonly at: Millis;
}

/** Of `granted`. */
export interface DistributedGrantedEvent {
  /** The admission that was waited for. */
  readonly admission: DistributedAdmission;
  /** For how long, in milliseconds. */
  readonly waited: Millis;
}

/** Of `listener-error`. */
export interface DistributedListenerErrorEvent {
  /** The event whose listener threw, or returned a promise that was rejected. */
  readonly event: DistributedEventName;
  /** What it threw. */
  readonly error: unknown;
}

/** Events of a distributed engine by name: what this process does, and what becomes of the store. */
export interface DistributedEvents {
  /** A request was allowed: by `check`, `tryAcquire`, `acquire` or `run`. */
  readonly allowed: DistributedDecisionEvent;
  /** A request was denied. */
  readonly denied: DistributedDecisionEvent;
  /** A request began to wait. */
  readonly queued: DistributedQueuedEvent;
  /** The turn of a request that waited has come; `allowed` is told as well. */
  readonly granted: DistributedGrantedEvent;
  /** A charge has crossed the limit's `nearLimit`: that of this process, whoever used the rest. */
  readonly 'near-limit': NearLimitEvent;
  /** The policy of this process was replaced. */
  readonly reloaded: ReloadedEvent;
  /** The store failed, is left alone, is back, or held what is no row. */
  readonly store: StoreEvent;
  /** A listener threw. What the listeners of this event throw is only counted, in `stats().listenerErrors`. */
  readonly 'listener-error': DistributedListenerErrorEvent;
}

/** Name of an event of a distributed engine. */
export type DistributedEventName = keyof DistributedEvents;

/** Hears of an event, after the call that caused it. */
export type DistributedEventListener<E extends DistributedEventName> = (
  event: DistributedEvents[E],
) => unknown;

/** Nobody listens to any. */
export const DISTRIBUTED_EVENTS: { readonly [E in DistributedEventName]: false } = {
  allowed: false,
  denied: false,
  queued: false,
  granted: false,
  'near-limit': false,
  reloaded: false,
  store: false,
  'listener-error': false,
};
