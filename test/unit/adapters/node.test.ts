import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { headgate, type NodeOptions } from 'headgate/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const POLICY: PolicyDocument = {
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'apiKey' } },
  groups: {
    read: { match: ['GET|POST /v1/**'], limits: ['reads'] },
    free: { match: ['GET /health'], limits: [] },
  },
  unmatched: 'deny',
};
/** 2024-05-16T23:13:20.400Z. */
const START = 1_715_901_200_400;

type Options = NodeOptions<PolicyDocument>;
type Listener = (request: IncomingMessage, response: ServerResponse) => void;

let engine: Engine;
let servers: Server[];
beforeEach(() => {
  engine = createEngine(POLICY, { clock: manualClock(START) });
  servers = [];
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const identify: Options['identify'] = () => ({ apiKey: 'a' });
const hello: Listener = (_request, response) => {
  response.setHeader('X-Own', 'kept').end('hello');
};
const left = () => engine.peek({ group: 'read', apiKey: 'a' }).remaining;

/** Serves on loopback, and returns how to ask. */
async function serve(listener: Listener): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

/** The fields that are not the transport's. */
function fieldsOf({ headers }: Response): Record<string, string> {
  const transport = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];
  return Object.fromEntries([...headers].filter(([name]) => !transport.includes(name)));
}

describe('an allowed request', () => {
  it('should reach the listener with the fields already set', async () => {
    const seen: unknown[] = [];
    const call = await serve(
      headgate(engine, { identify }, (request, response) => {
        seen.push([request.url, response.getHeader('x-ratelimit-remaining'), response.headersSent]);
        hello(request, response);
      }),
    );
    const response = await call('/v1/calls?page=2');
    expect([response.status, await response.text()]).toEqual([200, 'hello']);
    expect(fieldsOf(response)).toEqual({
      'x-own': 'kept',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-reset': '1715901261',
    });
    expect(seen).toEqual([['/v1/calls?page=2', '1', false]]);
  });

  it('should still have its body after identify has taken its time', async () => {
    const slow: Options['identify'] = async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      return { apiKey: String(request.headers['x-api-key']) };
    };
    const call = await serve(
      headgate(engine, { identify: slow }, async (request, response) => {
        let body = '';
        for await (const chunk of request.setEncoding('utf8')) body += chunk;
        response.end(body.toUpperCase());
      }),
    );
    const response = await call('/v1/calls', {
      method: 'POST',
      body: 'hello',
      headers: { 'X-Api-Key': 'a' },
    });
    expect([await response.text(), left()]).toEqual(['HELLO', 1]);
  });

  it('should append to the fields of another limiter', async () => {
    const inner = headgate(engine, { identify }, hello);
    const call = await serve((request, response) => {
      response.setHeader('X-RateLimit-Limit', '1000');
      inner(request, response);
    });
    expect(fieldsOf(await call('/v1/calls'))).toMatchObject({
      'x-ratelimit-limit': '1000, 2',
      'x-ratelimit-remaining': '1',
    });
  });

  it('should get no fields where no limit applies', async () => {
    const call = await serve(headgate(engine, { identify }, hello));
    expect(fieldsOf(await call('/health'))).toEqual({ 'x-own': 'kept' });
  });
});

