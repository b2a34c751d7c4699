// A Worker with limits. Each isolate has budgets of its own: this keeps one calm, and does not count a whole network.
import { clientAddress, createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/fetch';

const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 3, per: 'ip' } },
  groups: { all: { match: ['* /**'], limits: ['reads'] } },
  unmatched: 'deny',
});

const engine = createEngine(policy);

export default {
  fetch: headgate(
    engine,
    {
      // The platform sets this field itself; a client cannot.
      identify: (request) => ({
        ip: clientAddress({ peer: request.headers.get('cf-connecting-ip') ?? undefined }) ?? 'unknown',
      }),
    },
    /**
     * @param {Request} _request
     * @param {{ GREETING: string }} env
     */
    (_request, env) => new Response(env.GREETING),
  ),
};
