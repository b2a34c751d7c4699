import type { EngineStats } from '../engine/contract.ts';
import type { Figures } from '../lab/figures.ts';
import { Waits } from '../lab/measure/waits.ts';
import { type PolicyRunner, policyRunner } from '../lab/policy-runner.ts';
import { Stage } from '../lab/stage.ts';
import type { LoggedRequest } from '../lab/trace/request.ts';
import type { Decision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Millis } from '../time.ts';
import { whole } from './io.ts';
import { leftNotes, replayable } from './rates-only.ts';
import type { Answer, Side } from './replay.ts';
import type { ReplaySettings } from './replay-options.ts';

/** What became of permits and queues; as `headgate compare` tells it. */
export type WorkFigures = Pick<Figures, 'reasons' | 'permits' | 'waits'>;

/** Shadow limits by name, candidates as `limit.candidate`, and what each would have changed. */
export type Shadows = EngineStats['shadows'];

/** A policy that is asked about a log in virtual time, and what is to be said about it afterwards. */
export class Replayer implements Side {
  /** The policy without the limits that the log cannot show. */
  readonly policy: PolicyDocument;
  /** Names of the limits that were left out. */
  readonly left: readonly string[];
  readonly #stage: Stage<PolicyRunner>;
  readonly #waits = new Waits();
  readonly #reasons: Record<string, number> = {};

  /** @param requests - what is going to be asked, in time order */
  constructor(
    policy: PolicyDocument,
    { maxKeys, hold }: Pick<ReplaySettings, 'maxKeys' | 'hold'>,
    requests: readonly LoggedRequest[],
  ) {
    const { policy: asked, left } = replayable(policy, hold);
    this.policy = asked;
    this.left = left;
    this.#stage = new Stage(requests[0]?.at ?? 0, (clock) =>
      // A fixed seed, so that the same log gives the same figures even where keys have to share.
      policyRunner(asked, { clock, maxKeys: roomFor(maxKeys, requests.length), seed: 0 }),
    );
  }

  ask({ at, descriptor, hold }: LoggedRequest, hear: (answer: Answer) => void): Promise<void> | undefined {
    const arrival = { at, key: '', cost: 1, descriptor, ...(hold === undefined ? {} : { hold }) };
    return this.#stage.arrive(at, () => {
      this.#stage.ask(
        arrival,
        (verdict) => {
          this.#note(verdict as Decision, at, hold);
          hear(verdict as Decision);
        },
        hear,
      );
    });
  }

  finish(): Promise<void> {
    return this.#stage.finish();
  }

  #note(decision: Decision, since: Millis, hold: Millis = 0): void {
    const now = this.#stage.now();
    if (!decision.allowed) {
      this.#reasons[decision.reason] = (this.#reasons[decision.reason] ?? 0) + 1;
      return;
    }
    if (now > since) this.#waits.add(now - since);
    const work = this.#stage.runner.work?.(decision);
    if (work !== undefined) this.#stage.hold(work, now + hold);
  }

  /** What became of permits and queues. */
  work(): WorkFigures {
    const { permits } = this.#stage;
    return { reasons: this.#reasons, permits: permits.figures(), waits: this.#waits.figures() };
  }

  /** Whether there were more keys than could be kept, so that some shared a budget. */
  hasShared(): boolean {
    const { partitions } = this.#stage.runner.engine.stats();
    return Object.values(partitions).some(({ joined }) => joined > 0);
  }

  /** What the shadow limits would have changed, by name. */
  shadows(): Shadows {
    return this.#stage.runner.engine.stats().shadows;
  }
}

/** How many keys to keep: no more than there are requests, since room is made for all at once. */
export function roomFor(maxKeys: number, requests: number): number {
  return Math.max(1, Math.min(maxKeys, requests));
}

/** What the figures of a replay do not show. */
export function replayNotes(replayers: readonly Replayer[], { maxKeys }: ReplaySettings): string[] {
  const notes = leftNotes([...new Set(replayers.flatMap(({ left }) => left))]);
  if (replayers.some((replayer) => replayer.hasShared())) {
    notes.push(`some keys shared a budget: there were more than ${whole(maxKeys)}, see --max-keys`);
  }
  return notes;
}
