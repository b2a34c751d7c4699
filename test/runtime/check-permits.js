/** Work in progress: permits, leases, queues, by a clock of our own and by the machine's timers. */
import { engineOf } from './check-engine.js';
import { same } from './expect.js';

const call = { group: 'call', account: 'a' };

export const PERMIT_CHECKS = {
  'permits: as many as the quota, and they come back': (modules) => {
    const { engine } = engineOf(modules);
    const [one, two, three] = [1, 2, 3].map(() => engine.tryAcquire(call));
    same([one.allowed, two.allowed, three.reason], [true, true, 'concurrency']);
    same([one.release(), one.release(), engine.tryAcquire(call).allowed], [true, false, true]);
  },
  'a queue: by priority, then by age, and full at its size': async (modules) => {
    const { engine } = engineOf(modules);
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const order = [];
    const waiting = [0, 5].map((priority) =>
      engine.acquire(call, { priority }).then((admission) => {
        order.push(priority);
        admission.release();
      }),
    );
    same((await engine.acquire(call)).reason, 'queue-full');
    held[0].release();
    await Promise.all(waiting);
    same([order, engine.stats().waiting], [[5, 0], 0]);
  },
  'a lease that is over comes back, and its holder is told': (modules) => {
    const { engine, clock } = engineOf(modules);
    const admission = engine.tryAcquire(call);
    const { signal } = admission;
    clock.advance('30s');
    same([signal.aborted, signal.reason.name, admission.release()], [true, 'LeaseError', false]);
    same([engine.stats().permits.calls.held, engine.stats().leases.expired], [0, 1]);
  },
  'who gives up waiting leaves the queue': async (modules) => {
    const { engine } = engineOf(modules);
    const held = [engine.tryAcquire(call), engine.tryAcquire(call)];
    const controller = new AbortController();
    const waiting = engine.acquire(call, { signal: controller.signal }).catch((error) => error.message);
    controller.abort(new Error('gone'));
    same([await waiting, engine.stats().waiting, held.length], ['gone', 0, 2]);
  },
  'run gives back what its work held, also when that throws': async (modules) => {
    const { engine } = engineOf(modules);
    const failed = engine.run(call, () => Promise.reject(new Error('no'))).catch((error) => error.message);
    same(
      [await failed, await engine.run(call, () => 'done'), engine.stats().permits.calls.held],
      ['no', 'done', 0],
    );
  },
  'disposal by `using`': ({ headgate }) => {
    if (typeof Symbol.dispose !== 'symbol') return 'no Symbol.dispose here';
    const semaphore = headgate.createSemaphore({ quota: 1 });
    semaphore.tryAcquire('key')[Symbol.dispose]();
    return same(semaphore.held('key'), 0);
  },
  'timers of the machine: a wait that ends, and a lease that does': async ({ headgate }) => {
    const semaphore = headgate.createSemaphore({ quota: 1, lease: 60, queue: { size: 5, timeout: '10s' } });
    const first = semaphore.tryAcquire('key');
    same((await semaphore.acquire('key', { timeout: 5 })).reason, 'queue-timeout');
    const next = await semaphore.acquire('key');
    same([next.allowed, first.release(), next.fence > first.fence], [true, false, true]);
  },
  'a hundred at once never exceed the quota': async ({ headgate }) => {
    const semaphore = headgate.createSemaphore({ quota: 4, queue: { size: 100, timeout: '10s' } });
    let [running, most, done] = [0, 0, 0];
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 0));
      running--;
      done++;
    };
    await Promise.all(Array.from({ length: 100 }, () => semaphore.run('key', work)));
    same([most, done, semaphore.held('key')], [4, 100, 0]);
  },
  'a batch works through a group, and a pool shares work': async (modules) => {
    const { engine } = engineOf(modules);
    const results = await modules.batch.runBatch(engine, [1, 2, 3], (item) => item * 2, { descriptor: call });
    same(
      results.map(({ value }) => value),
      [2, 4, 6],
    );
    same(engine.stats().leases, { granted: 3, released: 3, expired: 0 });
    const pool = modules.pool.createPool(engine, { group: 'call', field: 'account', members: ['b', 'c'] });
    const members = [await pool.acquire(), await pool.acquire()].map(({ member }) => member);
    same(members, ['b', 'c']);
  },
};
