/**
 * What all adapters do: the way from a request to its admission.
 *
 * @module
 */

import { type AnyEngine, type EngineAdmission, isPromise } from '../engine/any-engine.ts';
import { checkGiven } from '../errors.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { asError, complete } from './identified.ts';
import { type AdapterOptions, checkOptions } from './options.ts';

/** `undefined`: the request may pass without a limit. */
export type Asked = EngineAdmission | undefined;

/**
 * Asks for one request. Throws or rejects what the framework is to hear.
 *
 * @param line - by which it is seen whether the client is still there
 * @param group - of the host's own route, where it knows one
 */
export type Ask<Request, Line> = (
  request: Request,
  line: Line,
  method: string,
  path: string,
  group?: string,
) => Asked | Promise<Asked>;

/**
 * Makes the {@link Ask} of an adapter. Its answer is a promise only if `identify` or the engine returns one, or a queue
 * may be met: a promise and its turn are 1 % of a small server's work.
 *
 * @param signalOf - a signal that is aborted when the client goes away; made only for those that have to wait
 * @param more - options that the adapter has besides those of all
 */
export function asking<P extends PolicyDocument, Request, Response, Line>(
  engine: AnyEngine<P>,
  options: AdapterOptions<P, Request, Response>,
  signalOf: (line: Line) => AbortSignal,
  more?: readonly string[],
): Ask<Request, Line> {
  checkGiven(typeof engine?.tryAcquire === 'function', 'engine', engine, 'an engine');
  checkOptions(options, more);
  const { identify, onIdentifyError, onError, group: usual } = options;
  let policy: PolicyDocument | undefined;
  let queued: ReadonlySet<string> = new Set();
  const mayWait = (group: string | undefined): boolean => {
    if (policy !== engine.policy) {
      policy = engine.policy;
      queued = groupsWithQueue(policy);
    }
    return queued.size > 0 && (group === undefined || queued.has(group));
  };
  const wait = async (descriptor: Descriptor<P>, request: Request, line: Line): Promise<EngineAdmission> => {
    let signal: AbortSignal | undefined;
    const made = (): AbortSignal => {
      signal = signalOf(line);
      return signal;
    };
    try {
      return await engine.acquire(descriptor, { signal: made });
    } catch (error) {
      if (!signal?.aborted) onError?.(error, request);
      throw error;
    }
  };
  const fail = (error: unknown, request: Request): never => {
    onError?.(error, request);
    throw error;
  };
  /** Apart from `decide`, which would otherwise have to keep what only a promise needs. */
  const later = (deciding: Promise<EngineAdmission>, request: Request): Promise<EngineAdmission> =>
    deciding.catch((error: unknown) => fail(error, request));
  const decide = (
    found: Descriptor<P>,
    request: Request,
    line: Line,
    method: string,
    path: string,
    group: string | undefined,
  ): EngineAdmission | Promise<EngineAdmission> => {
    const descriptor = complete(found, method, path, group);
    if (mayWait(descriptor?.group)) return wait(descriptor, request, line);
    try {
      const decided = engine.tryAcquire(descriptor);
      return isPromise(decided) ? later(decided, request) : decided;
    } catch (error) {
      return fail(error, request);
    }
  };
  const pass = (thrown: unknown, request: Request): undefined => {
    const error = asError(thrown);
    onError?.(error, request);
    if (onIdentifyError !== 'allow') throw error;
  };
  return (request, line, method, path, group = usual) => {
    let found: Descriptor<P> | Promise<Descriptor<P>>;
    try {
      found = identify(request);
    } catch (error) {
      return pass(error, request);
    }
    if (!isPromise(found)) return decide(found, request, line, method, path, group);
    return found.then(
      (descriptor) => decide(descriptor, request, line, method, path, group),
      (error: unknown) => pass(error, request),
    );
  };
}

function groupsWithQueue({ groups }: PolicyDocument): ReadonlySet<string> {
  return new Set(Object.keys(groups).filter((name) => groups[name]?.queue !== undefined));
}
