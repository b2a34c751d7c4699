import type { Millis } from '../time.ts';
import { DistributedAnswer } from './answer.ts';
import type { Call } from './call.ts';
import { corrections } from './corrections.ts';
import type { Inquest } from './inquest.ts';
import type { Store, StoreReply } from './store.ts';

/** One that came when its caller had been told something else, or is about to ask again. */
export interface LateReply {
  readonly call: Call;
  readonly inquest: Inquest;
  readonly reply: StoreReply;
  /** The instant that was given, if one was. */
  readonly now: Millis | undefined;
}

/**
 * Gives back what a store granted to a caller who has been told something else: permits, which nobody holds, and charges,
 * unless the request was let through. What was asked for by an id of the caller's own stays: it may be asked for again by
 * that id, and would be held then.
 */
export function giveBack({ call, inquest, reply, now }: LateReply, store: Store): void {
  const { id, leaseId, rules, group } = call;
  if (!reply.agreed || leaseId !== id) return;
  if (reply.fence > 0) void attempt(store.release(`${id}.late`, { id }, inquest.rows, now));
  if (call.told !== 'denied') return;
  const { inquiry } = group?.entrance ?? rules.policy.unmatched;
  const answer = inquest.decide(
    reply,
    reply.now,
    'charge',
    (isAgreed) => new DistributedAnswer(inquiry, 'store', isAgreed),
  );
  const rows = corrections(answer.takeCharges().map((charge) => [charge, charge.cost]));
  if (rows.length > 0) void attempt(store.correct(`${id}.back`, 'refund', rows, now));
}

/** Nobody waits for it, nor hears why it failed. */
async function attempt(act: Promise<unknown>): Promise<void> {
  await act.catch(() => undefined);
}