describe('a denied request', () => {
  it('should be answered by the policy, without the listener', async () => {
    const listener = vi.fn(hello);
    const call = await serve(headgate(engine, { identify }, listener));
    for (let i = 0; i < 2; i++) expect((await call('/v1/calls')).status).toBe(200);
    const response = await call('/v1/calls');
    expect(response.status).toBe(429);
    expect(fieldsOf(response)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'retry-after': '60',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1715901261',
    });
    expect(await response.json()).toMatchObject({ error: { code: 'quota', limit: 'reads', retryAfter: 60 } });
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it('should append to the limits of another limiter, and overrule its other fields', async () => {
    const inner = headgate(engine, { identify }, hello);
    const call = await serve((request, response) => {
      response
        .setHeader('X-RateLimit-Limit', '1000')
        .setHeader('Cache-Control', 'public')
        .setHeader('Retry-After', '1');
      inner(request, response);
    });
    for (let i = 0; i < 2; i++) await call('/v1/calls');
    expect(fieldsOf(await call('/v1/calls'))).toMatchObject({
      'x-ratelimit-limit': '1000, 2',
      'cache-control': 'no-store',
      'retry-after': '60',
    });
  });

  it('should have no body if it is a HEAD, and the same fields', async () => {
    const call = await serve(headgate(engine, { identify }, hello));
    for (let i = 0; i < 2; i++) await call('/v1/calls', { method: 'HEAD' });
    const [head, full] = [await call('/v1/calls', { method: 'HEAD' }), await call('/v1/calls')];
    expect([head.status, await head.text()]).toEqual([429, '']);
    expect(fieldsOf(head)).toEqual(fieldsOf(full));
    expect(await full.text()).not.toBe('');
  });

  it('should leave the connection open for the next one', async () => {
    const call = await serve(headgate(engine, { identify: () => ({ apiKey: 'b' }) }, hello));
    const statuses: number[] = [];
    for (const path of ['/v1/a', '/v2/a', '/v1/b', '/v1/c', '/health']) {
      const response = await call(path);
      statuses.push(response.status);
      await response.text();
    }
    expect(statuses).toEqual([200, 404, 200, 429, 200]);
  });
});

describe('identify', () => {
  it.each<[string, Options['identify']]>([
    ['says it', () => ({ apiKey: 'a' })],
    ['promises it', async () => ({ apiKey: 'a' })],
    ['names the group', () => ({ group: 'read', apiKey: 'a' })],
    ['gives another path', () => ({ method: 'GET', path: '/v1/other', apiKey: 'a' })],
  ])('should be believed when it %s', async (_what, identify) => {
    const call = await serve(headgate(engine, { identify }, hello));
    expect([(await call('/v1/calls')).status, left()]).toEqual([200, 1]);
  });

  const lost = new Error('no such key');
  const FAILURES: [string, Options['identify'], unknown][] = [
    [
      'throws',
      () => {
        throw lost;
      },
      lost,
    ],
    ['rejects', () => Promise.reject(lost), lost],
    ['leaves a field out', () => ({}), expect.objectContaining({ code: 'missing-field', path: 'apiKey' })],
    [
      'asks for a wrong cost',
      () => ({ apiKey: 'a', cost: -1 }),
      expect.objectContaining({ name: 'CostError' }),
    ],
  ];
  it.each(FAILURES)(
    'should have the request answered with 500 when it %s',
    async (_what, identify, error) => {
      const [onError, listener] = [vi.fn(), vi.fn(hello)];
      const call = await serve(headgate(engine, { identify, onError }, listener));
      const response = await call('/v1/calls');
      expect([response.status, await response.text(), fieldsOf(response)]).toEqual([500, '', {}]);
      expect(onError.mock.calls).toEqual([[error, expect.objectContaining({ url: '/v1/calls' })]]);
      expect([listener.mock.calls.length, left()]).toEqual([0, 2]);
    },
  );

  it('should have the request answered with 500 also when nobody listens to errors', async () => {
    const call = await serve(headgate(engine, { identify: () => Promise.reject(lost) }, hello));
    expect((await call('/v1/calls')).status).toBe(500);
  });
});

describe('countWhen', () => {
  /** Serves `status` and waits until the response is finished, and counted or not. */
  async function ask(options: Partial<Options>, status: number): Promise<number> {
    let finished: Promise<unknown> = Promise.resolve();
    const call = await serve(
      headgate(engine, { identify, ...options }, (_request, response) => {
        finished = once(response, 'finish');
        response.writeHead(status).end();
      }),
    );
    const response = await call('/v1/calls');
    await finished;
    return response.status;
  }

  it('should have a response that does not count given back when it has finished', async () => {
    const countWhen: Options['countWhen'] = (response) => response.statusCode === 401;
    const seen: unknown[] = [];
    for (const status of [200, 401, 200, 401]) seen.push([await ask({ countWhen }, status), left()]);
    expect(seen).toEqual([
      [200, 2],
      [401, 1],
      [200, 1],
      [401, 0],
    ]);
    expect(await ask({ countWhen }, 200)).toBe(429);
  });

  it('should be reported when it throws, and the charge stays', async () => {
    const error = new Error('no opinion');
    const onError = vi.fn();
    const countWhen = () => {
      throw error;
    };
    expect(await ask({ countWhen, onError }, 200)).toBe(200);
    expect([onError.mock.calls, left()]).toEqual([
      [[error, expect.objectContaining({ url: '/v1/calls' })]],
      1,
    ]);
  });
});

describe('a listener that rejects', () => {
  it('should be Node’s business, as if it stood alone, and the charge stays', async () => {
    // With this switch, Node answers a rejected listener by itself; without it, the process ends.
    EventEmitter.captureRejections = true;
    try {
      const onError = vi.fn();
      const call = await serve(
        headgate(engine, { identify, onError }, async () => {
          throw new Error('out of order');
        }),
      );
      expect((await call('/v1/calls')).status).toBe(500);
      expect([onError.mock.calls.length, left()]).toEqual([0, 1]);
      expect((await call('/v1/calls')).status).toBe(500);
      expect((await call('/v1/calls')).status).toBe(429);
    } finally {
      EventEmitter.captureRejections = false;
    }
  });
});
