/**
 * headgate as a plugin of Fastify.
 *
 * @module
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from '../concurrency/admission.ts';
import type { Engine } from '../engine/engine.ts';
import { denialResponse } from '../http/denial.ts';
import { rateLimitHeaders } from '../http/headers.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type AdapterOptions, asking, isPromise, recount } from './ask.ts';
import { abortedOnClose, isAppended } from './outgoing.ts';

export type { AdapterOptions } from './ask.ts';

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
  readonly engine: Engine<P>;
  /** When a request is decided about; later ones know its body, or who has logged in. Default `onRequest`. */
  readonly hook?: 'onRequest' | 'preValidation' | 'preHandler';
}

/**
 * A plugin for all routes of an instance and of those within: an admitted request goes on, perhaps after waiting in its
 * group's queue, with the policy's rate-limit fields on its reply; a denied one is answered by the policy's denial.
 * Permits are held until the response has been sent or the client has gone away. A route's
 * `config: { headgate: { group: 'login' } }` names its group, `config: { headgate: false }` leaves it out.
 *
 * @example
 * ```ts
 * app.register(headgate, { engine, identify: (request) => ({ ip: request.ip }) });
 * ```
 */
export function headgate(app: FastifyInstance, options: FastifyOptions, done: (error?: Error) => void): void {
  const { engine, hook = 'onRequest' } = options;
  const isCounted = options.countWhen !== undefined;
  const ask = asking(engine, options);
  const settle = (request: FastifyRequest, reply: FastifyReply, admission: Admission): boolean => {
    const { raw } = reply;
    if (reply.sent || raw.closed) {
      admission.release();
      return false;
    }
    if (!admission.allowed) {
      const { status, headers, body } = denialResponse(admission, engine.policy);
      setFields(reply.code(status), headers);
      reply.send(body);
      return false;
    }
    // Comes after the response has been sent, and also when the client goes away; `onResponse` does not.
    if (admission.fence !== undefined) raw.once('close', () => admission.release());
    if (isCounted) raw.once('finish', () => recount(engine, admission, options, request, reply));
    setFields(reply, rateLimitHeaders(admission, engine.policy));
    return true;
  };

  app.addHook(hook as 'onRequest', (request, reply, next) => {
    const own = request.routeOptions.config?.headgate;
    if (own === false) return next();
    const fail = (error: unknown): void => {
      if (!reply.raw.closed) next(error as Error);
    };
    const go = (admission: Admission | undefined): void => {
      if (admission === undefined ? !reply.raw.closed : settle(request, reply, admission)) next();
    };
    let asked: ReturnType<typeof ask>;
    try {
      const route = { method: request.method, path: request.url, group: own?.group };
      asked = ask(request, route, () => abortedOnClose(reply.raw));
    } catch (error) {
      return fail(error);
    }
    if (isPromise(asked)) asked.then(go).catch(fail);
    else go(asked);
  });
  done();
}

/** Sets fields; those of limits are appended, since another limiter may have sent its own. */
function setFields(reply: FastifyReply, fields: Readonly<Record<string, string>>): void {
  for (const name in fields) {
    const value = fields[name] ?? '';
    const hasOther = reply.hasHeader(name) && isAppended(name);
    reply.header(name, hasOther ? `${reply.getHeader(name)}, ${value}` : value);
  }
}

// What `fastify-plugin` does: the hooks are those of the instance, and the plugin has a name.
Object.assign(headgate, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'headgate',
});
