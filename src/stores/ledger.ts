import { Events } from '../engine/events.ts';
import { EngineObserver } from '../engine/observer.ts';
import { Inquiry } from '../limiter/inquiry.ts';
import type { ReloadReport } from '../policy/diff.ts';
import type { DistributedAdmission } from './admitted.ts';
import type { DecisionSource, DistributedDecision } from './answer.ts';
import {
  DISTRIBUTED_EVENTS,
  type DistributedEventListener,
  type DistributedEventName,
  type DistributedEvents,
} from './events.ts';
import type { StoreEvent } from './guard.ts';

/** Hears of a decision, while the inquiry, if there is one, still holds what each limit said. */
export type Tell = (decision: DistributedDecision, inquiry: Inquiry | undefined) => void;

/** Stands for limits of which nothing is known. */
const NOTHING = new Inquiry({}, '', []);

/** What one process has decided, as counts, and as events for those who listen. */
export class Ledger {
  allowed = 0;
  denied = 0;
  readonly sources: { [S in DecisionSource]: number } = { store: 0, local: 0, fallback: 0 };
  /** Requests that wait here. */
  waiting = 0;
  /** Made when somebody first listens. */
  #events: Events<DistributedEvents> | undefined;
  #observer: EngineObserver | undefined;

  get listenerErrors(): number {
    return this.#events?.errors ?? 0;
  }

  on<E extends DistributedEventName>(event: E, listener: DistributedEventListener<E>): () => void {
    this.#events ??= new Events(DISTRIBUTED_EVENTS);
    const off = this.#events.on(event, listener);
    // It tells of decisions and near limits only, which are the same here.
    this.#observer ??= new EngineObserver(this.#events as unknown as Events);
    return off;
  }

  /** A request was decided for good. */
  readonly onDecided: Tell = (decision, asked) => {
    if (decision.allowed) this.allowed++;
    else this.denied++;
    this.sources[decision.source]++;
    // What limits say to a fallback is said about nothing.
    const inquiry = asked === undefined || decision.source === 'fallback' ? NOTHING : asked;
    if (inquiry.shadows.length > 0) inquiry.compareShadows(decision.allowed);
    this.#observer?.onDecided(decision, inquiry);
  };

  onQueued({ group, at }: DistributedDecision): void {
    this.waiting++;
    if (this.#events?.heard.queued) this.#events.emit('queued', { group, at });
  }

  /** @param first - what was said when the waiting began */
  onGranted(admission: DistributedAdmission, first: DistributedDecision): void {
    if (this.#events?.heard.granted)
      this.#events.emit('granted', { admission, waited: Math.max(0, admission.at - first.at) });
  }

  onReloaded(report: ReloadReport): void {
    if (this.#events?.heard.reloaded) this.#events.emit('reloaded', { report });
  }

  readonly onStore = (event: StoreEvent): void => {
    if (this.#events?.heard.store) this.#events.emit('store', event);
  };
}
