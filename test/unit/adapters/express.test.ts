import { createServer, type ServerResponse } from 'node:http';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { headgate } from 'headgate/express';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Host } from '../../contract/adapter.ts';
import { type ExpressApp, express, listening } from '../../fixtures/adapter-hosts.ts';
import { send } from '../../fixtures/http.ts';
import { settled } from '../../fixtures/virtual-time.ts';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'apiKey' },
  },
  groups: {
    read: { match: ['GET /v1/calls/:call'], limits: ['reads'] },
    job: { limits: ['jobs'], queue: { size: 1 } },
  },
  unmatched: 'deny',
};

let engine: Engine;
let app: ExpressApp;
let host: Host;
beforeEach(async () => {
  engine = createEngine(POLICY, { clock: manualClock() });
  app = express();
  host = await listening(createServer(app));
});
afterEach(() => host.close());

const hello = (_request: unknown, response: ServerResponse) => response.end('hello');
const get = (path: string) => send(host.port, 'GET', path);

describe('headgate/express', () => {
  it('should match the whole path where a router is mounted below it', async () => {
    const router = express.Router();
    router.use(headgate(engine, { identify: () => ({ apiKey: 'a' }) }), hello);
    app.use('/v1/calls', router);
    const { status, headers } = await get('/v1/calls/7');
    expect([status, headers['X-RateLimit-Remaining']]).toEqual([200, '1']);
  });

  it.each(['route', 'router', undefined])(
    'should hand on an error, and not the command %s',
    async (thrown) => {
      const heard = vi.fn();
      const identify = () => {
        throw thrown;
      };
      app.use(headgate(engine, { identify }), hello);
      app.use((error: unknown, _request: unknown, response: ServerResponse, _next: unknown) => {
        heard(error);
        response.writeHead(418).end();
      });
      expect((await get('/v1/calls/7')).status).toBe(418);
      expect(heard).toHaveBeenCalledWith(expect.objectContaining({ cause: thrown }));
    },
  );

  it('should go no further, nor keep the permit, when somebody else has answered in the meantime', async () => {
    const holder = engine.tryAcquire({ group: 'job', apiKey: 'a' });
    app.use((_request: unknown, response: ServerResponse, next: () => void) => {
      next();
      response.writeHead(503).end('took too long');
    });
    const handler = vi.fn(hello);
    app.use(headgate(engine, { identify: () => ({ group: 'job', apiKey: 'a' }) }), handler);
    // It is closed for the client and, since nobody has to wait any more, for the limiter.
    expect((await get('/v1/jobs')).body).toBe('took too long');
    holder.release();
    await settled();
    expect([handler.mock.calls.length, engine.stats().permits.jobs?.held, engine.stats().waiting]).toEqual([
      0, 0, 0,
    ]);
  });
});
