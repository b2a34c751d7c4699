import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { serve } from '@hono/node-server';
import fc from 'fast-check';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMatcher } from '../../src/policy/match.ts';
import { parsePattern } from '../../src/policy/pattern.ts';

/** As much of Express as is used here; it ships no types. */
interface ExpressApp extends RequestListener {
  get(route: string, serve: (req: { params: { id?: string } }, res: ServerResponse) => void): void;
  use(refuse: (error: unknown, req: unknown, res: ServerResponse, next: unknown) => void): void;
}
const express = createRequire(import.meta.url)('express') as () => ExpressApp;

const ROUTES = ['/login', '/a/:id'] as const;
const { match } = createMatcher(
  ROUTES.map((route) => ({ pattern: parsePattern(`GET ${route}`), group: route })),
);

/** The route a request reached, and the `id` it was given. */
interface Reached {
  readonly route: string;
  readonly id: string | null;
}

const ROUTERS = ['Express', 'Fastify', 'Hono'] as const;
type Router = (typeof ROUTERS)[number];

/** Tells the test where a request has arrived; a field, since an answer to HEAD has no body. */
const arrival = (route: string, id: string | undefined): [name: string, value: string] => [
  'x-reached',
  encodeURIComponent(JSON.stringify({ route, id: id ?? null })),
];

/** Long request lines are for the routers to judge. */
const serverOptions = { maxHeaderSize: 1 << 18 };

const START: Record<Router, () => Promise<Server>> = {
  async Express() {
    const app = express();
    for (const route of ROUTES) {
      app.get(route, (req, res) => {
        res.setHeader(...arrival(route, req.params.id)).end();
      });
    }
    app.use((_error, _req, res, _next) => {
      res.writeHead(400).end();
    });
    const server = createServer(serverOptions, app);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return server;
  },
  async Fastify() {
    const app = fastify({ http: serverOptions, routerOptions: { maxParamLength: 1 << 18 } });
    for (const route of ROUTES) {
      app.get<{ Params: { id?: string } }>(route, (req, reply) =>
        reply.header(...arrival(route, req.params.id)).send(),
      );
    }
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  async Hono() {
    const app = new Hono();
    for (const route of ROUTES) {
      app.get(route, (c) => c.body(null, 200, Object.fromEntries([arrival(route, c.req.param('id'))])));
    }
    return new Promise((started) => {
      const options = { fetch: app.fetch, port: 0, hostname: '127.0.0.1', serverOptions };
      const server = serve(options, () => started(server as Server));
    });
  },
};

const servers = new Map<Router, Server>();

beforeAll(async () => {
  for (const router of ROUTERS) servers.set(router, await START[router]());
});

afterAll(async () => {
  for (const server of servers.values()) await new Promise((closed) => server.close(closed));
});

/** Sends a request line as it stands, since any client would tidy it up; `undefined` if it reached no route. */
async function reach(router: Router, target: string, method = 'GET'): Promise<Reached | undefined> {
  const address = servers.get(router)?.address() as AddressInfo;
  const answer = await new Promise<string>((answered, failed) => {
    const socket = connect(address.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => answered(text)).on('error', failed);
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 'latin1');
  });
  expect(answer).toMatch(/^HTTP\/1\.1 \d{3} /);
  const reached = /^x-reached: (\S+)/im.exec(answer)?.[1];
  return reached === undefined ? undefined : (JSON.parse(decodeURIComponent(reached)) as Reached);
}

/** What the matcher makes of a request, in the terms of {@link Reached}. */
function expected(target: string, method = 'GET'): Reached | undefined {
  const found = match(method, target);
  if (found === undefined) return undefined;
  const id = found.params.get('id') ?? null;
  return { route: found.group, id };
}

/** A request -> who routes it, by initial letter: Express, Fastify, Hono. */
type Row = [request: string, routedBy: string];

const ROWS: Row[] = [
  ['GET /login', 'EFH'],
  ['GET /login/', 'E'],
  ['GET /LOGIN', 'E'],
  ['GET /Login', 'E'],
  ['GET //login', ''],
  ['GET /./login', 'H'],
  ['GET /x/../login', 'H'],
  ['GET /x/%2e%2E/login', 'H'],
  ['GET /x//../../login', 'H'],
  ['GET /a//../7', 'H'],
  ['GET /%6cogin', 'FH'],
  ['GET /log%69n', 'FH'],
  ['GET /login%2f', ''],
  ['GET /login%00', ''],
  ['GET /login%20', ''],
  ['GET /login%3Fx', ''],
  ['GET /login;a=b', ''],
  ['GET /login?x', 'EFH'],
  ['GET /login#f', 'EFH'],
  ['GET http://x/login', 'EFH'],
  ['GET HTTP://X/login', 'EF'],
  ['GET http://u:p@x:8080/a/7?q', 'EFH'],
  ['GET http://x?/login', ''],
  ['GET \\login', ''],
  ['GET /\\login', ''],
  ['GET /login\\#f', 'E'],
  ['GET /a\\7#f', 'E'],
  ['GET http://x/a\\7', 'E'],
  ['GET *login', 'F'],
  ['GET *a/7', 'F'],
  ['GET %zz', ''],
  ['GET /%zz', ''],
  ['GET /a/7', 'EFH'],
  ['GET /A/Bc', 'E'],
  ['GET /a/Bc', 'EFH'],
  ['GET /a/b/', 'E'],
  ['GET /a/x%2Fy', 'EFH'],
  ['GET /a/x%5Cy', 'EFH'],
  ['GET /a/x\\y', 'EF'],
  ['GET /a/x;y=1', 'EFH'],
  ['GET /a/x%00', 'EFH'],
  ['GET /a/%C3%A9%20', 'EFH'],
  ['GET /a/[x|y]', 'EFH'],
  ['GET /a/%5Bx%7Cy%5D', 'EFH'],
  ["GET /a/it's+x", 'EFH'],
  ['GET /a/%2541', 'EFH'],
  ['GET /a/...', 'EFH'],
  ['GET /a/%zz', 'H'],
  ['GET /a/%zz%41', 'H'],
  ['GET /a/%%36%31', 'H'],
  ['GET /a/%FF', 'H'],
  ['HEAD /login', 'EFH'],
  ['HEAD /a/7', 'EFH'],
  ['POST /login', ''],
  ['get /login', ''],
  [`GET /${'x/../'.repeat(13_000)}login`, 'H'],
  [`GET ${'/'.repeat(65_000)}login`, ''],
  [`GET /login${'%2f'.repeat(21_000)}`, ''],
  [`GET /a/${'x'.repeat(65_000)}`, 'EFH'],
];

