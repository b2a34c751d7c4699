/**
 * headgate around a `fetch` handler: Workers, Deno, Bun, Vercel, Next route handlers, Hono, or anything else that turns
 * a `Request` into a `Response`.
 *
 * @module
 */

import type { Engine } from '../engine/engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Options of {@link headgate}. */
export interface FetchOptions<P extends PolicyDocument, Rest extends readonly unknown[]> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are not
   * given. What it throws reaches the caller of the handler.
   */
  readonly identify: (request: Request, ...rest: Rest) => Descriptor<P> | Promise<Descriptor<P>>;
  /** Whether a response counts; if not, its charge is given back. Default: all count. */
  readonly countWhen?: (response: Response) => boolean;
}

/**
 * Wraps a handler: an allowed request reaches it, and its response gets the policy's rate-limit fields; a denied one is
 * answered by the policy's denial.
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
  const { identify, countWhen } = options;
  return async (request, ...rest) => {
    const { method, url: path } = request;
    const decision = engine.check({ method, path, ...(await identify(request, ...rest)) });
    if (!decision.allowed) {
      const { status, headers, body } = denialResponse(decision, engine.policy);
      return new Response(method === 'HEAD' ? null : body, { status, headers });
    }
    const response = await handler(request, ...rest);
    if (countWhen !== undefined && !countWhen(response)) engine.refund(decision);
    return withFields(response, rateLimitHeaders(decision, engine.policy));
  };
}

/** Appends fields to a response, copying it only if its own are immutable. */
function withFields(response: Response, fields: Record<string, string>): Response {
  try {
    for (const [name, value] of Object.entries(fields)) response.headers.append(name, value);
    return response;
  } catch {
    const copy = new Response(response.body, response);
    for (const [name, value] of Object.entries(fields)) copy.headers.append(name, value);
    return copy;
  }
}
