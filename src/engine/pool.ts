/**
 * Sharing work among members, such as sending numbers. Start with {@link createPool}.
 *
 * @module headgate/pool
 */

import type { Admission } from '../concurrency/admission.ts';
import type { AcquireOptions } from '../concurrency/gate.ts';
import {
  checkFields,
  checkGiven,
  checkOptionsObject,
  DescriptorError,
  PolicyError,
  show,
  suggest,
} from '../errors.ts';
import type { Decision } from '../limiter/decision.ts';
import { checkKey } from '../partition/key.ts';
import type { Descriptor, FieldName, GroupName } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Clock, type Millis, toInstant, wakeByTimer } from '../time.ts';
import { type AnyEngine, type EngineAdmission, isPromise } from './any-engine.ts';

/** One member of a pool: a sending number, an upstream, an account. */
export interface PoolMember {
  /** Value of the partition field. */
  readonly name: string;
  /** Quotas of this member, by limit. */
  readonly quotas?: { readonly [limit: string]: number };
}

/** Options of {@link createPool}. */
export interface PoolOptions<P extends PolicyDocument> {
  /** The group that everything goes through; it needs a queue to wait in. */
  readonly group: GroupName<P>;
  /** The partition field that names the member. */
  readonly field: FieldName<P>;
  /** Members, or only their names. */
  readonly members: readonly (string | PoolMember)[];
}

/** An admission, and the member it was given. */
export interface PoolAdmission<A extends EngineAdmission = Admission> {
  /** Name of the member. */
  readonly member: string;
  /** What the engine said. */
  readonly admission: A;
}

/** Members that share the work. See {@link createPool}. */
export interface Pool<P extends PolicyDocument = PolicyDocument, A extends EngineAdmission = Admission> {
  /**
   * Admits a request at the member that is free soonest, round robin among equals, and waits for it if need be.
   *
   * @param descriptor - what else there is to say about the request; group and member are filled in
   * @param options - `timeout` counts from when the request is sent to a member, after any cooldown of it
   * @throws DescriptorError (`empty-pool`) if there is no member
   */
  acquire(descriptor?: Partial<Descriptor<P>>, options?: AcquireOptions): Promise<PoolAdmission<A>>;
  /** Adds a member, or gives one other quotas. */
  add(member: string | PoolMember): void;
  /** Gives a member no further work; whether there was one. */
  remove(name: string): boolean;
  /**
   * Gives a member no work until an instant, as after a Retry-After.
   *
   * @throws DescriptorError (`unknown-member`)
   */
  cooldown(name: string, until: Millis): void;
}

/**
 * A pool over an engine. Pools of several processes, over one store, share the members' quotas.
 *
 * @param engine - of either kind
 * @throws PolicyError (`unknown-group`, or naming the argument that does not fit), DescriptorError for a faulty member
 *
 * @example
 * ```ts
 * const numbers = createPool(engine, { group: 'sms', field: 'number', members: ['+15550001', '+15550002'] });
 * const { member } = await numbers.acquire();
 * ```
 */
export function createPool<P extends PolicyDocument, A extends EngineAdmission = Admission>(
  engine: AnyEngine<P, A>,
  options: PoolOptions<P>,
): Pool<P, A> {
  checkGiven(typeof engine?.acquire === 'function', 'engine', engine, 'an engine');
  checkFields(options, ['group', 'field', 'members']);
  const groups = Object.keys(engine.policy.groups);
  if (!groups.includes(options.group)) {
    const message = `unknown group ${show(options.group)}${suggest(options.group, groups)}`;
    throw new PolicyError([{ code: 'unknown-group', path: 'group', value: options.group, message }]);
  }
  checkGiven(typeof options.field === 'string', 'field', options.field, 'the name of a partition field');
  checkGiven(Array.isArray(options.members), 'members', options.members, 'a list of members');
  return new EnginePool(engine, options);
}

interface MemberState {
  readonly name: string;
  quotas: PoolMember['quotas'];
  /** Requests that have been sent its way and wait there. */
  waiting: number;
  /** When it was last given work, counted in turns. */
  turn: number;
  coolUntil: Millis;
}

/** What a member would answer now. */
interface Look {
  readonly member: MemberState;
  readonly decision: Decision;
}

/** How long a member would keep a request waiting. */
interface Offer {
  readonly member: MemberState;
  readonly wait: Millis;
}

class EnginePool<P extends PolicyDocument, A extends EngineAdmission> implements Pool<P, A> {
  readonly #engine: AnyEngine<P, A>;
  readonly #group: string;
  readonly #field: string;
  readonly #members = new Map<string, MemberState>();
  #turns = 0;

  constructor(engine: AnyEngine<P, A>, options: PoolOptions<P>) {
    this.#engine = engine;
    this.#group = options.group;
    this.#field = options.field;
    for (const member of options.members) this.add(member);
  }

