/** Fastify: bare, with constant fields, and limited by headgate or @fastify/rate-limit. */
import fastify from 'fastify';
import { BODY, CONSTANT_FIELDS, type Guard, KEY_FIELD, KEYS, keyOf, makeEngine, WINDOW_MS } from './site.ts';

export async function listenFastify(guard: Guard, quota: number): Promise<number> {
  const app = fastify();
  if (guard === 'constant') {
    app.addHook('onRequest', (_request, reply, done) => {
      for (const [name, value] of CONSTANT_FIELDS) reply.header(name, value);
      done();
    });
  }
  if (guard === 'headgate') {
    const { headgate } = await import('headgate/fastify');
    await app.register(headgate, {
      engine: makeEngine(quota),
      identify: ({ headers }) => ({ apiKey: keyOf(headers[KEY_FIELD]) }),
    });
  }
  if (guard === 'peer') {
    const { default: rateLimit } = await import('@fastify/rate-limit');
    await app.register(rateLimit, {
      max: quota,
      timeWindow: WINDOW_MS,
      cache: KEYS,
      keyGenerator: (request) => keyOf(request.headers[KEY_FIELD]),
    });
  }
  app.get('/v1/items/:item', (_request, reply) => reply.type('text/plain').send(BODY));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
