/** One limit, and state at its bound. */
import { same, thrownBy } from './expect.js';
import { START } from './policy.js';

/** Cost, instant after the start -> allowed, left, retry after the start. */
function play(limiter, rows) {
  for (const [at, cost, allowed, left, retry] of rows) {
    const decision = limiter.check('key', { now: START + at, cost });
    const retryAt = decision.retryAt === undefined ? undefined : decision.retryAt - START;
    same([decision.allowed, decision.remaining, retryAt], [allowed, left, retry], `at ${at}`);
  }
}

export const LIMIT_CHECKS = {
  'fixed window: the quota, and not one more until its end': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.fixedWindow({ quota: 3, window: '1m', anchor: 'epoch' }));
    play(limiter, [
      [0, 3, true, 0, undefined],
      [59_999, 1, false, 0, 60_000],
      [60_000, 1, true, 2, undefined],
    ]);
  },
  'sliding window: the last window counts by its overlap': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.slidingWindow({ quota: 4, window: '1m' }));
    play(limiter, [
      [0, 4, true, 0, undefined],
      [60_000, 1, false, 0, 74_999],
      [74_998, 1, false, 0, 74_999],
      [74_999, 1, true, 0, undefined],
    ]);
  },
  'token bucket: exact to the millisecond, seven a second': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.tokenBucket({ quota: 7, window: '1s', burst: 1 }));
    play(limiter, [
      [0, 1, true, 0, undefined],
      [142, 1, false, 0, 143],
      [143, 1, true, 0, undefined],
      [285, 1, false, 0, 286],
    ]);
  },
  'refund: once, and only what was taken': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.fixedWindow({ quota: 2, window: '1m' }));
    const decision = limiter.check('key', { now: START, cost: 2 });
    limiter.refund(decision, { now: START });
    limiter.refund(decision, { now: START });
    same(limiter.peek('key', { now: START }).remaining, 2);
    same(headgate.isHeadgateError(thrownBy(() => limiter.refund({ ...decision }))), true);
  },
  'the clock of the machine, where none is given': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.tokenBucket({ quota: 1, window: '1h' }));
    const before = Date.now();
    const { at } = limiter.check('key');
    same([at >= before, at <= Date.now(), limiter.check('key').allowed], [true, true, false]);
  },
  'a flood of keys mints no quota': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.fixedWindow({ quota: 1, window: '1h' }), { maxKeys: 16 });
    same(limiter.check('victim', { now: START }).allowed, true);
    for (let i = 0; i < 2000; i++) limiter.check(`key ${i}`, { now: START });
    same([limiter.check('victim', { now: START }).allowed, limiter.stats().keys <= 16], [false, true]);
  },
  'a wrong cost is an error that names it, and changes nothing': ({ headgate }) => {
    const limiter = headgate.createLimiter(headgate.fixedWindow({ quota: 2, window: '1m' }));
    const error = thrownBy(() => limiter.check('key', { cost: -1 }));
    same([headgate.isHeadgateError(error, 'CostError'), error.path], [true, 'cost']);
    same(limiter.stats().keys, 0);
  },
  'addresses in any spelling are one key': ({ headgate }) => {
    same(headgate.clientAddress({ peer: '::ffff:203.0.113.7' }), '203.0.113.7');
    same(headgate.clientAddress({ peer: '2001:db8:1:2:3:4:5:6' }), '2001:db8:1:2::/64');
  },
};
