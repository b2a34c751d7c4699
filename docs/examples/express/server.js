// Express with limits, its own router naming the group of a route: `node docs/examples/express/server.js`.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { apiKeyFrom, clientAddress, createEngine, definePolicy } from 'headgate';
import { headgate } from 'headgate/express';

// Its types are a package of their own; with them, import it as usual.
const express = createRequire(import.meta.url)('express');

const policy = definePolicy({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 3, window: '1m', per: 'apiKey' },
    logins: { algorithm: 'fixed-window', quota: 2, window: '15m', per: 'ip' },
  },
  groups: { read: { match: ['GET /v1/**'], limits: ['reads'] }, login: { limits: ['logins'] } },
  unmatched: 'allow',
});

/** @param {{ clock?: import('headgate').Clock }} [options] - a clock of your own, for tests */
export function createApp(options = {}) {
  const engine = createEngine(policy, options);
  const app = express();

  // Keys that nobody has are refused before they cost anything.
  const known = new Set(['key_1', 'key_2']);
  app.use('/v1', (request, response, next) => {
    if (known.has(apiKeyFrom(request) ?? '')) next();
    else response.status(401).json({ error: 'unauthorized' });
  });
  app.use('/v1', headgate(engine, { identify: (request) => ({ apiKey: apiKeyFrom(request) }) }));
  app.get('/v1/items', (_request, response) => response.json(['a', 'b']));

  // Only logins that fail count.
  const onLogin = headgate(engine, {
    group: 'login',
    identify: ({ ip }) => ({ ip: clientAddress({ peer: ip }) }),
    countWhen: ({ statusCode }) => statusCode === 401,
  });
  app.post('/login', onLogin, (request, response) =>
    response.sendStatus(request.get('x-password') === 'secret' ? 204 : 401),
  );
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  createApp().listen(8080, () => console.log('http://localhost:8080/v1/items'));
}
