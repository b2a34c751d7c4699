import type { AdmissionAnswer } from '../concurrency/admission.ts';
import type { Observer } from '../concurrency/gate.ts';
import type { Hold, Lease } from '../concurrency/leases.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Said, Slot } from '../limiter/question.ts';
import type { Verdict } from '../limiter/verdict.ts';
import type { Millis } from '../time.ts';
import type { Events, HeldPermits } from './events.ts';

/** Of a limit that says nothing else. */
const DEFAULT_SHARE = 0.8;

/** Makes events of what an engine does, those that somebody listens to. */
export class EngineObserver implements Observer {
  readonly #events: Events;

  constructor(events: Events) {
    this.#events = events;
  }

  onDecided(decision: Decision, inquiry: Inquiry): void {
    const event = decision.allowed ? 'allowed' : 'denied';
    if (this.#events.heard[event]) {
      const shadows = inquiry.shadows.map((shadow) => ({
        limit: shadow.slot.name,
        verdict: inquiry.comparison(shadow, decision.allowed),
      }));
      this.#events.emit(event, { decision, shadows });
    }
    if (decision.allowed && this.#events.heard['near-limit']) this.#tellNearLimits(inquiry);
  }

  onQueued(group: string, at: Millis, waiting: number): void {
    if (this.#events.heard.queued) this.#events.emit('queued', { group, at, waiting });
  }

  onGranted(admission: AdmissionAnswer, waited: Millis): void {
    if (this.#events.heard.granted) this.#events.emit('granted', { admission, waited });
  }

  onEnded(lease: Lease, at: Millis): void {
    const event = lease.isLost ? 'lease-expired' : 'released';
    if (!this.#events.heard[event]) return;
    const { since, fence, holds } = lease;
    this.#events.emit(event, { at, held: at - since, fence, permits: heldPermits(holds) });
  }

  onEvicted(partition: string, key: string, joined: boolean): void {
    this.#events.emit('evicted', { partition, key, joined });
  }

  onSettled(group: string, charge: Verdict, before: number, at: Millis): void {
    if (!this.#events.heard['near-limit'] || charge.question.slot.mode === 'shadow') return;
    this.#tellIfCrossed(charge.question.slot, charge, group, at, before, charge.used(at));
  }

  #tellNearLimits({ questions, group, now: at }: Inquiry): void {
    for (const question of questions) {
      const used = question.used(at);
      this.#tellIfCrossed(question.slot, question, group, at, used - question.cost, used);
    }
  }

  #tellIfCrossed(
    { name: limit, nearLimit: share = DEFAULT_SHARE }: Slot,
    { terms, key }: Said,
    group: string,
    at: Millis,
    before: number,
    used: number,
  ): void {
    const of = terms.burst ?? terms.quota;
    // Divided rather than multiplied: 0.55 * 100 is more than 55.
    if (key === undefined || used / of < share || before / of >= share) return;
    this.#events.emit('near-limit', { limit, group, key, at, used, of, share });
  }
}

function heldPermits(holds: Hold): HeldPermits[] {
  const held: HeldPermits[] = [];
  for (let hold: Hold | undefined = holds; hold !== undefined; hold = hold.next)
    held.push({ limit: hold.table.limit, key: hold.permits.key, permits: hold.count });
  return held;
}
