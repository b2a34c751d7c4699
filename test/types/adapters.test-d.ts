/** What the adapters of frameworks infer. Nothing here runs; it compiles, or the check of types fails. */

import fastify from 'fastify';
import { createEngine, definePolicy } from 'headgate';
import { type ExpressRequest, headgate as forExpress } from 'headgate/express';
import { type FastifyOptions, headgate as forFastify } from 'headgate/fastify';
import { headgate as aroundFetch, type FetchOptions } from 'headgate/fetch';
import { headgate as forHono } from 'headgate/hono';
import { type Context, Hono } from 'hono';

const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 3, window: '1m', per: 'apiKey' } },
  groups: { all: { match: ['* /**'], limits: ['reads'] } },
  unmatched: 'deny',
});
const engine = createEngine(policy);

forExpress(engine, { identify: ({ ip }) => ({ apiKey: ip, group: 'all' }) });
interface OwnRequest extends ExpressRequest {
  readonly user: string;
}
forExpress(engine, { identify: ({ user }: OwnRequest) => ({ apiKey: user }) });
// @ts-expect-error no limit is per `apiKye`
forExpress(engine, { identify: ({ ip }) => ({ apiKye: ip }) });

const server = fastify();
server.register(forFastify, { engine, identify: ({ ip }) => ({ apiKey: ip }) });
const options: FastifyOptions<typeof policy> = { engine, identify: ({ ip }) => ({ apiKey: ip }) };
server.register(forFastify, options);
// @ts-expect-error no limit is per `apiKye`
const misspelt: FastifyOptions<typeof policy> = { engine, identify: ({ ip }) => ({ apiKye: ip }) };
server.register(forFastify, misspelt);
server.get('/a', { config: { headgate: { group: 'all' } } }, async () => 'hello');
// @ts-expect-error only `false` leaves a route out
server.get('/b', { config: { headgate: true } }, async () => 'hello');

type Own = { Variables: { user: string } };
const app = new Hono<Own>();
app.use(forHono(engine, { identify: ({ req }) => ({ apiKey: req.header('x-api-key') }) }));
app.use(forHono(engine, { identify: (context: Context<Own>) => ({ apiKey: context.get('user') }) }));
// @ts-expect-error no limit is per `apiKye`
app.use(forHono(engine, { identify: ({ req }) => ({ apiKye: req.header('x-api-key') }) }));

// Of what a Worker is given, who identifies and who answers may each take less than the other.
declare const request: Request;
declare const env: { key: string; greeting: string };
declare const context: { waitUntil(promise: Promise<unknown>): void };
type Env = Pick<typeof env, 'key'>;
const byEnv = (_request: Request, { key }: Env) => ({ apiKey: key });
const fetchOptions: FetchOptions<typeof policy, [Env]> = { identify: byEnv };
const answer = (_request: Request, { greeting }: typeof env, _context: typeof context) =>
  new Response(greeting);
aroundFetch(engine, { identify: byEnv }, answer)(request, env, context);
aroundFetch(engine, fetchOptions, answer)(request, env, context);
aroundFetch(engine, { identify: (_request, { key }) => ({ apiKey: key }) }, answer)(request, env, context);
aroundFetch(engine, { identify: ({ url }) => ({ apiKey: url }) }, answer)(request, env, context);
aroundFetch(engine, { identify: byEnv }, ({ url }) => new Response(url))(request, env);
aroundFetch(engine, { identify: byEnv }, () => new Response())(request, env);
aroundFetch(engine, { identify: ({ url }) => ({ apiKey: url }) }, () => new Response())(request);
// @ts-expect-error it cannot do without what its parts are told
aroundFetch(engine, { identify: byEnv }, answer)(request, env);
const byContext = (_request: Request, _context: typeof context) => new Response();
// @ts-expect-error nothing is what both its parts are told
aroundFetch(engine, { identify: byEnv }, byContext)(request, env);
// @ts-expect-error no limit is per `apiKye`
const wrong: FetchOptions<typeof policy, [Env]> = { identify: (_request, { key }) => ({ apiKye: key }) };
aroundFetch(engine, wrong, answer);
