/** What the package needs of its surroundings, found out in processes of their own: next to nothing. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const dist = (file: string): string => new URL(`../../dist/${file}`, import.meta.url).href;

beforeAll(async () => {
  if (!existsSync(`${root}dist/index.js`)) await run('npx', ['tsup'], { cwd: root, timeout: 120_000 });
}, 130_000);

/**
 * Runs a module in a Node process of its own, and returns what it passes to `tell`. The process has to end by itself.
 *
 * @param body - statements of a module; `tell` is there
 */
async function inNode(body: string, ...flags: string[]): Promise<unknown> {
  const script = `const { stdout } = process; const tell = (value) => stdout.write(JSON.stringify(value)); ${body}`;
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    cwd: root,
    timeout: 30_000,
  });
  return JSON.parse(stdout);
}

/** Puts counters in place of what arms a timer, and lists what keeps the process alive but for Node's own reading and writing. */
const WATCH = `
  let timers = 0;
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
    const real = globalThis[name];
    globalThis[name] = (...args) => { timers++; return real(...args); };
  }
  const ownWork = ['CloseReq', 'FSReqCallback', 'FSReqPromise', 'PipeWrap'];
  const active = () => process.getActiveResourcesInfo().filter((name) => !ownWork.includes(name));
`;

const POLICY = `{
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' },
    writes: { algorithm: 'sliding-window', quota: 120, window: '1m', per: 'apiKey' },
    tokens: { algorithm: 'token-bucket', quota: 1000, window: '1s', burst: 50, per: ['apiKey', 'model'], unit: 'tokens' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads'] },
    ask: { match: ['POST /v1/models/:model/ask'], limits: ['writes', 'tokens'] },
  },
  unmatched: 'deny',
}`;

describe('code made from strings', () => {
  it('should not be needed, in 200,000 checks', async () => {
    const counts = await inNode(
      `
      const { createEngine, createLimiter, tokenBucket } = await import(${JSON.stringify(dist('index.js'))});
      let isForbidden = false;
      try { new Function('return 1')(); } catch { isForbidden = true; }
      const limiter = createLimiter(tokenBucket({ quota: 5, window: 1000 }), { maxKeys: 500 });
      const engine = createEngine(${POLICY}, { maxKeys: 500 });
      let allowed = 0;
      for (let i = 0; i < 100_000; i++) {
        const now = Math.floor(i / 100);
        const apiKey = 'key_' + (i % 1000);
        if (limiter.check(apiKey, { now }).allowed) allowed++;
        const read = { method: 'GET', path: '/v1/calls/' + i, apiKey };
        const ask = { method: 'POST', path: '/v1/models/m' + (i % 3) + '/ask', apiKey, cost: { tokens: i % 20 } };
        if (engine.check(i % 2 === 0 ? read : ask, { now }).allowed) allowed++;
      }
      const { denied, partitions } = engine.stats();
      tell([isForbidden, allowed + denied + limiter.stats().denied, partitions.apiKey.keys, limiter.stats().joined > 0]);
      `,
      '--disallow-code-generation-from-strings',
    );
    expect(counts).toEqual([true, 200_000, 500, true]);
  });
});

