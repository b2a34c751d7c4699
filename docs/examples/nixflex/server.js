// A voice-call API with Nixflex's published limits: `node docs/examples/nixflex/server.js`.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createEngine } from 'headgate';
import { headgate } from 'headgate/node';
import { policy } from './policy.js';

/** Accounts by API key. A real service would look them up. */
const ACCOUNTS = new Map([
  ['nix_reader', 'acct_small'],
  ['nix_writer', 'acct_small'],
  ['nix_admin', 'acct_small'],
  ['nix_grown', 'acct_grown'],
]);

/**
 * The service, not listening yet.
 *
 * @param {{ clock?: import('headgate').Clock }} [options] - a clock of your own, for tests
 */
export function createNixflex(options = {}) {
  const engine = createEngine(policy, options);

  const limited = headgate(
    engine,
    {
      identify: (request) => {
        const apiKey = keyOf(request) ?? '';
        return { apiKey, account: ACCOUNTS.get(apiKey) };
      },
    },
    (request, response) => send(response, 200, { method: request.method, path: request.url }),
  );

  const server = createServer((request, response) => {
    if (ACCOUNTS.has(keyOf(request) ?? '')) limited(request, response);
    else send(response, 401, { error: { code: 'unauthorized' } });
  });

  return {
    engine,
    server,
    /**
     * Webhook deliveries have no limit; asking keeps them in the statistics, and ready for one.
     *
     * @param {string} account
     */
    mayDeliverWebhook: (account) => engine.check({ group: 'webhook', account }),
  };
}

/** @param {import('node:http').IncomingMessage} request */
function keyOf(request) {
  return /^Bearer (\w+)$/.exec(request.headers.authorization ?? '')?.[1];
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 */
function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  createNixflex().server.listen(8080, '127.0.0.1', () => {
    console.log("curl -i -H 'Authorization: Bearer nix_reader' http://127.0.0.1:8080/v1/calls");
  });
}
