import { DurableObject } from 'cloudflare:workers';
import { definePolicy, denialResponse, rateLimitHeaders } from 'headgate';
import { durableEngine } from 'headgate/durable-object';

const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 5, window: '1h', per: 'apiKey' } },
  groups: { read: { match: ['GET /**'], limits: ['reads'] } },
  unmatched: 'deny',
});

interface Env {
  readonly LIMITS: DurableObjectNamespace<Limits>;
}

export class Limits extends durableEngine(DurableObject<Env>, policy, { saveEvery: 3 }) {
  own(): string {
    return this.ctx.id.toString();
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const limits = env.LIMITS.getByName('one');
    const name: string = await limits.own();
    const decision = await limits.check({ method: request.method, path: request.url, apiKey: name });
    // @ts-expect-error there is no such group
    await limits.check({ group: 'reads', apiKey: name });
    const { text } = await limits.explain({ group: 'read', apiKey: name });
    const { fence } = await limits.acquire({ group: 'read', apiKey: name }, { timeout: '1s' });
    if (fence !== undefined) await limits.release(fence);
    if (decision.allowed) return new Response(text, { headers: rateLimitHeaders(decision, policy) });
    const { status, headers, body } = denialResponse(decision, policy);
    return new Response(body, { status, headers });
  },
};