describe('a runtime with nothing but the language', () => {
  const ABSENT = [
    'process',
    'Buffer',
    'global',
    'setInterval',
    'clearInterval',
    'setTimeout',
    'clearTimeout',
    'setImmediate',
    'clearImmediate',
    'queueMicrotask',
    'performance',
    'fetch',
    'Request',
    'Response',
    'crypto',
    'WebAssembly',
    'require',
  ];

  it.each<[string, string[]]>([
    ['as Node resolves it', []],
    ['as bundlers for browsers resolve it', ['--conditions=browser']],
    [
      'as bundlers for the edge resolve it',
      ['--conditions=workerd', '--conditions=edge-light', '--conditions=worker'],
    ],
  ])('should be enough to decide, %s', async (_what, flags) => {
    const decisions = await inNode(
      `
      for (const name of ${JSON.stringify(ABSENT)}) delete globalThis[name];
      const left = ${JSON.stringify(ABSENT)}.filter((name) => name in globalThis);
      const { createEngine, isHeadgateError } = await import(${JSON.stringify(dist('index.js'))});
      const engine = createEngine(${POLICY}, { maxKeys: 10 });
      const read = { method: 'GET', path: '/v1/calls?page=2', apiKey: 'a' };
      const first = engine.check(read);
      for (let i = 0; i < 100; i++) engine.check({ ...read, apiKey: 'key_' + i });
      engine.block({ apiKey: 'a' }, { for: '1m' });
      let caught;
      try { engine.check({ ...read, apiKey: 7 }); } catch (error) { caught = isHeadgateError(error) && error.code; }
      const { text } = engine.explain({ ...read, path: '/v1/%63alls' });
      tell([left, first.allowed, first.remaining, engine.check(read).reason, caught, text.split('\\n').length > 5]);
      `,
      ...flags,
    );
    expect(decisions).toEqual([[], true, 599, 'blocked', 'bad-key', true]);
  });

  it('should be enough for the laboratory and its reports', async () => {
    const seen = await inNode(`
      for (const name of ${JSON.stringify(ABSENT)}) delete globalThis[name];
      const { compare, zipf, readTrace, htmlReport, ignoring } = await import(${JSON.stringify(dist('lab.js'))});
      const { tokenBucket } = await import(${JSON.stringify(dist('index.js'))});
      const algorithms = { bucket: tokenBucket({ quota: 5, window: '10s' }) };
      const drawn = await compare({ algorithms, workload: zipf({ length: '1m', clients: ignoring() }) });
      async function* pieces() { yield 'time,ip\\n1,"a"\\n'; yield '2,"a,b"\\n'; }
      const log = { name: 'log', description: '', seed: 0, arrivals: () => readTrace(pieces(), { name: 'x.csv' }) };
      const read = await compare({ algorithms, workload: log });
      tell([drawn.contenders[0].denied > 0, read.contenders[0].admitted, htmlReport(drawn).includes('</svg>')]);
    `);
    expect(seen).toEqual([true, 2, true]);
  });
});

describe('importing', () => {
  const PLACES = `{ globalThis, Object, Array, Function, String, Number, Date, Map, Promise, Error, JSON, Math, Reflect }`;

  it.each([
    ['index.js', 'import'],
    ['client.js', 'import'],
    ['durable-object.js', 'import'],
    ['fetch.js', 'import'],
    ['node.js', 'import'],
    ['lab.js', 'import'],
    ['testing.js', 'import'],
    ['index.cjs', 'require'],
    ['client.cjs', 'require'],
    ['durable-object.cjs', 'require'],
    ['fetch.cjs', 'require'],
    ['node.cjs', 'require'],
    ['lab.cjs', 'require'],
    ['testing.cjs', 'require'],
  ])('should have no side effects: %s', async (file, how) => {
    const url = JSON.stringify(dist(file));
    const load =
      how === 'import' ? `await import(${url})` : `createRequire(import.meta.url)(fileURLToPath(${url}))`;
    const [before, after, names] = (await inNode(`
      import { createRequire } from 'node:module';
      import { fileURLToPath } from 'node:url';
      ${WATCH}
      const places = Object.entries(${PLACES}).flatMap(([name, place]) =>
        typeof place === 'function' ? [[name, place], [name + '.prototype', place.prototype]] : [[name, place]]);
      const look = () => [
        places.map(([name, place]) => [name, Reflect.ownKeys(place).map(String)]),
        process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        [timers, active()],
        Object.keys(process.env).length,
      ];
      const before = look();
      const module = ${load};
      tell([before, look(), Object.keys(module)]);
    `)) as [unknown, unknown, string[]];
    expect(after).toEqual(before);
    expect(names.length).toBeGreaterThan(0);
  });

  it('should keep a process alive while a request of the client waits, and no longer', async () => {
    // A process that ended before the answer would tell nothing; one that did not end would be killed.
    const seen = await inNode(`
      ${WATCH}
      const { createLimitedFetch } = await import(${JSON.stringify(dist('client.js'))});
      let calls = 0;
      const limitedFetch = createLimitedFetch(async () =>
        calls++ === 0 ? new Response('', { status: 429, headers: { 'retry-after-ms': '20' } }) : new Response('ok'));
      const response = await limitedFetch('https://api.example/');
      tell([await response.text(), calls, active()]);
    `);
    expect(seen).toEqual(['ok', 2, []]);
  });

  it('should keep no process alive, nor should an engine in use', async () => {
    // The process ends by itself, or else it would be killed after its time and this would reject.
    const seen = await inNode(`
      ${WATCH}
      const { createEngine } = await import(${JSON.stringify(dist('index.js'))});
      const engine = createEngine(${POLICY});
      for (let i = 0; i < 1000; i++) engine.check({ group: 'read', apiKey: 'key_' + i });
      engine.block({ apiKey: 'a' }, { for: '30d' });
      tell([timers, active()]);
    `);
    expect(seen).toEqual([0, []]);
  });
});
