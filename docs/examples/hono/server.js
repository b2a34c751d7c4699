// Hono with limits, here on Node; the app runs wherever Hono does: `node docs/examples/hono/server.js`.
import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/hono';
import { Hono } from 'hono';

const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'sliding-window', quota: 3, window: '1m', per: 'account' } },
  groups: { read: { match: ['GET /v1/**'], limits: ['reads'] } },
  unmatched: 'deny',
});

/** Accounts by API key. A real service would look them up. */
const ACCOUNTS = new Map([['key_1', 'acct_1']]);

/** @typedef {{ Variables: { account: string } }} Own */

/** @param {{ clock?: import('headgate').Clock }} [options] - a clock of your own, for tests */
export function createApp(options = {}) {
  /** @type {Hono<Own>} */
  const app = new Hono();
  app.use('/v1/*', async (context, next) => {
    const account = ACCOUNTS.get(context.req.header('x-api-key') ?? '');
    if (account === undefined) return context.json({ error: 'unauthorized' }, 401);
    context.set('account', account);
    return next();
  });
  const engine = createEngine(policy, options);
  /** @param {import('hono').Context<Own>} context */
  const identify = (context) => ({ account: context.get('account') });
  app.use('/v1/*', headgate(engine, { identify }));
  app.get('/v1/items', (context) => context.json(['a', 'b']));
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  serve({ fetch: createApp().fetch, port: 8080 }, ({ port }) =>
    console.log(`http://localhost:${port}/v1/items`),
  );
}
