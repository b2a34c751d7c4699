/**
 * A Worker whose instances share one budget for each account: a Durable Object of the account's own decides. Requests
 * are limited by rate, calls by how many are up at once.
 *
 * @module
 */

import { DurableObject } from 'cloudflare:workers';
import { definePolicy, denialResponse, rateLimitHeaders } from 'headgate';
import { durableEngine } from 'headgate/durable-object';

export const policy = definePolicy({
  version: 1,
  limits: {
    requests: { algorithm: 'fixed-window', quota: 20, window: '1h', per: 'account' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '30s' },
  },
  groups: {
    api: { match: ['* /v1/**'], limits: ['requests'] },
    call: { match: ['POST /v1/calls'], limits: ['requests', 'calls'] },
    hangup: { match: ['DELETE /v1/calls/:call'], limits: [] },
  },
  unmatched: 'deny',
});

/** Every fifth charge is saved before it is answered, the others within a fifth of a second. */
export class Limits extends durableEngine(DurableObject, policy, { saveEvery: 5, saveWithin: 200 }) {}

/**
 * @typedef {object} Env
 * @property {{ idFromName(name: string): object, get(id: object): import('./rpc.d.ts').Rpc }} LIMITS
 */

export default {
  /**
   * @param {Request} request
   * @param {Env} env
   */
  async fetch(request, env) {
    const account = request.headers.get('x-account');
    if (account === null) return new Response('x-account is missing', { status: 401 });
    const limits = env.LIMITS.get(env.LIMITS.idFromName(account));
    const { pathname } = new URL(request.url);

    const decision = await limits.tryAcquire({ method: request.method, path: pathname, account });
    if (!decision.allowed) {
      const { status, headers, body } = denialResponse(decision, policy);
      return new Response(body, { status, headers });
    }
    const headers = rateLimitHeaders(decision, policy);
    if (decision.group === 'call') return Response.json({ call: decision.fence }, { status: 201, headers });
    if (decision.group !== 'hangup') return new Response('hello', { headers });

    // The permit belongs to the call, not to the request that began it.
    const wasUp = await limits.release(Number(pathname.split('/').at(-1)));
    return new Response(null, { status: wasUp ? 204 : 410 });
  },
};
