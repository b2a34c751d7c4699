/**
 * headgate around a handler of AWS Lambda that answers HTTP requests: API Gateway (REST and HTTP APIs), load balancers
 * and function URLs.
 *
 * @module headgate/lambda
 */

import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { asking } from './ask.ts';
import { recount } from './fields.ts';
import { contextOf, type LambdaEvent, type LambdaResponse, withFields } from './gateway.ts';
import { type AdapterOptions, checkOptions } from './options.ts';
import { hold } from './permits.ts';

export type { LambdaEvent, LambdaResponse } from './gateway.ts';
export type { AdapterOptions } from './options.ts';

/** Options of {@link headgate}. What `identify` throws fails the invocation, which a gateway answers with 500 or 502. */
export interface LambdaOptions<P extends PolicyDocument, Event extends LambdaEvent, Context>
  extends Omit<AdapterOptions<P, Event, LambdaResponse>, 'identify'> {
  /** Who asks, as in other adapters. */
  readonly identify: (event: Event, context: Context) => Descriptor<P> | Promise<Descriptor<P>>;
}

/**
 * Wraps a handler: an admitted request reaches it, perhaps after waiting in its group's queue, and its response gets the
 * rate-limit fields; a denied one gets the policy's denial. Permits are held until the handler has answered.
 *
 * @example
 * ```ts
 * const identify = (event) => ({ ip: clientAddress({ peer: event.requestContext.http.sourceIp }) });
 * export const handler = headgate(engine, { identify }, async () => ({ statusCode: 200, body: 'hello' }));
 * ```
 */
export function headgate<P extends PolicyDocument, Event extends LambdaEvent, Context, Result>(
  engine: AnyEngine<P>,
  options: LambdaOptions<P, Event, Context>,
  handler: (event: Event, context: Context) => Result | Promise<Result>,
): (event: Event, context: Context) => Promise<Result | LambdaResponse> {
  checkOptions(options);
  const { identify, onError } = options;
  const own: AdapterOptions<P, readonly [Event, Context], LambdaResponse> = {
    ...options,
    identify: (args) => identify(...args),
    onError: onError && ((error, [event]) => onError(error, event)),
  };
  // Nothing tells a function that the client has gone away.
  const ask = asking(engine, own, () => new AbortController().signal);
  return async (...args) => {
    const [event, context] = args;
    const { httpMethod, rawPath, path = '/' } = event;
    const method = httpMethod ?? contextOf(event).http?.method ?? 'GET';
    const asked = ask(args, event, method, rawPath ?? path);
    const admission = isPromise(asked) ? await asked : asked;
    if (admission === undefined) return handler(event, context);
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      return withFields(event, { statusCode: status, body: method === 'HEAD' ? '' : body }, headers);
    }
    const release = admission.holdsPermits ? hold(admission, own, args) : undefined;
    try {
      const result = await handler(event, context);
      const response = responseOf(event, result);
      if (response === undefined) return result;
      // A function is frozen as soon as it has answered.
      const recounting = recount(engine, admission, own, args, response);
      if (recounting !== undefined) await recounting;
      return withFields(event, response, rateLimitHeaders(admission, engine.policyOf(admission)));
    } finally {
      const releasing = release?.();
      if (releasing !== undefined) await releasing;
    }
  };
}

/** A result as a response; `undefined` for what the gateway takes for a failure. */
function responseOf(event: LambdaEvent, result: unknown): LambdaResponse | undefined {
  const { statusCode } = (result ?? {}) as { readonly statusCode?: unknown };
  if (typeof statusCode === 'number') return result as LambdaResponse;
  if (statusCode === undefined) return inferred(event, result);
  // Gateways take digits in a text as well.
  const isStatus = typeof statusCode === 'string' && /^[1-5]\d\d$/.test(statusCode);
  return isStatus ? { ...(result as LambdaResponse), statusCode: Number(statusCode) } : undefined;
}

/** What HTTP APIs and function URLs make of a result without a status; the others take it for a failure. */
function inferred(event: LambdaEvent, result: unknown): LambdaResponse | undefined {
  if (contextOf(event).http === undefined || result === undefined) return undefined;
  const body = typeof result === 'string' ? result : JSON.stringify(result);
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body };
}
