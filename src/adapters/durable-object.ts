/**
 * An engine in a Durable Object: one budget for all instances of a Worker, which survives restarts by a snapshot.
 *
 * @module headgate/durable-object
 */

import type { PolicyDocument } from '../policy/document.ts';
import type { DurableEngine, DurableOptions, DurableState } from './durable-contract.ts';
import { DurableKeeper, isCharged, plain, planKeeper } from './durable-keeper.ts';

export type { DurableAdmission, DurableEngine, DurableOptions, DurableState } from './durable-contract.ts';
export type { DurableStorage } from './durable-storage.ts';

/**
 * A class of Durable Objects that answer for a policy.
 *
 * @param base - `DurableObject` from `cloudflare:workers`, or a class that extends it
 * @throws PolicyError with every fault of the policy, or of the options, at once and not only when an object is made
 *
 * @example
 * ```ts
 * export class Limits extends durableEngine(DurableObject, policy) {}
 * // in the Worker: await env.LIMITS.getByName(account).check({ method, path, apiKey })
 * ```
 */
export function durableEngine<
  const P extends PolicyDocument,
  State extends DurableState,
  Env,
  Instance extends object,
>(
  base: abstract new (state: State, env: Env) => Instance,
  policy: P,
  options: DurableOptions = {},
): new (
  state: State,
  env: Env,
) => Instance & DurableEngine<P> {
  const plan = planKeeper(policy, options);
  type Asked<M extends keyof DurableEngine> = Parameters<DurableEngine<P>[M]>;
  type Told<M extends keyof DurableEngine> = ReturnType<DurableEngine<P>[M]>;

  class EngineObject
    extends (base as abstract new (state: State, env: Env) => object)
    implements DurableEngine<P>
  {
    #keeper!: DurableKeeper<P>;

    constructor(state: State, env: Env) {
      super(state, env);
      state.blockConcurrencyWhile(async () => {
        this.#keeper = await DurableKeeper.open(plan, state.storage);
      });
    }

    check(...[descriptor]: Asked<'check'>): Told<'check'> {
      const decision = this.#keeper.engine.check(descriptor);
      if (isCharged(decision)) this.#keeper.changed();
      return plain(decision);
    }

    peek(...[descriptor]: Asked<'peek'>): Told<'peek'> {
      return plain(this.#keeper.engine.peek(descriptor));
    }

    explain(...[descriptor]: Asked<'explain'>): Told<'explain'> {
      const story = this.#keeper.engine.explain(descriptor);
      return { ...story, decision: plain(story.decision) };
    }

    tryAcquire(...[descriptor]: Asked<'tryAcquire'>): Told<'tryAcquire'> {
      return this.#keeper.admit(this.#keeper.engine.tryAcquire(descriptor));
    }

    async acquire(...[descriptor, options]: Asked<'acquire'>): Told<'acquire'> {
      return this.#keeper.admit(await this.#keeper.engine.acquire(descriptor, options));
    }

    release(...[fence]: Asked<'release'>): Told<'release'> {
      return this.#keeper.held.get(fence)?.release() ?? false;
    }

    renew(...[fence]: Asked<'renew'>): Told<'renew'> {
      return this.#keeper.held.get(fence)?.renew() ?? false;
    }

    settle(...[fence, actual]: Asked<'settle'>): Told<'settle'> {
      return this.#changed(this.#keeper.held.get(fence)?.settle(actual) ?? false);
    }

    cancel(...[fence]: Asked<'cancel'>): Told<'cancel'> {
      return this.#changed(this.#keeper.held.get(fence)?.cancel() ?? false);
    }

    block(...[partition, options]: Asked<'block'>): void {
      this.#saved(this.#keeper.engine.block(partition, options));
    }

    unblock(...[partition]: Asked<'unblock'>): Told<'unblock'> {
      return this.#saved(this.#keeper.engine.unblock(partition));
    }

    forget(...[partition]: Asked<'forget'>): Told<'forget'> {
      return this.#saved(this.#keeper.engine.forget(partition));
    }

    stats(): Told<'stats'> {
      return this.#keeper.engine.stats();
    }

    #changed(isChanged: boolean): boolean {
      if (isChanged) this.#keeper.changed();
      return isChanged;
    }

    #saved<T>(result: T): T {
      if (result !== false) this.#keeper.save();
      return result;
    }
  }
  return EngineObject as unknown as new (
    state: State,
    env: Env,
  ) => Instance & DurableEngine<P>;
}
