// A function behind an HTTP API or a function URL, with limits. Each instance has budgets of its own.
import { clientAddress, createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/lambda';

const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 3, per: 'ip' } },
  groups: { all: { match: ['* /**'], limits: ['reads'] } },
  unmatched: 'deny',
});

/**
 * As much of an event as is used; `@types/aws-lambda` has them whole.
 *
 * @typedef {{ rawPath: string, requestContext: { http: { method: string, sourceIp: string } } }} Event
 */

export const handler = headgate(
  createEngine(policy),
  {
    identify: (/** @type {Event} */ { requestContext: { http } }) => ({
      ip: clientAddress({ peer: http.sourceIp }),
    }),
  },
  async (event) => ({ path: event.rawPath }),
);
