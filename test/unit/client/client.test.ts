import { describe, expect, it } from 'vitest';
import {
  createLimitedFetch,
  type Fetch,
  type LimitedFetchOptions,
  RetryError,
  type RetryEvent,
  type WaitEvent,
} from '../../../src/client/index.ts';
import { isHeadgateError } from '../../../src/index.ts';
import { type ManualClock, manualClock } from '../../../src/time.ts';
import { countedSignal } from '../../fixtures/signals.ts';
import { inVirtualTime, settled, watch } from '../../fixtures/virtual-time.ts';

const START = Date.UTC(2026, 10, 22, 4);
const URL_ = 'https://api.example/v1/calls';
type Body = NonNullable<RequestInit['body']>;
type Fields = Record<string, string>;

/** One answer of the server: status and fields, or what fetch rejects with. */
type Answer = readonly [status: number, fields?: Fields, body?: string | null] | Error;

interface Sent {
  readonly at: number;
  readonly body: string;
}

/** A client, and a server that gives its answers in turn; the last one for ever. */
function setUp(answers: readonly Answer[], options: LimitedFetchOptions = {}) {
  const clock = manualClock(START);
  const sent: Sent[] = [];
  const waits: WaitEvent[] = [];
  const retries: RetryEvent[] = [];
  const bodies: Response[] = [];
  const fetch: Fetch = async (input, init) => {
    const half = init?.body === undefined ? {} : { duplex: 'half' as const };
    const body = await new Request(input, { ...init, ...half, signal: null }).text();
    sent.push({ at: clock.now() - START, body });
    const answer = answers[Math.min(sent.length, answers.length) - 1] ?? [200];
    if (answer instanceof Error) throw answer;
    const [status, headers = {}, text = 'answer'] = answer;
    const response = new Response(text, { status, headers });
    bodies.push(response);
    return response;
  };
  const limitedFetch = createLimitedFetch(fetch, {
    clock,
    random: () => 0.5,
    onWait: (event) => waits.push(event),
    onRetry: (event) => retries.push(event),
    ...options,
  });
  const times = (): number[] => sent.map(({ at }) => at);
  return { clock, sent, times, waits, retries, bodies, limitedFetch };
}

const gaveUp = async (clock: ManualClock, promise: Promise<unknown>): Promise<RetryError> => {
  const error = await inVirtualTime(clock, promise).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RetryError)) throw new Error(`expected a RetryError, got ${error}`);
  return error;
};