  async acquire(
    descriptor: Partial<Descriptor<P>> = {},
    { signal: given, ...rest }: AcquireOptions = {},
  ): Promise<PoolAdmission<A>> {
    const signal = typeof given === 'function' ? given() : given;
    const options = { ...rest, signal };
    for (let looks = 1; ; looks++) {
      const looking = this.#look(descriptor);
      const offer = this.#soonest(isPromise(looking) ? await looking : looking);
      if (offer === undefined) continue;
      const { member, wait } = offer;
      // Where a look takes time, somebody else may be faster: then another member may be free.
      const looksAgain = isPromise(looking) && wait <= 0 && looks <= this.#members.size;
      member.turn = ++this.#turns;
      member.waiting++;
      try {
        await sleepUntil(this.#engine.clock, member.coolUntil, signal);
        const request = this.#describe(descriptor, member);
        const admission = await this.#engine.acquire(
          request,
          looksAgain ? { ...options, timeout: 0 } : options,
        );
        if (looksAgain && isTaken(admission)) continue;
        const isAway =
          this.#members.get(member.name) !== member || member.coolUntil > this.#engine.clock.now();
        if (!isAway || !admission.allowed) return { member: member.name, admission };
        const cancelling = admission.cancel();
        // What a store cannot take back now comes back when the lease has run out.
        if (isPromise(cancelling)) await cancelling.catch(() => false);
      } finally {
        member.waiting--;
      }
    }
  }

  add(member: string | PoolMember): void {
    if (typeof member !== 'string') checkOptionsObject(member, 'member');
    const { name, quotas } = typeof member === 'string' ? { name: member, quotas: undefined } : member;
    checkKey(name, this.#field);
    const known = this.#members.get(name);
    if (known === undefined) this.#members.set(name, { name, quotas, waiting: 0, turn: 0, coolUntil: 0 });
    else known.quotas = quotas;
  }

  remove(name: string): boolean {
    return this.#members.delete(name);
  }

  cooldown(name: string, until: Millis): void {
    const member = this.#members.get(name);
    if (member === undefined) {
      const message = `unknown member ${show(name)}${suggest(name, [...this.#members.keys()])}`;
      throw new DescriptorError({ code: 'unknown-member', path: this.#field, value: name, message });
    }
    member.coolUntil = toInstant(until, 'until');
  }

  /** What each member would answer. */
  #look(descriptor: Partial<Descriptor<P>>): Look[] | Promise<Look[]> {
    const members = [...this.#members.values()];
    if (members.length === 0) {
      const message = 'the pool has no members';
      throw new DescriptorError({ code: 'empty-pool', path: 'members', value: [], message });
    }
    const decisions = members.map((member) => this.#engine.peek(this.#describe(descriptor, member)));
    const together = (decided: readonly Decision[]): Look[] =>
      members.map((member, i) => ({ member, decision: decided[i] as Decision }));
    return decisions.some(isPromise)
      ? Promise.all(decisions).then(together)
      : together(decisions as Decision[]);
  }

  /** @returns `undefined` if all of them have been removed since */
  #soonest(looks: readonly Look[]): Offer | undefined {
    const offers = looks
      .filter(({ member }) => this.#members.get(member.name) === member)
      .map((look) => ({ member: look.member, wait: this.#waitAt(look) }));
    return offers.sort(
      (a, b) => a.wait - b.wait || a.member.waiting - b.member.waiting || a.member.turn - b.member.turn,
    )[0];
  }

  /** How long until the member could take one more, after those that wait for it already. */
  #waitAt({ member, decision: { at, allowed, retryAt, limits } }: Look): Millis {
    const wait = allowed ? 0 : (retryAt ?? Number.MAX_SAFE_INTEGER) - at;
    return Math.max(wait + member.waiting * paceOf(limits), member.coolUntil - this.#engine.clock.now());
  }

  #describe(descriptor: Partial<Descriptor<P>>, { name, quotas }: MemberState): Descriptor<P> {
    const all = { ...descriptor.quotas, ...quotas };
    return { ...descriptor, group: this.#group, [this.#field]: name, quotas: all } as Descriptor<P>;
  }
}

/** Whether it is denied because it would have had to wait. */
function isTaken({ reason }: Decision): boolean {
  return reason === 'queue-timeout' || reason === 'concurrency' || reason === 'quota';
}

/** Milliseconds between two requests of cost 1 under the slowest rate. */
function paceOf(limits: Decision['limits']): Millis {
  return Math.max(
    0,
    ...limits.map(({ window, quota }) => (window === undefined || quota === 0 ? 0 : window / quota)),
  );
}

async function sleepUntil(clock: Clock, at: Millis, signal: AbortSignal | undefined): Promise<void> {
  while (at > clock.now()) {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const onWake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const cancel = clock.wakeAt?.(at, onWake) ?? wakeByTimer(clock, at, onWake);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
