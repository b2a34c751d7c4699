import { describe, expect, it } from 'vitest';
import {
  createLimitedFetch,
  type Fetch,
  type LimitedFetchOptions,
  type WaitEvent,
} from '../../../src/client/index.ts';
import { Lanes } from '../../../src/client/lanes.ts';
import { Timer } from '../../../src/client/timer.ts';
import { manualClock } from '../../../src/time.ts';
import { countedSignal } from '../../fixtures/signals.ts';
import { inVirtualTime, settled, watch } from '../../fixtures/virtual-time.ts';

const START = Date.UTC(2026, 10, 22, 4);
type Fields = Record<string, string>;

/** A request that the server has got and not answered yet. */
interface Pending {
  readonly url: string;
  readonly at: number;
  answer(status: number, fields?: Fields): Promise<void>;
}

/** A client, and a server that answers when the test says so. */
function setUp(options: LimitedFetchOptions = {}) {
  const clock = manualClock(START);
  const pending: Pending[] = [];
  const waits: WaitEvent[] = [];
  const fetch: Fetch = (input) =>
    new Promise((resolve) => {
      pending.push({
        url: String(input),
        at: clock.now() - START,
        answer: async (status, headers = {}) => {
          resolve(new Response(null, { status, headers }));
          await settled();
        },
      });
    });
  const limitedFetch = createLimitedFetch(fetch, { clock, onWait: (event) => waits.push(event), ...options });
  /** Calls for some paths, and lets everything run that can. */
  const call = async (...paths: string[]) => {
    const calls = paths.map((path) => watch(limitedFetch(`https://api.example/${path}`)));
    await settled();
    return calls;
  };
  const take = (): Pending => {
    const next = pending.shift();
    if (next === undefined) throw new Error('nothing has been sent');
    return next;
  };
  const paths = (): string[] => pending.map(({ url }) => new URL(url).pathname.slice(1));
  return { clock, limitedFetch, call, take, paths, pending, waits };
}

const limit = (remaining: number, reset = 60, quota = 10): Fields => ({
  'x-ratelimit-limit': String(quota),
  'x-ratelimit-remaining': String(remaining),
  'x-ratelimit-reset': String(reset),
});

