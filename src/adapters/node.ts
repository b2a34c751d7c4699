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
 * Wraps a listener: an allowed request reaches it with the policy's rate-limit fields already set on the response; a
 * denied one is answered by the policy's denial.
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

  const admit = (request: IncomingMessage, response: ServerResponse, identity: Descriptor<P>): boolean => {
    const { method, url: path } = request;
    const decision = engine.check({ method, path, ...identity });
    if (!decision.allowed) {
      const { status, headers, body } = denialResponse(decision, engine.policy);
      setFields(response, headers);
      response.statusCode = status;
      response.end(body);
      return false;
    }
    setFields(response, rateLimitHeaders(decision, engine.policy));
    if (countWhen !== undefined) {
      response.once('finish', () => {
        try {
          if (!countWhen(response)) engine.refund(decision);
        } catch (error) {
          onError?.(error, request);
        }
      });
    }
    return true;
  };

  return async (request, response) => {
    let isAdmitted = false;
    try {
      isAdmitted = admit(request, response, await identify(request));
    } catch (error) {
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
