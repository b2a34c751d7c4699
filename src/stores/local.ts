import type { PartitionTable } from '../partition/table.ts';
import type { CompiledGroup, CompiledPolicy } from '../policy/compile.ts';
import type { Millis } from '../time.ts';
import type { Desk } from './admission.ts';
import type { Call } from './call.ts';
import type { Changes, Charge } from './corrections.ts';
import { Denials } from './denials.ts';
import type { OnLate } from './guard.ts';
import { LocalGroup } from './local-group.ts';
import { type Draw, Prefetch } from './prefetch.ts';
import { LIFE } from './stock.ts';
import type { StoreReply } from './store.ts';
import { View } from './view.ts';

/** What this process can answer without asking the store, as the store would: what it denied, and what was taken ahead. */
export class Local {
  /** For lengths of time: a clock that never goes back. */
  readonly now: () => Millis;
  readonly prefetch: Prefetch;
  readonly #denials: Denials | undefined;
  /** Requests that were denied by one of them. */
  hits = 0;
  readonly #isPartitioned: boolean;
  readonly #groups = new WeakMap<CompiledGroup, LocalGroup>();

  /** @param denials - how many are kept; `undefined`: none */
  constructor(desk: Pick<Desk, 'store' | 'clock' | 'now' | 'nextId'>, denials: number | undefined) {
    this.#isPartitioned = desk.store.isPartitioned;
    this.now = desk.now;
    this.prefetch = new Prefetch(desk);
    this.#denials = denials === undefined ? undefined : new Denials(denials, this.now);
  }

  /** Denials kept. */
  get size(): number {
    return this.#denials?.size ?? 0;
  }

  /** When denials were last dropped; of use to {@link Local.learn}. */
  get era(): number {
    return this.#denials?.era ?? 0;
  }

  /**
   * Answers the request that the questions of the group have just been filled in with.
   *
   * @returns `undefined` if the store has to be asked
   */
  answer<A>(group: CompiledGroup, policy: CompiledPolicy, draw: Draw<A>): A | undefined {
    const local = this.#of(group, policy);
    const denials = this.#denials;
    if (!local.isPlain || (denials === undefined && local.shares === undefined)) return undefined;
    const { id, inquiry } = local;
    if (id === undefined) return undefined;
    if (local.shares !== undefined) {
      const answer = this.prefetch.answer(id, local, () => draw(inquiry, true, 'local'));
      if (answer !== undefined) return answer;
    }
    const denial = denials?.find(id + local.costs, local);
    return denial?.view.decide(inquiry, denial.now, 'peek', (isAgreed) => {
      if (isAgreed) return undefined;
      this.hits++;
      return draw(inquiry, false, 'local');
    });
  }

  /**
   * Asks the store for more than the request needs, if that is worth while. The questions are filled in.
   *
   * @param onLate - hears of a reply that comes when the store has failed
   * @returns `undefined` if the store is to be asked as usual
   * @throws StoreError if the store fails
   */
  takeAhead<A>(call: Call, draw: Draw<A>, onLate: OnLate): Promise<A | undefined> | undefined {
    const { group, rules } = call;
    const local = group && this.#of(group, rules.policy);
    if (local?.shares === undefined) return undefined;
    const { id } = local;
    const { era } = this;
    const deny = (reply: StoreReply, since: Millis): void => this.#keepDenial(local, reply, since, era);
    return id === undefined ? undefined : this.prefetch.takeAhead(id, call, local, draw, deny, onLate);
  }

  /**
   * Learns from what the store has replied, while the inquiry has decided by it.
   *
   * @param since - before the store was asked, by {@link Local.now}
   * @param era - {@link Local.era} then
   */
  learn({ group, rules }: Call, reply: StoreReply, { since, era }: { since: Millis; era: number }): void {
    const local = group && this.#of(group, rules.policy);
    if (local === undefined) return;
    local.date(reply.now);
    if (!reply.agreed) this.#keepDenial(local, reply, since, era);
  }

  /** What has been charged to the request that was just decided counts from then on; see {@link LocalGroup.date}. */
  date({ group, rules }: Call, at: Millis): void {
    if (group !== undefined) this.#of(group, rules.policy).date(at);
  }

  #keepDenial(local: LocalGroup, { now: at }: StoreReply, since: Millis, era: number): void {
    const { inquiry, isPlain, isShared, tables, id } = local;
    const { retryAt } = inquiry;
    if (this.#denials === undefined || !isPlain || id === undefined) return;
    if (inquiry.isAgreed || retryAt === undefined || !Number.isFinite(retryAt)) return;
    // What others have taken ahead comes back before.
    const until = isShared ? Math.min(retryAt, at + LIFE) : retryAt;
    this.#denials.keep(id + local.costs, { local, view: new View(tables), at, since, until }, era);
  }

  /** Something may have been given back. */
  forgetDenials(): void {
    this.#denials?.clear();
  }

  /** Another policy is in force: nothing is known of it. */
  onReloaded(): void {
    this.forgetDenials();
    void this.prefetch.giveBack();
  }

  /** These charges are about to be given back. */
  beforeRefund(charges: Changes): void {
    for (const [{ question, key }] of charges) this.prefetch.forgetUsed(rowOf(question.row.table, key));
  }

  /** Charges have been corrected. What was given back may be granted now; what is in debt pays with what was taken ahead. */
  after(how: 'refund' | 'charge', charges: Changes): void {
    this.#denials?.clear();
    if (how === 'refund') return;
    for (const [{ question, key }] of charges) this.prefetch.revoke(rowOf(question.row.table, key));
  }

  /** What was known of a row is true no more: it was blocked, unblocked or forgotten. */
  changed(table: PartitionTable, key: string): void {
    this.#denials?.clear();
    this.prefetch.revoke(rowOf(table, key));
  }

  #of(group: CompiledGroup, policy: CompiledPolicy): LocalGroup {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const local = new LocalGroup(group, policy, this.#isPartitioned);
    this.#groups.set(group, local);
    return local;
  }
}

function rowOf(table: PartitionTable, key: string | undefined): (charge: Charge) => boolean {
  return (charge) => charge.key === key && charge.question.row.table === table;
}
