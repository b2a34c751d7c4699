/**
 * headgate around a `fetch` handler: Workers, Deno, Bun, Vercel, Next, Hono, or whatever answers a `Request`.
 *
 * @module headgate/fetch
 */

import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { asking } from './ask.ts';
import { recount } from './fields.ts';
import { type AdapterOptions, checkOptions } from './options.ts';
import { hold } from './permits.ts';
import { holding, withFields } from './response.ts';

export type { AdapterOptions } from './options.ts';

/** Options of {@link headgate}. What `identify` throws reaches the caller of the handler. */
export interface FetchOptions<P extends PolicyDocument, Rest extends readonly unknown[]>
  extends Omit<AdapterOptions<P, Request, Response>, 'identify'> {
  /** Who asks, as in other adapters; it gets the handler's further arguments as well, such as `env` in a Worker. */
  readonly identify: (request: Request, ...rest: Rest) => Descriptor<P> | Promise<Descriptor<P>>;
}

/** What a wrapped handler is given: `identify` and the handler may each leave out the last ones. */
export type Longer<A extends readonly unknown[], B extends readonly unknown[]> = A extends readonly [
  ...B,
  ...(readonly unknown[]),
]
  ? A
  : B extends readonly [...A, ...(readonly unknown[])]
    ? B
    : never[];

/**
 * Wraps a handler: an admitted request reaches it, perhaps after waiting in its group's queue, and its response gets the
 * rate-limit fields; a denied one gets the policy's denial. Permits are held until the body is read, cancelled or fails.
 *
 * @param handler - further arguments, such as `env` and `ctx` in a Worker, are passed through
 *
 * @example
 * ```ts
 * export default { fetch: headgate(engine, { identify }, (request) => new Response('hello')) };
 * ```
 */
export function headgate<
  P extends PolicyDocument,
  Rest extends readonly unknown[],
  Told extends readonly unknown[] = Rest,
>(
  engine: AnyEngine<P>,
  options: FetchOptions<P, Told>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Longer<Rest, Told>) => Promise<Response> {
  checkOptions(options);
  type Given = Longer<Rest, Told>;
  const answer = handler as unknown as (request: Request, ...rest: Given) => ReturnType<typeof handler>;
  const { identify, onError } = options as unknown as FetchOptions<P, Given>;
  const own: AdapterOptions<P, readonly [Request, ...Given], Response> = {
    ...options,
    identify: (args) => identify(...args),
    onError: onError && ((error, [request]) => onError(error, request)),
  };
  const ask = asking(engine, own, ({ signal }: Request) => signal);
  return async (request, ...rest) => {
    const args = [request, ...rest] as const;
    const { method, url } = request;
    const asked = ask(args, request, method, url);
    const admission = isPromise(asked) ? await asked : asked;
    if (admission === undefined) return answer(request, ...rest);
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      return new Response(method === 'HEAD' ? null : body, { status, headers });
    }
    const release = admission.holdsPermits ? hold(admission, own, args) : undefined;
    try {
      const answered = await answer(request, ...rest);
      const recounting = own.countWhen && recount(engine, admission, own, args, answered);
      if (recounting !== undefined) await recounting;
      const held = release === undefined ? answered : holding(answered, release, method);
      const response = isPromise(held) ? await held : held;
      return withFields(response, rateLimitHeaders(admission, engine.policyOf(admission)));
    } catch (error) {
      await release?.();
      throw error;
    }
  };
}
