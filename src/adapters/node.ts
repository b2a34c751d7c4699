/**
 * headgate around a listener of Node's `http`.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/contract.ts';
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
  const settle = (request: IncomingMessage, response: ServerResponse, admission: Admission): void => {
    try {
      if (countWhen?.(response) === false) engine.refund(admission);
    } catch (error) {
      onError?.(error, request);
    }
  };
  const admit = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const { method, url: path } = request;
    let gone: AbortController | undefined;
    let admission: Admission | undefined;
    // `close` comes after the response has ended, and also when the client goes away.
    response.on('close', () => {
      gone?.abort();
      admission?.release();
    });
    const signal = (): AbortSignal => {
      gone = new AbortController();
      if (response.closed) gone.abort();
      return gone.signal;
    };
    const descriptor = { method, path, ...(await identify(request)) };
    admission = await engine.acquire(descriptor, { signal });
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policy);
      setFields(response, headers);
      response.writeHead(status).end(body);
      return false;
    }
    const given: Admission = admission;
    if (response.closed) given.release();
    setFields(response, rateLimitHeaders(given, engine.policy));
    if (countWhen !== undefined) response.once('finish', () => settle(request, response, given));
    return !response.closed;
  };

  return async (request, response) => {
    try {
      if (!(await admit(request, response))) return;
    } catch (error) {
      if (response.closed) return;
      onError?.(error, request);
      if (!response.headersSent) response.writeHead(500);
      response.end();
      return;
    }
    listener(request, response);
  };
}

/** Sets fields; those of limits are appended, since another limiter may have sent its own. */
function setFields(response: ServerResponse, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (response.hasHeader(name) && /ratelimit/i.test(name)) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}
