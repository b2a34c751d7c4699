// A route handler of Next, `app/api/items/[item]/route.js`: limits in front of each method.
import { apiKeyHashFrom, createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/fetch';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 3, window: '1m', per: 'apiKey', missing: 'deny' },
    writes: { algorithm: 'fixed-window', quota: 1, window: '1m', per: 'apiKey', missing: 'deny' },
  },
  groups: { read: { limits: ['reads'] }, write: { limits: ['writes'] } },
  unmatched: 'deny',
});

const engine = createEngine(policy);

/**
 * What Next passes beside the request.
 *
 * @typedef {{ params: Promise<{ item: string }> }} Context
 */

export const GET = headgate(
  engine,
  { group: 'read', identify: async (request) => ({ apiKey: await apiKeyHashFrom(request) }) },
  async (/** @type {Request} */ _request, /** @type {Context} */ { params }) => Response.json(await params),
);

export const PUT = headgate(
  engine,
  { group: 'write', identify: async (request) => ({ apiKey: await apiKeyHashFrom(request) }) },
  async (/** @type {Request} */ _request, /** @type {Context} */ { params }) =>
    Response.json(await params, { status: 201 }),
);
