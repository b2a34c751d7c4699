/**
 * headgate as a middleware of Express 5 and 4, and of what takes middlewares of theirs.
 *
 * @module headgate/express
 */

import type { AnyEngine } from '../engine/any-engine.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Outgoing } from './fields.ts';
import type { AdapterOptions } from './options.ts';
import { limiting } from './outgoing.ts';

export type { Closable } from './closing.ts';
export type { Outgoing } from './fields.ts';
export type { AdapterOptions } from './options.ts';

/** What is used of a request of Express. */
export interface ExpressRequest {
  /** HTTP method. */
  readonly method: string;
  /** The whole path, also where a router is mounted below it. */
  readonly originalUrl: string;
  /** Fields of the request, by their names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The client's address, as Express sees it through the proxies it trusts. */
  readonly ip?: string | undefined;
}

/** Options of {@link headgate}. */
export interface ExpressOptions<
  P extends PolicyDocument,
  Request extends ExpressRequest = ExpressRequest,
  Response extends Outgoing = Outgoing,
> extends AdapterOptions<P, Request, Response> {}

/**
 * A middleware for an application, a router or a route: an admitted request goes on, perhaps after waiting in its group's
 * queue, with the policy's rate-limit fields already set on the response; a denied one is answered by the policy's denial.
 * Permits are held until the response has ended or the client has gone away.
 *
 * @example
 * ```ts
 * app.use(headgate(engine, { identify: ({ ip }) => ({ ip: clientAddress({ peer: ip }) }) }));
 * ```
 */
export function headgate<
  P extends PolicyDocument,
  Request extends ExpressRequest = ExpressRequest,
  Response extends Outgoing = Outgoing,
>(
  engine: AnyEngine<P>,
  options: ExpressOptions<P, Request, Response>,
): (request: Request, response: Response, next: (error?: unknown) => void) => void {
  return limiting(engine, options, ({ originalUrl }) => originalUrl);
}
