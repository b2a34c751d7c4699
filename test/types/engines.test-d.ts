/** What takes an engine takes either kind. Nothing here runs; it compiles, or the check of types fails. */

import fastify from 'fastify';
import { type Admission, type AnyEngine, createEngine, definePolicy } from 'headgate';
import { runBatch } from 'headgate/batch';
import { createDistributedEngine, type DistributedAdmission, type Store } from 'headgate/distributed';
import { headgate as forExpress } from 'headgate/express';
import { type FastifyOptions, headgate as forFastify } from 'headgate/fastify';
import { headgate as aroundFetch } from 'headgate/fetch';
import { headgate as forHono } from 'headgate/hono';
import { headgate as forKoa } from 'headgate/koa';
import { headgate as aroundLambda } from 'headgate/lambda';
import { headgate as aroundNode } from 'headgate/node';
import { createPool } from 'headgate/pool';

const policy = definePolicy({
  version: 1,
  limits: { calls: { algorithm: 'concurrency', quota: 3, lease: '1m', per: 'apiKey' } },
  groups: { all: { match: ['* /**'], limits: ['calls'], queue: { size: 9 } } },
  unmatched: 'deny',
});
declare const store: Store;
declare function takes<T>(value: T): void;
const local = createEngine(policy);
const shared = createDistributedEngine(policy, { store });
const either = Math.random() < 0.5 ? local : shared;

const known: AnyEngine<typeof policy, Admission> = local;
const later: AnyEngine<typeof policy, DistributedAdmission> = shared;
const any: AnyEngine<typeof policy>[] = [local, shared, either, known, later];
// Also where nothing is known of the policy.
takes<AnyEngine[]>([local, shared, ...any]);
// @ts-expect-error what a distributed engine admits with answers later
takes<AnyEngine<typeof policy, Admission>>(shared);

for (const engine of any) {
  forExpress(engine, { identify: ({ ip }) => ({ apiKey: ip, group: 'all' }) });
  forHono(engine, { identify: ({ req }) => ({ apiKey: req.header('x-api-key') }) });
  forKoa(engine, { identify: ({ ip }) => ({ apiKey: ip }) });
  aroundNode(engine, { identify: ({ url }) => ({ apiKey: url }) }, () => undefined);
  aroundFetch(engine, { identify: ({ url }) => ({ apiKey: url }) }, () => new Response());
  aroundLambda(engine, { identify: ({ path }: { path: string }) => ({ apiKey: path }) }, () => undefined);
}
forExpress(local, { identify: ({ ip }) => ({ apiKey: ip }) });
forExpress(shared, { identify: ({ ip }) => ({ apiKey: ip }) });
// @ts-expect-error no limit is per `apiKye`
forExpress(shared, { identify: ({ ip }) => ({ apiKye: ip }) });
// @ts-expect-error there is no group `al`
forExpress(shared, { identify: () => ({ group: 'al' }) });
// @ts-expect-error no limit is per `apiKye`
aroundNode(shared, { identify: ({ url }) => ({ apiKye: url }) }, () => undefined);
// @ts-expect-error no limit is per `apiKye`
aroundFetch(shared, { identify: ({ url }) => ({ apiKye: url }) }, () => new Response());
// @ts-expect-error no limit is per `apiKye`
forKoa(shared, { identify: ({ ip }) => ({ apiKye: ip }) });
// @ts-expect-error no limit is per `apiKye`
forHono(shared, { identify: () => ({ apiKye: 'a' }) });

const server = fastify();
server.register(forFastify, { engine: shared, identify: ({ ip }) => ({ apiKey: ip }) });
const options: FastifyOptions<typeof policy> = { engine: shared, identify: ({ ip }) => ({ apiKey: ip }) };
server.register(forFastify, { ...options, prefix: '/v1' });

const descriptor = { group: 'all', apiKey: 'a' } as const;
runBatch(local, [1], (_item, { admission }): boolean => admission.settle(2), { descriptor });
runBatch(shared, [1], (_item, { admission }): Promise<boolean> => admission.settle(2), { descriptor });
// @ts-expect-error no limit is per `apiKye`
runBatch(shared, [1], () => undefined, { descriptor: { group: 'all', apiKye: 'a' } });

const members = ['a', 'b'];
const pool = createPool(local, { group: 'all', field: 'apiKey', members });
const sharedPool = createPool(shared, { group: 'all', field: 'apiKey', members });
// @ts-expect-error no limit is per `apiKye`
createPool(shared, { group: 'all', field: 'apiKye', members });
// @ts-expect-error there is no group `al`
createPool(shared, { group: 'al', field: 'apiKey', members });
pool.acquire().then(({ admission }): boolean => admission.release());
sharedPool.acquire().then(({ admission }): Promise<boolean> => admission.release());
// @ts-expect-error it answers later
sharedPool.acquire().then(({ admission }): boolean => admission.release());
