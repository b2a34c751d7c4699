import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, definePolicy, type Engine } from 'headgate';
import { headgate as aroundFetch } from 'headgate/fetch';
import { headgate as aroundNode } from 'headgate/node';
import { manualClock } from 'headgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countedSignal } from '../../fixtures/signals.ts';
import { settled, watch } from '../../fixtures/virtual-time.ts';

const policy = definePolicy({
  version: 1,
  limits: { streams: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '1h' } },
  groups: {
    stream: { match: ['GET|HEAD /stream'], limits: ['streams'], queue: { size: 1 } },
    now: { match: ['GET /now'], limits: ['streams'] },
  },
  unmatched: 'deny',
});
const identify = () => ({ account: 'x' });

let engine: Engine<typeof policy>;
beforeEach(() => {
  engine = createEngine(policy, { clock: manualClock() });
});
const held = (): number | undefined => engine.stats().permits.streams?.held;

describe('around fetch', () => {
  type Body = string | ReadableStream<Uint8Array>;
  const encoder = new TextEncoder();
  const get = (path = '/stream', init: RequestInit = {}): Request =>
    new Request(`https://api.example${path}`, init);
  const serve = (body: Body | null | (() => never)): ((request: Request) => Promise<Response>) =>
    aroundFetch(engine, { identify }, () => new Response(typeof body === 'function' ? body() : body));

  /** A body of so many chunks, that fails at the end if it should; tells what was done to it. */
  function chunks(n: number, fails = false): { body: ReadableStream<Uint8Array>; log: string[] } {
    const log: string[] = [];
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          log.push('pulled');
          if (sent++ < n) controller.enqueue(encoder.encode(`chunk ${sent} `));
          else if (fails) controller.error(new RangeError('broken'));
          else controller.close();
        },
        cancel: (reason) => void log.push(`cancelled: ${reason}`),
      },
      { highWaterMark: 0 },
    );
    return { body, log };
  }

  it('should hold the permit until the body has been read to its end', async () => {
    const { body, log } = chunks(2);
    const response = await serve(body)(get());
    expect([response.status, response.headers.get('x-ratelimit-remaining'), held()]).toEqual([200, '0', 1]);
    await settled();
    expect(log).toEqual([]);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    expect(held()).toBe(1);
    expect(await reader?.read()).toMatchObject({ done: true });
    expect(held()).toBe(0);
  });

  it('should pass the whole body on, unchanged', async () => {
    const response = await serve(chunks(3).body)(get());
    expect(await response.text()).toBe('chunk 1 chunk 2 chunk 3 ');
    expect(held()).toBe(0);
  });

  it('should give the permit back when the body is cancelled, and cancel the handler’s', async () => {
    const { body, log } = chunks(9);
    const response = await serve(body)(get());
    await response.body?.cancel('gone');
    expect([held(), log]).toEqual([0, ['cancelled: gone']]);
  });

  it('should give the permit back when the body fails, with its error', async () => {
    const response = await serve(chunks(1, true).body)(get());
    await expect(response.text()).rejects.toThrow('broken');
    expect(held()).toBe(0);
  });

  it.each<[string, Body | null, RequestInit]>([
    ['has no body', null, {}],
    ['answers HEAD', 'not sent', { method: 'HEAD' }],
  ])('should give the permit back at once when the response %s', async (_title, body, init) => {
    const response = await serve(body)(get('/stream', init));
    expect([response.status, held()]).toEqual([200, 0]);
  });

  it('should give the permit back when the handler throws', async () => {
    const fail = (): never => {
      throw new RangeError('broken');
    };
    await expect(serve(fail)(get())).rejects.toThrow('broken');
    expect(held()).toBe(0);
  });

  it('should give the permit back when countWhen throws', async () => {
    const countWhen = (): never => {
      throw new RangeError('uncountable');
    };
    const wrapped = aroundFetch(engine, { identify, countWhen }, () => new Response('hello'));
    expect(await (await wrapped(get())).text()).toBe('hello');
    expect(held()).toBe(0);
  });

  it('should let the next request wait for the body of the one before', async () => {
    const first = await serve('one')(get());
    const second = watch(serve('two')(get()));
    await settled();
    expect(second.outcome.state).toBe('pending');
    await first.text();
    await settled();
    expect(second.outcome).toMatchObject({ state: 'fulfilled', value: { status: 200 } });
  });

  it('should deny whom no queue takes', async () => {
    await serve('one')(get());
    expect((await serve('two')(get('/now'))).status).toBe(429);
    watch(serve('three')(get()));
    expect((await serve('four')(get())).status).toBe(503);
  });

  it('should give up waiting when the request is aborted', async () => {
    const first = await serve('one')(get());
    const { signal, controller } = countedSignal();
    const second = watch(serve('two')(new Request(get(), { signal })));
    await settled();
    expect(engine.stats().waiting).toBe(1);
    controller.abort(new RangeError('gone'));
    await settled();
    expect(second.outcome).toMatchObject({ state: 'rejected', reason: { message: 'gone' } });
    expect(engine.stats().waiting).toBe(0);
    await first.text();
    expect(held()).toBe(0);
  });
});

