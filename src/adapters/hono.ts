/**
 * headgate as a middleware of Hono, on any runtime.
 *
 * @module headgate/hono
 */

import type { Context, Env, MiddlewareHandler } from 'hono';
import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Asked, asking } from './ask.ts';
import { type Closable, isClosed } from './closing.ts';
import { isAppended, recount } from './fields.ts';
import type { AdapterOptions } from './options.ts';
import { hold, type Release } from './permits.ts';
import { holding, withFields } from './response.ts';

export type { AdapterOptions } from './options.ts';

/** Options of {@link headgate}. */
export interface HonoOptions<P extends PolicyDocument, E extends Env = Env>
  extends AdapterOptions<P, Context<E>, Response> {}

type Status = Parameters<Context['status']>[0];

const APPEND = { append: true };
/** Never sent: the client has gone. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * A middleware: an admitted request goes on, perhaps after waiting in its group's queue, and its response has the
 * policy's rate-limit fields; a denied one is answered by the policy's denial. Permits are held until the body has been
 * read, cancelled or has failed; on Node, until the response is closed.
 *
 * @example
 * ```ts
 * app.use(headgate(engine, { identify: (context) => ({ apiKey: context.req.header('x-api-key') }) }));
 * ```
 */
export function headgate<P extends PolicyDocument, E extends Env = Env>(
  engine: AnyEngine<P>,
  options: HonoOptions<P, E>,
): MiddlewareHandler<E> {
  const ask = asking(engine, options, ({ req }: Context<E>) => req.raw.signal);
  return async (context, next) => {
    const { method, path } = context.req;
    let admission: Asked;
    try {
      const asked = ask(context, context, method, path);
      admission = isPromise(asked) ? await asked : asked;
    } catch (error) {
      if (context.req.raw.signal.aborted) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
      throw error;
    }
    if (admission === undefined) return next();
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      for (const name in headers) {
        context.header(name, headers[name], isAppended(name) ? APPEND : undefined);
      }
      return context.newResponse(method === 'HEAD' ? null : body, status as Status);
    }
    const release = admission.holdsPermits ? hold(admission, options, context) : undefined;
    try {
      await next();
    } catch (error) {
      await release?.();
      throw error;
    }
    const recounting = options.countWhen && recount(engine, admission, options, context, context.res);
    if (recounting !== undefined) await recounting;
    const holds = release === undefined ? context.res : held(context, release);
    const response = isPromise(holds) ? await holds : holds;
    replace(context, withFields(response, rateLimitHeaders(admission, engine.policyOf(admission))));
  };
}

/** On Node a permit is held until the response is closed: a body that nobody reads would keep it. */
function held<E extends Env>({ env, req, res }: Context<E>, release: Release): Response | Promise<Response> {
  const { outgoing } = (env ?? {}) as { readonly outgoing?: Closable };
  if (typeof outgoing?.once !== 'function') return holding(res, release, req.method);
  if (isClosed(outgoing)) release();
  else outgoing.once('close', release);
  return res;
}

/** Hono would copy the former response's fields onto a new one. */
function replace<E extends Env>(context: Context<E>, response: Response): void {
  if (response === context.res) return;
  context.res = undefined;
  context.res = response;
}
