// A voice-call API with Flireo's published limits, as a fetch handler: `node docs/examples/flireo/server.js`.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { createEngine, parsePolicy } from 'headgate';
import { headgate } from 'headgate/fetch';

const policy = parsePolicy(JSON.parse(readFileSync(new URL('policy.json', import.meta.url), 'utf8')));

/** Organisations by API key. A real service would look them up. */
const ORGANISATIONS = new Map([
  ['fli_small', 'org_small'],
  ['fli_other', 'org_other'],
  ['fli_large', 'org_large'],
]);

/** A command, and the call it is for. */
const COMMAND = /^\/v1\/calls\/([\w-]+)\/(inject-context|say|end-call|transfer)$/;

/**
 * The service as a function from `Request` to `Response`.
 *
 * @param {{ clock?: import('headgate').Clock }} [options] - a clock of your own, for tests
 */
export function createFlireo(options = {}) {
  const engine = createEngine(policy, options);
  /** Calls that have ended. A real service would look them up. */
  const ended = new Set();

  const limited = headgate(
    engine,
    {
      // The call of a call-control command is a parameter of its path.
      identify: (request) => {
        const apiKey = request.headers.get('x-api-key') ?? '';
        return { apiKey, organisation: ORGANISATIONS.get(apiKey) };
      },
    },
    (request) => {
      const { pathname } = new URL(request.url);
      const [, call = '', command] = COMMAND.exec(pathname) ?? [];
      if (ended.has(call)) return Response.json({ error: { code: 'call_ended' } }, { status: 404 });
      if (command === 'end-call') {
        ended.add(call);
        // There is nothing left to command: the budget goes with the call.
        engine.forget({ call });
      }
      return Response.json({ method: request.method, path: pathname });
    },
  );

  /** @param {Request} request */
  const fetch = async (request) =>
    ORGANISATIONS.has(request.headers.get('x-api-key') ?? '')
      ? limited(request)
      : Response.json({ error: { code: 'unauthorized' } }, { status: 401 });

  return { engine, fetch };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  serve({ fetch: createFlireo().fetch, hostname: '127.0.0.1', port: 8081 }, () => {
    console.log("curl -i -X POST -H 'X-Api-Key: fli_small' http://127.0.0.1:8081/v1/calls/call_1/say");
  });
}
