/** Hono on Node: bare, with constant fields, and limited by headgate or hono-rate-limiter. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { BODY, CONSTANT_FIELDS, type Guard, KEY_FIELD, keyOf, makeEngine, WINDOW_MS } from './site.ts';

export async function listenHono(guard: Guard, quota: number): Promise<number> {
  const app = new Hono();
  if (guard === 'constant') {
    app.use(async (context, next) => {
      for (const [name, value] of CONSTANT_FIELDS) context.header(name, value);
      await next();
    });
  }
  if (guard === 'headgate') {
    const { headgate } = await import('headgate/hono');
    const engine = makeEngine(quota);
    app.use(headgate(engine, { identify: (context) => ({ apiKey: keyOf(context.req.header(KEY_FIELD)) }) }));
  }
  if (guard === 'peer') {
    const { rateLimiter } = await import('hono-rate-limiter');
    app.use(
      rateLimiter({
        windowMs: WINDOW_MS,
        limit: quota,
        keyGenerator: (context) => keyOf(context.req.header(KEY_FIELD)),
      }),
    );
  }
  app.get('/v1/items/:item', (context) => context.text(BODY));
  return new Promise((resolve) => {
    serve({ fetch: app.fetch, port: 0 }, ({ port }) => resolve(port));
  });
}
