/** Answers to requests, and the class for Durable Objects over a storage of our own. */
import { engineOf } from './check-engine.js';
import { same } from './expect.js';
import { POLICY, START } from './policy.js';

const identify = (request) => ({ apiKey: request.headers.get('x-api-key') ?? 'nobody', account: 'a' });
const get = (path, init) =>
  new Request(`https://api.example${path}`, { headers: { 'x-api-key': 'k' }, ...init });

/** A Durable Object's storage and state, without Cloudflare. */
function stateOf(kept) {
  const storage = {
    get: async (key) => structuredClone(kept.get(key)),
    put: async (key, value) => void kept.set(key, structuredClone(value)),
  };
  let ready;
  const blockConcurrencyWhile = (work) => {
    ready = work();
    return ready;
  };
  return { state: { storage, blockConcurrencyWhile }, ready: () => ready };
}

class Base {}

export const FETCH_CHECKS = {
  'fetch: fields on what passes, 429 and Retry-After on what does not': async (modules) => {
    const { engine } = engineOf(modules);
    const handler = modules.fetch.headgate(engine, { identify }, () => new Response('hello'));
    const first = await handler(get('/v1/calls'));
    same([first.status, await first.text(), first.headers.get('x-ratelimit-remaining')], [200, 'hello', '4']);
    for (let i = 0; i < 4; i++) await handler(get('/v1/calls'));
    const denied = await handler(get('/v1/calls'));
    same(
      [denied.status, denied.headers.get('retry-after'), denied.headers.get('cache-control')],
      [429, '60', 'no-store'],
    );
    same(await denied.json(), { error: 'limited', retry_after: 60 });
  },
  'fetch: a permit is held until the body has been read': async (modules) => {
    const { engine } = engineOf(modules);
    const options = { identify: () => ({ group: 'call', account: 'a' }) };
    const handler = modules.fetch.headgate(engine, options, () => new Response('a long story'));
    const response = await handler(get('/'));
    const held = () => engine.stats().permits.calls.held;
    same(held(), 1);
    same([await response.text(), held()], ['a long story', 0]);
  },
  'fetch: a handler that throws gives its permit back': async (modules) => {
    const { engine } = engineOf(modules);
    const options = { identify: () => ({ group: 'call', account: 'a' }) };
    const handler = modules.fetch.headgate(engine, options, () => {
      throw new Error('broken');
    });
    same(
      [await handler(get('/')).catch((error) => error.message), engine.stats().permits.calls.held],
      ['broken', 0],
    );
  },
  'fields and bodies from a decision that went through JSON': (modules) => {
    const { engine } = engineOf(modules);
    const decision = engine.check({ group: 'read', apiKey: 'k', cost: 6 });
    const copy = structuredClone({ ...decision, limits: decision.limits });
    same(
      modules.headgate.denialResponse(copy, engine.policy),
      modules.headgate.denialResponse(decision, engine.policy),
    );
  },
  'a durable engine survives a restart; its leases do not, and that is told': async ({
    durable,
    headgate,
  }) => {
    const clock = headgate.manualClock(START);
    const Limits = durable.durableEngine(Base, JSON.parse(POLICY), { clock, saveEvery: 2, saveWithin: '1s' });
    const kept = new Map();
    const start = async () => {
      const { state, ready } = stateOf(kept);
      const object = new Limits(state, {});
      await ready();
      return object;
    };
    const first = await start();
    for (let i = 0; i < 3; i++) structuredClone(first.check({ group: 'read', apiKey: 'k' }));
    const { fence } = structuredClone(first.tryAcquire({ group: 'call', account: 'a' }));
    clock.advance('1s');
    const second = await start();
    same(second.peek({ group: 'read', apiKey: 'k' }).remaining, 2);
    same([second.renew(fence), second.release(fence)], [false, false]);
    const next = second.tryAcquire({ group: 'call', account: 'a' });
    same([next.fence > fence, second.release(next.fence), second.release(next.fence)], [true, true, false]);
  },
};
