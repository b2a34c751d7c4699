/** A request through the middleware of a package, on a server of its host. */
import type { AddressInfo } from 'node:net';
import type { Options as ExpressOptions } from 'express-rate-limit';
import type { HonoConfigProps } from 'hono-rate-limiter';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

/** Sends `times` requests through these middlewares, one after another; the last answer. */
export async function throughExpress(
  limits: readonly Partial<ExpressOptions>[],
  times: number,
): Promise<Answer> {
  const [{ default: express }, { rateLimit }] = await Promise.all([
    import('express'),
    import('express-rate-limit'),
  ]);
  const app = express();
  for (const options of limits) app.use(rateLimit(options));
  app.get('/', (_request, response) => void response.send('hello'));
  app.use(
    (_error: unknown, _request: unknown, response: { sendStatus(status: number): void }, _next: unknown) =>
      response.sendStatus(500),
  );
  const server = app.listen(0);
  try {
    const { port } = server.address() as AddressInfo;
    return await lastOf(times, () => fetch(`http://127.0.0.1:${port}/`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

export async function throughHono(
  limits: readonly Partial<HonoConfigProps>[],
  times: number,
): Promise<Answer> {
  const [{ Hono }, { rateLimiter }] = await Promise.all([import('hono'), import('hono-rate-limiter')]);
  const app = new Hono();
  for (const options of limits)
    app.use(rateLimiter({ keyGenerator: () => 'key', ...options } as HonoConfigProps));
  app.get('/', (context) => context.text('hello'));
  app.onError((_error, context) => context.text('failed', 500));
  return lastOf(times, async () => app.request('/'));
}

/** `limits` stand before the route, one after another. */
export async function throughFastify(limits: readonly object[], times: number): Promise<Answer> {
  const [{ default: fastify }, { default: rateLimit }] = await Promise.all([
    import('fastify'),
    import('@fastify/rate-limit'),
  ]);
  const app = fastify();
  await app.register(rateLimit, { global: false, ...limits[0] });
  app.get('/', { preHandler: limits.map((options) => app.rateLimit(options)) }, async () => 'hello');
  try {
    return await lastOf(times, async () => {
      const { statusCode, headers } = await app.inject('/');
      const entries = Object.entries(headers).map(([name, value]): [string, string] => [name, `${value}`]);
      return { status: statusCode, headers: new Headers(entries) };
    });
  } finally {
    await app.close();
  }
}

async function lastOf(times: number, send: () => Promise<Answer>): Promise<Answer> {
  for (let i = 1; i < times; i++) await send();
  return send();
}
