/**
 * headgate as a plugin of Fastify.
 *
 * @module headgate/fastify
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Asked, asking } from './ask.ts';
import { abortedOnClose, isClosed } from './closing.ts';
import { joined, recount } from './fields.ts';
import type { AdapterOptions } from './options.ts';
import { hold, release } from './permits.ts';

export type { AdapterOptions } from './options.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `false`: the route is not limited. `group`: its endpoint group, unless `identify` names one. */
    headgate?: false | { readonly group: string };
  }
}

/** Options of {@link headgate}. */
export interface FastifyOptions<P extends PolicyDocument = PolicyDocument>
  extends AdapterOptions<P, FastifyRequest, FastifyReply> {
  /** The engine that decides. */
  readonly engine: AnyEngine<P>;
  /** When a request is decided about; later ones know its body, or who has logged in. Default `onRequest`. */
  readonly hook?: 'onRequest' | 'preValidation' | 'preHandler' | undefined;
}

/** Besides those of all adapters; Fastify hands a plugin its own options as well. */
const OWN_OPTIONS = ['engine', 'hook', 'prefix', 'logLevel', 'logSerializers'];

/**
 * A plugin for all routes of an instance and of those within: an admitted request goes on, perhaps after waiting in its
 * group's queue, with the policy's rate-limit fields on its reply; a denied one is answered by the policy's denial.
 * Permits are held until the response has been sent or the client has gone away. A route's
 * `config: { headgate: { group: 'login' } }` names its group, `config: { headgate: false }` leaves it out.
 *
 * @example
 * ```ts
 * app.register(headgate, { engine, identify: ({ ip }) => ({ ip: clientAddress({ peer: ip }) }) });
 * ```
 */
export async function headgate(app: FastifyInstance, options: FastifyOptions): Promise<void> {
  const { engine, hook = 'onRequest' } = options;
  const ask = asking(engine, options, ({ raw }: FastifyReply) => abortedOnClose(raw), OWN_OPTIONS);
  /** Whether the request goes on. */
  const settle = (request: FastifyRequest, reply: FastifyReply, admission: Asked): boolean => {
    const { raw } = reply;
    if (isClosed(raw) || reply.sent) {
      if (admission !== undefined) release(admission, options, request);
      return false;
    }
    if (admission === undefined) return true;
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policyOf(admission));
      setFields(reply.code(status), headers);
      reply.send(body);
      return false;
    }
    // Comes after the response has been sent, and also when the client goes away; `onResponse` does not.
    if (admission.holdsPermits) raw.once('close', hold(admission, options, request));
    if (options.countWhen !== undefined) {
      raw.once('finish', () => recount(engine, admission, options, request, reply));
    }
    setFields(reply, rateLimitHeaders(admission, engine.policyOf(admission)));
    return true;
  };
  app.addHook(hook as 'onRequest', (request, reply, next) => {
    const own = request.routeOptions.config?.headgate;
    if (own === false) return next();
    const fail = (error: unknown): void => {
      if (!isClosed(reply.raw)) next(error as Error);
    };
    let asked: Asked | Promise<Asked>;
    try {
      asked = ask(request, reply, request.method, request.url, own?.group);
      if (!isPromise(asked) && !settle(request, reply, asked)) return;
    } catch (error) {
      return fail(error);
    }
    if (!isPromise(asked)) return next();
    const later = asked.then((admission) => settle(request, reply, admission));
    later.then((goesOn) => goesOn && next(), fail);
  });
}

/** Sets fields, and appends to those of another limiter. */
function setFields(reply: FastifyReply, fields: Readonly<Record<string, string>>): void {
  for (const name in fields) reply.header(name, joined(name, fields[name] ?? '', reply.getHeader(name)));
}

// What `fastify-plugin` does: the hooks are those of the instance, and the plugin has a name.
Object.assign(headgate, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'headgate',
});
