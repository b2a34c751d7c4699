/**
 * headgate around a listener of Node's `http`.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../engine/engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Options of {@link headgate}. */
export interface NodeOptions<P extends PolicyDocument> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are not
   * given. If it throws, the request is answered with status 500.
   */
  readonly identify: (request: IncomingMessage) => Descriptor<P> | Promise<Descriptor<P>>;
  /** Whether a finished response counts; if not, its charge is given back. Default: all count. */
  readonly countWhen?: (response: ServerResponse) => boolean;
  /** Told what `identify`, the policy's reading of its descriptor, or `countWhen` threw. Default: nobody. */
  readonly onError?: (error: unknown, request: IncomingMessage) => void;
}

/**
 * Wraps a listener: an admitted request reaches it, perhaps after waiting in its group's queue, with the policy's
 * rate-limit fields already set on the response; a denied one is answered by the policy's denial. Permits are held until
 * the response has ended or the client has gone away.
 *
 * @example
 * ```ts
 * createServer(headgate(engine, { identify }, (request, response) => response.end('hello'))).listen(8080);
 * ```
 */
export function headgate<P extends PolicyDocument>(
  engine: Engine<P>,
  options: NodeOptions<P>,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { identify, countWhen, onError } = options;

  const admit = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const { method, url: path } = request;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const descriptor = { method, path, ...(await identify(request)) };
    const admission = await engine.acquire(descriptor, { signal: gone.signal });
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policy);
      setFields(response, headers);
      response.statusCode = status;
      response.end(body);
      return false;
    }
    // `close` comes after the response has ended, and also when the client goes away.
    gone.signal.addEventListener('abort', () => admission.release());
    if (gone.signal.aborted) {
      admission.release();
      return false;
    }
    setFields(response, rateLimitHeaders(admission, engine.policy));
    response.once('finish', () => {
      try {
        if (countWhen !== undefined && !countWhen(response)) engine.refund(admission);
      } catch (error) {
        onError?.(error, request);
      }
    });
    return true;
  };

  return async (request, response) => {
    let isAdmitted = false;
    try {
      isAdmitted = await admit(request, response);
    } catch (error) {
      if (response.closed) return;
      onError?.(error, request);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
    if (isAdmitted) listener(request, response);
  };
}

/** Sets fields; those of limits are appended, since another limiter may have sent its own. */
function setFields(response: ServerResponse, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (/ratelimit/i.test(name)) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}
