/** What every adapter has to do, asked of real servers over real sockets. */

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { type AnyEngine, createEngine, type Descriptor, type PolicyDocument } from 'headgate';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { send } from '../fixtures/http.ts';
import { inProcess, type Keeping, type Kept } from '../fixtures/keepings.ts';

const policy: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 3, window: '1m', per: 'apiKey' },
    streams: { algorithm: 'concurrency', quota: 1, per: 'apiKey', lease: '1h' },
    tried: { algorithm: 'concurrency', quota: 9, per: 'apiKey', lease: '1h', mode: 'shadow' },
  },
  groups: {
    read: { match: ['GET /hello', 'GET /broken', 'GET /401'], limits: ['reads'] },
    stream: { match: ['GET /stream', 'GET /broken-stream'], limits: ['streams'], queue: { size: 1 } },
    named: { limits: ['reads'] },
    tried: { match: ['GET /tried', 'GET /broken-trial'], limits: ['tried'] },
  },
  unmatched: 'deny',
};

/** One limiter of a site. */
export interface Limit {
  readonly engine: AnyEngine;
  /** @param field - a field of the request, by its name in lower case */
  readonly identify: (field: (name: string) => string | undefined) => Descriptor | Promise<Descriptor>;
  readonly countWhen?: (status: number) => boolean;
  readonly group?: string;
  readonly onIdentifyError?: 'fail' | 'allow';
  readonly onError?: (error: unknown) => void;
}

/** What a site answers; a body in parts is sent as they come. */
export interface Answer {
  readonly status: number;
  readonly body: string | AsyncIterable<string>;
}

/** What an adapter stands in front of. */
export interface Site {
  /** The outermost comes first. */
  readonly limits: readonly Limit[];
  /** May throw; the host answers 500 then. */
  readonly handle: (path: string) => Answer;
}

/** A server that is listening. */
export interface Host {
  readonly port: number;
  close(): Promise<void>;
}

/** A minute after the start, in seconds. */
const RESET = '1715901261';

interface Setting {
  readonly isStreaming?: boolean;
  readonly keep?: Keeping;
}

