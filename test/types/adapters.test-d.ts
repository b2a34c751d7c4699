/** What the adapters of frameworks infer. Nothing here runs; it compiles, or the check of types fails. */

import fastify from 'fastify';
import { createEngine, definePolicy } from 'headgate';
import { type ExpressRequest, headgate as forExpress } from 'headgate/express';
import { type FastifyOptions, headgate as forFastify } from 'headgate/fastify';
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