describe('callers of one host', () => {
  it('should all go at once while nothing is known', async () => {
    const { call, paths } = setUp();
    await call('a', 'b', 'c');
    expect(paths()).toEqual(['a', 'b', 'c']);
  });

  it('should reserve a unit each before they send: those under way count', async () => {
    const { call, take, paths } = setUp();
    await call('a');
    await take().answer(200, limit(2));
    await call('b', 'c', 'd', 'e');
    expect(paths()).toEqual(['b', 'c']);
    // It may or may not have counted c yet, which is still under way.
    await take().answer(200, limit(1));
    expect(paths()).toEqual(['c']);
    await take().answer(200, limit(0));
    expect(paths()).toEqual([]);
  });

  it('should be let go in order when the limit is full again, no more of them than it was seen to hold', async () => {
    const { clock, call, take, paths } = setUp();
    await call('a');
    await take().answer(200, limit(2, 60, 1000));
    await call('b', 'c');
    await take().answer(200, limit(1, 60, 1000));
    await take().answer(200, limit(0, 60, 1000));
    await call('1', '2', '3', '4', '5', '6');
    clock.advance(59_999);
    await settled();
    expect(paths()).toEqual([]);
    clock.advance(1);
    await settled();
    expect(paths()).toEqual(['1', '2', '3']);
    await take().answer(200, limit(999, 60, 1000));
    expect(paths()).toEqual(['2', '3', '4', '5', '6']);
  });

  it('should not expect more than the quota after a reset, which may have been cut', async () => {
    const { clock, call, take, paths } = setUp();
    const fields = (left: number, quota: number): Fields => ({
      ratelimit: `"reads";r=${left};t=60`,
      'ratelimit-policy': `"reads";q=${quota};w=60`,
    });
    await call('a', 'b');
    await take().answer(200, fields(9, 10));
    await take().answer(200, fields(0, 2));
    clock.advance('1m');
    await call('1', '2', '3');
    expect(paths()).toEqual(['1', '2']);
  });

  it('should send one to see after a Retry-After, and ever more as they are served, the oldest first', async () => {
    const { clock, call, take, paths, waits } = setUp();
    const calls = await call('a', 'b');
    const [a, b] = [take(), take()];
    await b.answer(429, { 'retry-after': '5' });
    await a.answer(429, { 'retry-after': '3' });
    await call('c', 'd', 'e');
    clock.advance('4999ms');
    await settled();
    expect(paths()).toEqual([]);
    clock.advance('1ms');
    await settled();
    expect(paths()).toEqual(['a']);
    await take().answer(429, { 'retry-after': '5' });
    clock.advance('5s');
    await settled();
    expect(paths()).toEqual(['a']);
    await take().answer(200);
    expect(paths()).toEqual(['b', 'c']);
    await take().answer(200);
    expect(paths()).toEqual(['c', 'd', 'e']);
    for (const _ of paths()) await take().answer(200);
    expect(calls.map(({ outcome }) => outcome.state)).toEqual(['fulfilled', 'fulfilled']);
    expect(new Set(waits.map(({ reason }) => reason))).toEqual(new Set(['retry-after']));
    // All is as before.
    await call('1', '2', '3', '4', '5', '6');
    expect([paths().length, clock.nextWake]).toEqual([6, undefined]);
  });

  it('should send the next to see when the first one breaks', async () => {
    const clock = manualClock(START);
    const at: number[] = [];
    const fetch: Fetch = async () => {
      at.push(clock.now() - START);
      if (at.length === 2) throw new TypeError('network');
      return new Response(null, { status: at.length === 1 ? 429 : 200, headers: { 'retry-after': '5' } });
    };
    const limitedFetch = createLimitedFetch(fetch, { clock });
    const first = watch(limitedFetch('https://a.example'));
    await settled();
    const second = limitedFetch('https://a.example');
    await inVirtualTime(clock, second);
    expect([first.outcome.state, at]).toEqual(['rejected', [0, 5_000, 5_000]]);
  });

  it('should mind the tightest of several limits', async () => {
    const { clock, call, take, paths, waits } = setUp();
    await call('a');
    await take().answer(200, {
      ratelimit: '"burst";r=1;t=2, "daily";r=0;t=90',
      'ratelimit-policy': '"burst";q=5;w=2, "daily";q=9;w=90',
    });
    await call('b', 'c', 'd');
    clock.advance('89s');
    await settled();
    expect([paths(), waits[0]?.until, waits[0]?.reason]).toEqual([[], START + 90_000, 'empty']);
    clock.advance('1s');
    await settled();
    expect(paths()).toEqual(['b']);
    await take().answer(200, { ratelimit: '"burst";r=4;t=2, "daily";r=8;t=90' });
    expect(paths()).toEqual(['c', 'd']);
  });

  it('should keep a limit in mind that a later response does not mention, until its reset', async () => {
    const { clock, call, take, paths } = setUp();
    await call('a', 'b');
    await take().answer(200, { ratelimit: '"daily";r=0;t=90' });
    await take().answer(200, { ratelimit: '"burst";r=5;t=2' });
    await call('c');
    expect(paths()).toEqual([]);
    clock.advance('90s');
    await settled();
    expect(paths()).toEqual(['c']);
    await take().answer(200);
    // Nobody speaks of limits any more, so there are none.
    await call('1', '2', '3');
    expect(paths()).toEqual(['1', '2', '3']);
  });

  it('should go one at a time while a limit is empty and nobody says until when', async () => {
    const { call, take, paths } = setUp();
    const shopify = (used: number): Fields => ({ 'x-shopify-shop-api-call-limit': `${used}/40` });
    await call('a');
    await take().answer(200, shopify(40));
    await call('b', 'c', 'd');
    expect(paths()).toEqual(['b']);
    await take().answer(200, shopify(40));
    expect(paths()).toEqual(['c']);
    await take().answer(200, shopify(10));
    expect(paths()).toEqual(['d']);
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('should know the same whichever answer comes first: %s, %s', async (...order) => {
    const { call, pending, paths } = setUp();
    await call('a', 'b');
    const answers: Record<string, Fields> = { a: limit(1), b: limit(0) };
    const byPath = new Map(pending.splice(0).map((each) => [new URL(each.url).pathname.slice(1), each]));
    for (const path of order) await byPath.get(path)?.answer(200, answers[path]);
    await call('c');
    expect(paths()).toEqual([]);
  });

  it('should believe a late answer that tells of a later window', async () => {
    const { call, pending, paths } = setUp();
    await call('a', 'b');
    const [a, b] = pending.splice(0);
    await b?.answer(200, limit(5, 10));
    await a?.answer(200, limit(0, 60));
    await call('c');
    expect(paths()).toEqual([]);
  });

  it('should wait for the later of two resets that are nearly the same', async () => {
    const { clock, call, pending, paths } = setUp();
    await call('a', 'b');
    const [a, b] = pending.splice(0);
    await b?.answer(200, { ...limit(0), 'x-ratelimit-reset': '60.0' });
    await a?.answer(200, { ...limit(1), 'x-ratelimit-reset': '60.9' });
    await call('c');
    clock.advance('60.8s');
    await settled();
    expect(paths()).toEqual([]);
    clock.advance('100ms');
    await settled();
    expect(paths()).toEqual(['c']);
  });

  it('should keep their order also if the timer is late, and the time if it is early', async () => {
    const time = manualClock(START);
    let late = 0;
    const wakeAt = (at: number, wake: () => void): (() => void) =>
      time.wakeAt(Math.ceil((time.now() + at) / 2) + late, wake);
    const sent: [path: string, at: number][] = [];
    const fetch: Fetch = async (input) => {
      sent.push([new URL(String(input)).pathname, time.now() - START]);
      return new Response(null, { headers: limit(0, 1000, 1) });
    };
    const limitedFetch = createLimitedFetch(fetch, {
      clock: { now: time.now, wakeAt },
      maxWait: '1h',
      maxElapsed: '1h',
    });
    await limitedFetch('https://a.example/1');
    const early = limitedFetch('https://a.example/2');
    await inVirtualTime(time, early);
    expect(sent).toEqual([
      ['/1', 0],
      ['/2', 1_000_000],
    ]);
    late = 10_000_000;
    watch(limitedFetch('https://a.example/3'));
    await settled();
    time.advance(1_000_000);
    watch(limitedFetch('https://a.example/4'));
    await settled();
    expect(sent.slice(2)).toEqual([['/3', 2_000_000]]);
  });

  it('should believe an answer to what was sent later, also if there is more left than before', async () => {
    const { call, take, paths } = setUp();
    await call('a', 'b');
    await take().answer(200, limit(1, 60));
    await take().answer(200, limit(2, 60));
    await call('c', 'd');
    // Nobody knows whether a or b was served first, so 1 is left.
    expect(paths()).toEqual(['c']);
    await take().answer(200, limit(3, 60));
    expect(paths()).toEqual(['d']);
    await call('e', 'f', 'g');
    expect(paths()).toEqual(['d', 'e', 'f']);
  });
});

describe('those who wait', () => {
  it('should be given up when the wait grows beyond its bound, or their time is up', async () => {
    const { clock, call, take } = setUp({ maxWait: '2m', maxElapsed: '3m' });
    await call('a', 'b');
    await take().answer(200, limit(0, 100));
    const calls = await call('c', 'd');
    await take().answer(429, { 'retry-after': '121' });
    expect(calls.map(({ outcome }) => outcome)).toMatchObject([
      { reason: { code: 'wait', attempts: 0, retryAt: START + 121_000 } },
      { reason: { code: 'wait', attempts: 0, retryAt: START + 121_000 } },
    ]);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should be given up at their deadline where nobody answers', async () => {
    const { clock, call, take } = setUp({ maxElapsed: '3m' });
    await call('a');
    await take().answer(200, limit(1, 50));
    await call('b');
    clock.advance('1s');
    const calls = await call('c');
    // The one that goes after the reset never comes back either.
    clock.advance('59s');
    await settled();
    clock.advance('2m');
    await settled();
    const late = await call('d', 'e');
    clock.set(START + 360_000);
    await settled();
    expect([calls[0]?.outcome.state, late.map(({ outcome }) => outcome)]).toMatchObject([
      'pending',
      [
        { reason: { code: 'elapsed', attempts: 0, waitedMs: 180_000, retryAt: undefined } },
        { reason: { code: 'elapsed' } },
      ],
    ]);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should leave nothing behind when they are aborted, all under one signal', async () => {
    const { clock, limitedFetch, call, take, paths } = setUp();
    const counted = countedSignal();
    await call('a');
    await take().answer(200, limit(0));
    const calls = Array.from({ length: 100 }, () =>
      watch(limitedFetch('https://api.example/b', { signal: counted.signal })),
    );
    await settled();
    counted.controller.abort('stop');
    await settled();
    expect(new Set(calls.map(({ outcome }) => outcome.state))).toEqual(new Set(['rejected']));
    expect([counted.listeners, clock.nextWake, paths()]).toEqual([0, undefined, []]);
  });
});

describe('what is known', () => {
  it('should be known of one host only: scheme, name and port', async () => {
    const { limitedFetch, call, take, pending } = setUp();
    await call('a');
    await take().answer(200, limit(0));
    for (const url of [
      'http://api.example/b',
      'https://api.example:8443/b',
      new URL('https://other.example/b'),
    ]) {
      void limitedFetch(url);
    }
    void limitedFetch('https://API.example:443/same');
    await settled();
    expect(pending.map(({ url }) => url)).toEqual([
      ...['http://api.example/b', 'https://api.example:8443/b', 'https://other.example/b'],
    ]);
  });

  it('should be known of one policy only, where policyOf tells them apart', async () => {
    const { clock, limitedFetch, pending, take } = setUp({
      policyOf: ({ method }) => (method === 'GET' ? 'reads' : 'writes'),
    });
    void limitedFetch('https://api.example/a', { method: 'post' });
    await settled();
    await take().answer(200, limit(0, 30));
    void limitedFetch('https://api.example/b', { method: 'PUT' });
    void limitedFetch(new Request('https://api.example/c'));
    await settled();
    expect(pending.map(({ url, at }) => [url, at])).toEqual([['[object Request]', 0]]);
    clock.advance('30s');
    await settled();
    expect(pending.map(({ at }) => at)).toEqual([0, 30_000]);
  });

  it('should be forgotten beyond a thousand hosts, those in use and those empty excepted', async () => {
    const clock = manualClock(START);
    const lanes = new Lanes(new Timer(clock), 1000);
    const applicant = { order: 1, deadline: START + 1000, signal: undefined };
    const turn = lanes.get('https://empty.example', '').tryEnter(applicant);
    if (turn === undefined) throw new Error('no turn');
    const report = { name: 'x', remaining: 0, quota: 1, resetAt: START + 1000 };
    lanes.get('https://empty.example', '').leave(turn, { limits: [report], retryAt: undefined });
    lanes.get('https://busy.example', '').tryEnter(applicant);
    const [kept, busy, first] = ['empty', 'busy', 'n0'].map((name) =>
      lanes.get(`https://${name}.example`, ''),
    );
    for (let i = 1; i < 3000; i++) lanes.get(`https://n${i}.example`, '');
    expect(lanes.get('https://empty.example', '')).toBe(kept);
    expect(lanes.get('https://busy.example', '')).toBe(busy);
    expect(lanes.get('https://n0.example', '')).not.toBe(first);
  });

  it('should be forgotten beyond a thousand hosts even if all have told of limits, those in use excepted', () => {
    const lanes = new Lanes(new Timer(manualClock(START)), 1000);
    const applicant = { order: 1, deadline: START + 1000, signal: undefined };
    const ask = (name: string) => {
      const lane = lanes.get(`https://${name}.example`, '');
      const turn = lane.tryEnter(applicant);
      if (turn === undefined) throw new Error('no turn');
      return { lane, turn };
    };
    const busy = ask('busy');
    const told = Array.from({ length: 3000 }, (_, i) => {
      const { lane, turn } = ask(`n${i}`);
      const report = { name: 'x', remaining: 9, quota: 10, resetAt: START + 3_600_000 };
      lane.leave(turn, { limits: [report], retryAt: undefined });
      return lane;
    });
    expect(lanes.get('https://busy.example', '')).toBe(busy.lane);
    expect(lanes.get('https://n2999.example', '')).toBe(told[2999]);
    expect(lanes.get('https://n2001.example', '')).toBe(told[2001]);
    expect(lanes.get('https://n1000.example', '')).not.toBe(told[1000]);
  });

  it('should stay bounded for one host, whatever names it sends', async () => {
    const { call, take } = setUp();
    for (let i = 0; i < 200; i++) {
      await call('a');
      await take().answer(200, {
        ratelimit: Array.from({ length: 32 }, (_, j) => `"n${i}-${j}";r=9;t=60`).join(', '),
      });
    }
    // 6,400 names; those that found no room are as if they had not been sent.
    const calls = await call('b');
    await take().answer(200);
    expect(calls[0]?.outcome.state).toBe('fulfilled');
  });
});
