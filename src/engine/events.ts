/**
 * What an engine tells those who listen. Nothing is built for events that nobody listens to.
 *
 * @module
 */

import { EventEmitter } from 'eventemitter3';
import type { Admission } from '../concurrency/admission.ts';
import { DescriptorError, show, suggest } from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import type { ReloadReport } from '../policy/diff.ts';
import type { Millis } from '../time.ts';

/** Of `allowed` and `denied`. */
export interface DecisionEvent {
  /** What was decided; `limits` says what each limit said, shadow limits too. */
  readonly decision: Decision;
  /** What would have been decided with each shadow limit enforced; empty where the group has none. */
  readonly shadows: readonly ShadowVerdict[];
}

/** What would have been decided with a shadow limit enforced; with a candidate, in place of its limit. */
export interface ShadowVerdict {
  /** Name of the shadow limit; a candidate's is `limit.candidate`. */
  readonly limit: string;
  /** `agreed`: nothing would have changed. */
  readonly verdict: 'agreed' | 'wouldDeny' | 'wouldAllow';
}

/** Of `queued`. */
export interface QueuedEvent {
  /** The group whose queue it is. */
  readonly group: string;
  /** When the waiting began. */
  readonly at: Millis;
  /** How many wait in that queue now. */
  readonly waiting: number;
}

/** Of `granted`. */
export interface GrantedEvent {
  /** The admission that was waited for. */
  readonly admission: Admission;
  /** For how long, in milliseconds. */
  readonly waited: Millis;
}

/** Permits of one limit. */
export interface HeldPermits {
  /** Name of the limit. */
  readonly limit: string;
  /** The partition key. */
  readonly key: string;
  /** How many. */
  readonly permits: number;
}

/** Of `released` and `lease-expired`. */
export interface LeaseEvent {
  /** When it ended. */
  readonly at: Millis;
  /** For how long the permits were held, in milliseconds. */
  readonly held: Millis;
  /** The lease's number, as {@link Admission.fence}. */
  readonly fence: number;
  /** What came back. */
  readonly permits: readonly HeldPermits[];
}

/** Of `near-limit`. */
export interface NearLimitEvent {
  /** Name of the limit. */
  readonly limit: string;
  /** The group that was charged. */
  readonly group: string;
  /** The partition key. */
  readonly key: string;
  /** When it was charged. */
  readonly at: Millis;
  /** Units or permits in use, after the charge. */
  readonly used: number;
  /** What there is in all: the quota; token bucket: the burst. */
  readonly of: number;
  /** The share that was crossed: the limit's `nearLimit`, 0.8 unless it says otherwise. */
  readonly share: number;
}

/** Of `evicted`. */
export interface EvictedEvent {
  /** The fields of the partition, as `stats().partitions` calls it. */
  readonly partition: string;
  /** The key that gave up its row. */
  readonly key: string;
  /** Whether its usage still mattered; it was then joined into the remnant. */
  readonly joined: boolean;
}

/** Of `reloaded`. */
export interface ReloadedEvent {
  /** What `reload` returned. */
  readonly report: ReloadReport;
}

/** Of `listener-error`. */
export interface ListenerErrorEvent {
  /** The event whose listener threw, or returned a promise that was rejected. */
  readonly event: EventName;
  /** What it threw. */
  readonly error: unknown;
}

/** Events by name. */
export interface EngineEvents {
  /** A request was allowed: by `check`, `tryAcquire`, `acquire` or `run`. */
  readonly allowed: DecisionEvent;
  /** A request was denied. */
  readonly denied: DecisionEvent;
  /** A request began to wait. */
  readonly queued: QueuedEvent;
  /** A request that waited was admitted; `allowed` is told as well. */
  readonly granted: GrantedEvent;
  /** Permits were given back. */
  readonly released: LeaseEvent;
  /** Permits came back because their lease's time was up. */
  readonly 'lease-expired': LeaseEvent;
  /** A charge, or what `settle` added to one, has crossed the limit's `nearLimit`. */
  readonly 'near-limit': NearLimitEvent;
  /** A key gave up its row, because its partition keeps `maxKeys` already. */
  readonly evicted: EvictedEvent;
  /** The policy was replaced. */
  readonly reloaded: ReloadedEvent;
  /** A listener threw. What the listeners of this event throw is only counted, in `stats().listenerErrors`. */
  readonly 'listener-error': ListenerErrorEvent;
}

/** Name of an event. */
export type EventName = keyof EngineEvents;

/** Hears of an event, after the call that caused it. */
export type EventListener<E extends EventName> = (event: EngineEvents[E]) => unknown;

/** The events of an engine: nobody listens to any. */
export const ENGINE_EVENTS: { readonly [E in EventName]: false } = {
  allowed: false,
  denied: false,
  queued: false,
  granted: false,
  released: false,
  'lease-expired': false,
  'near-limit': false,
  evicted: false,
  reloaded: false,
  'listener-error': false,
};

/**
 * Delivers events after the call that caused them, in order: whatever a listener does, the decision has been made and
 * all state is whole.
 */
export class Events<All extends { 'listener-error': unknown } = EngineEvents> {
  readonly #emitter = new EventEmitter<string>();
  readonly #names: readonly (keyof All & string)[];
  #due: (() => void)[] = [];
  /** Whether anybody listens to an event. Every decision looks here, so it is no question to the emitter. */
  readonly heard: { [E in keyof All]: boolean };
  /** Times that a listener threw. */
  errors = 0;

  /** @param unheard - the events there are, to none of which anybody listens */
  constructor(unheard: { readonly [E in keyof All]: false }) {
    this.heard = { ...unheard };
    this.#names = Object.keys(unheard) as (keyof All & string)[];
  }

  /** @throws DescriptorError for an unknown event, or a listener that is no function */
  on<E extends keyof All & string>(event: E, listener: (event: All[E]) => unknown): () => void {
    if (!this.#names.includes(event)) {
      const message = `${show(event)} is no event${suggest(event, this.#names)}`;
      throw new DescriptorError({ code: 'unknown-event', path: 'event', value: event, message });
    }
    if (typeof listener !== 'function') {
      const message = `${show(listener)} is no listener; give a function`;
      throw new DescriptorError({ code: 'bad-listener', path: 'listener', value: listener, message });
    }
    const heard = (payload: All[E]): void => this.#tell(event, listener, payload);
    this.#emitter.on(event, heard);
    this.#recount();
    return () => {
      this.#emitter.off(event, heard);
      this.#recount();
    };
  }

  #recount(): void {
    const { heard } = this;
    for (const event of this.#names) heard[event] = this.#emitter.listenerCount(event) > 0;
  }

  emit<E extends keyof All & string>(event: E, payload: All[E]): void {
    if (this.#due.length === 0) Promise.resolve().then(() => this.#deliver());
    this.#due.push(() => this.#emitter.emit(event, payload));
  }

  #deliver(): void {
    const due = this.#due;
    this.#due = [];
    for (const deliver of due) deliver();
  }

  #tell<E extends keyof All & string>(event: E, listener: (event: All[E]) => unknown, payload: All[E]): void {
    const onError = (error: unknown): void => {
      this.errors++;
      if (event !== 'listener-error') this.emit('listener-error', { event, error } as All['listener-error']);
    };
    try {
      // A listener that is async must not end the process when it fails.
      Promise.resolve(listener(payload)).catch(onError);
    } catch (error) {
      onError(error);
    }
  }
}
