// Fastify with limits, its routes naming their groups: `node docs/examples/fastify/server.js`.
import { fileURLToPath } from 'node:url';
import fastify from 'fastify';
import { clientAddress, createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/fastify';

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 3, per: 'ip' },
    reports: { algorithm: 'concurrency', quota: 1, per: 'ip', lease: '1m' },
  },
  groups: {
    read: { match: ['GET /**'], limits: ['reads'] },
    report: { limits: ['reads', 'reports'], queue: { size: 10, timeout: '5s' } },
  },
  unmatched: 'deny',
});

/** @param {{ clock?: import('headgate').Clock }} [options] - a clock of your own, for tests */
export async function createApp(options = {}) {
  const app = fastify();
  await app.register(headgate, {
    engine: createEngine(policy, options),
    identify: ({ ip }) => ({ ip: clientAddress({ peer: ip }) }),
    onError: (error, request) => request.log.error(error),
  });
  app.get('/items', () => ['a', 'b']);
  app.get('/reports', { config: { headgate: { group: 'report' } } }, () => ({ rows: 2 }));
  app.get('/health', { config: { headgate: false } }, () => 'up');
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(await (await createApp()).listen({ port: 8080 }));
}
