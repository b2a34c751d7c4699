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
  const fetch = await handlerFor(app, guard, quota);
  return new Promise((resolve) => {
    serve({ fetch, port: 0 }, ({ port }) => resolve(port));
  });
}

/** headgate stands around the app's `fetch`. */
async function handlerFor(
  app: Hono,
  guard: Guard,
  quota: number,
): Promise<(request: Request) => Response | Promise<Response>> {
  if (guard !== 'headgate') return app.fetch;
  const { headgate } = await import('headgate/fetch');
  const identify = (request: Request) => ({ apiKey: keyOf(request.headers.get(KEY_FIELD) ?? undefined) });
  return headgate(makeEngine(quota), { identify }, (request) => app.fetch(request));
}
