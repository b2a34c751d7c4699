/**
 * headgate around a `fetch` handler: Workers, Deno, Bun, Vercel, Next, Hono, or whatever answers a `Request`.
 *
 * @module
 */

import type { Engine } from '../engine/engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { asking } from './ask.ts';
import { holding, withFields } from './response.ts';

/** Options of {@link headgate}. */
export interface FetchOptions<P extends PolicyDocument, Rest extends readonly unknown[]> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are
   * missing. What it throws reaches the caller of the handler, unless `onIdentifyError` says otherwise.
   */
  readonly identify: (request: Request, ...rest: Rest) => Descriptor<P> | Promise<Descriptor<P>>;
  /**
   * What becomes of a request that `identify` threw about: `fail` (the default) throws on, `allow` lets the request pass
   * without a limit. A descriptor that the policy cannot read is an error always.
   */
  readonly onIdentifyError?: 'fail' | 'allow';
  /** Told what `identify` threw where that is allowed. Default: nobody. */
  readonly onError?: (error: unknown, request: Request) => void;
  /** Whether a response counts; if not, its charge is given back. Default: all count. */
  readonly countWhen?: (response: Response) => boolean;
}

/**
 * Wraps a handler: an admitted request reaches it, perhaps after waiting in its group's queue, and its response gets the
 * rate-limit fields; a denied one gets the policy's denial. Permits are held until the body is read, cancelled or fails.
 *
 * @param handler - further arguments, such as `env` and `ctx` in a Worker, are passed through
 *
 * @example
 * ```ts
 * export default { fetch: headgate(engine, { identify }, (request) => new Response('hello')) };
 * ```
 */
export function headgate<P extends PolicyDocument, Rest extends readonly unknown[]>(
  engine: Engine<P>,
  options: FetchOptions<P, Rest>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { identify, onIdentifyError = 'fail', onError, countWhen } = options;
  const ask = asking<P, readonly [Request, ...Rest], Response>(engine, {
    identify: ([request, ...rest]) => identify(request, ...rest),
    onIdentifyError,
    onError: (error, [request]) => onError?.(error, request),
  });
  return async (request, ...rest) => {
    const { method, url: path } = request;
    const admission = await ask([request, ...rest], { method, path }, () => request.signal);
    if (admission === undefined) return handler(request, ...rest);
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policy);
      return new Response(method === 'HEAD' ? null : body, { status, headers });
    }
    try {
      const response = await handler(request, ...rest);
      if (countWhen !== undefined && !countWhen(response)) engine.refund(admission);
      const held = holding(response, admission, method);
      return withFields(held, rateLimitHeaders(admission, engine.policy));
    } catch (error) {
      admission.release();
      throw error;
    }
  };
}