describe('a request that reaches a route', () => {
  it.each(ROWS)('should have the group of that route: %.40s', async (request, routedBy) => {
    const [method = '', target = ''] = request.split(' ');
    let reachedBy = '';
    for (const router of ROUTERS) {
      const reached = await reach(router, target, method);
      if (reached === undefined) continue;
      reachedBy += router.charAt(0);
      expect({ router, ...expected(target, method) }).toEqual({ router, ...reached });
    }
    expect(reachedBy).toBe(routedBy);
  });
});

/** Where routers contradict one another, so that no one answer is right for all of them. */
const CONTRADICTIONS: [target: string, dissenter: Router, reason: string][] = [
  ['/a/..', 'Express', 'it hands on the id "..", where Hono resolves the path to /'],
  ['/a/..', 'Fastify', 'it does as Express does'],
  ['/a/.', 'Express', 'it hands on the id ".", where Hono resolves the path to /a/'],
  ['/a/.', 'Fastify', 'it does as Express does'],
  ['/a/%2e%2E', 'Express', 'an escaped dot segment is one to Hono, too'],
  ['/a/%2e%2E', 'Fastify', 'an escaped dot segment is one to Hono, too'],
  ['/a/', 'Fastify', 'it hands on an empty id, where Express drops the trailing slash'],
  ['/a/x\\y#f', 'Fastify', 'it hands on the id "x\\y", where Express reads /a/x/y'],
  ['/a/%FF%41', 'Hono', 'it undoes no escape next to one that is no UTF-8; the others refuse the path'],
];

describe('a path on which routers contradict one another', () => {
  it.each(CONTRADICTIONS)('should still be one: %s in %s, as %s', async (target, dissenter) => {
    const reached = await reach(dissenter, target);
    expect(reached).toBeDefined();
    expect(reached).not.toEqual(expected(target));
  });
});

/** A path that is routed, with a few things done to it. */
const tampered = fc
  .tuple(
    fc.constantFrom('/login', '/a/7', '/a/login', '/a/x-Y_z'),
    fc.array(
      fc.record({
        at: fc.nat({ max: 12 }),
        drop: fc.nat({ max: 1 }),
        put: fc.constantFrom(
          ...[
            '/',
            '//',
            '/./',
            '/../',
            '/x/..',
            '.',
            '..',
            '%2e',
            '%2F',
            '%5c',
            '\\',
            '%00',
            ';x=1',
            '?q',
            '#f',
          ],
          ...[
            '%',
            '%zz',
            '%25',
            '%6c',
            '%6F',
            '~',
            '$',
            '%24',
            '|',
            '[',
            '%5D',
            "'",
            '%C3%A9',
            '+',
            ':',
            '*',
            'A',
          ],
          ...['http://x', 'HTTPS://u@h:8080', '/a/', '/login'],
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([path, edits]) => {
    let text: string = path;
    for (const { at, drop, put } of edits) text = text.slice(0, at) + put + text.slice(at + drop);
    return text;
  });

/** Whether a router has handed on what {@link CONTRADICTIONS} lists: a dot or empty segment, a backslash, no UTF-8. */
function isContradicted(target: string, { id }: Reached): boolean {
  if (id === null) return false;
  return /^\.{0,2}$|%[89a-f][\da-f]/i.test(id) || (id.includes('\\') && /#|^[^/]/.test(target));
}

describe('a path that was tampered with', () => {
  it('should have the group of the route that it reaches all the same', async () => {
    let routed = 0;
    await fc.assert(
      fc.asyncProperty(tampered, async (target) => {
        for (const router of ROUTERS) {
          const reached = await reach(router, target);
          if (reached === undefined || isContradicted(target, reached)) continue;
          routed++;
          expect({ router, ...expected(target) }).toEqual({ router, ...reached });
        }
      }),
      { numRuns: 600 },
    );
    expect(routed).toBeGreaterThan(100);
  });
});
