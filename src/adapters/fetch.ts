/**
 * headgate around a `fetch` handler: Workers, Deno, Bun, Vercel, Next, Hono, or whatever answers a `Request`.
 *
 * @module
 */

import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/contract.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Options of {@link headgate}. */
export interface FetchOptions<P extends PolicyDocument, Rest extends readonly unknown[]> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are
   * missing. What it throws reaches the caller of the handler.
   */
  readonly identify: (request: Request, ...rest: Rest) => Descriptor<P> | Promise<Descriptor<P>>;
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
  const { identify, countWhen } = options;
  return async (request, ...rest) => {
    const { method, url: path } = request;
    const descriptor = { method, path, ...(await identify(request, ...rest)) };
    const admission = await engine.acquire(descriptor, { signal: () => request.signal });
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

/** Gives the permits back when the body has been read, cancelled or has failed; at once if none is sent. */
function holding(response: Response, admission: Admission, method: string): Response {
  const { body } = response;
  if (body === null || method === 'HEAD' || admission.fence === undefined) {
    admission.release();
    return response;
  }
  const reader = body.getReader();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      admission.release();
    },
    cancel(reason: unknown): Promise<void> {
      admission.release();
      return reader.cancel(reason);
    },
  };
  // Nothing is read ahead of whoever reads the response.
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), response);
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
