import fastify, { type FastifyInstance } from 'fastify';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { headgate } from 'headgate/fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 9, window: '1m', per: 'apiKey' },
    logins: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'apiKey' },
  },
  groups: {
    read: { match: ['GET|POST /v1/**'], limits: ['reads'] },
    login: { limits: ['logins'] },
    job: { limits: ['jobs'] },
  },
  unmatched: 'deny',
};

let engine: Engine;
let app: FastifyInstance;
beforeEach(() => {
  engine = createEngine(POLICY, { clock: manualClock() });
  app = fastify();
});
afterEach(() => app.close());

const identify = () => ({ apiKey: 'a' });
const hello = async () => 'hello';

describe('options', () => {
  it('should be those of the plugin, and those that Fastify keeps for itself', async () => {
    const own = { prefix: '/v1', logLevel: 'error', logSerializers: { id: String } } as const;
    await app.register(headgate, { engine, identify, hook: 'preHandler', ...own });
    app.get('/v1/calls', hello);
    expect((await app.inject('/v1/calls')).headers['x-ratelimit-limit']).toBe('9');
  });

  it.each([
    ['identfy', 'identify'],
    ['hok', 'hook'],
    ['Engine', 'engine'],
  ])('should not be %s', async (wrong, meant) => {
    const options = { engine, identify, [wrong]: identify };
    await expect(app.register(headgate, options)).rejects.toMatchObject({
      name: 'PolicyError',
      path: wrong,
      message: expect.stringContaining(`did you mean "${meant}"?`),
    });
  });
});

describe('a route', () => {
  it.each<[string, string, false | { group: string } | undefined, [number, unknown]]>([
    ['is matched', '/v1/calls', undefined, [200, '9']],
    ['has its group', '/anything', { group: 'login' }, [200, '2']],
    ['has its group before what is matched', '/v1/calls', { group: 'login' }, [200, '2']],
    ['is left out', '/anything', false, [200, undefined]],
    ['matches nothing', '/anything', undefined, [404, undefined]],
    ['names no group', '/anything', { group: 'none' }, [500, undefined]],
  ])('that %s', async (_what, path, config, expected) => {
    app.register(headgate, { engine, identify });
    app.get(path, config === undefined ? {} : { config: { headgate: config } }, hello);
    const { statusCode, headers } = await app.inject(path);
    expect([statusCode, headers['x-ratelimit-limit']]).toEqual(expected);
  });

  it('that has a group should have another where identify says so', async () => {
    app.register(headgate, { engine, identify: () => ({ apiKey: 'a', group: 'read' }) });
    app.get('/login', { config: { headgate: { group: 'login' } } }, hello);
    expect((await app.inject('/login')).headers['x-ratelimit-limit']).toBe('9');
  });

  it('that does not exist should be limited too', async () => {
    app.register(headgate, { engine, identify });
    const { statusCode, headers } = await app.inject('/v1/nowhere');
    expect([statusCode, headers['x-ratelimit-remaining']]).toEqual([404, '8']);
  });

  it('beside the instance that is limited should not be', async () => {
    app.register(async (inner) => {
      inner.register(headgate, { engine, identify });
      inner.get('/v1/inner', hello);
    });
    app.get('/v1/outer', hello);
    const seen = await Promise.all(['/v1/inner', '/v1/outer'].map((path) => app.inject(path)));
    expect(seen.map(({ headers }) => headers['x-ratelimit-limit'])).toEqual(['9', undefined]);
  });
});

describe('the plugin', () => {
  it('should know the body, and who has logged in, in a later hook', async () => {
    app.register(headgate, {
      engine,
      hook: 'preHandler',
      identify: ({ body }) => ({ apiKey: (body as { key: string }).key }),
    });
    app.post('/v1/calls', hello);
    await app.inject({ method: 'POST', url: '/v1/calls', payload: { key: 'b' } });
    expect(engine.peek({ group: 'read', apiKey: 'b' }).remaining).toBe(8);
  });

  it('should hand on what identify throws', async () => {
    const lost = new RangeError('no such key');
    app.register(headgate, { engine, identify: () => Promise.reject(lost) });
    app.setErrorHandler((error, _request, reply) => reply.code(418).send(error === lost));
    app.get('/v1/calls', hello);
    expect(await app.inject('/v1/calls')).toMatchObject({ statusCode: 418, body: 'true' });
  });

  it('should append to fields of others, whichever way they were set', async () => {
    app.addHook('onRequest', async ({ url }, reply) => {
      if (url.endsWith('raw')) reply.raw.setHeader('X-RateLimit-Limit', '1000');
      else reply.header('X-RateLimit-Limit', '1000');
    });
    app.register(headgate, { engine, identify });
    app.get('/v1/*', hello);
    for (const path of ['/v1/raw', '/v1/reply']) {
      expect((await app.inject(path)).headers['x-ratelimit-limit']).toBe('1000, 9');
    }
  });

  it('should give permits back after a request that was injected', async () => {
    app.register(headgate, { engine, identify });
    app.get('/job', { config: { headgate: { group: 'job' } } }, hello);
    for (let i = 0; i < 3; i++) expect((await app.inject('/job')).statusCode).toBe(200);
  });

  it('should answer a denial though the client wants another type', async () => {
    app.register(headgate, { engine, identify });
    app.get('/login', { config: { headgate: { group: 'login' } } }, hello);
    for (let i = 0; i < 2; i++) await app.inject('/login');
    const { statusCode, headers, body } = await app.inject('/login');
    expect([statusCode, headers['content-type']]).toEqual([429, 'application/json; charset=utf-8']);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'quota', limit: 'logins' } });
  });
});