/** Resolves when something has come true. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await setImmediate();
}

async function text(response: IncomingMessage): Promise<string> {
  let whole = '';
  for await (const chunk of response.setEncoding('utf8')) whole += chunk;
  return whole;
}

export function describeAdapter(
  name: string,
  start: (site: Site) => Promise<Host>,
  { isStreaming = true, keep = inProcess }: Setting = {},
): void {
  describe(name, () => {
    let engine: Kept['engine'];
    let waiting: Kept['waiting'];
    let handled: string[];
    let host: Host | undefined;
    /** Lets streams that are being sent come to their end. */
    let finish: () => void;
    /** How streams have ended. */
    let ended: string[];
    /** Permits that were held while something was handled. */
    let during: Promise<number>;

    beforeEach(() => {
      ({ engine, waiting } = keep(policy));
      handled = [];
      ended = [];
    });
    afterEach(() => host?.close());

    async function* parts(until: Promise<void>): AsyncGenerator<string> {
      let how = 'stopped';
      try {
        yield 'some ';
        await until;
        how = 'sent';
        yield 'more';
      } finally {
        ended.push(how);
      }
    }

    const handle = (path: string): Answer => {
      handled.push(path);
      during = held(/tri/.test(path) ? 'tried' : 'stream');
      if (path.startsWith('/broken')) throw new Error('out of order');
      if (path === '/401') return { status: 401, body: 'who are you?' };
      if (path !== '/stream') return { status: 200, body: 'hello' };
      return {
        status: 200,
        body: parts(
          new Promise((resolve) => {
            finish = resolve;
          }),
        ),
      };
    };
    const identify: Limit['identify'] = () => ({ apiKey: 'a' });

    async function serve(limit: Partial<Limit> = {}, outer: readonly Limit[] = []): Promise<number> {
      host = undefined;
      host = await start({ limits: [...outer, { engine, identify, ...limit }], handle });
      return host.port;
    }
    const held = async (group = 'stream'): Promise<number> => {
      const [limit] = (await engine.peek({ group, apiKey: 'a' })).limits;
      return (limit?.quota ?? 0) - (limit?.remaining ?? 0);
    };
    const left = async (): Promise<number> => (await engine.peek({ group: 'named', apiKey: 'a' })).remaining;
    /** Asks; `response` comes with the fields, before the body. */
    function ask(port: number, path = '/stream', method = 'GET') {
      const call: ClientRequest = request({ host: '127.0.0.1', port, path, method, agent: false });
      const response = new Promise<IncomingMessage>((resolve, reject) => {
        call.on('response', resolve).on('error', reject);
      });
      response.catch(() => undefined);
      call.end();
      return { call, response };
    }
    const fields = async (port: number, method: string, path: string) => {
      const response = await ask(port, path, method).response;
      const headers: NodeJS.Dict<string | string[]> = response.headers;
      return { status: response.statusCode, headers, body: await text(response) };
    };

    it.each([
      ['GET', '/hello?page=2', 200, 'hello'],
      ['HEAD', '/hello', 200, ''],
      ['GET', '/401', 401, 'who are you?'],
      ['GET', '/broken', 500, expect.any(String)],
    ])('should send the fields of %s %s', async (method, path, status, body) => {
      const reply = await fields(await serve(), method, path);
      expect(reply).toMatchObject({ status, body });
      expect(reply.headers).toMatchObject({
        'x-ratelimit-limit': '3',
        'x-ratelimit-remaining': '2',
        'x-ratelimit-reset': RESET,
      });
      expect([handled.length, await left()]).toEqual([1, 2]);
    });

    it.each(['GET', 'HEAD'])('should deny %s as the policy says, without the handler', async (method) => {
      const port = await serve();
      for (let i = 0; i < 3; i++) await send(port, method, '/hello');
      const { status, headers, body } = await fields(port, method, '/hello');
      expect([status, handled.length]).toEqual([429, 3]);
      expect(headers).toMatchObject({
        'x-ratelimit-limit': '3',
        'x-ratelimit-remaining': '0',
        'retry-after': '60',
        'cache-control': 'no-store',
        'content-type': expect.stringMatching(/^application\/json/),
      });
      if (method === 'HEAD') expect(body).toBe('');
      else expect(JSON.parse(body)).toMatchObject({ error: { code: 'quota', limit: 'reads' } });
    });

    it('should deny what matches nothing', async () => {
      expect(await fields(await serve(), 'GET', '/elsewhere')).toMatchObject({ status: 404 });
      expect(handled).toEqual([]);
    });

    it.each<[string, string, Limit['identify']]>([
      ['says it', '/hello', () => ({ apiKey: 'a' })],
      ['reads it from a field', '/hello', (field) => ({ apiKey: field('host')?.replace(/.*/, 'a') })],
      ['promises it', '/hello', async () => ({ apiKey: 'a' })],
      ['says it later', '/hello', () => setImmediate({ apiKey: 'a' })],
      ['names the group', '/elsewhere', () => ({ group: 'named', apiKey: 'a' })],
      ['promises the group', '/elsewhere', async () => ({ group: 'named', apiKey: 'a' })],
    ])('should believe identify when it %s', async (_how, path, identify) => {
      const { status, headers } = await fields(await serve({ identify }), 'GET', path);
      expect([status, headers['x-ratelimit-remaining'], await left()]).toEqual([200, '2', 2]);
    });

    it('should take the group of its options where identify names none', async () => {
      const port = await serve({ group: 'named' });
      expect([(await send(port, 'GET', '/elsewhere')).status, await left()]).toEqual([200, 2]);
    });

    it('should prefer the group that identify names', async () => {
      const port = await serve({ group: 'none', identify: () => ({ group: 'named', apiKey: 'a' }) });
      expect([(await send(port, 'GET', '/elsewhere')).status, await left()]).toEqual([200, 2]);
    });

    it.each([[{ onIdentifyError: 'open' }], [{ onError: true }]])('should refuse %j', async (wrong) => {
      await expect(serve(wrong as object)).rejects.toMatchObject({
        name: 'PolicyError',
        code: 'bad-value',
        path: Object.keys(wrong)[0],
      });
    });

    it('should name an unknown option, and the one that is meant', async () => {
      await expect(serve({ onErorr: () => undefined } as object)).rejects.toMatchObject({
        name: 'PolicyError',
        code: 'unknown-field',
        path: 'onErorr',
        message: expect.stringContaining('did you mean "onError"?'),
      });
    });

    const lost = new Error('no such key');
    const thrown: [string, Limit['identify']][] = [
      [
        'throws',
        () => {
          throw lost;
        },
      ],
      ['rejects', () => Promise.reject(lost)],
      [
        'throws nothing',
        () => {
          throw undefined;
        },
      ],
      ['rejects with nothing', () => Promise.reject()],
      [
        'throws what Express takes for a command',
        () => {
          throw 'route';
        },
      ],
    ];
    const unreadable: [string, Limit['identify']][] = [
      ['leaves a field out', () => ({})],
      ['promises nothing', async () => undefined as never],
      ['names no group', () => ({ group: 'none', apiKey: 'a' })],
    ];

    it.each([...thrown, ...unreadable])('should answer 500 when identify %s', async (_how, identify) => {
      const onError = vi.fn();
      const reply = await fields(await serve({ identify, onError }), 'GET', '/hello');
      expect([reply.status, handled, await left()]).toEqual([500, [], 3]);
      expect(onError.mock.calls).toEqual([[expect.any(Error), expect.anything()]]);
    });

    it.each(thrown)('should let pass by option when identify %s', async (_how, identify) => {
      const onError = vi.fn();
      const port = await serve({ identify, onIdentifyError: 'allow', onError });
      const { status, headers } = await fields(port, 'GET', '/hello');
      expect([status, headers['x-ratelimit-limit'], handled, await left()]).toEqual([
        200,
        undefined,
        ['/hello'],
        3,
      ]);
      expect(onError).toHaveBeenCalledOnce();
    });

    it.each(unreadable)('should let nobody pass because identify %s', async (_how, identify) => {
      const port = await serve({ identify, onIdentifyError: 'allow' });
      expect([(await send(port, 'GET', '/hello')).status, handled]).toEqual([500, []]);
    });

    it('should give back what does not count', async () => {
      const countWhen = (status: number): boolean => status === 401;
      const port = await serve({ countWhen });
      const statuses: number[] = [];
      for (const path of ['/hello', '/401', '/hello', '/401', '/401', '/hello']) {
        statuses.push((await send(port, 'GET', path)).status);
      }
      expect(statuses).toEqual([200, 401, 200, 401, 401, 429]);
    });

    it('should append to the fields of another limiter, which may deny before it', async () => {
      const quotas = { reads: 2 };
      const outer = keep(policy).engine;
      const port = await serve({}, [{ engine: outer, identify: () => ({ apiKey: 'a', quotas }) }]);
      const listed = async () => {
        const { status, headers } = await fields(port, 'GET', '/hello');
        const listed = ['limit', 'remaining'].map((name) => headers[`x-ratelimit-${name}`]);
        return [status, ...listed.map((values) => String(values).split(', ').sort())];
      };
      expect(await listed()).toEqual([200, ['2', '3'], ['1', '2']]);
      expect(await listed()).toEqual([200, ['2', '3'], ['0', '1']]);
      expect(await listed()).toEqual([429, ['2'], ['0']]);
      await engine.check({ group: 'named', apiKey: 'a' });
      await outer.forget({ apiKey: 'a' });
      expect(await listed()).toEqual([429, ['2', '3'], ['0', '1']]);
      expect(handled.length).toBe(2);
    });

    it.runIf(isStreaming)(
      'should hold a permit until the response has been sent, and then serve whoever waits',
      async () => {
        const port = await serve();
        const first = await ask(port).response;
        expect([first.headers['x-ratelimit-remaining'], await held()]).toEqual(['0', 1]);
        const second = ask(port);
        await until(async () => (await waiting()) === 1);
        expect((await send(port, 'GET', '/stream')).status).toBe(503);
        expect([handled.length, await held()]).toEqual([1, 1]);
        finish();
        expect(await text(first)).toBe('some more');
        const next = await second.response;
        expect([next.statusCode, await held()]).toEqual([200, 1]);
        finish();
        expect(await text(next)).toBe('some more');
        await until(async () => (await held()) === 0);
      },
    );

    it.skipIf(keep !== inProcess)(
      'should tell the fields of the policy that decided, though another is in force since',
      async () => {
        const other: PolicyDocument = { ...policy, headers: ['draft-11'] };
        const engine = createEngine(policy);
        engine.on('allowed', () => engine.reload(other));
        const { headers } = await fields(await serve({ engine }), 'GET', '/hello');
        expect(headers).toMatchObject({ 'x-ratelimit-limit': '3' });
        expect((await fields(host?.port ?? 0, 'GET', '/hello')).headers).toMatchObject({
          'ratelimit-policy': expect.stringContaining('reads'),
        });
      },
    );

    it.each(['GET /tried', 'HEAD /tried', 'GET /broken-trial'])(
      'should give the permits of shadow limits back after %s',
      async (asked) => {
        const [method = '', path = ''] = asked.split(' ');
        await send(await serve(), method, path);
        await until(async () => (await held('tried')) === 0);
        expect(await during).toBe(1);
      },
    );

    it.runIf(isStreaming)('should give the permit back when the client goes away in the middle', async () => {
      const { call, response } = ask(await serve());
      await response;
      expect(await held()).toBe(1);
      call.destroy();
      await until(async () => (await held()) === 0);
      finish();
      await until(() => ended.length === 1);
    });

    it.runIf(isStreaming)('should give up waiting when the client goes away', async () => {
      const port = await serve();
      const first = await ask(port).response;
      const second = ask(port);
      await until(async () => (await waiting()) === 1);
      second.call.destroy();
      await until(async () => (await waiting()) === 0);
      finish();
      await text(first);
      await until(async () => (await held()) === 0);
      expect(handled.length).toBe(1);
    });

    it.each(isStreaming ? ['GET /broken-stream', 'HEAD /stream'] : ['GET /broken-stream'])(
      'should give the permit back after %s',
      async (asked) => {
        const [method = '', path = ''] = asked.split(' ');
        const port = await serve();
        const { status } = await send(port, method, path);
        expect(status).toBe(method === 'HEAD' ? 200 : 500);
        await until(async () => (await held()) === 0);
        expect(await during).toBe(1);
      },
    );
  });
}