describe('around a listener of node', () => {
  type Exchange = [IncomingMessage, ServerResponse];
  let server: Server;
  let arrivals: Exchange[];
  let onArrival: (() => void) | undefined;
  let port: number;

  beforeEach(async () => {
    arrivals = [];
    const listener = aroundNode(engine, { identify }, (...exchange) => {
      arrivals.push(exchange);
      onArrival?.();
    });
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const ask = (path = '/stream'): ReturnType<typeof request> => {
    const call = request({ host: '127.0.0.1', port, path, agent: false });
    call.on('error', () => undefined);
    call.end();
    return call;
  };
  /** The next request that the listener gets. */
  const arrival = async (): Promise<Exchange> => {
    while (arrivals.length === 0) {
      await new Promise<void>((resolve) => {
        onArrival = resolve;
      });
    }
    return arrivals.shift() as Exchange;
  };
  const answered = async (call: ReturnType<typeof request>): Promise<IncomingMessage> => {
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    return response;
  };

  it('should hold the permit until the response has ended', async () => {
    const call = ask();
    const [, response] = await arrival();
    expect(held()).toBe(1);
    response.write('some');
    const reply = await answered(call);
    expect([reply.headers['x-ratelimit-remaining'], held()]).toEqual(['0', 1]);
    response.end('more');
    await once(response, 'close');
    expect(held()).toBe(0);
  });

  it('should give the permit back when the client goes away in the middle of the response', async () => {
    const call = ask();
    const [, response] = await arrival();
    response.write('some');
    await answered(call);
    call.destroy();
    await once(response, 'close');
    expect([response.writableEnded, held()]).toEqual([false, 0]);
  });

  it('should give up waiting when the client goes away', async () => {
    const first = ask();
    const [, response] = await arrival();
    const coming = once(server, 'request') as Promise<Exchange>;
    const second = ask();
    const [, waiting] = await coming;
    await settled();
    expect(engine.stats().waiting).toBe(1);
    second.destroy();
    await once(waiting, 'close');
    await settled();
    expect([engine.stats().waiting, arrivals.length, held()]).toEqual([0, 0, 1]);
    response.end();
    await answered(first);
  });

  it('should hand the permit to the request that waits when the response has ended', async () => {
    const first = ask();
    const [, response] = await arrival();
    const coming = once(server, 'request');
    const second = ask();
    await coming;
    response.end('one');
    (await answered(first)).resume();
    const [, next] = await arrival();
    expect(held()).toBe(1);
    next.end('two');
    expect((await answered(second)).statusCode).toBe(200);
  });

  it('should hold nothing for a client that has gone before it was identified', async () => {
    let identified = (): void => undefined;
    const slow = aroundNode(
      engine,
      {
        identify: () =>
          new Promise((resolve) => {
            identified = () => resolve({ account: 'x' });
          }),
      },
      () => expect.fail('the client has gone'),
    );
    server.removeAllListeners('request').on('request', slow);
    const coming = once(server, 'request') as Promise<Exchange>;
    const call = ask();
    const [, response] = await coming;
    call.destroy();
    await once(response, 'close');
    identified();
    await settled();
    expect([held(), engine.stats().waiting]).toEqual([0, 0]);
  });

  it('should deny at once where nobody can wait', async () => {
    ask();
    await arrival();
    const reply = await answered(ask('/now'));
    expect([reply.statusCode, held()]).toEqual([429, 1]);
  });
});
