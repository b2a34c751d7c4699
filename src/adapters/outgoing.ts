/**
 * Requests of Node's `http` and of what is built upon it: the way from a request to the next listener.
 *
 * @module
 */

import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type AdapterOptions, asking, isPromise, type Route, recount } from './ask.ts';

/** What tells when it has been closed: when the response has ended, and when the client has gone away. */
export interface Closable {
  /** Whether it has been. */
  readonly closed: boolean;
  /** Listens once. */
  once(event: 'close' | 'finish', listener: () => void): unknown;
}

/** What is used of a response of Node. */
export interface Outgoing extends Closable {
  /** Status of the response. */
  statusCode: number;
  /** Whether the response has begun. */
  readonly headersSent: boolean;
  /** Whether a field has been set. */
  hasHeader(name: string): boolean;
  /** Sets a field. */
  setHeader(name: string, value: string): unknown;
  /** Adds to a field. */
  appendHeader(name: string, value: string): unknown;
  /** Sends the body. */
  end(body?: string): unknown;
}

/** Limits a request: calls `next` if it is admitted, perhaps later, and with what was thrown if that cannot be said. */
export function limiting<P extends PolicyDocument, Request, Response extends Outgoing>(
  engine: Engine<P>,
  options: AdapterOptions<P, Request, Response>,
  routeOf: (request: Request) => Route,
): (request: Request, response: Response, next: (error?: unknown) => void) => void {
  const ask = asking(engine, options);
  const settle = (request: Request, response: Response, admission: Admission): boolean => {
    if (response.headersSent || response.closed) {
      admission.release();
      return false;
    }
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policy);
      setFields(response, headers);
      response.statusCode = status;
      response.end(body);
      return false;
    }
    if (admission.fence !== undefined) response.once('close', () => admission.release());
    if (options.countWhen !== undefined) {
      response.once('finish', () => recount(engine, admission, options, request, response));
    }
    setFields(response, rateLimitHeaders(admission, engine.policy));
    return true;
  };

  return (request, response, next) => {
    const fail = (error: unknown): void => {
      if (!response.closed) next(error);
    };
    const go = (admission: Admission | undefined): void => {
      if (admission === undefined ? !response.closed : settle(request, response, admission)) next();
    };
    let asked: ReturnType<typeof ask>;
    try {
      asked = ask(request, routeOf(request), () => abortedOnClose(response));
    } catch (error) {
      return fail(error);
    }
    if (isPromise(asked)) asked.then(go).catch(fail);
    else go(asked);
  };
}

/** Aborted when a response is closed. */
export function abortedOnClose(response: Closable): AbortSignal {
  const gone = new AbortController();
  if (response.closed) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}

/** Sets fields; those of limits are appended, since another limiter may have sent its own. */
function setFields(response: Outgoing, fields: Readonly<Record<string, string>>): void {
  // Over names alone: to make pairs of them takes longer than to set them.
  for (const name in fields) {
    const value = fields[name] ?? '';
    if (response.hasHeader(name) && isAppended(name)) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}

/** Whether a field lists what limiters say, one after the other. */
export function isAppended(name: string): boolean {
  return /ratelimit/i.test(name);
}
