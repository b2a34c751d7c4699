import type { Reason } from '../limiter/decision.ts';
import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { Millis } from '../time.ts';
import type { Call } from './call.ts';
import type { Decider } from './decider.ts';
import type { Attempt } from './turn.ts';

/** What an applicant needs to ask. */
interface Asking {
  /** A copy: the caller may use the object again. */
  readonly descriptor: LooseDescriptor;
  readonly now: Millis | undefined;
  readonly priority: number;
  /** Reads the descriptor by the policy in force, as an operation of its own; `undefined` if `call` was read by it. */
  reread(descriptor: LooseDescriptor, call: Call): Call | undefined;
}

/** A request that asks until it is its turn, by whichever policy is in force then. */
export class Applicant {
  readonly #decider: Decider;
  readonly #asking: Asking;
  #call: Call;

  constructor(decider: Decider, call: Call, asking: Asking) {
    this.#decider = decider;
    this.#call = call;
    this.#asking = asking;
  }

  /** @throws DescriptorError or CostError if the policy in force cannot read it; the place is given up then */
  async attempt(ticket: string | undefined, keep: Millis, refusal?: Reason): Promise<Attempt> {
    const { now, priority } = this.#asking;
    const stand = { ticket: await this.#placeNow(ticket), keep, refusal };
    return this.#decider.attempt(this.#call, now, priority, stand);
  }

  leave(ticket: string): Promise<void> {
    return this.#decider.leave(this.#call, ticket);
  }

  /** The place as the policy in force has it: that of another line is given up. */
  async #placeNow(ticket: string | undefined): Promise<string | undefined> {
    const before = this.#call;
    const giveUp = async (): Promise<void> => {
      if (ticket !== undefined) await this.#decider.leave(before, ticket).catch(() => undefined);
    };
    try {
      const call = this.#asking.reread(this.#asking.descriptor, before);
      if (call === undefined) return ticket;
      if (before.leaseId !== before.id) call.leaseId = before.leaseId;
      this.#decider.abandon(before);
      this.#call = call;
    } catch (error) {
      await giveUp();
      throw error;
    }
    if (lineOf(before) === lineOf(this.#call)) return ticket;
    await giveUp();
    return undefined;
  }
}

/** What tells lines apart. */
function lineOf({ group, lineKey, inquest }: Call): string | undefined {
  if (group?.entrance.queue === undefined) return undefined;
  const [first] = inquest?.rows ?? [];
  return JSON.stringify([group.name, lineKey, first?.partition, first?.values]);
}
