import { fillQuestions, type Request, readRequest, type Sources } from '../engine/request.ts';
import { stateFrom } from '../limiter/state-options.ts';
import type { UsageReport } from '../policy/carry.ts';
import { type CompiledGroup, type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Clock } from '../time.ts';
import type { Call } from './call.ts';
import { earlierOf, usageOf } from './carry.ts';
import { cellsName } from './cells.ts';
import { checkLimits } from './checks.ts';
import { scratch } from './corrections.ts';
import { Fallback, type LocalRequest } from './fallback.ts';
import { Inquest, type Site, sitesOf } from './inquest.ts';
import { ScratchTable } from './scratch.ts';
import { storePartitions } from './slots.ts';
import type { Store } from './store.ts';

/** What rules are made for. */
export interface RulesOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Of each quota, for a process that decides alone. */
  readonly share: number;
  /** Whose decisions these are. */
  readonly owner: object;
  /** What is in force; nothing of it changes before {@link Rules.takeOver}. */
  readonly before?: Rules | undefined;
}

/** A policy, made ready to be decided by a store. */
export class Rules {
  readonly policy: CompiledPolicy;
  readonly fallback: Fallback;
  /** What becomes of usage. */
  readonly usage: readonly UsageReport[];
  readonly #sites: ReadonlyMap<CompiledGroup, readonly Site[]>;

  /**
   * @param document - a whole policy, parsed
   * @throws PolicyError for limits that the store cannot keep
   */
  constructor(document: PolicyDocument, { store, clock, share, owner, before }: RulesOptions) {
    checkLimits(document, store);
    const partitions = storePartitions(document, store.isPartitioned);
    this.fallback = new Fallback(document, share, clock);
    const earlier = before && { policy: earlierOf(before.policy), carry: () => 'keep' as const, now: 0 };
    this.policy = compilePolicy(document, {}, stateFrom({ clock }).table, owner, earlier, ScratchTable);
    const names = new Map(
      [...this.policy.limits].map(([name, limit]) => [name, cellsName(name, limit.document)]),
    );
    for (const isShadow of [false, true]) {
      for (const [id, { table }] of this.policy[isShadow ? 'shadows' : 'partitions']) {
        const partition = partitions.get(id);
        if (partition === undefined) continue;
        // Where it does not matter what is kept together, that must not say where it is kept: groups may change.
        const slot = store.isPartitioned ? partition.slot : partition.fields;
        Object.assign(scratch(table), { partition: { ...partition, slot, isShadow }, names });
      }
    }
    this.usage = before === undefined ? [] : usageOf(before.policy, this.policy);
    const groups = [...this.policy.groups.values()];
    this.#sites = new Map(groups.map((group) => [group, sitesOf(group, this.policy)]));
  }

  /**
   * Reads a request, and fills in the questions of its group: until the next one is read.
   *
   * @param sources - where each quota came from is written here, if given
   * @throws DescriptorError or CostError naming the field that is wrong
   */
  ask(descriptor: LooseDescriptor, sources?: Sources): Request {
    const request = readRequest(this.policy, descriptor);
    if (request.group !== undefined) fillQuestions(this.policy, request.group, descriptor, request, sources);
    return request;
  }

  /**
   * Reads a request, to be asked as often as need be.
   *
   * @param id - of the operation
   * @param request - the descriptor, if it has just been read
   * @throws DescriptorError or CostError naming the field that is wrong
   */
  read(descriptor: LooseDescriptor, id: string, request: Request = this.ask(descriptor)): Call {
    const { group } = request;
    const call = { rules: this, id, leaseId: id, request };
    if (group === undefined) return { ...call, group, inquest: undefined, lineKey: '', local: undefined };
    return {
      ...call,
      group,
      inquest: new Inquest(group, this.#sites.get(group) ?? []),
      local: this.#localRequest(descriptor, group, request),
      lineKey: group.entrance.queue === undefined ? '' : group.entrance.lineKey(),
    };
  }

  /** Has what this process decides by itself go on with the usage from before. Nothing can fail here. */
  takeOver({ fallback }: Rules): void {
    this.fallback.takeOver(fallback);
  }

  /** What this process needs to know to decide by itself, where the policy has it do so: the caller's object may change. */
  #localRequest(
    descriptor: LooseDescriptor,
    { name }: CompiledGroup,
    { tier, match }: Request,
  ): LocalRequest | undefined {
    if (this.fallback.strategyOf(name) !== 'local') return undefined;
    return { descriptor: { ...descriptor }, group: name, tier, params: match?.params };
  }
}
