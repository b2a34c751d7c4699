/** An admission that can be kept is, from when it is granted until its permits are given back. */

import { createEngine, type EngineAdmission, type PolicyDocument } from 'headgate';
import { runBatch } from 'headgate/batch';
import { headgate as aroundFetch } from 'headgate/fetch';
import { headgate as aroundLambda } from 'headgate/lambda';
import { manualClock } from 'headgate/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';

const policy: PolicyDocument = {
  version: 1,
  limits: {
    calls: { algorithm: 'concurrency', quota: 1, per: 'account' },
    reads: { algorithm: 'fixed-window', quota: 9, window: '1m', per: 'account' },
  },
  groups: { call: { limits: ['calls'] }, read: { limits: ['reads'] } },
  unmatched: 'deny',
};
const call = { group: 'call', account: 'x' };
const stop = vi.fn();
const keep = vi.fn(() => stop);

/** An engine in process whose admissions can be kept. */
function keeping() {
  const engine = createEngine(policy, { clock: manualClock() });
  const { tryAcquire, acquire } = engine;
  const kept = <A extends EngineAdmission>(admission: A): A => Object.assign(admission, { keep });
  vi.spyOn(engine, 'tryAcquire').mockImplementation((...asked) => kept(tryAcquire.apply(engine, asked)));
  vi.spyOn(engine, 'acquire').mockImplementation(async (...asked) =>
    kept(await acquire.apply(engine, asked)),
  );
  return engine;
}

describe('an admission', () => {
  beforeEach(() => {
    stop.mockClear();
    keep.mockClear();
  });
  const counts = () => [keep.mock.calls.length, stop.mock.calls.length];
  const get = () => new Request('https://api.example/');

  it('should be kept from the handler to the end of the body', async () => {
    const handler = () => {
      expect(counts()).toEqual([1, 0]);
      return new Response('hello');
    };
    const response = await aroundFetch(keeping(), { identify: () => call }, handler)(get());
    expect(counts()).toEqual([1, 0]);
    await response.text();
    expect(counts()).toEqual([1, 1]);
  });

  it.each(['throws', 'rejects'])('should not be kept when the handler %s', async (how) => {
    const handler = (): Promise<Response> => {
      if (how === 'throws') throw new RangeError('broken');
      return Promise.reject(new RangeError('broken'));
    };
    const broken = aroundFetch(keeping(), { identify: () => call }, handler)(get());
    await expect(broken).rejects.toThrow('broken');
    expect(counts()).toEqual([1, 1]);
  });

  it('should not be kept where it holds no permit, or is none', async () => {
    const engine = keeping();
    await aroundFetch(engine, { identify: () => ({ ...call, group: 'read' }) }, () => new Response())(get());
    engine.tryAcquire(call);
    expect((await aroundFetch(engine, { identify: () => call }, () => new Response())(get())).status).toBe(
      429,
    );
    expect(counts()).toEqual([0, 0]);
  });

  it('should be kept while a function runs', async () => {
    const handler = async () => {
      expect(counts()).toEqual([1, 0]);
      return { statusCode: 200, body: 'hello' };
    };
    await aroundLambda(keeping(), { identify: () => call }, handler)({}, {});
    expect(counts()).toEqual([1, 1]);
  });

  it('should be kept while a source looks for an item and while a worker works on it', async () => {
    const seen: unknown[] = [];
    async function* source(): AsyncGenerator<number> {
      seen.push(counts());
      yield 1;
      seen.push(counts());
    }
    await runBatch(keeping(), source(), () => seen.push(counts()), { descriptor: call }).catch(
      () => undefined,
    );
    expect(seen).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(counts()).toEqual([1, 1]);
  });
});
