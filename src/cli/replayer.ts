import { createEngine } from '../engine/engine.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { whole } from './io.ts';
import { ratesOnly } from './rates-only.ts';
import type { Checker } from './replay.ts';
import type { ReplaySettings } from './replay-options.ts';
import type { Shadows } from './summary.ts';

/** What is asked, and what is to be said about it afterwards. */
export interface Replayer {
  /** The policy without the limits that a log cannot show. */
  readonly policy: PolicyDocument;
  readonly engine: Checker;
  /** Names of the limits that were left out. */
  readonly left: readonly string[];
  /** Whether there were more keys than could be kept, so that some shared a budget. */
  hasShared(): boolean;
  /** What the shadow limits would have changed, by name. */
  shadows(): Shadows;
}

/** An engine for the rates of a policy. */
export function replayerFor(policy: PolicyDocument, maxKeys: number, requests: number): Replayer {
  const { rates, left } = ratesOnly(policy);
  // A fixed seed, so that the same log gives the same figures even where keys have to share.
  const engine = createEngine(rates, { maxKeys: roomFor(maxKeys, requests), seed: 0 });
  const hasShared = (): boolean => Object.values(engine.stats().partitions).some(({ joined }) => joined > 0);
  return { policy: rates, engine, left, hasShared, shadows: () => engine.stats().shadows };
}

/** How many keys to keep: no more than there are requests, since room is made for all at once. */
export function roomFor(maxKeys: number, requests: number): number {
  return Math.max(1, Math.min(maxKeys, requests));
}

/** What the figures of a replay do not show. */
export function replayNotes(replayers: readonly Replayer[], { maxKeys }: ReplaySettings): string[] {
  const left = new Set(replayers.flatMap((replayer) => replayer.left));
  const notes = [...left].map((name) => `${name}: not simulated, a log does not say how long requests ran`);
  if (replayers.some((replayer) => replayer.hasShared())) {
    notes.push(`some keys shared a budget: there were more than ${whole(maxKeys)}, see --max-keys`);
  }
  return notes;
}
