/**
 * What the adapters of frameworks have in common: their options, and the way from a request to its admission.
 *
 * @module
 */

import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/engine.ts';
import { show } from '../errors.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Options of an adapter for a framework, whose requests and responses are `Request` and `Response`. */
export interface AdapterOptions<P extends PolicyDocument, Request, Response> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are not
   * given. What it throws goes to the framework's own error handling, unless `onIdentifyError` says otherwise.
   */
  readonly identify: (request: Request) => Descriptor<P> | Promise<Descriptor<P>>;
  /**
   * What becomes of a request that `identify` threw about: `fail` (the default) hands the error to the framework, `allow`
   * lets the request pass without a limit. A descriptor that the policy cannot read, say because a field is missing, is
   * an error always: whoever leaves out a key must not get a free pass.
   */
  readonly onIdentifyError?: 'fail' | 'allow';
  /** Whether a finished response counts; if not, its charge is given back. Default: all count. */
  readonly countWhen?: (response: Response) => boolean;
  /**
   * Told what no framework hears of: what `identify` threw where that is allowed, what `countWhen` threw, and, where there
   * is no framework, every other error.
   */
  readonly onError?: (error: unknown, request: Request) => void;
}

/** The facts that an adapter knows by itself. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly group?: string | undefined;
}

/** Asks for one request; `undefined`: it may pass without a limit. Throws or rejects what the framework is to hear. */
export type Ask<Request> = (
  request: Request,
  route: Route,
  signal: () => AbortSignal,
) => Admission | undefined | Promise<Admission | undefined>;

/** Makes the {@link Ask} of an adapter. Its answer is a promise only if `identify` returns one or a queue may be met. */
export function asking<P extends PolicyDocument, Request, Response>(
  engine: Engine<P>,
  { identify, onIdentifyError, onError }: AdapterOptions<P, Request, Response>,
): Ask<Request> {
  let policy: PolicyDocument | undefined;
  let queued: ReadonlySet<string> = new Set();
  const decide = (descriptor: Descriptor<P>, signal: () => AbortSignal): Admission | Promise<Admission> => {
    if (policy !== engine.policy) {
      policy = engine.policy;
      queued = groupsWithQueue(policy);
    }
    // Without a queue both answer alike, and this one at once: a promise and its turn are 1 % of a small server's work.
    const { group } = descriptor;
    const mayWait = queued.size > 0 && (group === undefined || queued.has(group));
    return mayWait ? engine.acquire(descriptor, { signal }) : engine.tryAcquire(descriptor);
  };
  const pass = (error: unknown, request: Request): undefined => {
    if (onIdentifyError !== 'allow') throw asError(error);
    onError?.(error, request);
  };
  return (request, route, signal) => {
    let found: Descriptor<P> | Promise<Descriptor<P>>;
    try {
      found = identify(request);
    } catch (error) {
      return pass(error, request);
    }
    if (!isPromise(found)) return decide(complete(found, route), signal);
    return found.then(
      (descriptor) => decide(complete(descriptor, route), signal),
      (error: unknown) => pass(error, request),
    );
  };
}

/** Spreads one object only: with a second, this takes six times as long as all the rest. */
function complete<P extends PolicyDocument>(found: Descriptor<P>, route: Route): Descriptor<P> {
  const { method, path, group } = route;
  return group === undefined ? { method, path, ...found } : { method, path, group, ...found };
}

/** Gives the charge of a response back if it does not count. */
export function recount<P extends PolicyDocument, Request, Response>(
  engine: Engine<P>,
  admission: Admission,
  { countWhen, onError }: AdapterOptions<P, Request, Response>,
  request: Request,
  response: Response,
): void {
  try {
    if (countWhen?.(response) === false) engine.refund(admission);
  } catch (error) {
    onError?.(error, request);
  }
}

/** Whether something is still to come. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Frameworks take `next(undefined)` for "go on", and Express `next('route')` for "skip the rest". */
function asError(thrown: unknown): unknown {
  if (typeof thrown === 'object' && thrown !== null) return thrown;
  return new Error(`identify threw ${show(thrown)}`, { cause: thrown });
}

function groupsWithQueue({ groups }: PolicyDocument): ReadonlySet<string> {
  return new Set(Object.keys(groups).filter((name) => groups[name]?.queue !== undefined));
}
