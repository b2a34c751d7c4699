/**
 * headgate around a listener of Node's `http`.
 *
 * @module headgate/node
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnyEngine } from '../engine/any-engine.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { AdapterOptions } from './options.ts';
import { limiting } from './outgoing.ts';

export type { AdapterOptions } from './options.ts';

/** Options of {@link headgate}. What `identify` throws is answered with status 500, and `onError` is told. */
export interface NodeOptions<P extends PolicyDocument>
  extends AdapterOptions<P, IncomingMessage, ServerResponse> {}

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
  engine: AnyEngine<P>,
  options: NodeOptions<P>,
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): (request: IncomingMessage, response: ServerResponse) => unknown {
  const limit = limiting(engine, options, ({ url = '/' }: IncomingMessage) => url);
  return (request, response) =>
    limit(request, response, (error) => (error === undefined ? listener(request, response) : fail(response)));
}

function fail(response: ServerResponse): void {
  if (!response.headersSent) response.writeHead(500);
  response.end();
}
