import type { Request } from '../engine/request.ts';
import { StoreError } from '../errors.ts';
import type { Reason } from '../limiter/decision.ts';
import type { Mode } from '../limiter/question.ts';
import type { CompiledGroup, CompiledPolicy } from '../policy/compile.ts';
import type { Millis } from '../time.ts';
import type { Fallback, LocalRequest } from './fallback.ts';
import type { Inquest } from './inquest.ts';
import type { StoreReply } from './store.ts';

/** A request that has been read. */
export interface Call {
  /** By which it was read. */
  readonly rules: { readonly policy: CompiledPolicy; readonly fallback: Fallback };
  readonly id: string;
  /** What it was found to be. */
  readonly request: Request;
  /** The same, unless the caller has given one. */
  leaseId: string;
  readonly group: CompiledGroup | undefined;
  readonly inquest: Inquest | undefined;
  readonly lineKey: string;
  /** Where this process may have to decide by itself. */
  readonly local: LocalRequest | undefined;
  /** What the caller was told, once, without the store: what the store says later is too late. */
  told?: 'admitted' | 'denied';
  /** What the store granted too late, while the caller goes on asking. */
  unclaimed?: readonly StoreReply[];
  /** The fence of what the caller was granted by the store; 0: no lease, by which the store could tell that it has. */
  granted?: number;
}

/** How a request stands in line. */
export interface Stand {
  readonly ticket?: string | undefined;
  /** For how long a place is kept. */
  readonly keep: Millis;
  /** What it is told if it has still to wait. */
  readonly refusal?: Reason | undefined;
}

/** Nothing is charged for a request that lacks a key, whatever the others say. */
export function modeOf(inquest: Inquest, mode: Mode): Mode | 'deny' {
  return inquest.lacksKey && mode === 'charge' ? 'deny' : mode;
}

/** A reply that the limits here do not agree with. */
export function disagreement(value: unknown): StoreError {
  const message =
    'the store and this process draw different decisions from the same state; is it another version?';
  return new StoreError({ code: 'disagreement', path: 'store', value, message });
}
