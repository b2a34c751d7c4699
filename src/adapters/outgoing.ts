/**
 * Requests of Node's `http` and of what is built upon it: the way from a request to the next listener.
 *
 * @module
 */

import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Asked, asking } from './ask.ts';
import { abortedOnClose, isClosed } from './closing.ts';
import { type Outgoing, recount, setFields } from './fields.ts';
import type { AdapterOptions } from './options.ts';
import { hold, release } from './permits.ts';

/**
 * Limits a request: calls `next` if it is admitted, perhaps later, and with what was thrown if that cannot be said. Returns
 * what `next` does, or a promise of it, since hosts may want to know of a rejection.
 */
export function limiting<
  P extends PolicyDocument,
  Request extends { readonly method?: string | undefined },
  Response extends Outgoing,
>(
  engine: AnyEngine<P>,
  options: AdapterOptions<P, Request, Response>,
  pathOf: (request: Request) => string,
): (request: Request, response: Response, next: (error?: unknown) => unknown) => unknown {
  const ask = asking(engine, options, abortedOnClose);
  /** Whether the request goes on. */
  const settle = (request: Request, response: Response, admission: Asked): boolean => {
    if (isClosed(response) || response.headersSent) {
      if (admission !== undefined) release(admission, options, request);
      return false;
    }
    if (admission === undefined) return true;
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      setFields(response, headers);
      response.statusCode = status;
      response.end(body);
      return false;
    }
    if (admission.holdsPermits) response.once('close', hold(admission, options, request));
    if (options.countWhen !== undefined) {
      response.once('finish', () => recount(engine, admission, options, request, response));
    }
    setFields(response, rateLimitHeaders(admission, engine.policyOf(admission)));
    return true;
  };
  return (request, response, next) => {
    const fail = (error: unknown): unknown => (isClosed(response) ? undefined : next(error));
    let asked: Asked | Promise<Asked>;
    try {
      asked = ask(request, response, request.method ?? 'GET', pathOf(request));
      if (!isPromise(asked) && !settle(request, response, asked)) return;
    } catch (error) {
      return fail(error);
    }
    if (!isPromise(asked)) return next();
    const later = asked.then((admission) => settle(request, response, admission));
    return later.then((goesOn) => (goesOn ? next() : undefined), fail);
  };
}
