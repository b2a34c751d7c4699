/**
 * Permits for as long as a response takes.
 *
 * @module
 */

import { type EngineAdmission, isPromise } from '../engine/any-engine.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { AdapterOptions } from './options.ts';

/** Who is told of what cannot be given back. */
type Told<Request> = Pick<AdapterOptions<PolicyDocument, Request, never>, 'onError'>;

/** What gives permits back, and a promise if that takes a while: it is never rejected. */
export type Release = () => Promise<unknown> | undefined;

/** Gives permits back. A store that fails does so itself when their lease has run out. */
export function release<Request>(
  admission: EngineAdmission,
  { onError }: Told<Request>,
  request: Request,
): Promise<unknown> | undefined {
  const released = admission.release();
  return isPromise(released) ? released.catch((error: unknown) => onError?.(error, request)) : undefined;
}

/** Has the permits of a request renewed, where they need it, until they are given back. */
export function hold<Request>(admission: EngineAdmission, told: Told<Request>, request: Request): Release {
  const stop = admission.keep?.();
  return () => {
    stop?.();
    return release(admission, told, request);
  };
}