describe('a refused request', () => {
  it.each<[what: string, answers: Answer[], times: number[]]>([
    ['429 and Retry-After', [[429, { 'retry-after': '45' }], [200]], [0, 45_000]],
    ['503 and Retry-After', [[503, { 'retry-after': '45' }], [200]], [0, 45_000]],
    ['a date', [[429, { 'retry-after': 'Sun, 22 Nov 2026 04:00:07 GMT' }], [200]], [0, 7_000]],
    ['milliseconds', [[429, { 'retry-after-ms': '1234' }], [200]], [0, 1_234]],
    ['a body', [[429, { 'content-type': 'application/json' }, '{"retry_after":3}'], [200]], [0, 3_000]],
    [
      'a header rather than the body',
      [[429, { 'content-type': 'application/json', 'retry-after': '2' }, '{"retry_after":3}'], [200]],
      [0, 2_000],
    ],
    [
      'the reset of an empty limit',
      [[429, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' }], [200]],
      [0, 9_000],
    ],
    [
      'Retry-After rather than the reset',
      [[429, { 'retry-after': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' }], [200]],
      [0, 2_000],
    ],
    [
      'nothing: backoff that doubles, halved by a jitter of 0.5',
      [[429], [503], [429], [200]],
      [0, 250, 750, 1_750],
    ],
    [
      'units left: they do not help this request',
      [[429, { 'x-ratelimit-remaining': '5', 'x-ratelimit-reset': '9' }], [200]],
      [0, 250],
    ],
    ['Retry-After of 0: backoff', [[429, { 'retry-after': '0' }], [200]], [0, 250]],
    ['Retry-After that makes no sense: backoff', [[429, { 'retry-after': 'soon' }], [200]], [0, 250]],
    [
      'another wait each time',
      [[429, { 'retry-after': '1' }], [503, { 'retry-after': '5' }], [429], [200]],
      [0, 1_000, 6_000, 7_000],
    ],
  ])('should be sent again after %s', async (_what, answers, times) => {
    const client = setUp(answers);
    const response = await inVirtualTime(client.clock, client.limitedFetch(URL_));
    expect([response.status, await response.text()]).toEqual([200, 'answer']);
    expect(client.times()).toEqual(times);
    expect(client.clock.nextWake).toBeUndefined();
  });

  it.each([200, 204, 301, 400, 401, 404, 409, 500, 502, 504])(
    'should be returned with status %i',
    async (status) => {
      const client = setUp([[status, { 'retry-after': '45' }, status === 204 ? null : 'x']]);
      const response = await inVirtualTime(client.clock, client.limitedFetch(URL_));
      expect([response.status, client.times()]).toEqual([status, [0]]);
      // Nor does it keep the next one waiting.
      await inVirtualTime(client.clock, client.limitedFetch(URL_));
      expect(client.times()).toEqual([0, 0]);
    },
  );

  it('should have its response cancelled, so that its connection is free, before the wait', async () => {
    const cancelled: unknown[] = [];
    const clock = manualClock(START);
    let calls = 0;
    const limitedFetch = createLimitedFetch(
      async () => {
        if (++calls === 3) return new Response('done');
        const body = new ReadableStream({ cancel: () => void cancelled.push(clock.now() - START) });
        return new Response(body, { status: 429, headers: calls === 1 ? { 'retry-after': '5' } : {} });
      },
      { clock, random: () => 1 },
    );
    await inVirtualTime(clock, limitedFetch(URL_));
    expect([cancelled, clock.now() - START]).toEqual([[0, 5_000], 6_000]);
  });

  it('should not wait for a body that never ends', async () => {
    const clock = manualClock(START);
    const answers = [];
    const cancelled: number[] = [];
    const fetch: Fetch = async () => {
      const body = new ReadableStream({ cancel: () => void cancelled.push(clock.now() - START) });
      answers.push(body);
      if (answers.length > 1) return new Response('done');
      return new Response(body, { status: 429, headers: { 'content-type': 'application/json' } });
    };
    const response = await inVirtualTime(clock, createLimitedFetch(fetch, { clock, random: () => 0 })(URL_));
    await settled();
    expect([await response.text(), clock.now() - START, cancelled]).toEqual(['done', 1_000, [1_000]]);
  });

  it('should be told of', async () => {
    const client = setUp([[429, { 'retry-after': '5' }], [503], [200]]);
    await inVirtualTime(client.clock, client.limitedFetch(URL_, { method: 'delete' }));
    const request = { method: 'DELETE', url: URL_ };
    expect(client.waits).toEqual([
      { request, reason: 'retry-after', attempt: 2, until: START + 5_000 },
      { request, reason: 'backoff', attempt: 3, until: START + 5_500 },
    ]);
    expect(client.retries).toMatchObject([
      { request, attempt: 2, response: { status: 429 }, error: undefined, waitedMs: 5_000 },
      { request, attempt: 3, response: { status: 503 }, error: undefined, waitedMs: 5_500 },
    ]);
  });
});

describe('backoff', () => {
  it('should not end early because a timer rings early', async () => {
    const time = manualClock(START);
    const wakeAt = (at: number, wake: () => void): (() => void) =>
      time.wakeAt(Math.ceil((time.now() + at) / 2), wake);
    const sent: number[] = [];
    const fetch: Fetch = async () =>
      new Response('', { status: sent.push(time.now() - START) === 1 ? 503 : 200 });
    const clock = { now: time.now, wakeAt };
    await inVirtualTime(time, createLimitedFetch(fetch, { clock, random: () => 1 })(URL_));
    expect(sent).toEqual([0, 500]);
  });
});

describe('the given fetch', () => {
  it.each<[what: string, input: () => string | Request]>([
    ['a URL', () => URL_],
    ['a Request with a body', () => new Request(URL_, { method: 'POST', body: 'a' })],
  ])('should be called as a function, never as a method, which browsers refuse: %s', async (_what, input) => {
    const receivers: unknown[] = [];
    async function picky(this: unknown): Promise<Response> {
      receivers.push(this);
      return new Response('', { status: receivers.length === 1 ? 503 : 200 });
    }
    const clock = manualClock(START);
    await inVirtualTime(clock, createLimitedFetch(picky, { clock })(input()));
    expect(receivers).toEqual([undefined, undefined]);
  });
});

describe('giving up', () => {
  it('should be a typed error with the last response, after so many attempts', async () => {
    const client = setUp([[429, { 'retry-after': '5' }, 'no']], { maxAttempts: 3 });
    const error = await gaveUp(client.clock, client.limitedFetch(URL_));
    expect(error).toMatchObject({ code: 'attempts', path: URL_, value: 429, attempts: 3, waitedMs: 10_000 });
    expect([isHeadgateError(error, 'RetryError'), error.retryAt, await error.response?.text()]).toEqual([
      true,
      START + 15_000,
      'no',
    ]);
    expect(error.message).toBe('gave up after 3 attempts, last status 429: all attempts are used up');
    expect(client.times()).toEqual([0, 5_000, 10_000]);
  });

  it.each(['999999999', '99999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT', '121'])(
    'should come at once where Retry-After is %s, for everybody',
    async (retryAfter) => {
      const client = setUp([[429, { 'retry-after': retryAfter }, 'no'], [200]]);
      const first = await gaveUp(client.clock, client.limitedFetch(URL_));
      expect(first).toMatchObject({ code: 'wait', attempts: 1, waitedMs: 0 });
      expect([await first.response?.text(), client.clock.now(), client.clock.nextWake]).toEqual([
        'no',
        START,
        undefined,
      ]);
      const second = await gaveUp(client.clock, client.limitedFetch(URL_));
      expect(second).toMatchObject({
        code: 'wait',
        attempts: 0,
        response: undefined,
        retryAt: first.retryAt,
      });
      expect([client.times(), client.waits]).toEqual([[0], []]);
    },
  );

  it('should not last longer than a day, whatever a server says', async () => {
    const client = setUp([[429, { 'retry-after': '999999999' }], [200]]);
    await gaveUp(client.clock, client.limitedFetch(URL_));
    client.clock.advance('1d');
    expect((await inVirtualTime(client.clock, client.limitedFetch(URL_))).status).toBe(200);
  });

  it('should come when the next attempt would be too late', async () => {
    const client = setUp([[429, { 'retry-after': '60' }]], { maxElapsed: '150s', maxAttempts: 100 });
    const error = await gaveUp(client.clock, client.limitedFetch(URL_));
    expect(error).toMatchObject({
      code: 'elapsed',
      attempts: 3,
      waitedMs: 120_000,
      retryAt: START + 180_000,
    });
    expect(client.clock.now()).toBe(START + 120_000);
  });

  it('should bound backoff too, by time and by its own bound', async () => {
    const client = setUp([[503]], {
      maxElapsed: '5s',
      maxAttempts: 100,
      random: () => 1,
      backoff: { first: 1000, most: 1500 },
    });
    const error = await gaveUp(client.clock, client.limitedFetch(URL_));
    expect([error.code, client.times()]).toEqual(['elapsed', [0, 1_000, 2_500, 4_000]]);
  });

  it.each([Number.NaN, -1, 7, Number.POSITIVE_INFINITY])(
    'should come in time if random numbers are %d',
    async (number) => {
      const client = setUp([[503]], { random: () => number, maxAttempts: 4 });
      const error = await gaveUp(client.clock, client.limitedFetch(URL_));
      expect(error.waitedMs).toBeLessThanOrEqual(500 + 1000 + 2000);
    },
  );
});

describe('an abort', () => {
  const reason = { because: 'enough' };

  it('should reject with its reason before anything is sent', async () => {
    const client = setUp([[200]]);
    const promise = client.limitedFetch(URL_, { signal: AbortSignal.abort(reason) });
    await expect(promise).rejects.toBe(reason);
    expect(client.sent).toEqual([]);
  });

  it.each<[during: string, answer: Answer]>([
    ['Retry-After', [429, { 'retry-after': '45' }]],
    ['backoff', [503]],
  ])('should end the wait of %s at once', async (_during, answer) => {
    const client = setUp([answer, [200]]);
    const counted = countedSignal();
    const call = watch(client.limitedFetch(URL_, { signal: counted.signal }));
    await settled();
    expect([call.outcome.state, counted.listeners]).toEqual(['pending', 1]);
    counted.controller.abort(reason);
    await settled();
    expect(call.outcome).toEqual({ state: 'rejected', reason });
    expect([counted.listeners, client.clock.nextWake, client.times()]).toEqual([0, undefined, [0]]);
  });

  it("should end a wait that a Request's own signal stands for, unless another is given", async () => {
    const client = setUp([[429, { 'retry-after': '45' }]]);
    const controller = new AbortController();
    const request = new Request(URL_, { signal: controller.signal });
    const own = watch(client.limitedFetch(request));
    const none = watch(client.limitedFetch(request, { signal: null }));
    await settled();
    controller.abort(reason);
    await settled();
    expect([own.outcome.state, none.outcome.state]).toEqual(['rejected', 'pending']);
  });

  it('should give the turn of a caller who left to the next', async () => {
    const client = setUp([[200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '10' }], [200]]);
    await client.limitedFetch(URL_);
    const controller = new AbortController();
    const first = watch(client.limitedFetch(URL_, { signal: controller.signal }));
    const second = client.limitedFetch(URL_);
    await settled();
    client.clock.set(START + 10_000);
    // The turn has been given and not been used yet.
    controller.abort(reason);
    await second;
    expect([first.outcome, client.times()]).toEqual([{ state: 'rejected', reason }, [0, 10_000]]);
  });

  it('should end a request under way with its reason, and not be retried', async () => {
    const clock = manualClock(START);
    let calls = 0;
    const fetch: Fetch = (_input, init) => {
      calls++;
      return new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
    };
    const controller = new AbortController();
    const call = watch(
      createLimitedFetch(fetch, { clock, shouldRetry: () => true })(URL_, { signal: controller.signal }),
    );
    await settled();
    controller.abort(reason);
    await settled();
    expect([call.outcome, calls]).toEqual([{ state: 'rejected', reason }, 1]);
  });
});

describe('a body', () => {
  const form = new FormData();
  form.append('a', '1');

  it.each<[what: string, body: Body]>([
    ['text', 'a=1'],
    ['bytes', new TextEncoder().encode('a=1')],
    ['a buffer', new TextEncoder().encode('a=1').buffer],
    ['a Blob', new Blob(['a=1'])],
    ['parameters', new URLSearchParams('a=1')],
  ])('should be sent again whole: %s', async (_what, body) => {
    const client = setUp([[429], [503], [200]]);
    await inVirtualTime(client.clock, client.limitedFetch(URL_, { method: 'POST', body }));
    expect(client.sent.map((each) => each.body)).toEqual(['a=1', 'a=1', 'a=1']);
  });

  it('should be sent again whole: a form', async () => {
    const client = setUp([[429], [200]]);
    await inVirtualTime(client.clock, client.limitedFetch(URL_, { method: 'POST', body: form }));
    expect(client.sent.map((each) => each.body.includes('name="a"'))).toEqual([true, true]);
  });

  it("should be sent again whole: a Request's, its type and the Request's fields with it", async () => {
    const clock = manualClock(START);
    const sent: unknown[] = [];
    const fetch: Fetch = async (input, init) => {
      const request = new Request(input, init);
      const { method, headers } = request;
      sent.push([method, headers.get('content-type'), headers.get('x-id'), await request.text()]);
      return new Response('', { status: sent.length < 3 ? 429 : 200 });
    };
    const request = new Request(URL_, { method: 'POST', body: 'a=1', headers: { 'x-id': '7' } });
    await inVirtualTime(clock, createLimitedFetch(fetch, { clock })(request));
    expect(sent).toEqual(Array(3).fill(['POST', 'text/plain;charset=UTF-8', '7', 'a=1']));
  });

  const stream = (length = 3): ReadableStream =>
    new ReadableStream({
      start: (controller) => {
        controller.enqueue(new Uint8Array(length));
        controller.close();
      },
    });

  it.each<[what: string, request: () => readonly [string | Request, RequestInit?]]>([
    ['a stream', () => [URL_, { method: 'POST', body: stream(), duplex: 'half' } as RequestInit]],
    [
      'a generator',
      () => [
        URL_,
        {
          method: 'POST',
          body: (async function* () {
            yield new Uint8Array(3);
          })() as unknown as Body,
          duplex: 'half',
        } as RequestInit,
      ],
    ],
    [
      "a Request's that is longer than 1 MiB",
      () => [new Request(URL_, { method: 'POST', body: 'x'.repeat(1_048_577) })],
    ],
    [
      "a Request's that has not ended",
      () => [
        new Request(URL_, { method: 'POST', body: new ReadableStream(), duplex: 'half' } as RequestInit),
      ],
    ],
  ])('should not be sent again: %s', async (_what, request) => {
    const clock = manualClock(START);
    let calls = 0;
    const fetch: Fetch = async (input, init) => {
      calls++;
      if (init?.body === undefined) void new Request(input, init);
      return new Response('no', { status: 429, headers: { 'retry-after': '1' } });
    };
    const error = await gaveUp(clock, createLimitedFetch(fetch, { clock })(...request()));
    expect([error.code, error.response?.status, calls]).toEqual(['body', 429, 1]);
    expect(await error.response?.text()).toBe('no');
  });

  it('should be copied no further than it is of use', async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const request = new Request(URL_, { method: 'POST', body, duplex: 'half' });
    await createLimitedFetch(async () => new Response('early'))(request);
    // A copy that was still read would keep its source open.
    await request.body?.cancel();
    expect(isCancelled).toBe(true);
  });

  it('should not be touched before it is sent', async () => {
    const client = setUp([[200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '10' }], [200]]);
    await client.limitedFetch(URL_);
    let pulled = 0;
    const body = new ReadableStream(
      {
        pull: (controller) => {
          pulled++;
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const call = client.limitedFetch(URL_, { method: 'POST', body, duplex: 'half' } as RequestInit);
    await settled();
    expect([pulled, client.times()]).toEqual([0, [0]]);
    await inVirtualTime(client.clock, call);
    expect([pulled, client.times()]).toEqual([1, [0, 10_000]]);
  });
});

describe('a network error', () => {
  const broken = new TypeError('fetch failed');

  it('should not be retried, nor keep anybody waiting', async () => {
    const client = setUp([broken, [200]]);
    await expect(client.limitedFetch(URL_)).rejects.toBe(broken);
    expect((await client.limitedFetch(URL_)).status).toBe(200);
  });

  it('should be retried with backoff where shouldRetry says so', async () => {
    const client = setUp([broken, broken, [200]], { shouldRetry: ({ error }) => error !== undefined });
    await inVirtualTime(client.clock, client.limitedFetch(URL_));
    expect(client.times()).toEqual([0, 250, 750]);
    expect(client.retries.map(({ error }) => error)).toEqual([broken, broken]);
  });

  it('should be the cause when it is given up', async () => {
    const client = setUp([broken], { shouldRetry: () => true, maxAttempts: 2 });
    const error = await gaveUp(client.clock, client.limitedFetch(URL_));
    expect([error.code, error.cause, error.response, error.message]).toEqual([
      'attempts',
      broken,
      undefined,
      'gave up after 2 attempts: all attempts are used up',
    ]);
  });
});

describe('shouldRetry', () => {
  it('should see each attempt and may read a clone of its response', async () => {
    const seen: unknown[] = [];
    const throttled: Answer = [
      200,
      { 'content-type': 'application/json' },
      '{"errors":[{"extensions":{"code":"THROTTLED"}}]}',
    ];
    const client = setUp([throttled, [200, {}, '{}']], {
      shouldRetry: async ({ request, attempt, response }) => {
        seen.push([request.method, attempt, response?.status]);
        return (await response?.clone().text())?.includes('THROTTLED') ?? false;
      },
    });
    const response = await inVirtualTime(client.clock, client.limitedFetch(URL_));
    expect([await response.text(), seen]).toEqual([
      '{}',
      [
        ['GET', 1, 200],
        ['GET', 2, 200],
      ],
    ]);
  });

  it('should have a refusal returned, and still be remembered, where it says no', async () => {
    const client = setUp([[429, { 'retry-after': '5' }], [200]], { shouldRetry: () => false });
    const response = await client.limitedFetch(URL_);
    expect(response.status).toBe(429);
    await inVirtualTime(client.clock, client.limitedFetch(URL_));
    expect(client.times()).toEqual([0, 5_000]);
  });
});

describe('callbacks that throw', () => {
  const oops = new Error('oops');
  const fail = (): never => {
    throw oops;
  };

  it.each<[string, LimitedFetchOptions]>([
    ['onWait', { onWait: fail }],
    ['onRetry', { onRetry: fail }],
    ['policyOf', { policyOf: fail }],
    ['shouldRetry', { shouldRetry: fail }],
    ['random', { random: fail }],
  ])('should reject the call and leave nothing behind: %s', async (_name, options) => {
    const client = setUp(
      [[429], [200, { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '10' }]],
      options,
    );
    await expect(inVirtualTime(client.clock, client.limitedFetch(URL_))).rejects.toBe(oops);
    expect(client.clock.nextWake).toBeUndefined();
  });
});

describe('options', () => {
  it('should be refused with every fault named', () => {
    const options = {
      maxAttempts: 0,
      maxWait: 'x',
      maxElapsed: -1,
      backoff: { frist: 1, most: 0 },
      resetUnit: 'weeks',
      retries: 3,
    };
    try {
      createLimitedFetch(fetch, options as unknown as LimitedFetchOptions);
      expect.unreachable();
    } catch (error) {
      if (!isHeadgateError(error, 'PolicyError')) throw error;
      expect(error.faults.map(({ path }) => path)).toEqual([
        ...['retries', 'backoff.frist', 'maxAttempts', 'maxWait', 'maxElapsed', 'backoff.most', 'resetUnit'],
      ]);
    }
  });

  it('should be none, for the platform’s own fetch', () => {
    expect(createLimitedFetch(fetch)).toBeTypeOf('function');
  });
});
