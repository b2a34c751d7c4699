/**
 * headgate as a middleware of Koa.
 *
 * @module headgate/koa
 */

import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Asked, asking } from './ask.ts';
import { abortedOnClose, isClosed } from './closing.ts';
import { isAppended, type Outgoing, recount, setFields } from './fields.ts';
import type { AdapterOptions } from './options.ts';
import { hold, release } from './permits.ts';

export type { Closable } from './closing.ts';
export type { Outgoing } from './fields.ts';
export type { AdapterOptions } from './options.ts';

/** What is used of its response. */
export interface KoaOutgoing extends Outgoing {
  /** All fields, by their names in lower case. */
  getHeaders(): Readonly<Record<string, unknown>>;
}

/** What is used of a context of Koa. */
export interface KoaContext {
  /** HTTP method. */
  readonly method: string;
  /** The whole path, also where a router is mounted below it. */
  readonly originalUrl: string;
  /** The client's address, as Koa sees it through the proxies it trusts. */
  readonly ip: string;
  /** A field of the request, the empty text if there is none. */
  get(name: string): string;
  /** The response of Node. */
  readonly res: KoaOutgoing;
  /** Status of the response. */
  status: number;
  /** What is sent. */
  body: unknown;
}

/** Options of {@link headgate}. */
export interface KoaOptions<P extends PolicyDocument, Context extends KoaContext = KoaContext>
  extends AdapterOptions<P, Context, Context> {}

/**
 * A middleware: an admitted request goes on, perhaps after waiting in its group's queue, with the policy's rate-limit
 * fields already set on the response; a denied one is answered by the policy's denial. Permits are held until the
 * response has ended or the client has gone away.
 *
 * @example
 * ```ts
 * app.use(headgate(engine, { identify: ({ ip }) => ({ ip: clientAddress({ peer: ip }) }) }));
 * ```
 */
export function headgate<P extends PolicyDocument, Context extends KoaContext = KoaContext>(
  engine: AnyEngine<P>,
  options: KoaOptions<P, Context>,
): (context: Context, next: () => Promise<unknown>) => Promise<unknown> {
  const ask = asking(engine, options, abortedOnClose);
  return async (context, next) => {
    const { res } = context;
    let admission: Asked;
    try {
      const asked = ask(context, res, context.method, context.originalUrl);
      admission = isPromise(asked) ? await asked : asked;
    } catch (error) {
      if (isClosed(res)) return undefined;
      throw error;
    }
    if (isClosed(res)) {
      if (admission !== undefined) release(admission, options, context);
      return undefined;
    }
    if (admission === undefined) return next();
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      setFields(res, headers);
      context.status = status;
      context.body = body;
      return undefined;
    }
    if (admission.holdsPermits) res.once('close', hold(admission, options, context));
    if (options.countWhen !== undefined) {
      res.once('finish', () => recount(engine, admission, options, context, context));
    }
    setFields(res, rateLimitHeaders(admission, engine.policyOf(admission)));
    return next().catch((error: unknown) => keepFields(context, error));
  };
}

/** Koa takes all fields from a response to an error, but for those that the error names. */
function keepFields({ res }: KoaContext, error: unknown): never {
  if (error instanceof Error && Object.isExtensible(error)) {
    const fields = Object.entries(res.getHeaders()).filter(([name]) => isAppended(name));
    const { headers } = error as { headers?: object };
    Object.assign(error, { headers: { ...Object.fromEntries(fields), ...headers } });
  }
  throw error;
}
