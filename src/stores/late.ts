import type { Millis } from '../time.ts';
import { DistributedAnswer } from './answer.ts';
import type { Call } from './call.ts';
import { corrections } from './corrections.ts';
import type { Inquest } from './inquest.ts';
import type { Store, StoreReply } from './store.ts';

/** One that came when its caller had been told something else, or is about to ask again. */
export interface LateReply {
  /** Of what is done about it: one request may have several such replies. */
  readonly id: string;
  readonly call: Call;
  readonly inquest: Inquest;
  readonly reply: StoreReply;
  /** The instant that was given, if one was. */
  readonly now: Millis | undefined;
  /** Has what was charged count from when it was, while the inquest has decided. */
  date(): void;
}

/**
 * Gives back what a store granted to a caller who has been told something else: permits, which nobody holds, and charges,
 * unless the request was let through. Permits that were asked for by an id of the caller's own stay, with what was charged
 * for them: they may be asked for again by that id, and would be held then.
 *
 * @returns when it has been tried; nobody hears why it failed
 */
export async function giveBack(
  { id, call, inquest, reply, now, date }: LateReply,
  store: Store,
): Promise<void> {
  const { leaseId, rules, group } = call;
  const { agreed, fence } = reply;
  if (!agreed || (fence > 0 && leaseId !== call.id)) return;
  const acts: (() => Promise<unknown>)[] = [];
  if (fence > 0) acts.push(() => store.release(id, { id: leaseId }, inquest.rows, now));
  if (call.told !== 'admitted') {
    const { inquiry } = group?.entrance ?? rules.policy.unmatched;
    const answer = inquest.decide(reply, reply.now, 'charge', (isAgreed) => {
      date();
      return new DistributedAnswer(inquiry, 'store', isAgreed);
    });
    const rows = corrections(answer.takeCharges().map((charge) => [charge, charge.cost]));
    if (rows.length > 0) acts.push(() => store.correct(`${id}.back`, 'refund', rows, now));
  }
  await attemptAll(acts);
}

/** Also where a store of somebody else throws at once. */
export async function attemptAll(acts: readonly (() => Promise<unknown>)[]): Promise<void> {
  await Promise.allSettled(acts.map(async (act) => act()));
}
